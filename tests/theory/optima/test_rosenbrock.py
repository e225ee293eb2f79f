"""Rosenbrock's optimum in closed form, and what has no optimum here."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.optima import (
    CertifiedOptima,
    SolverStatus,
    certified_optima,
    certified_optimum,
)
from ml2o_theory.optima.base import certified
from ml2o_theory.optima.rosenbrock import RosenbrockOptimum


def test_the_valley_ends_at_one_with_value_zero() -> None:
    found = certified_optimum(RosenbrockTask(torch.tensor([100.0, 3.0], dtype=torch.float64)))
    assert found.point == (1.0, 1.0, 1.0)
    assert (found.primal, found.dual, found.kkt_residual) == (0.0, 0.0, 0.0)
    assert found.status is SolverStatus.CLOSED_FORM


def test_bounds_at_other_points() -> None:
    """f(0) = 1 a link, f(−1, 1) = 4, and 0 ≤ f*."""
    tensors = {"steepness": torch.full((2, 1), 100.0, dtype=torch.float64)}
    points = torch.tensor([[0.0, 0.0], [-1.0, 1.0]], dtype=torch.float64)
    batch = TaskBatch(RosenbrockTask, tensors, (2,))
    primal, dual = RosenbrockOptimum().bounds(batch, points)
    assert primal.tolist() == pytest.approx([1.0, 4.0], rel=1e-14)
    assert bool((primal >= torch.tensor([1.0, 4.0])).all())
    assert dual.tolist() == [0.0, 0.0]


def test_a_valley_without_walls_is_refused() -> None:
    """With c < 0 the loss has no lower bound, with c = 0 no single minimiser."""
    for steepness in (0.0, -1.0):
        with pytest.raises(InvalidArgument, match="steepness"):
            certified_optimum(RosenbrockTask(torch.tensor([steepness], dtype=torch.float64)))


@dataclass(frozen=True)
class Unknown(Task):
    """x², without a solver."""

    one: Tensor

    @property
    def dim(self) -> int:
        return 1

    def loss(self, x: Tensor) -> Tensor:
        return self.one * x @ x


def test_a_task_without_a_certificate_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"LassoTask.*convex_loss"):
        certified_optimum(Unknown(torch.ones(())))


def test_a_batch_of_replicates_keeps_its_shape() -> None:
    tensors = {"steepness": torch.full((2, 3, 1), 100.0, dtype=torch.float64)}
    found = certified_optima(TaskBatch(RosenbrockTask, tensors, (2, 3)))
    assert found.shape == (2, 3)
    assert found.points.shape == (2, 3, 2)


def test_a_solver_of_one_s_own_is_found() -> None:
    """Whenever its file is imported: there is nothing to register."""

    class Certain(Unknown):
        """x², with a solver."""

    task = Certain(torch.ones((), dtype=torch.float64))
    with pytest.raises(InvalidArgument):
        certified_optimum(task)

    class CertainOptimum(RosenbrockOptimum):
        of = Certain

        def solve(self, tasks: TaskBatch) -> CertifiedOptima:
            zero = tasks.tensors["one"] * 0
            return certified(
                zero.unsqueeze(-1),
                zero,
                zero,
                zero,
                kkt_residual=zero,
                iterations=zero.long(),
                solver="mine",
            )

    try:
        found = certified_optimum(task)
        assert (found.solver, found.point, found.gap) == ("mine", (0.0,), 0.0)
    finally:
        # What a test defines must not stay: classes are found as long as they exist.
        del CertainOptimum.of
