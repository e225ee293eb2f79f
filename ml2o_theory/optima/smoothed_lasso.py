r"""The optima of a batch of smoothed LASSO problems ½‖Ax − b‖² + λ Σ_k ψ(x_k), ψ(u) = √(u² + ε²).

From below (`fit_bounds`): h = λ Σ ψ has the conjugate h*(y) = −ε Σ √(λ² − y_k²) on |y_k| ≤ λ, as
sup_u yu − λ√(u² + ε²) is attained where yψ(u) = λu, so

    D(θ) = bᵀθ − ½‖θ‖² + ε Σ_k √(λ² − (Aᵀθ)_k²) ≤ f*    for ‖Aᵀθ‖_∞ ≤ λ,

an equality at θ* = b − Ax*, where (Aᵀθ*)_k = λψ'(x*_k) is strictly inside. Both bounds are flat at
the optimum, so that an error δ of x costs O(δ²) on either side. A multiplier beyond the limit is
scaled back to it. Where λ is so small that rounding alone exceeds it, the curvature of the fit
bounds f* better (`least_squares.curvature_bound`).

The point is found by Newton's method on the pair Aᵀ(b − Ax) = y, yψ(x) = λx (Chan, Golub and Mulet,
SIAM J. Sci. Comput. 20, 1999), whose linear part in x is AᵀA + diag(λ/ψ · (1 − xy/(λψ))): unlike
the Hessian, whose second term is λε²/ψ³, it does not collapse away from the corner. |y| stays below
λ, and a line search makes f fall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.optima.base import CertifiedOptima, certified
from ml2o_theory.optima.fit_bounds import (
    Matrices,
    Points,
    Rows,
    Scalars,
    apply,
    concave_part,
    enclosed,
    fit,
    largest_factor,
)
from ml2o_theory.optima.least_squares import (
    curvature_bound,
    gradient_of_fit,
    least_squares,
    minimiser,
)
from ml2o_theory.optima.solver import OptimumSolver

ENOUGH = 1e-10
"""Relative gap above which better multipliers are looked for."""

ITERATIONS = 200
HALVINGS = 30
ROUNDING = 1e-14
"""Relative; a change of f below it is none."""

CONVERGED = 1e-15
"""‖∇f‖_∞ over ‖Aᵀb‖_∞, where the search stops; it also does where nothing gets better."""

TO_THE_BOUNDARY = 0.995
"""Share of the way to |y| = λ that a step of y may go."""


class SmoothedLassoOptimum(OptimumSolver):
    """Smoothed LASSO, with any λ ≥ 0 and ε > 0."""

    of: ClassVar[type[Task]] = SmoothedLassoTask

    def solve(self, tasks: TaskBatch) -> CertifiedOptima:
        A, b, weight, smoothing = (
            tasks.tensors[name] for name in ("A", "b", "weight", "smoothing")
        )
        for name, value, allowed in (
            ("weight", weight, "a number ≥ 0"),
            ("smoothing", smoothing, "a number > 0"),
        ):
            if bool((value < 0).any() or (name == "smoothing" and (value == 0).any())):
                raise InvalidArgument(name, value.min().item(), allowed)
        free = weight == 0
        parts = []
        if len(where := free.nonzero().squeeze(-1)):
            parts.append((where, least_squares(A[where], b[where])))
        if len(where := (~free).nonzero().squeeze(-1)):
            parts.append((where, smoothed(A[where], b[where], weight[where], smoothing[where])))
        return CertifiedOptima.joined(parts, tasks.shape)

    def bounds(self, tasks: TaskBatch, points: Tensor) -> tuple[Tensor, Tensor]:
        A, b, weight, smoothing = (
            tasks.tensors[name] for name in ("A", "b", "weight", "smoothing")
        )
        dual = dual_bound(A, b, weight, smoothing, b - apply(A, points))
        strong = strong_bound(A, b, weight, smoothing, points)
        return primal_bound(A, b, weight, smoothing, points), dual.maximum(strong)


def primal_bound(A: Matrices, b: Rows, weight: Scalars, smoothing: Scalars, x: Points) -> Scalars:
    """f(x), rounded up."""
    return (fit(A, b, x) + _psi(x, smoothing).sum(-1) * weight).upper


def dual_bound(A: Matrices, b: Rows, weight: Scalars, smoothing: Scalars, theta: Rows) -> Scalars:
    """D(tθ), rounded down, with the largest feasible t ≤ 1; at least 0."""
    y = enclosed(A.mT, theta)
    slope = y.magnitude().amax(-1)
    t = largest_factor(weight, slope).clamp(max=1.0)
    inside = (_square(weight) - (y * t.unsqueeze(-1)).square()).lower.clamp(min=0.0)
    root = IntervalTensor.exactly(inside).sqrt().sum(-1) * smoothing
    return (concave_part(b, theta, t) + root).lower.clamp(min=0.0)


def strong_bound(A: Matrices, b: Rows, weight: Scalars, smoothing: Scalars, x: Points) -> Scalars:
    """The bound from the curvature of the fit at x, rounded down."""
    residual, psi = enclosed(A, x) - b, _psi(x, smoothing)
    value = residual.square().sum(-1) * 0.5 + psi.sum(-1) * weight
    slope = gradient_of_fit(A, residual) + x / psi * weight.unsqueeze(-1)
    return curvature_bound(A, minimiser(A, b)[1], value, slope)


def smoothed(A: Matrices, b: Rows, weight: Scalars, smoothing: Scalars) -> CertifiedOptima:
    """Problems with λ > 0."""
    x, iterations = _newton(A, b, weight, smoothing)
    problem = _Problem(A, b, weight, smoothing)
    primal = primal_bound(A, b, weight, smoothing, x)
    dual = dual_bound(A, b, weight, smoothing, b - apply(A, x))
    wide = (~(primal - dual <= ENOUGH * primal)).nonzero().squeeze(-1)
    if len(wide):
        few, at = problem.only(wide), x[wide]
        data = (few.A, few.b, few.weight, few.smoothing)
        better = dual_bound(*data, few.multiplier(at)).maximum(strong_bound(*data, at))
        dual[wide] = dual[wide].maximum(better)
    return certified(
        x,
        primal,
        dual,
        primal_bound(A, b, weight, smoothing, torch.zeros_like(x)),
        kkt_residual=problem.slope(x),
        iterations=iterations,
        solver="Newton",
    )


def _newton(A: Matrices, b: Rows, weight: Scalars, smoothing: Scalars) -> tuple[Points, Tensor]:
    """The points, and how many steps were taken, problem by problem."""
    points, steps = torch.zeros_like(A[:, 0]), torch.zeros_like(weight).long()
    live = torch.arange(len(A), device=A.device)
    problem, x = _Problem(A, b, weight, smoothing), points.clone()
    y, value, slope = torch.zeros_like(x), problem.value(x), problem.slope(x)
    for _ in range(ITERATIONS):
        step, y = problem.step(x, y)
        ahead, found = problem.descend(x, value, step)
        slope_ahead = problem.slope(ahead)
        # At the end f only changes by rounding, and its gradient still falls.
        better = (found < value * (1 - ROUNDING)) | (slope_ahead < slope / 2)
        x = torch.where(better.unsqueeze(-1), ahead, x)
        points[live], steps[live] = x, steps[live] + better.long()
        going = (better & (slope_ahead > CONVERGED)).nonzero().squeeze(-1)
        if not len(going):
            break
        live, problem = live[going], problem.only(going)
        x, y, value, slope = x[going], y[going], found[going], slope_ahead[going]
    return points, steps


@dataclass(frozen=True)
class _Problem:
    """A batch of problems in floats; the points are (N, d)."""

    A: Matrices
    b: Rows
    weight: Scalars
    smoothing: Scalars

    def only(self, kept: Tensor) -> _Problem:
        return _Problem(self.A[kept], self.b[kept], self.weight[kept], self.smoothing[kept])

    def psi(self, x: Points) -> Points:
        return torch.hypot(x, self.smoothing.unsqueeze(-1))

    def value(self, x: Points) -> Scalars:
        """f(x)."""
        residual = apply(self.A, x) - self.b
        return (residual * residual).sum(-1) / 2 + self.weight * self.psi(x).sum(-1)

    def gradient(self, x: Points) -> Points:
        """∇f(x)."""
        return apply(self.A.mT, apply(self.A, x) - self.b) + self.weight.unsqueeze(
            -1
        ) * x / self.psi(x)

    def slope(self, x: Points) -> Scalars:
        """‖∇f(x)‖_∞ / ‖Aᵀb‖_∞."""
        size = apply(self.A.mT, self.b).abs().amax(-1)
        return torch.where(size > 0, self.gradient(x).abs().amax(-1) / size, 0.0)

    def step(self, x: Points, y: Points) -> tuple[Points, Points]:
        """The Newton step of x, and the next y."""
        level, psi = self.weight.unsqueeze(-1), self.psi(x)
        # At least the Hessian's own: at |y| = λ the difference is rounding, of either sign.
        least = (self.smoothing.unsqueeze(-1) / psi) ** 2
        curvature = level / psi * (1 - (y / level) * (x / psi)).maximum(least)
        # By a factor of (A; diag^½), whose error grows with A's condition and not its square.
        stacked = torch.cat([self.A, torch.diag_embed(curvature.sqrt())], -2)
        upper = torch.linalg.qr(stacked, mode="r").R
        right = -self.gradient(x).unsqueeze(-1)
        lower = torch.linalg.solve_triangular(upper.mT, right, upper=False)
        step = torch.linalg.solve_triangular(upper, lower, upper=True).squeeze(-1)
        change = level * x / psi - y + curvature * step
        room = torch.where(change > 0, level - y, level + y) / change.abs()
        return step, y + (TO_THE_BOUNDARY * room.amin(-1, keepdim=True)).clamp(max=1.0) * change

    def multiplier(self, x: Points) -> Rows:
        """θ = b − A(x + δ) with the Newton step δ, which is too small to be added to x itself.

        It makes up for the rounding of b − Ax too, as the gradient sees it.
        """
        step, _ = self.step(x, self.weight.unsqueeze(-1) * x / self.psi(x))
        return (self.b - apply(self.A, x)) - apply(self.A, step)

    def descend(self, x: Points, value: Scalars, step: Points) -> tuple[Points, Scalars]:
        """The step, halved until f does not rise, and f there."""
        length = torch.ones_like(value)
        for _ in range(HALVINGS):
            ahead = x + length.unsqueeze(-1) * step
            found = self.value(ahead)
            worse = ~(found <= value * (1 + ROUNDING))
            if not bool(worse.any()):
                break
            length = torch.where(worse, length / 2, length)
        return ahead, found


def _psi(x: Points, smoothing: Scalars) -> IntervalTensor:
    """ψ, enclosed."""
    return (IntervalTensor.exactly(x).square() + _square(smoothing)).sqrt()


def _square(value: Scalars) -> IntervalTensor:
    return IntervalTensor.exactly(value).square().unsqueeze(-1)
