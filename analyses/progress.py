"""Progress bars on a terminal, and the time limit of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

from ml2o_core.progress import Progress, Stopped


class TerminalProgress(Progress):
    """A bar for each loop that is running."""

    def __init__(self, bars: Bars) -> None:
        self._bars = bars

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        bar = self._bars.add_task(label, total=total)
        try:
            yield lambda: self._bars.advance(bar)
        finally:
            self._bars.remove_task(bar)


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """Bars on stderr if it is a terminal; silence otherwise."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Progress()
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        yield TerminalProgress(bars)


class TimeLimited(Progress):
    """Another listener, and a limit: past it, the next `advance` raises `Stopped`."""

    def __init__(
        self, inner: Progress, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner, self._seconds, self._clock = inner, seconds, clock
        self._end = clock() + seconds

    def check(self) -> None:
        """`Stopped` if the time is up."""
        if self._clock() >= self._end:
            raise Stopped(f"stopped by the time limit of {self._seconds:g} s")

    @property
    def seconds_left(self) -> float:
        return self._end - self._clock()

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        self.check()
        with self._inner.task(label, total) as advance:

            def advance_in_time() -> None:
                advance()
                self.check()

            yield advance_in_time
