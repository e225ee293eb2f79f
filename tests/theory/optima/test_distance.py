"""How far a certified point can be from the minimiser: tight, slack, and where nothing is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.optima import CertifiedOptima, certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser, from_minimiser

from .corners import conditioned, scalar


def moved(
    tasks: TaskBatch, optima: CertifiedOptima, by: Tensor
) -> tuple[CertifiedOptima, CertifiedOptima]:
    """The optima, and the same with worse points and the gaps of those."""
    points = optima.points + by
    losses = torch.stack([tasks[n].loss(points[n]) for n in range(len(points))])
    return optima, replace(optima, points=points, primal=losses)


def test_it_is_attained_along_the_flattest_direction() -> None:
    """f = ½‖Ax − b‖² rises by ½σ_min²t² at x* + tv_min: the bound is t."""
    A, b = conditioned(6, 3, 100.0, seed=0)
    tasks = TaskBatch.stack([QuadraticTask(A, b)])
    v = torch.linalg.svd(A).Vh[-1]
    _, worse = moved(tasks, certified_optima(tasks), v)
    assert distance_to_minimiser(tasks, worse).item() == pytest.approx(1.0, rel=1e-8)


@given(st.integers(0, 2**32), st.sampled_from([1.0, 100.0, 1e6]), st.floats(1e-6, 10))
def test_no_point_is_further_away(seed: int, condition: float, size: float) -> None:
    """Diagonal LASSO problems, whose minimiser is known: x_j = soft(a_j b_j, λ)/a_j²."""
    generator = torch.Generator().manual_seed(seed)
    a = condition ** -torch.rand(3, generator=generator, dtype=torch.float64)
    b = torch.randn(3, generator=generator, dtype=torch.float64)
    task = LassoTask(torch.diag(a), b, scalar(0.1))
    best = task.prox(a * b, 1.0) / a**2
    tasks = TaskBatch.stack([task])
    direction = torch.randn(3, generator=generator, dtype=torch.float64)
    for optima in moved(tasks, certified_optima(tasks), size * direction):
        apart = (optima.points[0] - best).norm()
        assert apart <= distance_to_minimiser(tasks, optima).item() + 1e-13 * best.norm()


def test_a_run_is_no_further_than_its_point_and_the_point_together() -> None:
    """Tight where x_t, x̂ and x* lie on a line; for each of two copies; ∞ where x* is not known."""
    minimiser, point = 0.0, 1.0
    runs = torch.tensor([[[3.0, 2.0], [5.0, torch.nan]]] * 2, dtype=torch.float64)
    radius = torch.tensor([[abs(point - minimiser), torch.inf]], dtype=torch.float64)
    found = from_minimiser((runs - point).abs(), radius)
    assert found[:, 0].tolist() == [[3.0, 2.0]] * 2
    assert found[:, 1].tolist() == [[torch.inf, torch.inf]] * 2
    # Negative control: the distance from the point alone is too small.
    assert ((runs - point).abs()[:, 0] < (runs - minimiser).abs()[:, 0]).all()


def test_without_full_rank_or_a_proof_there_is_no_bound() -> None:
    A, b = conditioned(6, 3, 10.0, seed=0)
    wide = TaskBatch.stack([QuadraticTask(A.mT.contiguous(), b[:3])])
    repeated = TaskBatch.stack([QuadraticTask(torch.cat([A, A[:, :1]], 1), b)])
    for tasks in (wide, repeated):
        assert distance_to_minimiser(tasks, certified_optima(tasks)).item() == torch.inf
    tasks = TaskBatch.stack([QuadraticTask(A, b)])
    unproved = replace(certified_optima(tasks), proved=False)
    assert distance_to_minimiser(tasks, unproved).item() == torch.inf


def test_rosenbrock_s_minimiser_is_known() -> None:
    tasks = TaskBatch.stack([RosenbrockTask(torch.ones(1).double())] * 2)
    assert distance_to_minimiser(tasks, certified_optima(tasks)).tolist() == [0.0, 0.0]


def test_a_planted_defect_is_below_the_distance(mutated: Callable[..., Any]) -> None:
    A, b = conditioned(6, 3, 100.0, seed=0)
    tasks = TaskBatch.stack([QuadraticTask(A, b)])
    _, worse = moved(tasks, certified_optima(tasks), torch.linalg.svd(A).Vh[-1])
    planted = mutated(distance_to_minimiser, "exactly(gap.upper) * 2.0", "exactly(gap.upper) * 1.0")
    assert planted(tasks, worse).item() < 0.8
