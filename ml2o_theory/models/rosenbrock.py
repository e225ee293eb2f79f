"""Rosenbrock's valley Σ_k (1 − x_k)² + c_k (x_{k+1} − x_k²)²: a polynomial, link by link.

With u = x_k and v = x_{k+1}, link k has the derivatives

    ∂_u = 4cu³ − 4cuv + 2u − 2   ∂_v = 2c(v − u²)
    ∂²_uu = 12cu² − 4cv + 2      ∂²_uv = −4cu       ∂²_vv = 2c
    ∂³_uuu = 24cu                ∂³_uuv = −4c       ∂⁴_uuuu = 24c

and nothing else of third or fourth order.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from flint import arb_mat
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.tensor import IntervalTensor, as_interval, concatenate
from ml2o_theory.models.base import TaskModel
from ml2o_theory.models.rosenbrock_third import third_norm


class RosenbrockModel(TaskModel):
    """The chain of d − 1 links. Over a box, all entries of ∇l and ∇²l are ranges up to rounding."""

    of: ClassVar[type[Task]] = RosenbrockTask

    def __init__(self, task: RosenbrockTask) -> None:
        super().__init__(task)
        self.c: Float[Tensor, " links"] = task.steepness.double()
        self._links = [exact(c) for c in self.c.tolist()]
        if not all(c > 0 for c in self._links):
            raise InvalidArgument("steepness", self.c.min().item(), "finite numbers > 0")

    def gradient(self, x: arb_mat) -> arb_mat:
        gradient = arb_mat(x.nrows(), 1)
        for k, c in enumerate(self._links):
            u, v = x[k, 0], x[k + 1, 0]
            gradient[k, 0] += 2 * (u - 1) - 4 * c * u * (v - u * u)
            gradient[k + 1, 0] += 2 * c * (v - u * u)
        return gradient

    def hessian(self, x: arb_mat) -> arb_mat:
        hessian = arb_mat(x.nrows(), x.nrows())
        for k, c in enumerate(self._links):
            u, v = x[k, 0], x[k + 1, 0]
            hessian[k, k] += 2 + 4 * c * (3 * u * u - v)
            hessian[k, k + 1] = hessian[k + 1, k] = -4 * c * u
            hessian[k + 1, k + 1] += 2 * c
        return hessian

    def third(self, x: arb_mat, u: arb_mat, v: arb_mat) -> arb_mat:
        third = arb_mat(x.nrows(), 1)
        for k, c in enumerate(self._links):
            here, mixed = u[k, 0] * v[k, 0], u[k, 0] * v[k + 1, 0] + u[k + 1, 0] * v[k, 0]
            third[k, 0] += 4 * c * (6 * x[k, 0] * here - mixed)
            third[k + 1, 0] -= 4 * c * here
        return third

    def gradient_on(self, x: IntervalTensor) -> IntervalTensor:
        """∂_k l = 4c_k x_k³ + (2 + 2c_{k−1} − 4c_k x_{k+1}) x_k − 2 − 2c_{k−1} x_{k−1}²."""
        u, v, c = x[..., :-1], x[..., 1:], self.c
        before = pad(2 * c, (1, 0))
        # Affine in x_{k+1}: for every x_k, the extremes are at the ends of its interval.
        linear = (before[:-1] + 2.0 - as_interval(end) * (4 * c) for end in (v.lower, v.upper))
        own = IntervalTensor.hull_of(*(_cubic_range(4 * c, b, u) for b in linear)) - 2.0
        last = x[..., -1:] * before[-1:]
        return concatenate([own, last], dim=-1) - _padded(u.square() * (2 * c), (1, 0))

    def hessian_on(self, x: IntervalTensor) -> IntervalTensor:
        first_terms = pad(torch.full_like(self.c, 2.0), (0, 1)).diag()
        return _valley_hessian(as_interval(self.c), x) + first_terms

    def difference_on(
        self, other: TaskModel, x: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        """Of Σ (c_k − c'_k)(x_{k+1} − x_k²)²: the other terms are the same."""
        if not isinstance(other, RosenbrockModel):
            return super().difference_on(other, x)
        u, v, apart = x[..., :-1], x[..., 1:], as_interval(self.c) - other.c
        four = torch.full_like(self.c, 4.0)
        linear = (as_interval(end) * -four for end in (v.lower, v.upper))
        own = IntervalTensor.hull_of(*(_cubic_range(four, b, u) for b in linear)) * apart
        gradient = _padded(own, (0, 1)) + _padded((v - u.square()) * (apart * 2.0), (1, 0))
        return gradient, _valley_hessian(apart, x)

    def third_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return third_norm(self.c, x)

    def fourth_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        """24 max c_k, everywhere: ∇⁴l is diagonal, without an entry for x_d."""
        norm = as_interval(self.c) * 24.0
        return norm.lower.amax().expand(x.shape[:-1]), norm.upper.amax().expand(x.shape[:-1])


def _valley_hessian(c: IntervalTensor, x: IntervalTensor) -> IntervalTensor:
    """The Hessian of Σ c_k (x_{k+1} − x_k²)²: every coordinate enters each entry once."""
    u, v = x[..., :-1], x[..., 1:]
    bend = (u.square() * 12.0 - v * 4.0) * c
    diagonal = _padded(bend, (0, 1)) + _padded(c * 2.0, (1, 0))
    coupling = u * c * -4.0
    above = IntervalTensor(*(torch.diag_embed(e, 1) for e in (coupling.lower, coupling.upper)))
    return diagonal.diag_embed() + above + above.mT


def _cubic_range(a: Values, b: IntervalTensor, x: IntervalTensor) -> IntervalTensor:
    """The range of ax³ + bx over intervals x, for a > 0 and narrow intervals b.

    The hull of the values at the ends and at the points of x nearest to ±√(max(−b, 0)/3a), the
    critical points where there are any.
    """
    square = -b / (as_interval(a) * 3.0)
    root = IntervalTensor(square.lower.clamp(min=0.0), square.upper.clamp(min=0.0)).sqrt()
    places = [IntervalTensor.exactly(x.lower), IntervalTensor.exactly(x.upper)]
    for place in (root, -root):
        nearest = (end.clamp(x.lower, x.upper) for end in (place.lower, place.upper))
        places.append(IntervalTensor(*nearest))
    return IntervalTensor.hull_of(*((p.square() * a + b) * p for p in places))


def _padded(values: IntervalTensor, where: tuple[int, int]) -> IntervalTensor:
    return IntervalTensor(pad(values.lower, where), pad(values.upper, where))
