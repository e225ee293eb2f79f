"""Smoothed LASSO: ½‖Ax − b‖² + λ Σ_k ψ(x_k). All but the fit's Hessian is diagonal."""

from __future__ import annotations

from typing import ClassVar

from flint import arb_mat
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.intervals.tensor import IntervalTensor, as_interval
from ml2o_theory.models.base import TaskModel
from ml2o_theory.models.pseudo_huber import PseudoHuber
from ml2o_theory.models.quadratic import QuadraticModel


class SmoothedLassoModel(TaskModel):
    """The fit, a `QuadraticModel`, and λψ in each coordinate.

    The kth diagonal entry of ∇³l or ∇⁴l depends on x_k alone, so the supremum of the norm over a
    box is the largest of d suprema over intervals.
    """

    of: ClassVar[type[Task]] = SmoothedLassoTask

    def __init__(self, task: SmoothedLassoTask) -> None:
        super().__init__(task)
        self.fit = QuadraticModel(QuadraticTask(task.A, task.b))
        self.weight = task.weight.item()
        self.psi = PseudoHuber(task.smoothing.item())
        if not exact(self.weight) >= 0:
            raise InvalidArgument("weight", self.weight, "a finite number ≥ 0")

    def gradient(self, x: arb_mat) -> arb_mat:
        slopes = [self.weight * self.psi.derivatives(u)[0] for u in x.entries()]
        return self.fit.gradient(x) + arb_mat(x.nrows(), 1, slopes)

    def hessian(self, x: arb_mat) -> arb_mat:
        hessian = arb_mat(self.fit.hessian(x))
        for k, u in enumerate(x.entries()):
            hessian[k, k] += self.weight * self.psi.derivatives(u)[1]
        return hessian

    def third(self, x: arb_mat, u: arb_mat, v: arb_mat) -> arb_mat:
        directions = zip(x.entries(), u.entries(), v.entries(), strict=True)
        third = [self.weight * self.psi.derivatives(w)[2] * p * q for w, p, q in directions]
        return arb_mat(x.nrows(), 1, third)

    def gradient_on(self, x: IntervalTensor) -> IntervalTensor:
        return self.fit.gradient_on(x) + self.psi.first(x) * self.weight

    def hessian_on(self, x: IntervalTensor) -> IntervalTensor:
        return self.fit.hessian_on(x) + (self.psi.second(x) * self.weight).diag_embed()

    def difference_on(
        self, other: TaskModel, x: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        """The fits' difference and (λ − λ')ψ, where the other task has the same ε."""
        if not isinstance(other, SmoothedLassoModel) or other.psi != self.psi:
            return super().difference_on(other, x)
        gradient, hessian = self.fit.difference_on(other.fit, x)
        weight = as_interval(self.weight) - other.weight
        bend = self.psi.second(x) * weight
        return gradient + self.psi.first(x) * weight, hessian + bend.diag_embed()

    def third_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return self._largest(self.psi.third_supremum(x))

    def fourth_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return self._largest(self.psi.fourth_supremum(x))

    def _largest(self, suprema: IntervalTensor) -> tuple[Tensor, Tensor]:
        weighted = suprema * self.weight
        return weighted.lower.amax(-1), weighted.upper.amax(-1)
