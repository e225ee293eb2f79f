"""A bundle comes back whole or is refused, whichever of its bytes is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from ml2o_core.bundle import Bundle
from ml2o_core.errors import CheckpointError

KIND = Bundle("thing.json", "ml2o-thing", 3, "thing")
OTHER = Bundle("other.json", "ml2o-other", 1, "other thing")
VALUES = {"config": {"windows": 12, "rate": 1e-05}, "device": "cpu", "list": [1, 2], "é": None}


def tensors() -> dict[str, torch.Tensor]:
    x = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    return {"a": x, "b": x.mT, "c": torch.tensor([True]), "empty": x[:0], "same as a": x}


@pytest.fixture
def written(tmp_path: Path) -> Path:
    KIND.write(tmp_path, VALUES, tensors())
    return tmp_path


def refused(folder: Path, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as error:
        KIND.read(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_values_and_tensors_come_back(written: Path) -> None:
    """Transposed, empty and shared tensors too."""
    manifest, found = KIND.read(written)
    assert VALUES.items() <= manifest.items()
    assert found.keys() == tensors().keys()
    for name, value in tensors().items():
        assert torch.equal(found[name], value)
        assert found[name].dtype == value.dtype


def test_what_is_written_is_not_what_is_kept_in_memory(written: Path) -> None:
    """Two names of one tensor are two tensors when they come back."""
    found = KIND.read(written)[1]
    found["a"] += 1
    assert torch.equal(found["same as a"], tensors()["a"])


def test_one_flipped_bit_is_refused_or_changes_nothing(written: Path) -> None:
    """Every byte of the manifest, and of the tensors those at random places."""
    draw = np.random.default_rng(0)
    manifest, _ = KIND.read(written)
    harmless = 0
    for path in written.iterdir():
        whole = path.read_bytes()
        places = range(len(whole))
        if path.suffix == ".safetensors":
            places = draw.choice(len(whole), 100, replace=False)
        for place in places:
            content = bytearray(whole)
            content[place] ^= 1 << int(draw.integers(8))
            path.write_bytes(bytes(content))
            try:
                found, read = KIND.read(written)
            except CheckpointError:
                continue
            harmless += 1
            assert {**found, "checksum": ""}.items() >= {**manifest, "checksum": ""}.items()
            assert all(torch.equal(read[name], value) for name, value in tensors().items())
        path.write_bytes(whole)
    assert harmless < 10  # an e or E of a number, a letter of the checksum's own name


def test_an_edited_number_is_refused_and_without_a_checksum_it_would_not_be(written: Path) -> None:
    manifest = json.loads((written / "thing.json").read_text())
    edited = manifest | {"config": {"windows": 13, "rate": 1e-05}}
    (written / "thing.json").write_text(json.dumps(edited))
    refused(written, "thing.json is damaged")
    del edited["checksum"]
    (written / "thing.json").write_text(json.dumps(edited))
    assert KIND.read(written)[0]["config"]["windows"] == 13


def test_the_order_and_the_spaces_of_a_manifest_are_free(written: Path) -> None:
    manifest = json.loads((written / "thing.json").read_text())
    (written / "thing.json").write_text(json.dumps(dict(reversed(manifest.items()))))
    assert KIND.read(written)[0] == manifest


@pytest.mark.parametrize("keep", [0, 1, 10, 0.5, -1])
def test_truncated_files_are_refused(written: Path, keep: float) -> None:
    for path in written.iterdir():
        whole = path.read_bytes()
        path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
        refused(written, "damaged")
        path.write_bytes(whole)
    KIND.read(written)


def test_missing_files_are_refused(written: Path) -> None:
    (file,) = written.glob("*.safetensors")
    file.unlink()
    refused(written, f"{file.name} is missing")
    (written / "thing.json").unlink()
    refused(written, "not a thing")
    written.rmdir()
    refused(written, "no such path")


def test_another_format_or_version_is_refused(written: Path, tmp_path: Path) -> None:
    for kind, match in (
        (Bundle("thing.json", "ml2o-other", 3, "thing"), "not of format ml2o-other"),
        (Bundle("thing.json", "ml2o-thing", 2, "thing"), "version 3; this program reads 2"),
    ):
        with pytest.raises(CheckpointError, match=match):
            kind.read(written)


def test_two_kinds_share_a_folder(written: Path) -> None:
    before = KIND.read(written)[0]
    OTHER.write(written, {"config": {}}, {"x": torch.ones(1)})
    assert KIND.is_in(written)
    assert OTHER.is_in(written)
    OTHER.write(written, {"config": {}}, {"x": torch.zeros(1)})
    assert len(list(written.iterdir())) == 4
    OTHER.remove(written)
    assert not OTHER.is_in(written)
    assert KIND.read(written)[0] == before
    assert len(list(written.iterdir())) == 2
    KIND.remove(written)
    assert not list(written.iterdir())
    KIND.remove(written)  # what is not there need not be removed


def test_its_tensors_are_known_by_name(written: Path) -> None:
    (file,) = written.glob("*.safetensors")
    assert KIND.holds(file)
    assert not OTHER.holds(file)
    assert not KIND.holds(written / "thing.json")
    assert not KIND.holds(written / "thing-0123456789abcdef.safetensors")  # it does not exist
