"""Checkpoints: a directory with `checkpoint.json` and one safetensors file. No pickle is ever read.

The tensors are written first, under a name made from their SHA-256; then `checkpoint.json`, which
names them, is put in place in one atomic step. A kill at any moment leaves the old checkpoint or
the new one, never a mixture. Reading checks the format, the version and the hash.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from re import fullmatch
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from ml2o_core.errors import CheckpointError, InvalidArgument
from ml2o_core.files import can_hold_files, write_atomically
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import History, Trained, initial_params

FORMAT = "ml2o-trained"
VERSION = 1
MANIFEST = "checkpoint.json"


def check_destination(path: str | Path) -> Path:
    """`path`, if a checkpoint could be written there; else `CheckpointError`. Nothing is written.

    What is there already has to be an empty directory or a checkpoint that can be read.
    """
    directory = Path(path)
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        try:
            _manifest(directory)
        except CheckpointError:
            problem = "exists and is not a checkpoint; choose another path"
            raise CheckpointError(path, problem) from None
    if not can_hold_files(directory):
        raise CheckpointError(path, "not a directory that can be made or written to")
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
    weights = manifest["tensors"]
    if not (isinstance(weights, str) and fullmatch(r"tensors-[0-9a-f]{16}\.safetensors", weights)):
        raise CheckpointError(path, f"{MANIFEST} does not name its tensors as this program does")
    try:
        payload = (directory / weights).read_bytes()
    except OSError:
        raise CheckpointError(path, f"{weights} is missing") from None
    if hashlib.sha256(payload).hexdigest() != manifest["sha256"]:
        raise CheckpointError(path, f"{weights} is damaged or truncated (SHA-256)")
    try:
        tensors = load(payload)
        config = TrainConfig.parse(manifest["config"])
        return _trained(config, tensors)
    except InvalidArgument as error:
        raise CheckpointError(path, f"its configuration is not valid here: {error}") from None
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(path, f"tensors are not those of a trained rule ({error})") from None


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
    trained = Trained(config, params, history, tensors["diverged_at"])
    _check_layout(trained)
    return trained


def _check_layout(trained: Trained) -> None:
    """Refuse tensors that are not as a run of this configuration leaves them."""
    config = trained.config
    recorded = {tuple(value.shape) for value in vars(trained.history).values()}
    if recorded != {(config.windows, config.repeats)}:
        raise ValueError("the history is not of windows × repeats")
    if trained.diverged_at.shape != (config.repeats,):
        raise ValueError("diverged_at is not of repeats")
    expected = {name: (v.shape, v.dtype) for name, v in initial_params(config).items()}
    if {name: (v.shape, v.dtype) for name, v in trained.params.items()} != expected:
        raise ValueError(f"the parameters are not those of {config.rule.name}")
    if not all(value.isfinite().all() for value in trained.params.values()):
        raise ValueError("a parameter is not finite")


def _manifest(directory: Path) -> dict[str, Any]:
    if not directory.exists():
        raise CheckpointError(directory, "no such path")
    if not (directory / MANIFEST).is_file():  # a pipe or a device could be read for ever
        raise CheckpointError(directory, f"not a checkpoint (no readable {MANIFEST})")
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except OSError:
        raise CheckpointError(directory, f"not a checkpoint (no readable {MANIFEST})") from None
    except (ValueError, RecursionError):
        raise CheckpointError(directory, f"{MANIFEST} is damaged or truncated") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(directory, f"{MANIFEST} is not of format {FORMAT}")
    if manifest.get("version") != VERSION:
        version = repr(manifest.get("version"))[:20]
        raise CheckpointError(directory, f"version {version}; this program reads {VERSION}")
    missing = {"config", "tensors", "sha256"} - manifest.keys()
    if missing:
        raise CheckpointError(directory, f"{MANIFEST} lacks {', '.join(sorted(missing))}")
    return manifest
