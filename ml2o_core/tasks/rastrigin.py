"""Rastrigin's egg box: l(x) = Σ_k x_k² + α (1 − cos 2πx_k), a valley in every cell of the grid.

The settings are those of the authors' released code, which has three of it: the plain one (d = 2,
α = 10, x_0 ~ N(0, I)), one whose tasks differ in α (d = 10, α ∈ {0.5, 1, 2}, x_0 ~ U(−3, 3)), and
one whose starts differ in scale, which is the plain one with another `start_distribution`. The
fourth, with a matrix, is `linear_rastrigin`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from ml2o_core.tasks.base import Optimum, Task, TaskFamily
from ml2o_core.tasks.distributions import Distribution, Normal, Uniform
from ml2o_core.tasks.linear_rastrigin import LinearRastrigin
from ml2o_core.tasks.mixture import TaskMixture

ALPHAS = (0.5, 1.0, 2.0)
"""α of the released code's training tasks."""

TURN = 2 * math.pi


@dataclass(frozen=True)
class RastriginTask(Task):
    """l(x) = Σ_k x_k² + α_k (1 − cos 2πx_k), with α = `height` ≥ 0 of shape (d,).

    Not convex where an α_k > 1/(2π²); a local minimum lies near every point of the integer grid
    that is not too far from 0. M exists on bounded regions only, L and ρ everywhere.
    """

    height: Float[Tensor, " d"]

    @property
    def dim(self) -> int:
        return self.height.shape[0]

    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        # 1 − cos 2πx = 2 sin² πx, which keeps its digits near the minimum.
        return (x**2 + 2 * self.height * torch.sin(math.pi * x) ** 2).sum()

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return 2 * x + TURN * self.height * torch.sin(TURN * x)

    def _curvature(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return 2 + TURN**2 * self.height * torch.cos(TURN * x)

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        return torch.diag(self._curvature(x))

    def hvp(self, x: Float[Tensor, " d"], v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self._curvature(x) * v

    def smooth_lipschitz(self) -> Float[Tensor, ""]:
        """L = 2 + 4π² max_k α_k, attained at x = 0."""
        return 2 + TURN**2 * self.height.max()

    def optimum(self) -> Optimum:
        """x* = 0, l(x*) = 0; the only global minimiser, though not the only local one."""
        return Optimum(torch.zeros_like(self.height), torch.zeros_like(self.height[0]))


class Rastrigin(TaskFamily):
    """One egg box, random starting points: x_0 ~ N(0, I) in the released code."""

    name: ClassVar[str] = "rastrigin"
    cols: int = Field(2, ge=1, description="d, the number of coordinates")
    alpha: float = Field(10.0, ge=0, description="α, half the height of the walls between valleys")
    start_distribution: Distribution = Normal(sd=1)

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        self.start_distribution.check_shape("start_distribution", (self.cols,))
        return self

    @classmethod
    def alpha_mixture(cls, alphas: Iterable[float] = ALPHAS, **fields: Any) -> TaskMixture:
        """The released code's training tasks: one α for each problem, drawn equally from `alphas`.

        d = 10 and x_0 ~ U(−3, 3), unless `fields` say otherwise.
        """
        shared = {"cols": 10, "start_distribution": Uniform(low=-3, high=3)} | fields
        return TaskMixture(families=tuple(cls(**{"alpha": a} | shared) for a in alphas))

    @classmethod
    def distributions(cls) -> dict[str, Callable[..., TaskFamily]]:
        return {
            "random-start": cls,
            "alpha-mixture": cls.alpha_mixture,
            "linear": LinearRastrigin,
        }

    def sample(self, generator: torch.Generator) -> RastriginTask:
        """The egg box of this family: nothing in it is random."""
        return RastriginTask(torch.full((self.cols,), self.alpha, dtype=torch.float64))

    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        return self.start_distribution.draw((self.cols,), generator)
