"""Adam, in PyTorch's variant: ε is added to the bias-corrected root.

Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ml2o_core.optimizers.base import Observation, Params, State, UpdateRule
from ml2o_core.optimizers.moments import bias_correction, root, running_mean
from ml2o_core.tasks.base import Task


class Adam(UpdateRule):
    """d = −η m̂ / (√v̂ + ε), with φ = {"learning_rate": η}; the same step as `torch.optim.Adam`."""

    name: ClassVar[str] = "adam"
    learned: ClassVar[bool] = False
    learning_rate: float = Field(1e-3, gt=0, description="η in φ_0; PyTorch's default")
    beta1: float = Field(0.9, ge=0, lt=1, description="decay β₁ of the gradient's average")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay β₂ of its square's average")
    epsilon: float = Field(1e-8, gt=0, description="ε")

    def init_params(self, generator: torch.Generator) -> Params:
        """The configured step size; nothing is drawn."""
        return {"learning_rate": torch.tensor(self.learning_rate, dtype=torch.float64)}

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        return {"m": torch.zeros_like(x), "v": torch.zeros_like(x), "t": x.new_zeros(())}

    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        t = state["t"] + 1
        m = running_mean(state["m"], z["gradient"], self.beta1)
        v = running_mean(state["v"], z["gradient"] ** 2, self.beta2)
        m_hat = m / bias_correction(self.beta1, t)
        v_hat = v / bias_correction(self.beta2, t)
        d = -params["learning_rate"] * m_hat / (root(v_hat) + self.epsilon)
        return d, {"m": m, "v": v, "t": t}
