"""Lemma 4: the second step all but attains it when the gradient is large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory import recursion
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

STEEP = ([1.0], [0.0])
"""l = ½x², so that z_0 = x_0, and z_1(φ) − z_1(φ') = (φ' − φ)x_0."""


def test_it_is_tight_for_a_large_gradient(check_by_hand: Check) -> None:
    """observed / bound → x_0 / (x_0 + 1) as Φ shrinks to 0."""
    check = check_by_hand("lemma04", 2, STEEP, ([2.0**20],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.lower.value) == pytest.approx(2**20 / (2**20 + 1), rel=1e-9)


def test_the_first_step_does_not_depend_on_phi(check_by_hand: Check) -> None:
    check = check_by_hand("lemma04", 1, STEEP, ([3.0],), (0.0, 0.5))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.observed is not None
    assert check.observed.upper.value == 0


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(recursion.jacobian_bounds, "L_B = c.L_zphi * c.L * b.P + c", "L_B = c")
    monkeypatch.setattr(recursion, "jacobian_bounds", planted)
    assert (
        check_by_hand("lemma04", 2, STEEP, ([2.0**20],), (0.0, 2.0**-40)).verdict
        is CheckVerdict.VIOLATED
    )
