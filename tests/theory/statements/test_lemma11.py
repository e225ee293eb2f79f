"""Lemma 11: attained at T = 1; slack later, even where Lemmas 8 and 10 are attained."""

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


def test_one_step_attains_it(check_by_hand: Check) -> None:
    """J_1 = −z_0: the gap is Δ, and so is Δ_J."""
    for second in (TOP, SIDE):
        check = check_by_hand("lemma11", 1, FLAT, ([1, 1],), (-0.5, -0.5), second)
        assert check.verdict is CheckVerdict.ATTAINED


@pytest.mark.parametrize("T", [2, 10])
def test_it_is_slack_for_more(T: int, check_by_hand: Check) -> None:
    check = check_by_hand("lemma11", T, FLAT, ([1, 1],), (-0.5, -0.5), TOP)
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.upper.value) < 0.5


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(recursion.step, "Delta_A * b.J + Delta_B", "Delta_A * b.J")
    monkeypatch.setattr(recursion, "step", planted)
    assert (
        check_by_hand("lemma11", 1, FLAT, ([1, 1],), (-0.5, -0.5), TOP).verdict
        is CheckVerdict.VIOLATED
    )
