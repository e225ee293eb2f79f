"""LASSO's optimum lies between the certified bounds, whatever the solver says."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.lasso import Lasso, LassoTask
from ml2o_theory.optima import (
    SolverStatus,
    certified_optima,
    certified_optimum,
)
from ml2o_theory.optima import lasso as solver
from ml2o_theory.optima.lasso import dual_bound, primal_bound, strong_bound

from .corners import conditioned, data, scalar
from .exact_lasso import exact_loss, lasso_bounds

GAP = 1e-10
"""Relative to F*, over A ~ N(0, σ²), σ from 0.1 to 200; seen: 2.5e-11 in 7,680 problems."""

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-100, 100, width=32))
SHARES = (0.0, 1e-10, 1e-6, 1e-3, 0.1, 1 - 1e-12, 1.0, 1 + 1e-12, 2.0)
"""λ over ‖Aᵀb‖_∞, beyond which x* = 0."""


def arrays(*shape: int) -> st.SearchStrategy[Tensor]:
    size = torch.Size(shape).numel()
    values = st.lists(ENTRIES, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64).reshape(shape))


def lasso(A: Tensor, b: Tensor, weight: float) -> LassoTask:
    return LassoTask(A, b, scalar(weight))


@st.composite
def tasks(draw: st.DrawFn) -> LassoTask:
    r, d = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    return lasso(draw(arrays(r, d)), draw(arrays(r)), draw(st.sampled_from([1e-3, 0.5, 10.0])))


def bounds(task: LassoTask, x: Tensor) -> tuple[float, float]:
    """The batched certificate of one problem: from x, and from θ = b − Ax."""
    one = tuple(value.unsqueeze(0) for value in (task.A, task.b, task.weight))
    theta = task.b - task.A @ x
    return primal_bound(*one, x[None]).item(), dual_bound(*one, theta[None]).item()


@given(tasks(), st.data())
def test_weak_duality_between_any_two_points(task: LassoTask, data: st.DataObject) -> None:
    """Also against the oracle, which rounds in ball arithmetic."""
    x, y = data.draw(arrays(task.dim)), data.draw(arrays(task.dim))
    found = [bounds(task, x), bounds(task, y), lasso_bounds(task, x), lasso_bounds(task, y)]
    one = tuple(value.unsqueeze(0) for value in (task.A, task.b, task.weight))
    strong = [strong_bound(*one, point[None]).item() for point in (x, y)]
    assert max([dual for _, dual in found] + strong) <= min(primal for primal, _ in found)


@given(tasks(), st.data())
def test_the_primal_bound_is_the_loss_rounded_up(task: LassoTask, data: st.DataObject) -> None:
    x = data.draw(arrays(task.dim))
    exact = exact_loss(task, x)
    # Rounding is relative to |A||x| + |b|, which may cancel.
    size = lasso(-task.A.abs(), task.b.abs(), task.weight.item()).loss(x.abs()).item()
    for primal, share in ((bounds(task, x)[0], 1e-14 * size), (lasso_bounds(task, x)[0], 0.0)):
        assert fmpq(*primal.as_integer_ratio()) >= exact
        assert primal <= float(arb(exact).upper()) * (1 + 1e-14) + share


@given(tasks(), st.data())
def test_the_dual_bound_is_at_least_the_oracle_s(task: LassoTask, data: st.DataObject) -> None:
    """It looks for the best multiple of θ, and the oracle only for a feasible one."""
    x = data.draw(arrays(task.dim))
    size = lasso(-task.A.abs(), task.b.abs(), task.weight.item()).loss(x.abs()).item()
    assert bounds(task, x)[1] >= lasso_bounds(task, x)[1] - 1e-12 * size


@given(
    st.lists(
        st.tuples(st.floats(0.125, 100, width=32), st.floats(-10, 10, width=32)),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([1e-3, 0.1, 1.0]),
)
def test_the_optimum_of_a_diagonal_problem_lies_between(
    diagonal: list[tuple[float, float]], weight: float
) -> None:
    """x*_j = soft(a_j b_j, λ) / a_j²: the optimum in closed form, coordinate by coordinate."""
    a, b = torch.tensor(diagonal, dtype=torch.float64).T
    task = lasso(torch.diag(a), b, weight)
    x = task.prox(a * b, 1.0) / a**2
    optimum, found = task.loss(x).item(), certified_optimum(task)
    size = (b @ b).item() / 2
    assert found.dual <= optimum + 1e-15 * size
    assert optimum <= found.primal + 1e-15 * size
    assert found.gap <= GAP * optimum + 1e-13 * size
    torch.testing.assert_close(torch.tensor(found.point).double(), x, rtol=1e-6, atol=1e-6)


@given(data(), st.sampled_from(SHARES))
def test_every_corner_has_a_certificate(
    drawn: tuple[Tensor, Tensor, float, str], share: float
) -> None:
    """Bounds that hold against the oracle, and a gap that closes where float64 can close it.

    The multiplier is a float vector: its rounding violates ‖Aᵀθ‖_∞ ≤ λ by some 10⁻¹⁵‖A‖‖b‖, and the
    gap is that much over λ. Where that is more than the tolerance, an open gap is the right answer.
    """
    A, b, condition, _ = drawn
    top = (A.mT @ b).abs().max().item()
    task = lasso(A, b, share * top)
    found = certified_optimum(task)
    assert found.status is not SolverStatus.FAILED
    assert found.point is not None
    assert 0 <= found.dual <= found.primal
    at = torch.tensor(found.point, dtype=torch.float64)
    primal, dual = lasso_bounds(task, at) if task.weight > 0 else (exact_above(task, at), 0.0)
    assert max(found.dual, dual) <= min(found.primal, primal)
    start = (b @ b).item() / 2
    assert found.primal <= start * (1 + 1e-13)
    open_gap = found.gap > 1e-9 * found.primal and found.gap > 1e-12 * start
    assert open_gap == (found.status is SolverStatus.INACCURATE)
    if open_gap:
        assert share <= 1e-6
        assert condition > 1e4 or share <= 1e-10
    if share >= 1 + 1e-12:
        assert found.status is SolverStatus.CLOSED_FORM
        assert not at.any()


def exact_above(task: LassoTask, x: Tensor) -> float:
    return float(arb(exact_loss(task, x)).upper()) * (1 + 1e-15)


@pytest.mark.parametrize("sigma", [0.1, 1.0, 10.0, 50.0, 100.0, 200.0])
def test_the_gap_is_small_at_every_scale_of_the_experiments(sigma: float) -> None:
    problems = sample_problems(
        Lasso.normal(sigma), seed=0, purpose="test of the optima", repeats=2, size=64
    )
    found = certified_optima(problems.tasks)
    assert set(found.status) == {SolverStatus.OPTIMAL}
    assert bool((found.relative_gap <= GAP).all())
    assert bool((found.kkt_residual <= 1e-11).all())
    assert bool((found.iterations >= 1).all() and (found.iterations <= 40).all())
    # The oracle agrees with both ends.
    for index in ((0, 0), (1, 63)):
        primal, dual = lasso_bounds(problems.tasks[index], found.points[index])
        assert max(dual, found[index].dual) <= min(primal, found[index].primal)


def test_the_mean_optimum_is_the_one_that_was_measured() -> None:
    """THEORY's fact 8 at σ = 100: ln of the mean over 128 problems is −6.69 ± 0.40."""
    problems = sample_problems(
        Lasso.normal(100.0), seed=0, purpose="test of the optima", repeats=1, size=128
    )
    mean = certified_optima(problems.tasks).primal.mean().item()
    assert abs(math.log(mean) + 6.69) <= 4 * 0.40


