"""Trained rules by their configuration: each is trained once, and kept for this run and others.

    OUT/trainings/<method>-<12 hex digits>/    a checkpoint, or a training that was stopped

The digits are a hash of the configuration. Runs may share a folder of trainings. A training that
was stopped goes on where it was. One that is finished is used whatever device it ran on: its
checkpoint says which. On the CPU several are trained side by side, each in a process and a folder
of its own.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from analyses.progress import TimeLimited
from analyses.side_by_side import side_by_side
from ml2o_core.checkpoints import TRAINED, load_checkpoint, save_checkpoint
from ml2o_core.devices import deterministic
from ml2o_core.errors import CheckpointError
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.progress import Progress, Stopped
from ml2o_core.training_store import TrainingStore

FOLDER = "trainings"

WORKERS = 2
"""Trainings side by side."""

LONG = 1000
"""Windows from which on compiling one pays on a CPU."""

_NAME = re.compile(r"[a-z0-9-]+-[0-9a-f]{12}")


def name_of(config: TrainConfig) -> str:
    """A training's folder."""
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:12]
    return f"{config.meta_gradient.name}-{digest}"


class Trainings:
    """The trainings of a run on `device`; without a folder they are gone with the process.

    `out` is the folder of the run, in which tests of what is trained are kept. `compile` compiles
    the windows of long ones; on a GPU all of them are compiled in any case.
    """

    def __init__(
        self,
        folder: Path | None,
        device: torch.device,
        progress: Progress,
        *,
        out: Path | None = None,
        compile: bool = False,
    ) -> None:
        self.folder, self.out, self._device, self._progress = folder, out, device, progress
        self._compile = compile
        self._found: dict[str, Trained] = {}

    def get(self, config: TrainConfig) -> Trained:
        """φ after `config`, on this run's device."""
        name = name_of(config)
        if name not in self._found:
            self._found[name] = self._load(name, config) or self._train(name, config)
        return self._found[name].to(self._device)

    def several(self, configs: Sequence[TrainConfig], workers: int | None = None) -> list[Trained]:
        """φ after each of `configs`; the missing ones are trained side by side, by `WORKERS`.

        That takes a CPU and a folder: otherwise they are trained one after the other. What they end
        at does not depend on `workers`.
        """
        if self.folder is not None and self._device.type == "cpu":
            self._train_apart(self.folder, configs, workers or WORKERS)
        return [self.get(config) for config in configs]

    def _train_apart(self, folder: Path, configs: Sequence[TrainConfig], workers: int) -> None:
        """Train what is missing in other processes. Each keeps its state when the time is up."""
        names = {name_of(config): config for config in configs}
        missing = [
            config
            for name, config in names.items()
            if name not in self._found and not TRAINED.is_in(folder / name)
        ]
        workers = min(workers, len(missing))
        if workers <= 1:
            return
        missing.sort(key=_work, reverse=True)  # so that the last to end has not begun last
        parent, listener = os.getpid(), self._progress
        calls = (
            (folder, config, parent, listener.seconds_left, self._compile) for config in missing
        )
        stopped: Stopped | None = None
        with (
            self._progress.task("trainings side by side", len(missing)) as advance,
            side_by_side(_train_in_worker, calls, workers) as finished,
        ):
            for _ in finished:  # to the last one, so that none is ended before its state is kept
                try:
                    advance()
                except Stopped as time_is_up:
                    stopped = time_is_up
        if stopped is not None:
            raise stopped

    def _load(self, name: str, config: TrainConfig) -> Trained | None:
        if self.folder is None or not TRAINED.is_in(self.folder / name):
            return None
        trained = load_checkpoint(self.folder / name)
        if trained.config != config:
            raise CheckpointError(self.folder / name, "not the training that its name says")
        self._store(self.folder / name, config).clear()  # a run may have been killed before it did
        return trained

    def _train(self, name: str, config: TrainConfig) -> Trained:
        store = None if self.folder is None else self._store(self.folder / name, config)
        trained = train(
            config,
            device=self._device,
            compile=self._compiles(config),
            progress=self._progress,
            label=f"train {config.meta_gradient.name} on {config.family.name}",
            resume=store.load() if store else None,
            keep=store,
        )
        if store:
            save_checkpoint(store.directory, trained)
            store.clear()
        return trained

    def _compiles(self, config: TrainConfig) -> bool:
        return self._device.type == "cuda" or (self._compile and config.windows >= LONG)

    def _store(self, folder: Path, config: TrainConfig) -> TrainingStore:
        return TrainingStore(folder, config, self._device, compile=self._compiles(config))


class ParentEnded(RuntimeError):
    """The run that a worker trains for has been killed; another may have taken its place."""


class WhileParentLives(Progress):
    """Ends a worker's training with its run, without another write to the folder.

    A process that is killed does not end its children, and the same command may already be going
    on from the state that was kept.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        def advance() -> None:
            if os.getppid() != self._parent:
                raise ParentEnded

        yield advance


def _train_in_worker(
    folder: Path, config: TrainConfig, parent: int, seconds: float | None, compile: bool
) -> None:
    """Train `config` into its folder, or as far as it comes in `seconds`."""
    progress: Progress = WhileParentLives(parent)
    if seconds is not None:
        progress = TimeLimited(progress, seconds)
    try:
        with deterministic():
            Trainings(folder, torch.device("cpu"), progress, compile=compile).get(config)
    except Stopped:
        return  # the run that asked for it says so: its time is up as well


def _work(config: TrainConfig) -> tuple[int, int]:
    """What a training costs beside others: inner steps whose gradient is taken.

    Of two with as many, the one with more gradients a window is the longer: it may be exact.
    """
    gradients = config.meta_gradient.evaluations
    return config.windows * config.unroll_steps * gradients, gradients


def is_trainings_folder(folder: Path) -> bool:
    """Whether `folder` (OUT/trainings) holds nothing but what is put there."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    return all(_NAME.fullmatch(path.name) and path.is_dir() for path in folder.iterdir())
