"""A small training that is kept, and a program that runs it and is killed, for its tests.

    python trainings_demo.py writes OUT         killed before each of its writes
    python trainings_demo.py validations OUT    killed (SIGKILL) within each validation
    python trainings_demo.py moments OUT SEED   killed (SIGKILL) at random moments

Each is then resumed, leaves a folder for each case beside `whole`, the uninterrupted run, and
prints the number of deaths. The state is kept after every window.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from analyses.trainings import Trainings
from ml2o_core.devices import deterministic
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.curriculum import Curriculum
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.training_store import TrainingStore

SHORT = TrainConfig(
    family=Quadratic(rows=3, cols=2),
    rule=RNNprop(hidden=2, output_scale=0.1),
    meta_gradient=MAML(),
    windows=3,
    unroll_steps=2,
    batch_size=2,
    repeats=2,
    curriculum=Curriculum(lengths=(2, 4), episodes=1, validations=2),
)
CONFIGS = {
    "writes": SHORT.with_changes(windows=2, curriculum=None),
    "validations": SHORT,
    "moments": SHORT.with_changes(windows=24),
}


class KeptOften(Trainings):
    """Trainings whose state is kept after every window."""

    def _store(self, folder: Path, config: TrainConfig) -> TrainingStore:
        return TrainingStore(folder, config, self._device, seconds=-1)


class DiesInValidation(Progress):
    """Ends the process, as `kill -9` does, within the validation of that number."""

    def __init__(self, number: int) -> None:
        self._left = number

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        self._left -= label == "validate"
        die = label == "validate" and self._left == 0
        yield lambda: os.kill(os.getpid(), signal.SIGKILL) if die else None


def run(out: Path, config: TrainConfig, progress: Progress | None = None) -> None:
    with deterministic():
        KeptOften(out, torch.device("cpu"), progress or Progress()).get(config)


def child(work: Callable[[], None]) -> int:
    """The pid of a new process that does `work`."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def ends(pid: int) -> bool:
    """Whether the process came to its end by itself and in order."""
    return os.waitpid(pid, 0)[1] == 0


def die_at(number: int, out: Path, config: TrainConfig) -> None:
    """Run, and end like a killed process before the write of that number."""
    made = itertools.count(1)

    def watched(write: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **options: Any) -> Any:
            if next(made) == number:
                os._exit(9)
            return write(*arguments, **options)

        return instead

    for name in ("mkdir", "fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, watched(getattr(os, name)))
    run(out, config)


def one_by_one(out: Path, config: TrainConfig, die: Callable[[int, Path], None]) -> int:
    """One folder for each number at which a run can die: killed there, then resumed."""
    for number in itertools.count(1):
        folder = out / str(number)
        if ends(child(lambda k=number, at=folder: die(k, at))):  # type: ignore[misc]
            return number - 1
        assert ends(child(lambda at=folder: run(at, config)))  # type: ignore[misc]
    raise AssertionError("unreachable")


def at_random_moments(out: Path, config: TrainConfig, seed: int, seconds: float) -> int:
    """Killed up to eight times on the way of an uninterrupted run's `seconds`, then left alone."""
    draw = np.random.default_rng(seed)
    kills = 0
    while kills < 8:
        pid = child(lambda: run(out, config))
        time.sleep(draw.uniform(0, seconds / 2))
        os.kill(pid, signal.SIGKILL)
        if ends(pid):
            break
        kills += 1
    assert ends(child(lambda: run(out, config)))
    return kills


def main(what: str, out: str, *more: str) -> NoReturn:
    folder, config = Path(out), CONFIGS[what]
    begun = time.monotonic()
    run(folder / "whole", config)  # uninterrupted; and all is imported before the first fork
    seconds = time.monotonic() - begun
    if what == "writes":
        print(one_by_one(folder, config, lambda k, at: die_at(k, at, config)))
    elif what == "validations":
        print(one_by_one(folder, config, lambda k, at: run(at, config, DiesInValidation(k))))
    else:
        print(at_random_moments(folder / "killed", config, int(more[0]), seconds))
    raise SystemExit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
