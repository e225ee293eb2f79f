"""Gradient descent with heavy-ball momentum."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ml2o_core.optimizers.base import Observation, Params, State, UpdateRule
from ml2o_core.tasks.base import Task


class Momentum(UpdateRule):
    """u ← βu + ∇l(x), d = −ηu, with φ = {"learning_rate": η}; `torch.optim.SGD` with momentum."""

    name: ClassVar[str] = "momentum"
    learned: ClassVar[bool] = False
    learning_rate: float = Field(1e-3, gt=0, description="η in φ_0; PyTorch's default")
    beta: float = Field(0.9, ge=0, lt=1, description="β, the part of the velocity that is kept")

    def init_params(self, generator: torch.Generator) -> Params:
        """The configured step size; nothing is drawn."""
        return {"learning_rate": torch.tensor(self.learning_rate, dtype=torch.float64)}

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        return {"velocity": torch.zeros_like(x)}

    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        velocity = self.beta * state["velocity"] + z["gradient"]
        return -params["learning_rate"] * velocity, {"velocity": velocity}
