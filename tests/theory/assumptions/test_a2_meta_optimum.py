"""A2 in its readings: optima by float root finding, fact 1's inequality, both cases of E."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flint import arb
from hypothesis import event, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import AssumptionVerdict
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.a2_meta_optimum import A2, Reading, joint_satisfiability
from ml2o_theory.assumptions.base import AssumptionCheck
from ml2o_theory.assumptions.instances import close_population
from ml2o_theory.assumptions.meta_optima import MetaOptima, second_solution
from ml2o_theory.regions import ParameterInterval

HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN
CLOSE = close_population()
LARGE = replace(CLOSE, alpha=0.01)
"""An inner step with αL_ĝ ≥ 1."""


def numbers(found: AssumptionCheck) -> dict[str, tuple[float, float]]:
    return {
        part.symbol: (float(part.value.lower.value), float(part.value.upper.value))
        for part in found.evidence
    }


def optima() -> tuple[float, float, float]:
    """φ_*, φ̂_* and φ̃_P in float64."""
    found, phi = MetaOptima.of(CLOSE), CLOSE.phi
    assert isinstance(phi, ParameterInterval)

    def population(at: float) -> float:
        return float(found.population.derivative(exact(at)).mid())

    def empirical(at: float) -> float:
        return float(found.empirical.derivative(exact(at)).mid())

    star = brentq(population, phi.lower, phi.upper, xtol=1e-15)
    hat = brentq(empirical, phi.lower, phi.upper, xtol=1e-15)
    meta = brentq(
        lambda at: at - CLOSE.alpha * empirical(at) - star, phi.lower, phi.upper, xtol=1e-15
    )
    return star, hat, meta


def test_reading_e_is_refuted_where_the_inner_step_is_injective() -> None:
    found = A2(Reading.E).check(CLOSE)
    assert found.verdict is REFUTED
    assert found.assumption == "A2:E"
    assert found.refutation is not None
    (exhibit,) = found.refutation.exhibits
    at = MetaOptima.of(CLOSE)
    margin = 1 - CLOSE.alpha * float(at.empirical.curvature(exact(exhibit.points["φ"][0])).mid())
    assert float(exhibit.value.mid()) == pytest.approx(margin, rel=1e-12)
    assert exhibit.value > 0
    low, high = numbers(found)["residual E"]
    assert abs(low) < 1e-50 > abs(high)


def test_reading_e_holds_alone_for_a_large_step_but_never_with_lemma_14() -> None:
    """The negative control of injectivity: αL_ĝ ≥ 1, and another φ goes to φ̂_* too."""
    found = A2(Reading.E).check(LARGE)
    assert found.verdict is HOLDS
    assert numbers(found)["nontriviality"][0] > 0
    assert second_solution(MetaOptima.of(CLOSE), [0.24 + k * 0.001 for k in range(121)]) is None
    for setting in (CLOSE, LARGE):
        joint = joint_satisfiability(setting, Reading.E)
        assert joint.verdict is REFUTED
        assert joint.refutation is not None
        assert joint.row("a", "joint").witness
    assert joint.refutation.exhibits[-1].value.overlaps(arb(0))


def test_reading_p_by_float_root_finding() -> None:
    star, hat, meta = optima()
    found = numbers(A2(Reading.P).check(CLOSE))
    for symbol, claimed in (
        ("nontriviality", abs(meta - hat)),
        ("distance to phi*", abs(meta - star)),
        ("sampling error", abs(star - hat)),
    ):
        assert found[symbol][0] == pytest.approx(claimed, rel=1e-8)
        assert found[symbol][1] - found[symbol][0] < 1e-30 * claimed
    assert abs(found["residual P"][1]) < 1e-50
    joint = joint_satisfiability(CLOSE, Reading.P)
    assert joint.verdict is HOLDS
    assert all(numbers(joint)[symbol][0] > 0 for symbol in ("mu", "mu_G"))


def test_reading_p_is_trivial_where_the_batch_is_the_population() -> None:
    assert A2(Reading.P).check(replace(CLOSE, batch=4)).verdict is REFUTED


def test_reading_m_measures_both_residuals() -> None:
    found = A2(Reading.M).check(CLOSE)
    assert found.verdict is HOLDS
    values = numbers(found)
    assert values["residual E"][0] > 0
    assert values["residual P"][0] > 0
    assert joint_satisfiability(CLOSE, Reading.M).verdict is OPEN


@settings(max_examples=settings.default.max_examples // 4)
@given(alpha=st.floats(1e-6, 2e-3), steps=st.integers(1, 3), batch=st.integers(1, 3))
def test_the_inequality_of_reading_p(alpha: float, steps: int, batch: int) -> None:
    """error/(1 − αμ) ≤ non-triviality ≤ error/(1 − αL_ĝ), whenever T̂ is injective."""
    found = A2(Reading.P).check(close_population(alpha=alpha, steps=steps, batch=batch))
    event(found.verdict.value)
    if found.verdict is HOLDS:
        values = numbers(found)
        low = values["sampling error / (1 - alpha mu)"]
        high = values["sampling error / (1 - alpha L)"]
        assert low[0] * (1 - 1e-12) <= values["nontriviality"][1]
        assert values["nontriviality"][0] <= high[1] * (1 + 1e-12)


def test_other_rules_and_minima_at_an_end_are_open() -> None:
    assert A2(Reading.E).check(replace(CLOSE, rule=MLPRule(hidden=1))).verdict is OPEN
    elsewhere = replace(CLOSE, phi=ParameterInterval(0.34, 0.36))
    for reading in Reading:
        found = A2(reading).check(elsewhere)
        assert found.verdict is OPEN
        assert "end of Φ" in found.reason
        assert joint_satisfiability(elsewhere, reading).verdict is OPEN
