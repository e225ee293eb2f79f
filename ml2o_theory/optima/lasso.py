r"""The optima of a batch of LASSO problems F(x) = ½‖Ax − b‖² + λ‖x‖₁, each with its duality gap.

Here h = λ‖·‖₁ has h* = 0 on ‖y‖_∞ ≤ λ and ∞ elsewhere, so (`fit_bounds`) D(tθ) ≤ F* for every θ and
|t| ≤ λ/‖Aᵀθ‖_∞, and D → F* as θ → b − Ax*.

An interior point method finds which x*_j vanish, and the signs of the others; given those, x* and
θ* solve linear equations (`active_set`). Where that leaves a gap, the same is done once more with
a smaller tolerance and with factorisations that stand dependent and nearly dependent columns, and
the better of each bound is kept, of the points the one with the lowest F. Whatever gap remains is
reported. Three kinds of problems need no iterations: x* = 0 exactly where ‖Aᵀb‖_∞ ≤ λ; and λ = 0
is least squares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.tasks.lasso import LassoTask
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.optima.active_set import on_active_set
from ml2o_theory.optima.base import CertifiedOptima, certified
from ml2o_theory.optima.fit_bounds import (
    Matrices,
    Points,
    Rows,
    Scalars,
    apply,
    best_factor,
    concave_part,
    enclosed,
    fit,
    largest_factor,
)
from ml2o_theory.optima.interior_point import interior_point
from ml2o_theory.optima.least_squares import (
    curvature_bound,
    gradient_of_fit,
    least_squares,
    minimiser,
)
from ml2o_theory.optima.solver import OptimumSolver

ENOUGH = 1e-10
"""Relative gap above which a problem is solved again, with more care."""

ROUNDS = ((1e-8, 40, False), (1e-15, 100, True))
"""Tolerance and iterations of the interior point method, and whether columns may be dependent."""


class LassoOptimum(OptimumSolver):
    """LASSO, with any λ ≥ 0."""

    of: ClassVar[type[Task]] = LassoTask

    def solve(self, tasks: TaskBatch) -> CertifiedOptima:
        A, b, weight = (tasks.tensors[name] for name in ("A", "b", "weight"))
        if bool((weight < 0).any()):
            raise InvalidArgument("weight", weight.min().item(), "a number ≥ 0")
        free, zero = weight == 0, vanishes_at_zero(A, b, weight)
        cases = {
            "free": (free, lambda A, b, _: least_squares(A, b)),
            "zero": (zero & ~free, at_zero),
            "other": (~zero & ~free, lasso),
        }
        parts = [
            (where, solve(A[where], b[where], weight[where]))
            for mask, solve in cases.values()
            if len(where := mask.nonzero().squeeze(-1))
        ]
        return CertifiedOptima.joined(parts, tasks.shape)

    def bounds(self, tasks: TaskBatch, points: Tensor) -> tuple[Tensor, Tensor]:
        A, b, weight = (tasks.tensors[name] for name in ("A", "b", "weight"))
        dual = dual_bound(A, b, weight, b - apply(A, points))
        strong = strong_bound(A, b, weight, points)
        return primal_bound(A, b, weight, points), dual.maximum(strong)


def primal_bound(A: Matrices, b: Rows, weight: Scalars, x: Points) -> Scalars:
    """F(x), rounded up."""
    return (fit(A, b, x) + IntervalTensor.exactly(x.abs()).sum(-1) * weight).upper


def dual_bound(A: Matrices, b: Rows, weight: Scalars, theta: Rows) -> Scalars:
    """The largest D(tθ) with |t| ≤ λ/‖Aᵀθ‖_∞, rounded down; at least 0."""
    slope = enclosed(A.mT, theta).magnitude().amax(-1)
    t = best_factor(b, theta, largest_factor(weight, slope))
    return concave_part(b, theta, t).lower.clamp(min=0.0)


def strong_bound(A: Matrices, b: Rows, weight: Scalars, x: Points) -> Scalars:
    """The bound from the curvature of the fit at x, rounded down, with the subgradient nearest 0.

    Where λ is so small that rounding alone takes Aᵀθ beyond it, this is the better bound.
    """
    residual, level = enclosed(A, x) - b, weight.unsqueeze(-1)
    value = residual.square().sum(-1) * 0.5 + IntervalTensor.exactly(x.abs()).sum(-1) * weight
    inside = (apply(A.mT, b - apply(A, x)) / level).clamp(-1.0, 1.0)
    signs = torch.where(x == 0, inside, x.sign())
    slope = gradient_of_fit(A, residual) + IntervalTensor.exactly(signs) * level
    return curvature_bound(A, minimiser(A, b)[1], value, slope)


def vanishes_at_zero(A: Matrices, b: Rows, weight: Scalars) -> Tensor:
    """Where x* = 0 certainly: exactly where ‖Aᵀb‖_∞ ≤ λ, (N,)."""
    return enclosed(A.mT, b).magnitude().amax(-1) <= weight


def kkt_residual(A: Matrices, b: Rows, weight: Scalars, x: Points) -> Scalars:
    """‖v‖_∞ / ‖Aᵀb‖_∞ for the smallest v ∈ ∂F(x), in floats."""
    y, level = apply(A.mT, b - apply(A, x)), weight.unsqueeze(-1)
    wrong = torch.where(x == 0, (y.abs() - level).clamp(min=0.0), (y - level * x.sign()).abs())
    size = apply(A.mT, b).abs().amax(-1)
    return torch.where(size > 0, wrong.amax(-1) / size, 0.0)


def at_zero(A: Matrices, b: Rows, weight: Scalars) -> CertifiedOptima:
    """Problems with x* = 0 and θ* = b."""
    x = torch.zeros_like(A[:, 0])
    value = fit(A, b, x)
    nothing = torch.zeros_like(weight)
    return certified(
        x,
        value.upper,
        value.lower.clamp(min=0.0),
        value.upper,
        kkt_residual=nothing,
        iterations=nothing.long(),
        solver="x* = 0",
        closed_form=True,
    )


@dataclass
class _Best:
    """The best point and the best dual bound so far."""

    x: Points
    primal: Scalars
    dual: Scalars
    iterations: Tensor

    @classmethod
    def at_zero(cls, b: Rows, d: int) -> Self:
        """x = 0 with F(0) = ½‖b‖², and 0 ≤ F*."""
        x = b.new_zeros(len(b), d)
        primal = (IntervalTensor.exactly(b).square().sum(-1) * 0.5).upper
        return cls(x, primal, torch.zeros_like(primal), torch.zeros_like(primal).long())

    @property
    def open(self) -> Tensor:
        return (~(self.primal - self.dual <= ENOUGH * self.primal)).nonzero().squeeze(-1)


def lasso(A: Matrices, b: Rows, weight: Scalars) -> CertifiedOptima:
    """Problems with λ > 0."""
    best = _Best.at_zero(b, A.shape[-1])
    scale = best.primal.clone()
    for tolerance, limit, careful in ROUNDS:
        if not len(where := best.open):
            break
        problem = (A[where], b[where], weight[where])
        interior = interior_point(*problem, tolerance=tolerance, limit=limit, accurate=careful)
        signs = interior.nonzero * interior.x.sign()
        x, theta = on_active_set(*problem, signs, dependent=careful)
        primal, dual = primal_bound(*problem, x), dual_bound(*problem, theta)
        if careful:
            # Where the signs are wrong, the interior point itself is the better one.
            inner, residual = interior.x, problem[1] - apply(problem[0], interior.x)
            at_inner = primal_bound(*problem, inner)
            x = torch.where((at_inner < primal).unsqueeze(-1), inner, x)
            primal = primal.minimum(at_inner)
            for other in (residual, problem[1] - apply(problem[0], x)):
                dual = dual.maximum(dual_bound(*problem, other))
            dual = dual.maximum(strong_bound(*problem, x))
        lower = primal < best.primal[where]
        best.x[where] = torch.where(lower.unsqueeze(-1), x, best.x[where])
        best.primal[where] = primal.minimum(best.primal[where])
        best.dual[where] = dual.maximum(best.dual[where])
        best.iterations[where] += interior.iterations
    return certified(
        best.x,
        best.primal,
        best.dual,
        scale,
        kkt_residual=kkt_residual(A, b, weight, best.x),
        iterations=best.iterations,
        solver="interior point, active set",
    )
