"""Lemma 5: off by a factor of 5/2 at T = 2, which is near its best."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory import recursion
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

UNIT = ([1.0], [0.0])
"""l = ½x² from x_0 = 1: J_2(φ) = −2(1 − φ), while L_J,2 → 5 as Φ shrinks to 0."""


def test_two_steps_come_within_a_constant_factor(check_by_hand: Check) -> None:
    check = check_by_hand("lemma05", 2, UNIT, ([1.0],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.lower.value) == pytest.approx(0.4, rel=1e-9)


def test_it_is_slack_for_one_step(check_by_hand: Check) -> None:
    """J_1 = −z_0 does not depend on φ, but L_m allows for it."""
    check = check_by_hand("lemma05", 1, UNIT, ([1.0],), (0.0, 0.5))
    assert check.observed is not None
    assert check.bound is not None
    assert check.observed.upper.value == 0
    assert check.bound.lower.value == 0.5


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(recursion.step, "+ L_A * b.J + L_B", "")
    monkeypatch.setattr(recursion, "step", planted)
    assert (
        check_by_hand("lemma05", 2, UNIT, ([1.0],), (0.0, 2.0**-40)).verdict
        is CheckVerdict.VIOLATED
    )
