"""Checkpoints: a training that is finished, in a folder (`ml2o_core.bundle` says how)."""

from __future__ import annotations

import json
from pathlib import Path

from torch import Tensor

from ml2o_core.bundle import Bundle
from ml2o_core.errors import CheckpointError, InvalidArgument
from ml2o_core.files import can_hold_files, is_leftover
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import History, Trained, initial_params
from ml2o_core.named import prefixed, under
from ml2o_core.optimizers.base import Params
from ml2o_core.training_store import UNFINISHED

TRAINED = Bundle("checkpoint.json", "ml2o-trained", 2, "checkpoint")


def check_destination(path: str | Path) -> Path:
    """`path`, if a checkpoint could be written there; else `CheckpointError`. Nothing is written.

    What is there already has to be an empty directory, a checkpoint that can be read, or a training
    that is not finished.
    """
    directory = Path(path)
    if directory.exists() and not _is_ours(directory):
        raise CheckpointError(path, "exists and is not a checkpoint; choose another path")
    if not can_hold_files(directory):
        raise CheckpointError(path, "not a directory that can be made or written to")
    return directory


def _is_ours(directory: Path) -> bool:
    if not directory.is_dir():
        return False
    if UNFINISHED.is_in(directory) or all(_is_half_written(p) for p in directory.iterdir()):
        return True
    try:
        TRAINED.read_manifest(directory)
    except CheckpointError:
        return False
    return True


def finished(path: Path, config: TrainConfig) -> bool:
    """Whether the checkpoint of just this configuration is at `path`."""
    if not TRAINED.is_in(path) or UNFINISHED.is_in(path):
        return False
    return bool(TRAINED.read_manifest(path)["config"] == json.loads(config.model_dump_json()))


def _is_half_written(path: Path) -> bool:
    """Whether `path` is what a process that was killed in its first write left."""
    return is_leftover(path) or TRAINED.holds(path) or UNFINISHED.holds(path)


def save_checkpoint(path: str | Path, trained: Trained) -> Path:
    """Write `trained` to the directory `path` (made if missing, replaced if a checkpoint)."""
    directory = check_destination(path)
    config = json.loads(trained.config.model_dump_json())
    TRAINED.write(directory, {"config": config, "device": trained.device}, _tensors(trained))
    return directory


def load_checkpoint(path: str | Path) -> Trained:
    """Read what `save_checkpoint` wrote; `CheckpointError` says what is wrong otherwise."""
    manifest, tensors = TRAINED.read(Path(path))
    try:
        return _trained(TrainConfig.parse(manifest["config"]), tensors, str(manifest["device"]))
    except InvalidArgument as error:
        raise CheckpointError(path, f"its configuration is not valid here: {error}") from None
    except (KeyError, ValueError) as error:
        raise CheckpointError(path, f"tensors are not those of a trained rule ({error})") from None


def _tensors(trained: Trained) -> dict[str, Tensor]:
    history = prefixed("history.", vars(trained.history))
    return {**prefixed("params.", trained.params), **history, "diverged_at": trained.diverged_at}


def _trained(config: TrainConfig, tensors: dict[str, Tensor], device: str) -> Trained:
    history = History(**{key: tensors[f"history.{key}"] for key in History.__dataclass_fields__})
    params = _in_the_order_of_the_rule(under(tensors, "params."), config)
    trained = Trained(config, params, history, tensors["diverged_at"], device)
    _check_layout(trained)
    return trained


def _in_the_order_of_the_rule(params: Params, config: TrainConfig) -> Params:
    """As training has them: a file has another order, and sums over φ would be rounded in it."""
    order = [name for name in initial_params(config) if name in params]
    return {name: params[name] for name in dict.fromkeys([*order, *params])}


def _check_layout(trained: Trained) -> None:
    """Refuse tensors that are not as a run of this configuration leaves them."""
    config, history = trained.config, trained.history
    by_window = (history.objective, history.risk, history.gradient_norm, history.clipped)
    if {tuple(value.shape) for value in by_window} != {(config.windows, config.repeats)}:
        raise ValueError("the history is not of windows × repeats")
    count = len(history.stage)
    if history.validation.shape != (count, config.repeats) or len(history.validated_at) != count:
        raise ValueError("the validations are not of validations × repeats")
    if trained.diverged_at.shape != (config.repeats,):
        raise ValueError("diverged_at is not of repeats")
    expected = {name: (v.shape, v.dtype) for name, v in initial_params(config).items()}
    if {name: (v.shape, v.dtype) for name, v in trained.params.items()} != expected:
        raise ValueError(f"the parameters are not those of {config.rule.name}")
    if not all(value.isfinite().all() for value in trained.params.values()):
        raise ValueError("a parameter is not finite")
