"""A user's own convex family: a CVXPY expression in place of a solver."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cvxpy as cp
import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_theory.convex.referee import refer
from ml2o_theory.optima import SolverStatus, certified_optima, certified_optimum


@dataclass(frozen=True)
class HuberTask(Task):
    """Σ_i φ(a_i·x − b_i) with φ(u) = u² for |u| ≤ 1 and 2|u| − 1 beyond."""

    A: Tensor
    b: Tensor

    @property
    def dim(self) -> int:
        return self.A.shape[1]

    def loss(self, x: Tensor) -> Tensor:
        size = (self.A @ x - self.b).abs()
        return torch.where(size <= 1, size**2, 2 * size - 1).sum()

    def convex_loss(self, x: Any) -> Any:
        return cp.sum(cp.huber(self.A.numpy() @ x - self.b.numpy()))


@dataclass(frozen=True)
class WrongTask(HuberTask):
    """Its expression is concave."""

    def convex_loss(self, x: Any) -> Any:
        return -cp.sum_squares(x)


@dataclass(frozen=True)
class UnboundedTask(HuberTask):
    """Its expression has no minimum."""

    def convex_loss(self, x: Any) -> Any:
        return cp.sum(x)


def batch(kind: type[HuberTask], size: int = 3) -> TaskBatch:
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(size, 8, 3, generator=generator, dtype=torch.float64)
    b = 3 * torch.randn(size, 8, generator=generator, dtype=torch.float64)
    return TaskBatch(kind, {"A": A, "b": b}, (size,))


def test_an_expression_gives_the_same_result_type_and_says_that_nothing_is_proved() -> None:
    tasks = batch(HuberTask)
    found = certified_optima(tasks)
    assert set(found.status) == {SolverStatus.OPTIMAL}
    assert not found.proved
    assert not found[0].proved
    for n in range(3):
        at = found.points[n]
        assert found.primal[n] == tasks[n].loss(at)
        assert tasks[n].gradient(at).norm() <= 1e-6
        near = at + 1e-3 * torch.eye(3).double()
        assert all(tasks[n].loss(point) >= found.dual[n] for point in near)
    assert bool((found.gap <= 1e-6 * (1 + found.primal)).all())
    for one in refer(tasks, found):
        assert torch.allclose(one.reported, found.primal, rtol=1e-7)


def test_by_hand() -> None:
    """φ(x − 3) + φ(x + 3) is flat between −2 and 2, with f* = 10."""
    task = HuberTask(torch.ones(2, 1).double(), torch.tensor([3.0, -3.0]).double())
    found = certified_optimum(task)
    assert found.primal == pytest.approx(10.0, rel=1e-9)
    assert found.dual <= 10.0


def test_an_expression_that_is_not_convex_is_refused_in_one_line() -> None:
    with pytest.raises(InvalidArgument, match=r"^convex_loss: got .*; allowed: .*convex$"):
        certified_optima(batch(WrongTask, 1))


def test_an_expression_without_a_minimum_is_a_failure() -> None:
    found = certified_optima(batch(UnboundedTask, 1))
    assert found.status == (SolverStatus.FAILED,)
    assert found[0].point is None
    assert found[0].dual == -torch.inf
