"""Every statement on drawn trials, as drawn and trained: no verdict but HOLDS and ATTAINED."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckVerdict, Level, Vacuity
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.enclosure import RegionMismatch
from ml2o_theory.generalization.bounds import LEVELS
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.registry import risk_statements
from ml2o_theory.statements.theorem1 import Theorem1

from ..trials import box_trial, line_trial, observed, random_trial

GOOD = {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}


def test_all_hold_on_drawn_trials_and_nothing_is_left_out() -> None:
    """25 trials by a search of Hypothesis, each with every statement at every level."""
    seen_statements: Counter[str] = Counter()
    kinds: Counter[str] = Counter()

    @settings(max_examples=25)
    @given(st.integers(0, 10**6))
    def hold(index: int) -> None:
        try:
            seen, plan, size = random_trial(index)
            checks = list(TrialBounds.of(seen.trial).checks(seen, plan.epochs, size))
        except InvalidArgument as error:
            # Reading P may have its meta optimum outside of Φ.
            if "φ̃_M* inside" not in str(error):
                raise
            return
        for check in checks:
            assert check.verdict in GOOD, f"{check.statement}, {check.level}: {check.reason}"
            seen_statements[f"{check.statement}, {check.level.value}"] += 1
            assert (check.trivial is None) == (check.vacuity is Vacuity.NOT_DECLARED)
        kinds.update([plan.shape, plan.reading.value, f"T = {plan.T}"])

    hold()
    members = risk_statements()
    for name in ("theorem1", "equation8", "equation8_expanded", "remark2", "remark2_shared_terms"):
        for level in LEVELS:
            assert seen_statements[f"{members[name].number}, {level.value}"]
    assert seen_statements[f"{members['lemma14_full_batch'].number}, risk"]
    assert (
        seen_statements["Proposition 1, uniform"] == seen_statements["Proposition 1, closed-loop"]
    )
    assert {"scalar", "diagonal", "E", "P"} <= set(kinds)


TWO = [(1.0, 1.0), (1.5, 2.0)]


def test_numbers_of_two_trials_cannot_be_mixed() -> None:
    one, other = (line_trial(TWO, TWO, TWO, phi=(0.75, top), alpha=0.1) for top in (1.75, 2.0))
    terms = TrialBounds.of(one).terms(observed(one, 1.5), Level.RISK)
    foreign = TrialBounds.of(other).terms(observed(other, 1.5), Level.RISK)
    assert terms["d_K"].region != foreign["d_K"].region
    with pytest.raises(RegionMismatch):
        Theorem1().bound(terms | {"M_g": foreign["M_g"]})


def test_the_levels_are_in_their_order() -> None:
    """Each level's constants are at least those of the level before."""
    trial = box_trial([[[(1.25, 1.0)], [(1.5, 2.0)]]] * 3, (1, 1), 0.01, 3)
    bounds = TrialBounds.of(trial)
    for name in ("M_g", "L_g", "rho_g"):
        sizes = [getattr(bounds.tested(level), name).upper.value for level in LEVELS]
        assert sizes[0] <= sizes[1] <= sizes[2]
    mus = {str(bounds.tested(level).mu) for level in LEVELS}
    assert len(mus) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_in_reading_p_the_convexity_is_that_of_both_risks(level: Level) -> None:
    """A sample of the steep task alone: the population outside has less than its curvature."""
    trial = line_trial(TWO, TWO, TWO, phi=(0.75, 1.75), alpha=0.01, draws=(0, 2))
    for reading, mu in ((Reading.E, 2), (Reading.P, 1.5)):
        known = TrialBounds.of(replace(trial, reading=reading)).training(level)
        assert float(known.mu.upper.value) == pytest.approx(mu, rel=1e-12)


def test_without_a_certain_convexity_nothing_is_said_about_descent() -> None:
    """One task at T = 2 is flat at its optimum: A1 is open, and no inequality is a violation."""
    one = [(1.25, 1.0)]
    trial = line_trial(one, one, one, phi=(1.0, 1.5), alpha=0.1, steps=2)
    bounds = TrialBounds.of(trial)
    assert bounds.meta(Level.RISK) is None
    assert bounds.in_probability({}, 0.1, 5, Level.RISK) is None
    checks = list(bounds.checks(observed(trial, 1.5), 1, 1e-9))
    assert "Lemma 14 (full batch)" not in {check.statement for check in checks}
    of_risks = [check for check in checks if check.statement != "Proposition 1"]
    assert all(check.uncertified is not None for check in of_risks)
    assert {check.verdict for check in checks} <= {*GOOD, CheckVerdict.INCONCLUSIVE}


def test_a_step_longer_than_the_smoothness_allows_is_not_checked() -> None:
    trial = line_trial(TWO, TWO, TWO, phi=(0.75, 1.75), alpha=0.1)
    bounds, seen = TrialBounds.of(trial), observed(trial, 1.5)
    L = float(bounds.meta_smoothness(Level.RISK).upper.value)
    for step, said in ((0.99 / L, True), (1.01 / L, False)):
        names = {c.statement for c in bounds.checks(seen, 1, step) if c.level is Level.RISK}
        assert ("Lemma 14 (full batch)" in names) is said


def test_no_end_of_a_number_that_is_not_negative_is_below_0() -> None:
    trial = line_trial(TWO, TWO, TWO, phi=(0.75, 1.75), alpha=0.0)
    bounds, seen = TrialBounds.of(trial), observed(trial, 1.25)
    for value in bounds.terms(seen, Level.RISK).values():
        assert value.lower.value >= 0
    wide = bounds.enclosed(arb(0, 1))
    assert (wide.lower.value, float(wide.upper.value)) == (0, pytest.approx(1))
