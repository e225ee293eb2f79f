"""Lemma 13: attained by the rule of gain 0 at every T."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory import recursion
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

STEEP = ([2.0], [1.0])
"""l = ½(2x − 1)² from x_0 = 2: z_0 = 6."""


@pytest.mark.parametrize("T", [1, 2, 30])
def test_the_rule_of_gain_zero_attains_it(T: int, check_by_hand: Check) -> None:
    """J_T = −T z_0, so |∇g_T| = T z_0² = M P_T."""
    check = check_by_hand("lemma13", T, STEEP, ([2.0],), (0.0, 0.0))
    assert check.verdict is CheckVerdict.ATTAINED
    assert check.observed is not None
    assert float(check.observed.upper.value) == pytest.approx(36.0 * T)


def test_it_is_slack_for_a_rule_that_descends(check_by_hand: Check) -> None:
    check = check_by_hand("lemma13", 20, STEEP, ([2.0],), (0.125, 0.25))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.upper.value) < 1e-4


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(recursion.step, "P = c.Q_P * b.P + c.M_m2", "P = c.M_m2")
    monkeypatch.setattr(recursion, "step", planted)
    assert check_by_hand("lemma13", 2, STEEP, ([2.0],), (0.0, 0.0)).verdict is CheckVerdict.VIOLATED
