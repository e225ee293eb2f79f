"""Gradient descent with a fixed step size."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ml2o_core.optimizers.base import MemorylessRule, Params


class SGD(MemorylessRule):
    """d = −η∇l(x), with φ = {"learning_rate": η}; the same step as `torch.optim.SGD`."""

    name: ClassVar[str] = "sgd"
    learned: ClassVar[bool] = False
    learning_rate: float = Field(1e-3, gt=0, description="η in φ_0; PyTorch's default")

    def init_params(self, generator: torch.Generator) -> Params:
        """The configured step size; nothing is drawn."""
        return {"learning_rate": torch.tensor(self.learning_rate, dtype=torch.float64)}

    def m(self, z: Float[Tensor, " d"], params: Params) -> Float[Tensor, " d"]:
        return -params["learning_rate"] * z