@pytest.mark.parametrize("weight", [3.0, 2.0 * (1 + 2**-50)])
def test_a_large_weight_makes_the_optimum_zero(weight: float) -> None:
    optimum = certified_optimum(
        lasso(torch.tensor([[2.0, 1.0]]).double(), scalar(1.0)[None], weight)
    )
    assert optimum.point == (0.0, 0.0)
    assert optimum.status is SolverStatus.CLOSED_FORM
    assert optimum.dual <= 0.5 <= optimum.primal
    assert optimum.gap <= 1e-15


def test_just_below_that_weight_it_is_not_zero() -> None:
    optimum = certified_optimum(lasso(torch.tensor([[2.0, 1.0]]).double(), scalar(1.0)[None], 1.9))
    assert optimum.status is SolverStatus.OPTIMAL
    assert optimum.primal < 0.5
    assert optimum.point == pytest.approx((0.1 / 4, 0.0), rel=1e-12)


def test_a_target_of_zero_has_optimum_zero() -> None:
    optimum = certified_optimum(lasso(torch.ones(2, 2).double(), torch.zeros(2).double(), 0.1))
    assert (optimum.value, optimum.gap) == (0.0, 0.0)


def test_without_a_weight_it_is_least_squares() -> None:
    """Beside problems that have one, in one batch and in their order."""
    A, b = conditioned(6, 3, 10.0, seed=0)
    batch = TaskBatch.stack([lasso(A, b, weight) for weight in (0.1, 0.0, 100.0, 0.2)])
    found = certified_optima(batch)
    assert found.solver == (
        "interior point, active set",
        "least squares",
        "x* = 0",
        "interior point, active set",
    )
    residual = b - A @ torch.linalg.lstsq(A, b).solution
    assert found[1].value == pytest.approx((residual @ residual).item() / 2, rel=1e-12)
    assert found[0] == certified_optimum(batch[0])
    assert found[1].value < found[0].value < found[3].value < found[2].value


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_weight_that_is_none_is_refused_in_one_line(weight: float) -> None:
    batch = TaskBatch(
        LassoTask,
        {
            "A": torch.ones(1, 2, 2).double(),
            "b": torch.ones(1, 2).double(),
            "weight": scalar(weight)[None],
        },
        (1,),
    )
    with pytest.raises(InvalidArgument, match=r"^weight: got .*; allowed: .*$"):
        certified_optima(batch)


