"""Where a training stands between two windows: all that it needs to go on, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.curriculum import Stage, Validations
from ml2o_core.meta.descent import Learner
from ml2o_core.named import Tensors, prefixed, under
from ml2o_core.unroll import Carry

COLUMNS = ("objective", "risk", "gradient_norm")
"""What is recorded of every window, (R,) each."""


@dataclass
class TrainingState:
    """`window` windows are done; `episodes` have begun, and the current one has `left` windows.

    `diverged_at` (R,) is the window of a replicate's divergence, or −1. `columns` have shape (K, R)
    and are filled up to `window`. `carry` is None before the first window. `elsewhere` says where
    the first windows were computed, and up to which one, if they were not computed here.
    """

    learner: Learner
    diverged_at: Tensor
    columns: Tensors
    window: int = 0
    episodes: int = 0
    left: int = 0
    carry: Carry | None = None
    stage: Stage | None = None
    validations: Validations = field(default_factory=Validations)
    elsewhere: list[tuple[str, int]] = field(default_factory=list)

    @classmethod
    def begin(cls, config: TrainConfig, learner: Learner) -> Self:
        """Before the first window."""
        phi = learner.phi
        undecided = torch.full((config.repeats,), -1, dtype=torch.int64, device=phi.device)
        columns = {name: phi.new_zeros(config.windows, config.repeats) for name in COLUMNS}
        state = cls(learner, undecided, columns)
        if config.curriculum is not None:
            state.stage = Stage.begin(0, 0, learner)
        return state

    @property
    def alive(self) -> Tensor:
        """The replicates that have not diverged, (R,)."""
        return self.diverged_at < 0

    def record(self, objective: Tensor, risk: Tensor, norm: Tensor) -> None:
        """Of the window that is being done."""
        for name, value in zip(COLUMNS, (objective, risk, norm), strict=True):
            self.columns[name][self.window] = value

    def tensors(self) -> Tensors:
        """Everything that is a tensor, by a dotted name."""
        found = prefixed("column.", self.columns)
        found |= {"diverged_at": self.diverged_at, **_of_learner("learner", self.learner)}
        if self.carry is not None:
            found |= {"carry.x": self.carry.x, **prefixed("carry.state.", self.carry.state)}
        if self.stage is not None:
            found |= {"stage.best_value": self.stage.best_value}
            found |= _of_learner("stage.best", self.stage.best)
        if self.validations.value:
            found |= {"validations": torch.stack(self.validations.value)}
        return found

    def numbers(self) -> dict[str, Any]:
        """Everything else; `best_mean` as text, since it may be infinite."""
        found: dict[str, Any] = {
            name: getattr(self, name) for name in ("window", "episodes", "left")
        }
        found["validations"] = [self.validations.window, self.validations.stage]
        found["elsewhere"] = [list(part) for part in self.elsewhere]
        if self.stage is not None:
            found["stage"] = {
                "index": self.stage.index,
                "began": self.stage.began,
                "failures": self.stage.failures,
                "best_mean": self.stage.best_mean.hex(),
            }
        return found

    @classmethod
    def restore(cls, numbers: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """What `numbers` and `tensors` were taken from; `KeyError` or `ValueError` if they lack."""
        windows, stages = numbers["validations"]
        values = list(tensors["validations"]) if windows else []
        if not len(windows) == len(stages) == len(values):
            raise ValueError("validations do not agree")
        stage = None
        if (of_stage := numbers.get("stage")) is not None:
            stage = Stage(
                of_stage["index"],
                of_stage["began"],
                _learner(tensors, "stage.best"),
                tensors["stage.best_value"],
                float.fromhex(of_stage["best_mean"]),
                of_stage["failures"],
            )
        carry = None
        if "carry.x" in tensors:
            carry = Carry(tensors["carry.x"], under(tensors, "carry.state."))
        return cls(
            _learner(tensors, "learner"),
            tensors["diverged_at"],
            under(tensors, "column."),
            numbers["window"],
            numbers["episodes"],
            numbers["left"],
            carry,
            stage,
            Validations(list(windows), list(stages), values),
            [(str(where), int(window)) for where, window in numbers.get("elsewhere", ())],
        )


def _of_learner(prefix: str, learner: Learner) -> Tensors:
    return {f"{prefix}.phi": learner.phi, **prefixed(f"{prefix}.memory.", learner.memory)}


def _learner(tensors: Mapping[str, Tensor], prefix: str) -> Learner:
    return Learner(tensors[f"{prefix}.phi"], under(tensors, f"{prefix}.memory."))
