"""Memory does not grow with the number of windows: no graph crosses a window."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import train
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.tasks.quadratic import Quadratic

MIB = 2**20
CONFIG = TrainConfig(
    family=Quadratic(rows=3, cols=2),
    rule=RNNprop(hidden=4),
    meta_gradient=MAML(),
    windows=1100,
    unroll_steps=3,
    windows_per_episode=2000,
    batch_size=4,
)


def resident() -> int:
    """Bytes of this process in memory."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


class Resident:
    """The memory after some of the windows; `hoard` bytes of every window are held on to."""

    def __init__(self, at: tuple[int, ...], hoard: int = 0) -> None:
        self.at, self._hoard = at, hoard
        self.found: dict[int, int] = {}
        self._held: list[mmap.mmap] = []

    def __call__(self, state: TrainingState, now: bool) -> None:
        if self._hoard:
            # Pages of its own: the heap may have room for it that earlier tests left.
            held = mmap.mmap(-1, self._hoard)
            held.write(b"x" * self._hoard)
            self._held.append(held)
        if state.window in self.at:
            self.found[state.window] = resident()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells the memory in use")
@pytest.mark.parametrize("hoard", [0, 8192], ids=["as it is", "a planted leak of 8 KiB a window"])
def test_a_thousand_windows_of_exact_maml_take_no_more_memory(hoard: int) -> None:
    """One episode of 1,100 windows, after the first hundred. Measured: 0.2 MiB."""
    watched = Resident((100, 1100), hoard)
    train(CONFIG, keep=watched)
    grown = watched.found[1100] - watched.found[100]
    assert (grown < 2 * MIB) is (hoard == 0), f"{grown / MIB:.1f} MiB"
