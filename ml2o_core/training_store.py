"""A training that is not finished, kept in a folder: a kill at any moment loses seconds, no more.

The state is written between two windows, at most every `seconds`, and whenever the run is stopped.
What goes on from it gives the same bytes as a run that was never stopped, on the same device: so
the state belongs to one configuration, one kind of device (compiled for it or not) and one version
of torch, and to another it is refused. Who has only part of the time on a GPU may move it: then the
result is that of no other run to the last bit, and says where its windows were computed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from ml2o_core.bundle import Bundle
from ml2o_core.compiled import place
from ml2o_core.errors import CheckpointError
from ml2o_core.files import remove_leftovers
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.descent import Descent, Layout
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import initial_params
from ml2o_core.optimizers.base import Params
from ml2o_core.problems import sample_problems
from ml2o_core.unroll import begin

UNFINISHED = Bundle("training.json", "ml2o-training", 1, "training that was stopped")

PLACE = ("device", "torch")
"""What a state belongs to only because of its last bits."""

SECONDS = 20.0
"""Between two states that are kept."""


class TrainingStore:
    """Where the state of one training is kept. An instance is a `Keep` of `train`."""

    def __init__(
        self,
        directory: Path,
        config: TrainConfig,
        device: torch.device | str = "cpu",
        *,
        compile: bool = False,
        init: Params | None = None,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.directory, self.config, self.device = directory, config, torch.device(device)
        self._seconds, self._clock = seconds, clock
        self._next = clock() + seconds
        self._belongs_to = {
            "config": json.loads(config.model_dump_json()),
            "device": place(self.device, compile),
            "torch": str(torch.__version__),
            "init": None if init is None else _digest(init),
        }

    def __call__(self, state: TrainingState, now: bool) -> None:
        """Keep the state, if it must be or if the time has come."""
        if not (now or self._clock() >= self._next):
            return
        values = {**self._belongs_to, "state": state.numbers()}
        UNFINISHED.write(self.directory, values, state.tensors())
        self._next = self._clock() + self._seconds

    def load(self, *, move: bool = False) -> TrainingState | None:
        """The state that was kept, or None; `CheckpointError` if it cannot be gone on from.

        With `move` another device or version of torch is no reason to refuse it, and is noted in
        the state. What a killed run has half written is cleared away.
        """
        if self.directory.is_dir():
            remove_leftovers(self.directory)
        if not UNFINISHED.is_in(self.directory):
            return None
        manifest, tensors = UNFINISHED.read(self.directory)
        foreign = [name for name, value in self._belongs_to.items() if manifest.get(name) != value]
        for name in foreign:
            if not (move and name in PLACE):
                found, here = manifest.get(name), self._belongs_to[name]
                raise CheckpointError(self.directory, _foreign(name, found, here))
        try:
            state = TrainingState.restore(
                manifest["state"], {name: v.to(self.device) for name, v in tensors.items()}
            )
            _check(state, self.config)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            problem = f"tensors are not those of a training ({error})"
            raise CheckpointError(self.directory, problem) from None
        if foreign and state.window > 0:
            there = f"{manifest.get('device')} (torch {manifest.get('torch')})"
            state.elsewhere.append((there, state.window))
        return state

    def clear(self) -> None:
        """The training is finished: nothing of it stays in the folder but its checkpoint."""
        UNFINISHED.remove(self.directory)
        if self.directory.is_dir():
            remove_leftovers(self.directory)


def _digest(init: Params) -> str:
    """The parameters that a training began with, as a hash."""
    return hashlib.sha256(save({k: v.cpu().contiguous() for k, v in init.items()})).hexdigest()


def _foreign(name: str, found: object, here: object) -> str:
    """What of the kept training is not as it is here."""
    again = "finish it with its own settings, or choose another folder"
    if name in PLACE:
        again = f"{again}, or move it (ml2o train --move)"
    if not (isinstance(found, Mapping) and isinstance(here, Mapping)):
        return f"an unfinished training with {name} {found!r}, not {here!r}; {again}"
    different = [key for key in {**here, **found} if found.get(key) != here.get(key)]
    key = different[0]
    return f"an unfinished training with {key} = {found.get(key)!r}, not {here.get(key)!r}; {again}"


def _check(state: TrainingState, config: TrainConfig) -> None:
    """Refuse tensors and numbers that no training of this configuration leaves."""
    if not 0 <= state.window <= config.windows:
        raise ValueError(f"window {state.window} of {config.windows}")
    phi = initial_params(config)
    descent = Descent(config.descent, config.learning_rate)
    fresh = TrainingState.begin(config, descent.begin(Layout.of(phi).join(phi)))
    if state.window > 0:
        fresh.carry = begin(config.rule, *_first(config))
    fresh.validations.value = [fresh.columns["risk"][0]] * len(state.validations.value)
    expected, found = _shapes(fresh.tensors()), _shapes(state.tensors())
    if expected != found:
        names = {*expected, *found}
        wrong = sorted(name for name in names if expected.get(name) != found.get(name))
        raise ValueError(f"{wrong[0]}: {found.get(wrong[0])}, not {expected.get(wrong[0])}")


def _first(config: TrainConfig) -> tuple[Any, Tensor]:
    problems = sample_problems(
        config.family,
        seed=config.seed,
        purpose=config.purpose,
        repeats=config.repeats,
        size=config.batch_size,
        dtype=config.dtype,
    )
    return problems.tasks, problems.start


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    return {name: (tuple(value.shape), value.dtype) for name, value in tensors.items()}
