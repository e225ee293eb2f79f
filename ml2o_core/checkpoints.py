"""Checkpoints: a directory with `checkpoint.json` and one safetensors file. No pickle is ever read.

The tensors are written first, under a name made from their SHA-256; then `checkpoint.json`, which
names them, is put in place in one atomic step. A kill at any moment leaves the old checkpoint or
the new one, never a mixture. Reading checks the format, the version and the hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ml2o_core.errors import CheckpointError, InvalidArgument
from ml2o_core.files import write_atomically
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import History, Trained

FORMAT = "ml2o-trained"
VERSION = 1
MANIFEST = "checkpoint.json"


def check_destination(path: str | Path) -> Path:
    """`path`, if a checkpoint could be written there; else `CheckpointError`. Nothing is written.

    What is there already has to be an empty directory or a checkpoint that can be read.
    """
    directory = Path(path)
    if directory.exists():
        if not (directory.is_dir() and not any(directory.iterdir())):
            try:
                _manifest(directory)
            except CheckpointError:
                problem = "exists and is not a checkpoint; choose another path"
                raise CheckpointError(path, problem) from None
        return directory
    parent = next(parent for parent in directory.absolute().parents if parent.exists())
    if not (parent.is_dir() and os.access(parent, os.W_OK)):
        raise CheckpointError(path, f"{parent} is not a directory that can be written to")
    return directory


def save_checkpoint(path: str | Path, trained: Trained) -> Path:
    """Write `trained` to the directory `path` (made if missing, replaced if a checkpoint)."""
    directory = check_destination(path)
    directory.mkdir(parents=True, exist_ok=True)
    payload = save({name: value.cpu().contiguous() for name, value in _tensors(trained).items()})
    digest = hashlib.sha256(payload).hexdigest()
    weights = f"tensors-{digest[:16]}.safetensors"
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "config": json.loads(trained.config.model_dump_json()),
        "tensors": weights,
        "sha256": digest,
    }
    write_atomically(directory / weights, payload)
    write_atomically(directory / MANIFEST, json.dumps(manifest, indent=2).encode())
    for old in directory.glob("tensors-*.safetensors"):
        if old.name != weights:
            old.unlink()
    return directory


def load_checkpoint(path: str | Path) -> Trained:
    """Read what `save_checkpoint` wrote; `CheckpointError` says what is wrong otherwise."""
    directory = Path(path)
    manifest = _manifest(directory)
    try:
        payload = (directory / str(manifest["tensors"])).read_bytes()
    except OSError:
        raise CheckpointError(path, f"{manifest['tensors']} is missing") from None
    if hashlib.sha256(payload).hexdigest() != manifest["sha256"]:
        raise CheckpointError(path, f"{manifest['tensors']} is damaged or truncated (SHA-256)")
    try:
        tensors = load(payload)
        config = TrainConfig.parse(manifest["config"])
        return _trained(config, tensors)
    except (SafetensorError, KeyError) as error:
        raise CheckpointError(path, f"tensors are not those of a trained rule ({error})") from None
    except InvalidArgument as error:
        raise CheckpointError(path, f"its configuration is not valid here: {error}") from None


def _tensors(trained: Trained) -> dict[str, Tensor]:
    history = {f"history.{key}": value for key, value in vars(trained.history).items()}
    params = {f"params.{name}": value for name, value in trained.params.items()}
    return params | history | {"diverged_at": trained.diverged_at}


def _trained(config: TrainConfig, tensors: dict[str, Tensor]) -> Trained:
    params = {
        name.removeprefix("params."): value
        for name, value in tensors.items()
        if name.startswith("params.")
    }
    history = History(**{key: tensors[f"history.{key}"] for key in History.__dataclass_fields__})
    return Trained(config, params, history, tensors["diverged_at"])


def _manifest(directory: Path) -> dict[str, Any]:
    if not directory.exists():
        raise CheckpointError(directory, "no such path")
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except OSError:
        raise CheckpointError(directory, f"not a checkpoint (no readable {MANIFEST})") from None
    except ValueError:
        raise CheckpointError(directory, f"{MANIFEST} is damaged or truncated") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(directory, f"{MANIFEST} is not of format {FORMAT}")
    if manifest.get("version") != VERSION:
        raise CheckpointError(
            directory, f"version {manifest.get('version')!r}; this program reads {VERSION}"
        )
    missing = {"config", "tensors", "sha256"} - manifest.keys()
    if missing:
        raise CheckpointError(directory, f"{MANIFEST} lacks {', '.join(sorted(missing))}")
    return manifest
