"""Where the time of a window goes: the seconds inside each kind of operation."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

KINDS = {
    "batched products": {"bmm", "mm", "baddbmm", "addmm", "mv", "dot"},
    "sigmoid and tanh": {"sigmoid", "tanh", "sigmoid_backward", "tanh_backward"},
    "sums": {"sum", "cumsum", "mean"},
    "copies": {"cat", "stack", "clone", "copy_", "_to_copy", "fill_", "zero_", "zeros", "flip"},
    "views": {
        "view",
        "_unsafe_view",
        "expand",
        "permute",
        "transpose",
        "select",
        "slice",
        "split",
        "unsqueeze",
        "squeeze",
        "detach",
        "alias",
        "t",
        "as_strided",
    },
}
"""ATen operations by kind; every other one counts as arithmetic."""

ARITHMETIC, AROUND = "other arithmetic", "around the operations"


@dataclass(frozen=True)
class Share:
    """Seconds of a kind of operation in one run, and its calls; those around them have none."""

    kind: str
    seconds: float
    calls: int | None


class _Clock(TorchDispatchMode):
    """Adds up the seconds and calls of every operation that is run under it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: dict[str, float] = {}
        self.calls: dict[str, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        begun = time.perf_counter()
        found = func(*args, **(kwargs or {}))
        spent = time.perf_counter() - begun
        kind = _kind(func.overloadpacket.__name__)
        self.seconds[kind] = self.seconds.get(kind, 0.0) + spent
        self.calls[kind] = self.calls.get(kind, 0) + 1
        return found


def operation_times(run: Callable[[], object], whole: float) -> list[Share]:
    """What one call of `run` spends, by kind of operation, and around them.

    `whole` is the seconds of a call without a clock. What is around the operations is the rest of
    it: Python, autograd and the dispatch of operations. It is not negative.
    """
    with _Clock() as clock:
        run()
    shares = [Share(kind, clock.seconds[kind], clock.calls[kind]) for kind in clock.seconds]
    shares.sort(key=lambda share: -share.seconds)
    return [*shares, Share(AROUND, max(0.0, whole - sum(clock.seconds.values())), None)]


def _kind(operation: str) -> str:
    return next((kind for kind, names in KINDS.items() if operation in names), ARITHMETIC)
