"""The optimum of least squares lies between its bounds, which meet whatever the rank of A."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_theory.optima import CertifiedOptimum, SolverStatus, certified_optima, certified_optimum
from ml2o_theory.optima import least_squares as solver
from ml2o_theory.optima.least_squares import curvature_bound, exact_bounds

from .corners import conditioned, data

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-10, 10, width=32))


def arrays(*shape: int) -> st.SearchStrategy[Tensor]:
    size = torch.Size(shape).numel()
    values = st.lists(ENTRIES, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64).reshape(shape))


@given(st.data(), st.integers(1, 4), st.integers(1, 4))
def test_no_point_is_below_the_dual_bound(data: st.DataObject, r: int, d: int) -> None:
    task = QuadraticTask(data.draw(arrays(r, d)), data.draw(arrays(r)))
    optimum = certified_optimum(task)
    x = data.draw(arrays(d))
    assert optimum.dual <= task.loss(x).item() * (1 + 1e-14)
    assert 0 <= optimum.dual <= optimum.primal
    assert optimum.status in (SolverStatus.CLOSED_FORM, SolverStatus.INACCURATE)


@given(data())
def test_every_corner_has_a_certificate(drawn: tuple[Tensor, Tensor, float, str]) -> None:
    """It contains the exact f*, and the gap is open only where a float x cannot come near x*."""
    A, b, condition, _ = drawn
    found = certified_optimum(QuadraticTask(A, b))
    at = torch.tensor(found.point, dtype=torch.float64)
    start = (b @ b).item() / 2
    assert 0 <= found.dual <= found.primal <= start * (1 + 1e-13)
    if A.numel() <= 1000:
        exact, value = exact_bounds(A, b, at)
        assert found.dual <= math.nextafter(exact, math.inf)
        assert math.nextafter(value, -math.inf) <= found.primal
    if found.status is SolverStatus.INACCURATE:
        assert condition >= 1e9


def test_the_bounds_meet_where_the_hessian_is_invertible() -> None:
    A, b = conditioned(6, 3, 100.0, seed=0)
    optimum = certified_optimum(QuadraticTask(A, b))
    residual = b - A @ torch.linalg.lstsq(A, b).solution
    assert optimum.value == pytest.approx((residual @ residual).item() / 2, rel=1e-12)
    assert optimum.gap <= 1e-12 * optimum.value
    assert optimum.kkt_residual <= 1e-14


def test_a_poor_point_does_not_spoil_the_dual_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """f* = f(x) − ½gᵀH⁻¹g at every x: only the primal bound suffers."""
    A = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    task = QuadraticTask(A, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    good, tried = certified_optimum(task), solver.minimiser
    monkeypatch.setattr(solver, "minimiser", lambda *a: (tried(*a)[0] + 0.25, tried(*a)[1]))
    # As it stands: without the exact solution of what is open.
    monkeypatch.setattr(solver, "EXACT_ENTRIES", 0)
    found = certified_optimum(task)
    assert found.primal > 1.1 * good.primal
    assert found.dual == pytest.approx(good.dual, rel=1e-12)
    assert found.status is SolverStatus.INACCURATE


@pytest.mark.parametrize("rows", [5, 10, 15])
def test_a_rank_that_is_deficient_exactly(rows: int) -> None:
    """Columns that repeat: f* is that of the others."""
    A, b = conditioned(rows, 4, 10.0, seed=rows)
    deficient = torch.cat([A, A[:, :1], 2 * A[:, 1:2], 0 * A[:, :1]], 1)
    alone, found = (certified_optimum(QuadraticTask(M, b)) for M in (A, deficient))
    assert found.status is SolverStatus.CLOSED_FORM
    assert found.gap <= 1e-14 * found.primal
    assert max(alone.dual, found.dual) <= min(alone.primal, found.primal)


def test_by_hand_without_full_rank() -> None:
    """½(x₁ + x₂ − 1)² + ½ 2² has f* = 2, exactly."""
    A = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    optimum = certified_optimum(QuadraticTask(A, torch.tensor([1.0, 2.0], dtype=torch.float64)))
    assert optimum.dual == 2.0
    assert optimum.primal == pytest.approx(2.0, rel=1e-15)


def test_full_row_rank_has_optimum_zero() -> None:
    found = certified_optima(Quadratic.normal(50.0).sample_batch(torch.Generator(), 32))
    assert set(found.status) == {SolverStatus.CLOSED_FORM}
    assert not found.dual.any()
    assert bool((found.primal <= 1e-18).all())


def test_an_open_gap_is_reported() -> None:
    """Singular up to rounding and no further: no float x comes near the minimiser."""
    A = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 2**-52], [0.0, 0.0]], dtype=torch.float64)
    b = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float64) / 3
    found = certified_optimum(QuadraticTask(A, b))
    assert found.status is SolverStatus.INACCURATE
    assert found.dual == pytest.approx(1 / 18, rel=1e-15)
    assert found.gap > 0.01


DEFECTS = {
    "the square is not halved": ("square().sum(-1) * 0.5 / remaining", "square().sum(-1) * 0.0"),
    "the gradient is not whitened": (
        "(IntervalTensor.exactly(whitening.mT) @ subgradient.unsqueeze(-1)).squeeze(-1)",
        "subgradient",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_above_the_optimum(
    defect: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    A, b = conditioned(6, 3, 100.0, seed=2)
    best = certified_optimum(QuadraticTask(A, b))
    monkeypatch.setattr(solver, "curvature_bound", mutated(curvature_bound, *DEFECTS[defect]))
    _, dual = solver.bounds_at(A[None], b[None], torch.tensor(best.point).double()[None] + 0.1)
    assert dual.item() > best.primal * (1 + 1e-6)


def test_replicates_come_one_after_another() -> None:
    problems = sample_problems(Quadratic(rows=6, cols=2), seed=0, purpose="o", repeats=2, size=3)
    found = certified_optima(problems.tasks)
    assert (len(found), found.shape) == (6, (2, 3))
    assert list(found)[4] == found[1, 1]
    alone = certified_optimum(problems.tasks[1, 1])
    assert alone.point == pytest.approx(found[1, 1].point, rel=1e-12)
    with pytest.raises(InvalidArgument, match="index"):
        found[0]
    with pytest.raises(IndexError):
        found[2, 0]


def test_suboptimality_is_measured_from_the_dual_bound_and_floored_by_the_gap() -> None:
    batch = TaskBatch.stack([QuadraticTask(torch.eye(2).double()[:1], torch.ones(1).double())] * 2)
    found = certified_optima(batch)
    moved = type(found)(
        found.points,
        torch.tensor([0.75, math.inf], dtype=torch.float64),
        torch.tensor([0.5, 0.0], dtype=torch.float64),
        found.kkt_residual,
        found.iterations,
        (SolverStatus.INACCURATE,) * 2,
        found.solver,
    )
    losses = torch.tensor([[0.75, 0.6, 3.0]] * 2, dtype=torch.float64)
    assert moved.excess(losses).tolist() == [[0.25, 0.25, 2.5], [0.75, 0.6, 3.0]]
    twice = moved.excess(torch.cat([losses, losses + 1]))
    assert twice[2].tolist() == [1.25, 1.1, 3.5]


def test_an_optimum_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="dual"):
        CertifiedOptimum((0.0,), 1.0, 2.0, "solver", SolverStatus.OPTIMAL)
    with pytest.raises(InvalidArgument, match="point"):
        CertifiedOptimum(None, math.inf, 0.0, "solver", SolverStatus.OPTIMAL)
