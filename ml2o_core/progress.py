"""How a long loop says how far it is, without knowing who is listening.

    with progress.task("train M-L2O", total=K) as advance:
        for k in range(K):
            ...
            advance()

`Progress` itself is silent. `analyses.progress` draws bars on a terminal and keeps time limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ml2o_core.errors import ML2OError


class Stopped(ML2OError):
    """A run was asked to stop: `advance` raises it, so a loop stops between two of its steps."""


class Progress:
    """The listener that does nothing; subclasses override `task`."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """Announce a loop of `total` steps; call what this yields once after each step."""
        yield lambda: None

    @property
    def seconds_left(self) -> float | None:
        """Until the run is to stop; None without a limit."""
        return None
