"""Quadratic tasks, and the smooth part of LASSO: ∇l(x) = Hx − c with H = AᵀA and c = Aᵀb exact."""

from __future__ import annotations

from typing import ClassVar

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


class QuadraticModel(TaskModel):
    """½‖Ax − b‖² as a function of exact H and c.

    Over a box, every x_j enters each entry of Hx − c once: the plain interval product is the range,
    up to rounding.
    """

    of: ClassVar[type[Task]] = QuadraticTask

    def __init__(self, task: QuadraticTask) -> None:
        super().__init__(task)
        self.exact = ExactQuadratic.of(task)
        self.H = enclose(self.exact.H)
        self.c = enclose(self.exact.c).squeeze(1)

    def gradient(self, x: arb_mat) -> arb_mat:
        return self.exact.gradient(x)

    def hessian(self, x: arb_mat) -> arb_mat:
        return self.exact.H

    def third(self, x: arb_mat, u: arb_mat, v: arb_mat) -> arb_mat:
        return arb_mat(x.nrows(), 1)

    def gradient_on(self, x: IntervalTensor) -> IntervalTensor:
        return (self.H @ x.unsqueeze(-1)).squeeze(-1) - self.c

    def hessian_on(self, x: IntervalTensor) -> IntervalTensor:
        return self.H.broadcast_to((*x.shape, x.shape[-1]))

    def third_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return _no_derivative(x)

    def fourth_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        return _no_derivative(x)


def _no_derivative(x: IntervalTensor) -> tuple[Tensor, Tensor]:
    zero = torch.zeros_like(x.lower[..., 0])
    return zero, zero
