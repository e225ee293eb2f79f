"""Rosenbrock's valley: l(x) = (1 − x₁)² + 100 (x₂ − x₁²)², and its chain in more dimensions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor
from torch.nn.functional import pad

from ml2o_core.tasks.base import Optimum, Task, TaskFamily
from ml2o_core.tasks.distributions import Distribution, Fixed, Normal


@dataclass(frozen=True)
class RosenbrockTask(Task):
    """l(x) = Σ_{k<d} (1 − x_k)² + c_k (x_{k+1} − x_k²)², with c = `steepness` > 0 of shape (d−1,).

    Not convex, and without any global constant of A3: M, L and ρ exist on bounded regions only.
    """

    steepness: Float[Tensor, " links"]

    @property
    def dim(self) -> int:
        return self.steepness.shape[0] + 1

    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        u, v, c = x[:-1], x[1:], self.steepness
        return ((1 - u) ** 2 + c * (v - u**2) ** 2).sum()

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        u, v, c = x[:-1], x[1:], self.steepness
        in_u = -2 * (1 - u) - 4 * c * u * (v - u**2)
        in_v = 2 * c * (v - u**2)
        return pad(in_u, (0, 1)) + pad(in_v, (1, 0))

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        u, v, c = x[:-1], x[1:], self.steepness
        diagonal = pad(2 + 4 * c * (3 * u**2 - v), (0, 1)) + pad(2 * c, (1, 0))
        coupling = torch.diag(-4 * c * u, 1)
        return torch.diag(diagonal) + coupling + coupling.mT

    def optimum(self) -> Optimum:
        """x* = (1, …, 1), l(x*) = 0; the only global minimiser, though not the only local one."""
        c = self.steepness
        return Optimum(pad(torch.ones_like(c), (0, 1), value=1.0), torch.zeros_like(c[0]))


class Rosenbrock(TaskFamily):
    """One valley, random starting points: x_0 ~ N(0, I) in the paper."""

    name: ClassVar[str] = "rosenbrock"
    cols: int = Field(2, ge=2, description="d, the number of coordinates")
    steepness: float = Field(100.0, gt=0, description="c, the weight of (x_{k+1} − x_k²)²")
    start_distribution: Distribution = Normal(sd=1)

    @model_validator(mode="after")
    def _shapes_fit(self) -> Self:
        self.start_distribution.check_shape("start_distribution", (self.cols,))
        return self

    @classmethod
    def fixed_start(cls, point: Iterable[float] = (-1.2, 1.0), **fields: Any) -> Self:
        """Every run starts at `point` (Rosenbrock's own by default), which sets the dimension."""
        point = tuple(point)
        start = Fixed(values=point)
        return cls(**{"cols": len(point), "start_distribution": start} | fields)

    @classmethod
    def distributions(cls) -> dict[str, Callable[..., TaskFamily]]:
        return {"random-start": cls, "fixed-start": cls.fixed_start}

    def sample(self, generator: torch.Generator) -> RosenbrockTask:
        """The valley of this family: nothing in it is random."""
        return RosenbrockTask(torch.full((self.cols - 1,), self.steepness, dtype=torch.float64))

    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        return self.start_distribution.draw((self.cols,), generator)