@pytest.mark.parametrize("name", ["A", "b"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_data_that_is_not_finite_is_refused_in_one_line(name: str, value: float) -> None:
    tensors = {"A": torch.ones(2, 2, 2).double(), "b": torch.ones(2, 2).double()}
    tensors[name].flatten()[-1] = value
    batch = TaskBatch(LassoTask, tensors | {"weight": torch.ones(2).double()}, (2,))
    with pytest.raises(InvalidArgument, match=f"^{name}: got {value}; allowed: finite numbers$"):
        certified_optima(batch)


def test_copies_of_a_column_share_the_value() -> None:
    """And F* is that of the problem without the copies."""
    A, b = conditioned(8, 4, 100.0, seed=1)
    alone = certified_optimum(lasso(A, b, 0.01))
    copied = certified_optimum(
        lasso(torch.cat([A, A[:, :2], -A[:, 2:3], 0 * A[:, :1]], 1), b, 0.01)
    )
    assert copied.status is SolverStatus.OPTIMAL
    assert max(alone.dual, copied.dual) <= min(alone.primal, copied.primal)
    assert copied.gap <= GAP * copied.primal


def test_what_a_batch_holds_besides_does_not_matter() -> None:
    """Up to rounding: a problem's steps depend on the others' only in how many there are."""
    problems = sample_problems(Lasso(), seed=0, purpose="order", repeats=2, size=16)
    found = certified_optima(problems.tasks)
    for index in ((0, 0), (1, 7)):
        alone = certified_optimum(problems.tasks[index])
        assert alone.primal == pytest.approx(found[index].primal, rel=1e-12)
        assert alone.dual == pytest.approx(found[index].dual, rel=1e-11)


DEFECTS = {
    "the limit is forgotten": (
        dual_bound,
        (
            "best_factor(b, theta, largest_factor(weight, slope))",
            "best_factor(b, theta, slope * 0 + 9)",
        ),
    ),
    "the limit is too large": (
        dual_bound,
        ("largest_factor(weight, slope)", "largest_factor(weight * 1.1, slope)"),
    ),
    "the penalty is forgotten": (
        primal_bound,
        (" + IntervalTensor.exactly(x.abs()).sum(-1) * weight", ""),
    ),
    "the penalty has no subgradient": (
        strong_bound,
        (" + IntervalTensor.exactly(signs) * level", ""),
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_breaks_weak_duality(defect: str, mutated: Callable[..., Any]) -> None:
    function, change = DEFECTS[defect]
    planted = mutated(function, *change)
    generator = torch.Generator().manual_seed(0)
    A, b = (torch.randn(20, *s, generator=generator, dtype=torch.float64) for s in ((4, 4), (4,)))
    weight = torch.full((20,), 0.5, dtype=torch.float64)
    found = certified_optima(TaskBatch(LassoTask, {"A": A, "b": b, "weight": weight}, (20,)))
    theta = b - (A @ found.points.unsqueeze(-1)).squeeze(-1)
    # The least-squares solution has no gradient but the penalty's.
    at = {dual_bound: theta, strong_bound: torch.linalg.solve(A, b)}.get(function, found.points)
    value = planted(A, b, weight, at)
    if function is primal_bound:
        assert bool((value < found.dual * (1 - 1e-6)).any())
    else:
        assert bool((value > found.primal * (1 + 1e-6)).any())


def test_a_poor_solver_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too few iterations: the bounds still hold, and the status says that they are apart."""
    monkeypatch.setattr(solver, "ROUNDS", ((1e-8, 2, False),))
    problems = sample_problems(Lasso(), seed=0, purpose="poor", repeats=1, size=64)
    found = certified_optima(problems.tasks)
    monkeypatch.undo()
    good = certified_optima(problems.tasks)
    assert SolverStatus.INACCURATE in found.status
    assert bool((found.dual <= good.primal).all() and (good.dual <= found.primal).all())
    for optimum in found:
        closed = optimum.gap <= 1e-9 * optimum.primal
        assert (optimum.status is SolverStatus.OPTIMAL) == closed
