"""What ISTA and FISTA share: the proximal gradient step on l = s + h, in units of 1/L."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import Observation, Params, State, UpdateRule
from ml2o_core.tasks.base import Task


class ProximalRule(UpdateRule):
    """A rule with the step η = φ/L, L the Lipschitz constant of ∇s, and φ = {"step_scale": 1}."""

    learned: ClassVar[bool] = False
    step_scale: float = Field(1.0, gt=0, description="φ_0: the step size in units of 1/L")

    def init_params(self, generator: torch.Generator) -> Params:
        """The configured step scale; nothing is drawn."""
        return {"step_scale": torch.tensor(self.step_scale, dtype=torch.float64)}

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        """1/L of the task, found once a run; `InvalidArgument` for a task without a known L."""
        L = task.smooth_lipschitz()
        if L is None:
            allowed = f"a task with a known smooth_lipschitz(): the step of {self.name} is 1/L"
            raise InvalidArgument("task", type(task).__name__, allowed)
        # L = 0: s is affine, and every step size is as good as another.
        return {"inverse_lipschitz": (1 / torch.where(L > 0, L, 1.0)).to(x)}


def proximal_oracle(task: Task, y: Float[Tensor, " d"]) -> Observation:
    """y, ∇s(y) and the prox of h: what a proximal gradient step from y needs."""
    return {"point": y, "smooth_gradient": task.smooth_gradient(y), "prox": task.prox}


def proximal_point(z: Observation, state: State, params: Params) -> Float[Tensor, " d"]:
    """prox_ηh(y − η∇s(y)), with η = φ/L."""
    step = params["step_scale"] * state["inverse_lipschitz"]
    point: Tensor = z["prox"](z["point"] - step * z["smooth_gradient"], step)
    return point
