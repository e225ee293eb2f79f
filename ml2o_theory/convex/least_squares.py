"""Quadratic, LASSO and smoothed LASSO tasks as CVXPY problems, in scaled variables.

At A ~ N(0, 100²) the problems' own variables are far from 1. With x = (β/a) w, a = ‖A‖, β = ‖b‖ and
κ = λ/(aβ),

    ½‖Ax − b‖² + λ‖x‖₁ = β²κ (½‖r‖² + ‖w‖₁)    where (A/a) w + √κ r = b/β:

w, r and the value are of order 1 for every λ and every scale of A and b. In the smoothed problem
|x_k| becomes √(x_k² + ε²) and |w_k| becomes ‖(w_k, εa/β)‖. Without a weight there is no κ, and the
value is β² ½‖r‖² with (A/a) w + r = b/β.
"""

from __future__ import annotations

from typing import ClassVar

import cvxpy as cp
import torch

from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.least_squares import LeastSquaresTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.convex.formulation import Formulation, scaled
from ml2o_theory.convex.solving import Solution, solve


class LeastSquaresFormulation(Formulation):
    """½‖Ax − b‖² alone."""

    of: ClassVar[type[Task]] = QuadraticTask

    def __init__(self, task: LeastSquaresTask) -> None:
        rows, columns = task.A.shape
        self.A, self.b = cp.Parameter((rows, columns)), cp.Parameter(rows)
        self.unit = cp.Parameter(nonneg=True)
        self.corner = cp.Parameter(nonneg=True)
        self.w, self.r = cp.Variable(columns), cp.Variable(rows)
        balance = [self.A @ self.w + self.unit * self.r == self.b]
        fit = cp.sum_squares(self.r) / 2
        self.plain = cp.Problem(cp.Minimize(fit), balance)
        self.weighted = cp.Problem(cp.Minimize(fit + self.penalty()), balance)

    def penalty(self) -> cp.Expression:
        """h(w), of the scaled problem; it may use `corner`."""
        return cp.Constant(0.0)

    def solve(self, task: LeastSquaresTask, solver: str) -> Solution:
        A, b = task.A.double().cpu(), task.b.double().cpu()
        a, beta = torch.linalg.matrix_norm(A, 2).item() or 1.0, b.norm().item() or 1.0
        weight, smoothing = (
            float(getattr(task, name, torch.zeros(()))) for name in ("weight", "smoothing")
        )
        kappa = weight / (a * beta) if weight else 1.0
        self.A.value, self.b.value = (A / a).numpy(), (b / beta).numpy()
        self.unit.value, self.corner.value = kappa**0.5, smoothing * a / beta
        found = solve(self.weighted if weight else self.plain, self.w, solver)
        return scaled(found, value=beta**2 * kappa, point=beta / a)


class LassoFormulation(LeastSquaresFormulation):
    """½‖Ax − b‖² + λ‖x‖₁."""

    of: ClassVar[type[Task]] = LassoTask

    def penalty(self) -> cp.Expression:
        return cp.norm1(self.w)


class SmoothedLassoFormulation(LeastSquaresFormulation):
    """½‖Ax − b‖² + λ Σ_k √(x_k² + ε²)."""

    of: ClassVar[type[Task]] = SmoothedLassoTask

    def penalty(self) -> cp.Expression:
        corners = self.corner * torch.ones(1, self.w.size, dtype=torch.float64).numpy()
        pairs = cp.vstack([cp.reshape(self.w, (1, self.w.size), order="C"), corners])
        return cp.sum(cp.norm(pairs, 2, axis=0))
