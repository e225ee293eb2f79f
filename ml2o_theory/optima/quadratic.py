"""The optima of quadratic tasks: least squares."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.optima.base import CertifiedOptima
from ml2o_theory.optima.least_squares import bounds_at, least_squares
from ml2o_theory.optima.solver import OptimumSolver


class QuadraticOptimum(OptimumSolver):
    """½‖Ax − b‖², rank-deficient too."""

    of: ClassVar[type[Task]] = QuadraticTask

    def solve(self, tasks: TaskBatch) -> CertifiedOptima:
        return least_squares(tasks.tensors["A"], tasks.tensors["b"])

    def bounds(self, tasks: TaskBatch, points: Tensor) -> tuple[Tensor, Tensor]:
        return bounds_at(tasks.tensors["A"], tasks.tensors["b"], points)
