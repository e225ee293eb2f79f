"""Trained rules by their configuration: each is trained once, and kept where a run keeps its files.

    OUT/trainings/<method>-<12 hex digits>/    a checkpoint, or a training that was stopped

The digits are a hash of the configuration. A training that was stopped goes on where it was. One
that is finished is used whatever device it ran on: its checkpoint says which.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import torch

from ml2o_core.checkpoints import TRAINED, load_checkpoint, save_checkpoint
from ml2o_core.errors import CheckpointError
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.progress import Progress
from ml2o_core.training_store import TrainingStore

FOLDER = "trainings"

_NAME = re.compile(r"[a-z0-9-]+-[0-9a-f]{12}")


def name_of(config: TrainConfig) -> str:
    """A training's folder."""
    digest = hashlib.sha256(config.model_dump_json().encode()).hexdigest()[:12]
    return f"{config.meta_gradient.name}-{digest}"


class Trainings:
    """The trainings of a run on `device`; without a folder they are gone with the process.

    `compile` compiles their windows; on a GPU they are in any case.
    """

    def __init__(
        self,
        folder: Path | None,
        device: torch.device,
        progress: Progress,
        *,
        compile: bool = False,
    ) -> None:
        self.folder, self._device, self._progress = folder, device, progress
        self._compile = compile or device.type == "cuda"
        self._found: dict[str, Trained] = {}

    def get(self, config: TrainConfig) -> Trained:
        """φ after `config`, on this run's device."""
        name = name_of(config)
        if name not in self._found:
            self._found[name] = self._load(name, config) or self._train(name, config)
        return self._found[name].to(self._device)

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
            compile=self._compile,
            progress=self._progress,
            label=f"train {config.meta_gradient.name} on {config.family.name}",
            resume=store.load() if store else None,
            keep=store,
        )
        if store:
            save_checkpoint(store.directory, trained)
            store.clear()
        return trained

    def _store(self, folder: Path, config: TrainConfig) -> TrainingStore:
        return TrainingStore(folder, config, self._device, compile=self._compile)


def is_trainings_folder(folder: Path) -> bool:
    """Whether `folder` (OUT/trainings) holds nothing but what is put there."""
    if not folder.is_dir() or folder.is_symlink():
        return False
    return all(_NAME.fullmatch(path.name) and path.is_dir() for path in folder.iterdir())
