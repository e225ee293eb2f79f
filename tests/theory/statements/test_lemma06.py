"""Lemma 6: one step all but attains it when the gradient is large."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory.statements.lemma06 import Lemma06
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

UNIT = ([1.0], [0.0])
"""l = ½x²: ∇g_1(φ) = −(1 − φ)x_0², while L_g → x_0 + x_0² as Φ shrinks to 0."""


def test_one_step_is_tight_for_a_large_gradient(check_by_hand: Check) -> None:
    check = check_by_hand("lemma06", 1, UNIT, ([2.0**20],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.lower.value) == pytest.approx(2**20 / (2**20 + 1), rel=1e-9)


def test_it_is_slack_for_a_small_one(check_by_hand: Check) -> None:
    check = check_by_hand("lemma06", 1, UNIT, ([2.0**-10],), (0.0, 2.0**-40))
    assert check.ratio is not None
    assert float(check.ratio.upper.value) < 1e-3


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(Lemma06.formula, "+ score.L * b.P * b.J", "")
    monkeypatch.setattr(Lemma06, "formula", planted)
    check = check_by_hand("lemma06", 1, UNIT, ([2.0**20],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.VIOLATED
