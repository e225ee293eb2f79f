"""Rosenbrock's valley: x* = (1, …, 1) and f* = 0, a sum of squares that all vanish there."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.optima.base import CertifiedOptima, certified
from ml2o_theory.optima.solver import OptimumSolver


class RosenbrockOptimum(OptimumSolver):
    """Σ_k (1 − x_k)² + c_k (x_{k+1} − x_k²)² with c > 0, which is not convex."""

    of: ClassVar[type[Task]] = RosenbrockTask

    def solve(self, tasks: TaskBatch) -> CertifiedOptima:
        steepness = tasks.tensors["steepness"]
        if bool((steepness <= 0).any()):
            raise InvalidArgument("steepness", steepness.min().item(), "numbers > 0")
        nothing = steepness.new_zeros(len(steepness))
        return certified(
            steepness.new_ones(len(steepness), tasks.dim),
            nothing,
            nothing,
            1 + steepness.sum(-1),
            kkt_residual=nothing,
            iterations=nothing.long(),
            solver="x* = (1, …, 1)",
            closed_form=True,
        )

    def bounds(self, tasks: TaskBatch, points: Tensor) -> tuple[Tensor, Tensor]:
        u, v = IntervalTensor.exactly(points[:, :-1]), points[:, 1:]
        valley = (v - u.square()).square() * tasks.tensors["steepness"]
        value = ((1.0 - u).square() + valley).sum(-1).upper
        return value, torch.zeros_like(value)
