"""Lemma 2: its Q^T is attained by an expansive rule, its P_T all but attained by one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict
from ml2o_theory.statements.lemma02 import Lemma02
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]

CURVED = ([1.0, 2.0], [0.0, 0.0])
"""H = diag(1, 4): with φ = −1/2 a step multiplies the first coordinate by 3/2, the second by 3."""


@pytest.mark.parametrize("T", [1, 5, 30])
def test_the_growth_is_attained_along_the_top_eigenvector(T: int, check_by_hand: Check) -> None:
    check = check_by_hand("lemma02", T, CURVED, ([0, 0], [0, 1]), (-0.5, -0.5))
    assert check.verdict is CheckVerdict.ATTAINED
    assert check.observed is not None
    assert check.observed.contains(check.observed.lower.value)
    assert float(check.observed.upper.value) == pytest.approx(3.0**T, rel=1e-15)


def test_it_is_slack_along_the_other(check_by_hand: Check) -> None:
    check = check_by_hand("lemma02", 5, CURVED, ([0, 0], [1, 0]), (-0.5, -0.5))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.upper.value) == pytest.approx(0.5**5)


def test_one_step_all_but_attains_the_sensitivity_to_phi(check_by_hand: Check) -> None:
    """x_1 − x_1' = −(φ − φ')z_0, and M_m2 → ‖z_0‖ as Φ shrinks to 0."""
    check = check_by_hand("lemma02", 1, CURVED, ([3, 4],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.lower.value) > 1 - 1e-9


@pytest.mark.parametrize(
    ("old", "new", "starts", "phis"),
    [
        ("growth * apart.x0", "apart.x0", ([0, 0], [0, 1]), (-0.5, -0.5)),
        ("+ bounds(steps).P * apart.phi", "", ([3, 4],), (0.0, 0.25)),
    ],
)
def test_a_planted_defect_is_violated(
    old: str,
    new: str,
    starts: tuple[list[float], ...],
    phis: tuple[float, float],
    check_by_hand: Check,
    mutated: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Lemma02, "formula", mutated(Lemma02.formula, old, new))
    check = check_by_hand("lemma02", 3, CURVED, starts, phis)
    assert check.verdict is CheckVerdict.VIOLATED
