"""Lemma 9: attained at a common stationary start, where Δ = 0 and Δ̃ > 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory import recursion
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

STEEP = ([1.0, 2.0], [0.0, 0.0])
ROUND = ([1.0, 1.0], [0.0, 0.0])
"""H = diag(1, 4) and I: Δ̃ = 3, and x_0 = 0 minimises both."""


@pytest.mark.parametrize("T", [1, 2, 20])
def test_it_is_attained_at_a_common_stationary_start(T: int, check_by_hand: Check) -> None:
    check = check_by_hand("lemma09", T, STEEP, ([0, 0],), (-0.5, -0.5), ROUND)
    assert check.verdict is CheckVerdict.ATTAINED
    assert check.observed is not None
    assert float(check.observed.upper.value) == pytest.approx(1.5)


def test_it_is_slack_where_the_gradients_differ(check_by_hand: Check) -> None:
    """L_m charges ∇₁m = −φI with a dependence on z that it lacks."""
    check = check_by_hand("lemma09", 2, STEEP, ([3, 4],), (-0.5, -0.5), ROUND)
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.upper.value) < 0.1


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(
        recursion.jacobian_bounds, "c.M_m1 * (c.Delta_tilde + c.rho", "c.M_m1 * (c.rho"
    )
    monkeypatch.setattr(recursion, "jacobian_bounds", planted)
    assert (
        check_by_hand("lemma09", 2, STEEP, ([0, 0],), (-0.5, -0.5), ROUND).verdict
        is CheckVerdict.VIOLATED
    )
