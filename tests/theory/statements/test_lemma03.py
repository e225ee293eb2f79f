"""Lemma 3: attained at a stationary start, where the trajectory does not move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory import recursion
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

CURVED = ([1.0, 2.0], [0.0, 0.0])
"""H = diag(1, 4): A_t(φ) − A_t(φ') = (φ' − φ)H."""


@pytest.mark.parametrize("T", [1, 2, 20])
def test_it_is_attained_at_a_stationary_start(T: int, check_by_hand: Check) -> None:
    check = check_by_hand("lemma03", T, CURVED, ([0, 0],), (0.25, -0.5))
    assert check.verdict is CheckVerdict.ATTAINED
    assert check.observed is not None
    assert float(check.observed.upper.value) == pytest.approx(3.0)


def test_the_first_step_attains_it_anywhere_and_the_second_does_not(check_by_hand: Check) -> None:
    first, second = (check_by_hand("lemma03", T, CURVED, ([3, 4],), (0.1, 0.2)) for T in (1, 2))
    assert first.verdict is CheckVerdict.ATTAINED
    assert second.verdict is CheckVerdict.HOLDS


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(recursion.jacobian_bounds, "b.P + c.L_P * rule", "b.P + rule")
    monkeypatch.setattr(recursion, "jacobian_bounds", planted)
    assert (
        check_by_hand("lemma03", 1, CURVED, ([0, 0],), (0.25, -0.5)).verdict
        is CheckVerdict.VIOLATED
    )
