"""Theorem 1: almost attained where all points stand in line; each of its terms is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ml2o_core.results import CheckVerdict, Level, Vacuity
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.statements.theorem1 import Theorem1

from ..trials import check, line_trial, observed, terms

ONE = [(1.0, 1.0)]
"""A population of one task with its optimum at 1."""
TWO = [(1.0, 1.0), (1.5, 1.0)]
"""Two tasks: the optima are at 1, 1.5, and 1.25 for both together."""

ALONE: dict[str, tuple[Observed, tuple[str, str]]] = {
    "optimization": (
        observed(line_trial(ONE, ONE, ONE, phi=(0.5, 2), alpha=0.1), 1.75),
        ('(1 + c["alpha"] * c["L_g"]) * c["d_K"]', "0"),
    ),
    "task difference": (
        observed(line_trial(ONE, [(1.75, 1.0)], ONE, phi=(0.5, 2), alpha=0.5), 1.0),
        ('c["alpha"] * c["gap"]', "0"),
    ),
    "sampling": (
        observed(line_trial(TWO, TWO, TWO, phi=(0.5, 2), alpha=0.1, draws=(0, 2)), 1.5),
        ('c["d_N"]', "0"),
    ),
    "δ_13": (
        observed(line_trial(ONE, ONE, [(1.5, 1.0)], phi=(0.5, 2), alpha=0.1), 1.0),
        ('c["delta_13"]', "0"),
    ),
}
"""For each term a trial in which it is the only one, and what drops it from the formula."""


def tight() -> Observed:
    """φ_MK > φ̃_M* = φ̃_* > φ_* > φ³_* on a line, where g³' rises at once and then stays: α = 0.

    T = 9. Two of task 3's tasks have their optimum at the right end of Φ and a slope that falls
    like the 17th power of the distance from it; the third's slope hardly changes on so narrow a Φ.
    """
    w, T = 2e-3, 9
    center, last, far = 1 + 0.004 * w, 1 + 0.999 * w, 0.05
    # Their slopes c (1 − φ/center)^{2T−1}, c the curvature times the center, cancel at `center`.
    ratio = (1 - center / last) / (center / far - 1)
    trial = line_trial(
        [(1 + 0.4 * w, 1.0), (1 + 0.6 * w, 1.0), (1 + 0.05 * w, 1.0)],
        [(1 + 0.9 * w, 1.0)] * 3,
        [(last, 1.0), (last, 1.0), (far, 2 * last / far * ratio ** (2 * T - 1))],
        phi=(1.0, 1 + w),
        alpha=0.0,
        draws=(1, 1, 0),
        steps=T,
    )
    return observed(trial, 1 + w)


def test_it_is_almost_attained_on_a_line() -> None:
    seen = tight()
    found = check(Theorem1(), seen)
    assert found.ratio is not None
    assert found.verdict is CheckVerdict.HOLDS
    assert float(found.ratio.lower.value) > 0.9
    shares = [float(seen.distances[name]) for name in ("d_K", "d_N", "delta_13")]
    assert min(shares) > 0.1 * sum(shares)


def test_it_is_slack_and_vacuous_with_uniform_constants() -> None:
    """A contracting inner step and risks that are flat at their optima: two orders are lost."""
    trial = line_trial(TWO, ONE * 2, ONE * 2, phi=(0.5, 2), alpha=0.5, draws=(1, 1), steps=3)
    seen = observed(trial, 1.3)
    exact, uniform = (check(Theorem1(), seen, level) for level in (Level.RISK, Level.UNIFORM))
    for found in (exact, uniform):
        assert found.ratio is not None
        assert found.observed is not None
        assert found.observed.upper.value <= found.bound.lower.value
        assert float(found.ratio.upper.value) < 0.1
    assert uniform.vacuity is Vacuity.VACUOUS


@pytest.mark.parametrize("term", ALONE)
def test_without_one_of_its_terms_it_is_violated(
    term: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, defect = ALONE[term]
    assert check(Theorem1(), seen).verdict in {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}
    monkeypatch.setattr(Theorem1, "terms", mutated(Theorem1.terms, *defect))
    assert check(Theorem1(), seen).verdict is CheckVerdict.VIOLATED


def test_without_the_lipschitz_constant_of_the_tested_risk_it_is_violated(
    mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = line_trial(ONE, ONE, [(1.0, 100.0)], phi=(0.5, 2), alpha=0.1)
    assert check(Theorem1(), observed(trial, 2.0)).verdict is CheckVerdict.HOLDS
    monkeypatch.setattr(Theorem1, "formula", mutated(Theorem1.formula, 'c["M_g"] * ', ""))
    assert check(Theorem1(), observed(trial, 2.0)).verdict is CheckVerdict.VIOLATED


def test_with_task_1s_constant_in_place_of_task_2s_it_is_false() -> None:
    """All optima at 1; ĝ²'' = 8 against ĝ¹'' = 1/2 and α = 1: T̂² overshoots sevenfold.

    With φ_MK = 1 + r: E_M = ½ (7r)² = 24.5 r². Φ' ends at 1 ± 9r, so M_g³ = 9r: the bound is
    9r · (1 + 8) r = 81 r², and with L_ĝ¹ it would be 9r · 1.5 r = 13.5 r².
    """
    trial = line_trial([(1.0, 0.5)], [(1.0, 8.0)], ONE, phi=(0.875, 1.125), alpha=1.0)
    seen = observed(trial, 1.125)
    assert check(Theorem1(), seen).verdict is CheckVerdict.HOLDS
    known, error = terms(seen), seen.error(seen.meta)
    r2 = 0.125**2
    assert float(error) == pytest.approx(24.5 * r2, rel=1e-12)
    right = Theorem1().bound(known).upper.value
    assert float(right) == pytest.approx(81 * r2, rel=1e-12)
    wrong = known | {"L_g": trial.empirical[0].on(trial.reach, "Φ'").L_g}
    bound = Theorem1().bound(wrong).upper.value
    assert float(bound) == pytest.approx(13.5 * r2, rel=1e-12)
    assert error.lower() > bound
