"""A checkpoint comes back whole, or is refused by name; nothing is ever half-written."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save

from ml2o_core.checkpoints import check_destination, load_checkpoint, save_checkpoint
from ml2o_core.errors import CheckpointError
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.trainer import Trained, initial_params, train
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
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


def test_parameters_come_back_in_the_order_of_the_rule(trained: Trained, tmp_path: Path) -> None:
    """A file has them in an order of its own, and sums over them would be rounded in that."""
    run = train(trained.config.with_changes(rule=RNNprop(hidden=2, layers=2, projection=True)))
    back = load_checkpoint(save_checkpoint(tmp_path / "a", run))
    assert list(back.params) == list(run.params) == list(initial_params(run.config))
    assert list(back.params) != sorted(back.params)  # so that it is not the order of the alphabet


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
    del manifest["checksum"]  # so that what is wrong is not the checksum alone

    def rewritten(**changes: object) -> None:
        (path / "checkpoint.json").write_text(json.dumps(manifest | changes))

    rewritten(format="other")
    refused(path, "format")
    rewritten(version=99)
    refused(path, "version 99")
    rewritten(config=manifest["config"] | {"unknown": 1})
    refused(path, "configuration")
    rewritten(tensors=f"checkpoint-{0:016x}.safetensors")
    refused(path, "missing")
    for name in ("../a", "a\0b", "/dev/zero", "checkpoint-.safetensors", ["x"], 5):
        rewritten(tensors=name)
        refused(path, "does not name its tensors")
    for family in ("lasso", {"name": ["lasso"]}, {"name": {"name": "lasso"}}, None):
        rewritten(config=manifest["config"] | {"family": family})
        refused(path, "configuration")
    (path / "checkpoint.json").write_text("[" * 100_000)
    refused(path, "damaged")
    (path / "checkpoint.json").unlink()
    os.mkfifo(path / "checkpoint.json")
    refused(path, "not a checkpoint")  # and it does not wait for somebody to write


def with_tensors(path: Path, **changes: torch.Tensor | None) -> None:
    """Replace (None: leave out) tensors of a checkpoint, and make its hash right again."""
    manifest = json.loads((path / "checkpoint.json").read_text())
    tensors = load_file(path / manifest["tensors"]) | changes
    payload = save({name: value for name, value in tensors.items() if value is not None})
    digest = hashlib.sha256(payload).hexdigest()
    file = f"checkpoint-{digest[:16]}.safetensors"
    (path / file).write_bytes(payload)
    manifest |= {"tensors": file, "sha256": digest}
    del manifest["checksum"]
    (path / "checkpoint.json").write_text(json.dumps(manifest))


def test_tensors_of_another_run_are_refused(trained: Trained, tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a", trained)
    name, value = next(iter(trained.params.items()))
    name = f"params.{name}"
    changes: dict[str, list[torch.Tensor | None]] = {
        name: [None, value[None], value.int(), value.double(), value * torch.nan],
        "params.extra": [value],
        "history.risk": [None, torch.zeros(1, 1, 1)],
        "history.validation": [None, torch.zeros(1, 2), torch.zeros(0, 3)],
        "history.validated_at": [None, torch.zeros(1, dtype=torch.int64)],
        "history.stage": [None, torch.zeros(1, dtype=torch.int64)],
        "diverged_at": [None, torch.zeros(99, dtype=torch.int64)],
    }
    for tensor, faults in changes.items():
        for fault in faults:
            save_checkpoint(path, trained)
            with_tensors(path, **{tensor: fault})
            refused(path, "tensors are not those of a trained rule")
    save_checkpoint(path, trained)
    with_tensors(path)
    load_checkpoint(path)  # the negative control: the hash alone was made anew


@pytest.mark.parametrize("place", ["dangling", "loop", "loop/below", "file/below"])
def test_a_place_that_cannot_be_written_is_refused_before(tmp_path: Path, place: str) -> None:
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere" / "below")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CheckpointError):
        check_destination(tmp_path / place)
    check_destination(tmp_path / "new" / "below")
    assert sorted(tmp_path.iterdir()) == before


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
