"""The semidefinite program beside the secular equation: its multiplier proves, not its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import event, given
from hypothesis import strategies as st

from ml2o_core.seeding import generator
from ml2o_theory.arithmetic import exact, matrix, precision, vector
from ml2o_theory.constants import trust_region
from ml2o_theory.constants.trust_region import affine_norm_on_ball, dual_value
from ml2o_theory.convex import trust_region as module
from ml2o_theory.convex.solving import SOLVERS, Solution
from ml2o_theory.convex.trust_region import semidefinite_supremum

AGREE = {"CLARABEL": 1e-6, "SCS": 1e-5}
"""Relative, of the proved ends: a multiplier that is off by ε costs ε², but ε in the hard case.

CLARABEL stops at residuals of 1e-8 at the latest; SCS stops at 1e-9, and may be far from there.
"""

Problem = tuple[arb_mat, arb_mat, arb]


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Random ones; k = 0; the hard case, k orthogonal to the leading direction; wide and tall K."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    random = generator(draw(st.integers(0, 2**32)), purpose="trust region")
    K = torch.randn(rows, columns, generator=random, dtype=torch.float64)
    k = torch.randn(rows, generator=random, dtype=torch.float64)
    kind = draw(st.sampled_from(["random", "k = 0", "hard", "large", "small"]))
    event(kind)
    if kind == "k = 0":
        k = 0 * k
    if kind == "hard":
        leading = torch.linalg.svd(K).U[:, 0]
        k = (k - (leading @ k) * leading) / 10
    K = K * {"large": 1e5, "small": 1e-5}.get(kind, 1.0)
    return matrix(K), vector(k), exact(draw(st.sampled_from([0.5, 1.0, 100.0])))


@pytest.mark.parametrize("solver", SOLVERS)
@given(problem=problems())
def test_both_ways_enclose_one_number(solver: str, problem: Problem) -> None:
    with precision():
        secular = affine_norm_on_ball(*problem)
        semidefinite = semidefinite_supremum(*problem, solver)
        assert secular.lower.lower() <= semidefinite.upper.upper()
        event(f"{solver}: {semidefinite.status}")
        if solver == "SCS" and semidefinite.status != "optimal":
            return  # At its limit of iterations its multiplier may be anything.
        assert semidefinite.upper <= secular.lower * exact(1 + AGREE[solver])
        assert abs(semidefinite.reported - secular.lower) <= secular.lower * exact(1e-6)


def test_the_supremum_in_closed_form() -> None:
    """‖(2u₁, u₂ + 1)‖² on the unit ball is largest at u₂ = 1/3: 16/3, with the multiplier 4."""
    K, k = arb_mat([[2, 0], [0, 1]]), arb_mat([[0], [1]])
    with precision():
        supremum = (arb(16) / 3).sqrt()
        found = semidefinite_supremum(K, k, arb(1))
        assert supremum.lower() <= found.upper
        assert found.upper <= supremum * (1 + arb(1e-8))


def fixed() -> Iterator[Problem]:
    random = generator(0, purpose="trust region")
    for size in (2, 3, 4, 5, 6):
        K = torch.randn(size, size, generator=random, dtype=torch.float64)
        k = torch.randn(size, generator=random, dtype=torch.float64)
        yield matrix(K), vector(k), exact(1)


def test_the_value_that_a_solver_reports_is_no_bound() -> None:
    """Why the multiplier is evaluated again: values below the supremum are reported."""
    with precision():
        for problem in fixed():
            attained, found = affine_norm_on_ball(*problem).lower, semidefinite_supremum(*problem)
            assert found.reported < attained
            assert attained.lower() <= found.upper.upper()


@given(problems(), st.floats(0, 10))
def test_any_multiplier_proves_a_bound(problem: Problem, multiplier: float) -> None:
    """Below ‖K‖² there is none to prove, and the bound is ∞."""
    K, k, _ = problem
    with precision():
        attained = affine_norm_on_ball(K, k, arb(1)).lower
        assert attained.lower() <= dual_value(K, k, multiplier).upper()


DEFECTS = {
    "the multiplier's own cost is forgotten": ("squared_norm(k) + mu +", "squared_norm(k) +"),
    "the constant term is forgotten": ("squared_norm(k) + mu", "mu"),
    "the last term is forgotten": (" + squared_norm(w)", ""),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_below_the_supremum(defect: str, mutated: Callable[..., Any]) -> None:
    planted = mutated(trust_region.dual_value, *DEFECTS[defect])
    K, k = arb_mat([[2, 0], [0, 1]]), arb_mat([[0], [1]])
    with precision():
        assert planted(K, k, 4.0) < (arb(16) / 3).sqrt() - arb("0.01")
        assert dual_value(K, k, 4.0) >= (arb(16) / 3).sqrt().lower()


def test_a_solver_that_fails_bounds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = Solution(float("nan"), None, "failed")
    monkeypatch.setattr(module, "solve", lambda *_: failed)
    found = semidefinite_supremum(*next(fixed()))
    assert found.reported.is_nan()
    assert found.upper > 0
    assert not found.upper.is_finite()
    assert found.status == "failed"
