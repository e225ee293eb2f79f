"""Quadratic tasks, and the smooth part of LASSO: ∇l(x) = Hx − c with H = AᵀA and c = Aᵀb exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from flint import arb_mat
from torch import Tensor

from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.base import TaskModel
from ml2o_theory.models.conversion import enclose


def smooth_part(task: LassoTask) -> QuadraticTask:
    """The fit ½‖Ax − b‖² of a LASSO task, which has all the constants that ‖x‖₁ lacks."""
    return QuadraticTask(task.A, task.b)


@dataclass(frozen=True)
class AffineOnBoxes:
    """x ↦ Hx − c over boxes, from enclosures of the exact H (d, d) and c (d,).

    Every x_j enters each entry once: the plain interval product is the range, up to rounding.
    """

    H: IntervalTensor
    c: IntervalTensor

    @classmethod
    def of(cls, quadratic: ExactQuadratic) -> Self:
        return cls(enclose(quadratic.H), enclose(quadratic.c).squeeze(1))

    def gradient(self, x: IntervalTensor) -> IntervalTensor:
        """Hx − c over boxes (..., d)."""
        return (self.H @ x.unsqueeze(-1)).squeeze(-1) - self.c

    def hessian(self, x: IntervalTensor) -> IntervalTensor:
        """H, once for each of the boxes (..., d)."""
        return self.H.broadcast_to((*x.shape, x.shape[-1]))


class QuadraticModel(TaskModel):
    """½‖Ax − b‖², as a function of the exact H and c."""

    of: ClassVar[type[Task]] = QuadraticTask

    def __init__(self, task: QuadraticTask) -> None:
        super().__init__(task)
        self.exact = ExactQuadratic.of(task)
        self._on_boxes = AffineOnBoxes.of(self.exact)

    def gradient(self, x: arb_mat) -> arb_mat:
        return self.exact.gradient(x)

    def hessian(self, x: arb_mat) -> arb_mat:
        return self.exact.H

    def third(self, x: arb_mat, u: arb_mat, v: arb_mat) -> arb_mat:
        return arb_mat(x.nrows(), 1)

    def gradient_on(self, x: IntervalTensor) -> IntervalTensor:
        return self._on_boxes.gradient(x)

    def hessian_on(self, x: IntervalTensor) -> IntervalTensor:
        return self._on_boxes.hessian(x)

    def difference_on(
        self, other: TaskModel, x: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        """From the exact H − H' and c − c', where the other task is quadratic too."""
        if not isinstance(other, QuadraticModel):
            return super().difference_on(other, x)
        apart = AffineOnBoxes.of(self.exact - other.exact)
        return apart.gradient(x), apart.hessian(x)

    def third_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return _zeros(x)

    def fourth_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return _zeros(x)


def _zeros(x: IntervalTensor) -> tuple[Tensor, Tensor]:
    zero = torch.zeros_like(x.lower[..., 0])
    return zero, zero
