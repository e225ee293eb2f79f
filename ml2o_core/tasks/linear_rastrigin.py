"""Rastrigin's function of random data: l(x) = ½‖Ax − b‖² − α cᵀcos(2πx) + α d.

Source: Cao, Chen, Wang and Shen, "Learning to optimize in swarms", NeurIPS 2019. The released code
of M-L2O has it too, with d = 2, α = 5 and everything ~ N(0, 1), but does not use it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskFamily
from ml2o_core.tasks.distributions import Distribution, Normal

TURN = 2 * math.pi


@dataclass(frozen=True)
class LinearRastriginTask(Task):
    """l(x) = ½‖Ax − b‖² + Σ_k α (1 − c_k cos 2πx_k); A (r, d), b (r,), c (d,), α = `alpha` ≥ 0.

    It is the quadratic where α = 0, and Rastrigin's own function where A = √2 I, b = 0 and c = 1.
    Not a least-squares task, whose remainder would be convex. No closed form of its optimum.
    """

    A: Float[Tensor, "r d"]
    b: Float[Tensor, " r"]
    c: Float[Tensor, " d"]
    alpha: Float[Tensor, ""]

    def __post_init__(self) -> None:
        if self.A.shape != (*self.b.shape, *self.c.shape):
            allowed = f"shape ({len(self.b)}, {len(self.c)}), the lengths of b and c"
            raise InvalidArgument("A", tuple(self.A.shape), allowed)

    @property
    def dim(self) -> int:
        return self.c.shape[0]

    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        residual = self.A @ x - self.b
        return residual @ residual / 2 + self.alpha * (1 - self.c * torch.cos(TURN * x)).sum()

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        waves = TURN * self.alpha * self.c * torch.sin(TURN * x)
        return self.A.mT @ (self.A @ x - self.b) + waves

    def _curvature(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return TURN**2 * self.alpha * self.c * torch.cos(TURN * x)

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        return self.A.mT @ self.A + torch.diag(self._curvature(x))

    def hvp(self, x: Float[Tensor, " d"], v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.A.mT @ (self.A @ v) + self._curvature(x) * v

    def smooth_lipschitz(self) -> Float[Tensor, ""]:
        """L = ‖AᵀA + 4π²α diag|c|‖, attained where every cos 2πx_k is the sign of c_k.

        No Hessian is larger, and none is below −4π²α max_k |c_k| ≥ −L.
        """
        walls = TURN**2 * self.alpha * self.c.abs()
        return torch.linalg.matrix_norm(self.A.mT @ self.A + torch.diag(walls), 2)


class LinearRastrigin(TaskFamily):
    """Random A (`rows` × `cols`), b and c, all ~ N(0, 1) like the starting points."""

    name: ClassVar[str] = "linear-rastrigin"
    rows: int = Field(2, ge=1, description="r, the number of rows of A")
    cols: int = Field(2, ge=1, description="d, the number of columns of A")
    alpha: float = Field(5.0, ge=0, description="α, the weight of the waves")
    matrix: Distribution = Normal(sd=1)
    target: Distribution = Normal(sd=1)
    waves: Distribution = Normal(sd=1)
    start_distribution: Distribution = Normal(sd=1)

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        self.matrix.check_shape("matrix", (self.rows, self.cols))
        self.target.check_shape("target", (self.rows,))
        self.waves.check_shape("waves", (self.cols,))
        self.start_distribution.check_shape("start_distribution", (self.cols,))
        return self

    def sample(self, generator: torch.Generator) -> LinearRastriginTask:
        """A, then b, then c."""
        A = self.matrix.draw((self.rows, self.cols), generator)
        b = self.target.draw((self.rows,), generator)
        c = self.waves.draw((self.cols,), generator)
        return LinearRastriginTask(A, b, c, A.new_tensor(self.alpha))

    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        return self.start_distribution.draw((self.cols,), generator)
