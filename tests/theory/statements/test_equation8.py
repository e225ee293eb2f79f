"""Eq. 8: each of its terms is needed, and it has two points where Theorem 1 has three."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict, Level
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.statements.equation8 import Equation8

from ..trials import check, line_trial, observed

ONE = [(1.0, 1.0)]
TWO = [(1.0, 1.0), (1.5, 1.0)]

ALONE: dict[str, tuple[Observed, tuple[str, str]]] = {
    "optimization": (
        # ĝ² has its optimum where training ended: the inner step stays.
        observed(line_trial(ONE, [(1.75, 1.0)], ONE, phi=(0.5, 2), alpha=0.1), 1.75),
        ('c["d_K"] + ', ""),
    ),
    "sampling of task 3": (
        observed(line_trial(TWO, TWO, TWO, phi=(0.5, 2), alpha=0.1, draws=(0, 2)), 1.5),
        ('c["d_N3"] + ', ""),
    ),
    "difference of gradients": (
        observed(line_trial(ONE, [(1.75, 1.0)], ONE, phi=(0.5, 2), alpha=0.5), 1.0),
        ('c["alpha"] * c["slopes"] + ', ""),
    ),
    "δ̃_13": (
        observed(line_trial(ONE, ONE, [(1.5, 1.0)], phi=(0.5, 2), alpha=0.1), 1.0),
        (' + c["delta_meta"]', ""),
    ),
}
"""For each term a trial in which it is the only one, and what drops it from the formula."""


def test_it_loses_just_what_m_g_loses_when_training_is_perfect() -> None:
    """One term alone on quadratic risks: E_M = ½ D² and M_g D with D half as long as Φ'."""
    seen, _ = ALONE["δ̃_13"]
    found = check(Equation8(), seen)
    assert found.ratio is not None
    # Φ' is Φ = [0.5, 2], whose end is 1 away from φ³_*: ½ (½)² / (1 · ½).
    assert float(found.ratio.lower.value) == pytest.approx(1 / 4, rel=1e-9)


def test_it_is_slack_with_uniform_constants() -> None:
    trial = line_trial(TWO, ONE * 2, ONE * 2, phi=(0.5, 2), alpha=0.5, draws=(1, 1), steps=3)
    found = check(Equation8(), observed(trial, 1.3), Level.UNIFORM)
    assert found.ratio is not None
    assert float(found.ratio.upper.value) < 0.01


@pytest.mark.parametrize("term", ALONE)
def test_without_one_of_its_terms_it_is_violated(
    term: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, defect = ALONE[term]
    assert check(Equation8(), seen).verdict is CheckVerdict.HOLDS
    monkeypatch.setattr(Equation8, "formula", mutated(Equation8.formula, *defect))
    assert check(Equation8(), seen).verdict is CheckVerdict.VIOLATED


def test_each_term_is_alone_in_its_trial() -> None:
    for term, (seen, _) in ALONE.items():
        sizes = {
            "optimization": seen.distances["d_K"],
            "sampling of task 3": seen.distances["d_N3"],
            "difference of gradients": seen.distances["slopes"],
            "δ̃_13": seen.distances["delta_meta"],
        }
        assert float(sizes.pop(term)) > 0.2
        assert all(float(size.upper()) < 1e-12 for size in sizes.values())
