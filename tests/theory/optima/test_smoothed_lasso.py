"""Smoothed LASSO: proved bounds that meet, for every corner of the data."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso, SmoothedLassoTask
from ml2o_theory.arithmetic import exact, matrix, precision, squared_norm, vector
from ml2o_theory.optima import SolverStatus, certified_optima, certified_optimum
from ml2o_theory.optima import smoothed_lasso as solver
from ml2o_theory.optima.smoothed_lasso import dual_bound, primal_bound, strong_bound

from .corners import conditioned, data, scalar

SHARES = (0.0, 1e-6, 1e-3, 0.1, 1.0, 10.0)
"""λ over ‖Aᵀb‖_∞."""

CORNERS = (1e-6, 1e-2, 1.0)
"""ε."""


def smoothed(A: Tensor, b: Tensor, weight: float, smoothing: float) -> SmoothedLassoTask:
    return SmoothedLassoTask(A, b, scalar(weight), scalar(smoothing))


def enclosed_loss(task: SmoothedLassoTask, x: Tensor) -> arb:
    """f(x) in ball arithmetic."""
    with precision():
        corner = exact(task.smoothing.item())
        penalty = sum((v * v + corner * corner).sqrt() for v in vector(x).entries())
        fit = squared_norm(matrix(task.A) * vector(x) - vector(task.b)) / 2
        return fit + exact(task.weight.item()) * penalty


@given(data(), st.sampled_from(SHARES), st.sampled_from(CORNERS))
def test_every_corner_has_a_certificate(
    drawn: tuple[Tensor, Tensor, float, str], share: float, smoothing: float
) -> None:
    """Bounds around f(x) at other points, and a gap that closes where float64 can close it."""
    A, b, condition, _ = drawn
    task = smoothed(A, b, share * ((A.mT @ b).abs().max().item() or 1.0), smoothing)
    found = certified_optimum(task)
    assert found.point is not None
    assert 0 <= found.dual <= found.primal
    at = torch.tensor(found.point, dtype=torch.float64)
    value = enclosed_loss(task, at)
    assert exact(found.primal) >= value.lower()
    for point in (at, 0 * at, at + smoothing, at * 1.01):
        assert exact(found.dual) <= enclosed_loss(task, point).upper()
    if found.status is SolverStatus.INACCURATE:
        assert condition >= 1e4
        assert share <= 1e-6


@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0, 50.0, 100.0, 200.0])
@pytest.mark.parametrize("smoothing", [1e-4, 1e-2])
def test_the_gap_is_small_at_every_scale_of_the_experiments(sigma: float, smoothing: float) -> None:
    family = SmoothedLasso.normal(sigma, smoothing=smoothing)
    problems = sample_problems(family, seed=0, purpose="test of the optima", repeats=1, size=64)
    found = certified_optima(problems.tasks)
    assert set(found.status) == {SolverStatus.OPTIMAL}
    assert bool((found.relative_gap <= 1e-10).all())
    assert bool((found.kkt_residual <= 1e-9).all())
    assert bool((found.iterations <= 60).all())


def test_by_hand_in_one_dimension() -> None:
    """x − b + λx/√(x² + ε²) = 0 at x = 3, ε = 4, λ = 5: b = 6, f* = ½·9 + 5·5."""
    found = certified_optimum(smoothed(torch.eye(1).double(), scalar(6.0)[None], 5.0, 4.0))
    assert found.point == pytest.approx((3.0,), rel=1e-14)
    assert found.dual <= 29.5 <= found.primal
    assert found.gap <= 1e-13


def test_it_lies_above_the_lasso_that_it_smoothes_by_at_most_d_lambda_epsilon() -> None:
    from ml2o_core.tasks.lasso import LassoTask

    A, b = conditioned(10, 10, 100.0, seed=0)
    kinked = certified_optimum(LassoTask(A, b, scalar(0.01)))
    for smoothing in (1e-6, 1e-3, 1.0):
        found = certified_optimum(smoothed(A, b, 0.01, smoothing))
        assert kinked.dual <= found.primal
        assert found.dual <= kinked.primal + 10 * 0.01 * smoothing


def test_without_a_weight_it_is_least_squares() -> None:
    A, b = conditioned(6, 3, 10.0, seed=0)
    found = certified_optima(
        TaskBatch.stack([smoothed(A, b, weight, 0.1) for weight in (0.0, 1.0, 0.0)])
    )
    assert found.solver == ("least squares", "Newton", "least squares")
    assert found[0].primal == found[2].primal < found[1].primal


@pytest.mark.parametrize(("weight", "smoothing"), [(-1.0, 0.1), (0.1, 0.0), (0.1, -1.0)])
def test_what_it_is_not_defined_for_is_refused(weight: float, smoothing: float) -> None:
    A, b = conditioned(2, 2, 1.0, seed=0)
    with pytest.raises(InvalidArgument, match="weight" if weight < 0 else "smoothing"):
        certified_optimum(smoothed(A, b, weight, smoothing))


def test_nan_is_refused_in_one_line() -> None:
    A, b = conditioned(2, 2, 1.0, seed=0)
    A[0, 0] = math.nan
    with pytest.raises(InvalidArgument, match=r"^A: got nan; allowed: finite numbers$"):
        certified_optimum(smoothed(A, b, 0.1, 0.1))


DEFECTS = {
    "the limit is forgotten": (
        dual_bound,
        ("largest_factor(weight, slope).clamp(max=1.0)", "torch.ones_like(weight)"),
    ),
    "the conjugate has the wrong factor": (
        dual_bound,
        (".sum(-1) * smoothing", ".sum(-1) * (2 * smoothing)"),
    ),
    "the penalty is forgotten": (primal_bound, (" + _psi(x, smoothing).sum(-1) * weight", "")),
    "the penalty has no gradient": (strong_bound, (" + x / psi * weight.unsqueeze(-1)", "")),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_breaks_weak_duality(defect: str, mutated: Callable[..., Any]) -> None:
    function, change = DEFECTS[defect]
    planted = mutated(function, *change)
    generator = torch.Generator().manual_seed(0)
    A, b = (torch.randn(20, *s, generator=generator, dtype=torch.float64) for s in ((4, 4), (4,)))
    one = torch.ones(20, dtype=torch.float64)
    problem = (A, b, one / 2, one / 4)
    names = ("A", "b", "weight", "smoothing")
    batch = TaskBatch(SmoothedLassoTask, dict(zip(names, problem, strict=True)), (20,))
    found = certified_optima(batch)
    least = torch.linalg.solve(A, b)
    theta = b - (A @ found.points.unsqueeze(-1)).squeeze(-1)
    at = {dual_bound: b if "limit" in defect else theta, strong_bound: least}
    value = planted(*problem, at.get(function, found.points))
    if function is primal_bound:
        assert bool((value < found.dual * (1 - 1e-6)).any())
    else:
        assert bool((value > found.primal * (1 + 1e-6)).any())


def test_a_poor_solver_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = sample_problems(SmoothedLasso(), seed=0, purpose="poor", repeats=1, size=16)
    good = certified_optima(problems.tasks)
    monkeypatch.setattr(solver, "ITERATIONS", 2)
    found = certified_optima(problems.tasks)
    assert SolverStatus.INACCURATE in found.status
    assert bool((found.dual <= good.primal).all())
    assert bool((good.dual <= found.primal).all())
