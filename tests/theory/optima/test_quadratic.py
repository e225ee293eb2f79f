"""The optimum of least squares lies between its bounds, and they meet where H is invertible."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.optima import CertifiedOptimum, SolverStatus, certified_optimum

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
    assert optimum.status is SolverStatus.CLOSED_FORM


def test_the_bounds_meet_where_the_hessian_is_invertible() -> None:
    A = torch.randn(6, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    b = torch.arange(6.0, dtype=torch.float64)
    optimum = certified_optimum(QuadraticTask(A, b))
    residual = b - A @ torch.linalg.lstsq(A, b).solution
    assert optimum.value == pytest.approx((residual @ residual).item() / 2, rel=1e-12)
    assert optimum.gap <= 1e-14 * optimum.value


def test_a_poor_point_does_not_spoil_the_dual_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """f* = f(x) − ½gᵀH⁻¹g at every x: only the primal bound suffers."""
    A = torch.tensor([[1.0, 2.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    task = QuadraticTask(A, torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64))
    good = certified_optimum(task)
    poor = type(task.optimum())(torch.tensor([5.0, -7.0]).double(), torch.tensor(0.0).double())
    monkeypatch.setattr(QuadraticTask, "optimum", lambda self: poor)
    found = certified_optimum(task)
    assert found.primal > 10 * good.primal
    assert found.dual == pytest.approx(good.dual, rel=1e-12)


def test_without_full_rank_the_bound_is_zero() -> None:
    A = torch.tensor([[1.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    optimum = certified_optimum(QuadraticTask(A, torch.tensor([1.0, 2.0], dtype=torch.float64)))
    assert optimum.dual == 0
    assert optimum.value == pytest.approx(2.0)


def test_an_optimum_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="dual"):
        CertifiedOptimum((0.0,), 1.0, 2.0, "solver", SolverStatus.OPTIMAL)
    with pytest.raises(InvalidArgument, match="point"):
        CertifiedOptimum(None, math.inf, 0.0, "solver", SolverStatus.OPTIMAL)
