"""A checkpoint comes back whole, or is refused by name; nothing is ever half-written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from ml2o_core.checkpoints import load_checkpoint, save_checkpoint
from ml2o_core.errors import CheckpointError
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.tasks.lasso import Lasso


@pytest.fixture(scope="module")
def trained() -> Trained:
    return train(
        TrainConfig(
            family=Lasso.uniform_mixture(),
            rule=LinearGain(),
            meta_gradient=MAML(alpha=0.01),
            windows=2,
            unroll_steps=2,
            batch_size=2,
            repeats=2,
        )
    )


def test_round_trip_is_exact(trained: Trained, tmp_path: Path) -> None:
    back = load_checkpoint(save_checkpoint(tmp_path / "a", trained))
    assert back.config == trained.config
    assert all(torch.equal(back.params[n], trained.params[n]) for n in trained.params)
    assert torch.equal(back.history.risk, trained.history.risk)
    assert torch.equal(back.diverged_at, trained.diverged_at)


def test_saving_twice_gives_the_same_bytes_and_leaves_no_old_tensors(
    trained: Trained, tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / "a", trained)
    before = {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir()}
    save_checkpoint(tmp_path / "a", trained)
    assert {p.name: p.read_bytes() for p in (tmp_path / "a").iterdir()} == before
    assert len(before) == 2


def refused(path: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as error:
        load_checkpoint(path)
    assert "\n" not in str(error.value)


def test_what_is_not_a_checkpoint_is_refused_by_name(trained: Trained, tmp_path: Path) -> None:
    refused(tmp_path / "missing", "no such path")
    (tmp_path / "file").write_text("hello")
    refused(tmp_path / "file", "not a checkpoint")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "not a checkpoint")
    path = save_checkpoint(tmp_path / "a", trained)
    manifest = json.loads((path / "checkpoint.json").read_text())

    def rewritten(**changes: object) -> None:
        (path / "checkpoint.json").write_text(json.dumps(manifest | changes))

    rewritten(format="other")
    refused(path, "format")
    rewritten(version=99)
    refused(path, "version 99")
    rewritten(config=manifest["config"] | {"unknown": 1})
    refused(path, "configuration")
    rewritten(tensors="gone.safetensors")
    refused(path, "missing")


@pytest.mark.parametrize("keep", [0, 10, 0.5, -1])
def test_truncated_files_are_refused(trained: Trained, tmp_path: Path, keep: float) -> None:
    path = save_checkpoint(tmp_path / "a", trained)
    for file in path.iterdir():
        whole = file.read_bytes()
        length = int(keep * len(whole)) if isinstance(keep, float) else keep
        file.write_bytes(whole[:length])
        refused(path, "damaged or truncated")
        file.write_bytes(whole)
    load_checkpoint(path)


def test_a_single_flipped_bit_is_noticed(trained: Trained, tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a", trained)
    (tensors,) = path.glob("*.safetensors")
    content = bytearray(tensors.read_bytes())
    content[-1] ^= 1
    tensors.write_bytes(bytes(content))
    refused(path, "damaged")


def test_a_failed_save_leaves_the_old_checkpoint(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_checkpoint(tmp_path / "a", trained)
    old = load_checkpoint(path)
    changed = Trained(
        trained.config,
        {name: value + 1 for name, value in trained.params.items()},
        trained.history,
        trained.diverged_at,
    )

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save_checkpoint(path, changed)
    monkeypatch.undo()
    back = load_checkpoint(path)
    assert all(torch.equal(back.params[n], old.params[n]) for n in old.params)
    assert not list(path.glob(".*"))


def test_a_foreign_directory_is_not_overwritten(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        save_checkpoint(tmp_path, trained)
    assert (tmp_path / "notes.txt").read_text() == "mine"
