"""Lemma 8: attained by an expansive rule, the difference along the top eigenvector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory import recursion
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

FLAT = ([1.0, 2.0], [0.0, 0.0])
TOP = ([1.0, 2.0], [0.0, 1.0])
SIDE = ([1.0, 2.0], [1.0, 0.0])
"""One Hessian, diag(1, 4); the gradients differ along the top eigenvector, or along the other."""


@pytest.mark.parametrize("T", [1, 5, 30])
def test_it_is_attained_along_the_top_eigenvector(T: int, check_by_hand: Check) -> None:
    """φ = −1/2 and Δ = 2: δx_T = S_T with Q = 3."""
    check = check_by_hand("lemma08", T, FLAT, ([1, 1],), (-0.5, -0.5), TOP)
    assert check.verdict is CheckVerdict.ATTAINED
    assert check.observed is not None
    assert float(check.observed.upper.value) == pytest.approx((3.0**T - 1) / 2, rel=1e-14)


def test_it_is_slack_along_the_other(check_by_hand: Check) -> None:
    check = check_by_hand("lemma08", 10, FLAT, ([1, 1],), (-0.5, -0.5), SIDE)
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.upper.value) < 0.01


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(recursion.step, "delta_x = c.Q * b.delta_x", "delta_x = b.delta_x")
    monkeypatch.setattr(recursion, "step", planted)
    assert (
        check_by_hand("lemma08", 2, FLAT, ([1, 1],), (-0.5, -0.5), TOP).verdict
        is CheckVerdict.VIOLATED
    )
