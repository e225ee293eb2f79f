"""Statements about samples: the verdict follows from two intervals and a level."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, CheckVerdict, Interval, Number, Results, Vacuity
from ml2o_core.statistics import clopper_pearson, mean_interval
from ml2o_core.unroll import GraphMode
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.statistical import StatisticalCheck, corrected, runs_to_decide

ABOUT: dict[str, Any] = {
    "statement": "Lemma 15",
    "tasks": "64 quadratics",
    "rule": "gain",
    "region": "Φ = [0, 1]",
    "T": 5,
    "graph": GraphMode.FULL,
}


def check(observed: Interval, claimed: Interval, **more: Any) -> StatisticalCheck:
    level = {"confidence": 0.95, "multiplicity": 1, "trials": 100, "how": "drawn"}
    return StatisticalCheck(observed=observed, claimed=claimed, **(ABOUT | level | more))


def between(lower: float | str, upper: float | str) -> Interval:
    return Interval.between(lower, upper)


@pytest.mark.parametrize(
    ("observed", "claimed", "verdict"),
    [
        (between(1, 2), between(2, 3), CheckVerdict.HOLDS),
        (between(0, 0), between(0, 0), CheckVerdict.HOLDS),
        (between(1, 2), between("2e5000", "inf"), CheckVerdict.HOLDS),
        (between(1, "2.0000000000000000001"), between(2, 3), CheckVerdict.INCONCLUSIVE),
        (between(3, 4), between(2, 3), CheckVerdict.INCONCLUSIVE),
        (between("3.0000000000000000001", 4), between(2, 3), CheckVerdict.VIOLATED),
        (between(3, 4), between(2, "inf"), CheckVerdict.INCONCLUSIVE),
        (between("-inf", "inf"), between(2, 3), CheckVerdict.INCONCLUSIVE),
    ],
)
def test_verdicts(observed: Interval, claimed: Interval, verdict: CheckVerdict) -> None:
    found = check(observed, claimed)
    assert found.verdict is verdict
    assert bool(found.reason) == (verdict is not CheckVerdict.HOLDS)
    assert found.row("a", "check").verdict is verdict


@pytest.mark.parametrize("multiplicity", [1, 11])
@pytest.mark.parametrize("delta", [0.01, 0.1, 0.5])
def test_fewer_runs_do_not_decide_even_without_a_failure(delta: float, multiplicity: int) -> None:
    n = runs_to_decide(delta, 0.99, multiplicity)
    about = {"confidence": 0.99, "multiplicity": multiplicity, **ABOUT}
    verdicts = [
        StatisticalCheck.failure_rate(0, trials, delta, **about).verdict for trials in (n - 1, n)
    ]
    assert verdicts == [CheckVerdict.INCONCLUSIVE, CheckVerdict.HOLDS]


def test_a_refuted_assumption_comes_first_and_an_uncertified_one_stops_a_violation() -> None:
    above, below = (between(4, 5), between(2, 3)), (between(1, 2), between(2, 3))
    refuted = check(*below, refuted="A1 is refuted at φ = 0")
    assert refuted.verdict is CheckVerdict.NOT_APPLICABLE
    assert "A1 is refuted at φ = 0" in refuted.reason
    assert check(*above, uncertified="A1 is open").verdict is CheckVerdict.INCONCLUSIVE
    assert "A1 is open" in check(*above, uncertified="A1 is open").reason
    assert check(*below, uncertified="A1 is open").verdict is CheckVerdict.HOLDS


def rate(failures: int, trials: int, delta: float, **more: Any) -> StatisticalCheck:
    return StatisticalCheck.failure_rate(failures, trials, delta, **(ABOUT | more))


def test_a_rate_of_failure_is_decided_by_its_interval_and_not_by_the_rate() -> None:
    """3 of 60 is below δ = 0.1 and proves nothing; 3 of 600 is clearly below, 90 of 600 above."""
    assert rate(3, 60, 0.1).verdict is CheckVerdict.INCONCLUSIVE
    assert rate(3, 600, 0.1).verdict is CheckVerdict.HOLDS
    assert rate(90, 600, 0.1).verdict is CheckVerdict.VIOLATED
    found = clopper_pearson(3, 60, 0.95)
    assert rate(3, 60, 0.1).observed == between(found.lower, found.upper)


def test_sharing_the_level_widens_the_interval() -> None:
    alone, shared = rate(9, 200, 0.1), rate(9, 200, 0.1, multiplicity=50)
    assert (alone.verdict, shared.verdict) == (CheckVerdict.HOLDS, CheckVerdict.INCONCLUSIVE)
    found = clopper_pearson(9, 200, 1 - 0.05 / 50)
    assert shared.observed == between(found.lower, found.upper)
    assert (shared.confidence, shared.multiplicity) == (0.95, 50)
    assert "50 checks" in shared.how
    assert "checks" not in alone.how


def test_a_false_alarm_is_as_rare_as_the_level_says_and_rarer_than_without_correction() -> None:
    """A statement that holds with equality, checked 20 times over."""
    rng = np.random.default_rng(0)
    families, checks = 300, 20
    alarms = {True: 0, False: 0}
    for _ in range(families):
        failures = rng.binomial(100, 0.3, size=checks)
        for is_corrected in alarms:
            multiplicity = checks if is_corrected else 1
            made = [rate(int(k), 100, 0.3, multiplicity=multiplicity) for k in failures]
            alarms[is_corrected] += any(c.verdict is CheckVerdict.VIOLATED for c in made)
    # 300 families at 0.025 (one side): standard deviation 0.9 %; four of them.
    assert alarms[True] / families < 0.061
    assert alarms[False] / families > 0.15


def mean(samples: Any, claimed: Interval, **more: Any) -> StatisticalCheck:
    return StatisticalCheck.expectation(samples, claimed, **(ABOUT | more))


def test_a_mean_is_held_against_the_claim_with_students_interval() -> None:
    samples = np.random.default_rng(0).normal(1.0, 1.0, size=40)
    found = mean(samples, between(2, 2), multiplicity=4)
    interval = mean_interval(samples, 1 - 0.05 / 4)
    assert found.observed == between(interval.lower, interval.upper)
    assert found.verdict is CheckVerdict.HOLDS
    assert mean(samples, between(0, 0)).verdict is CheckVerdict.VIOLATED
    assert mean(samples, between(1, 1)).verdict is CheckVerdict.INCONCLUSIVE
    assert "normal" in found.how
    assert found.trials == 40


def test_one_sample_decides_nothing() -> None:
    found = mean([1.0], between(5, 5))
    assert found.verdict is CheckVerdict.INCONCLUSIVE
    assert found.ratio is None


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_the_ratio_holds_every_quotient(a: float, b: float, c: float, d: float) -> None:
    (low, high), (below, above) = sorted((a, b)), sorted((c, d))
    ratio = check(between(low, high), between(below, above)).ratio
    assert ratio is not None
    assert float(ratio.lower) <= low / above * (1 + 1e-15)
    assert float(ratio.upper) >= high / below * (1 - 1e-15)
    assert float(ratio.upper) == pytest.approx(high / below)


def test_the_ratio_survives_any_magnitude_and_is_missing_at_zero() -> None:
    ratio = check(between(1, 2), between("1e5000", "2e5000")).ratio
    assert ratio == between("5e-5001", "2e-5000")
    assert check(between(1, 2), between(0, 3)).ratio is None
    assert check(between(-1, 2), between(1, 3)).ratio is None


def test_a_probability_is_vacuous_at_one_and_a_mean_declares_nothing() -> None:
    assert rate(3, 60, 1.0).vacuity is Vacuity.VACUOUS
    assert rate(3, 60, 0.1).vacuity is Vacuity.INFORMATIVE
    assert mean([1.0, 2.0], between(5, 5)).vacuity is Vacuity.NOT_DECLARED
    told = mean([1.0, 2.0], between(5, 5), trivial=Interval.point(4))
    assert told.vacuity is Vacuity.VACUOUS


def test_its_row_is_statistical_and_carries_the_level(tmp_path: Any) -> None:
    row = rate(3, 600, 0.1, multiplicity=6, confidence=0.9).row("theorem1", "coverage", "δ=0.1")
    assert (row.kind, row.confidence, row.multiplicity) == (CheckKind.STATISTICAL, 0.9, 6)
    assert (row.trials, row.bound) == (600, Interval.point(0.1))
    assert "Clopper" in str(row.search)
    Results((row,)).save(tmp_path)
    assert Results.load(tmp_path).rows == (row,)


def test_no_certificate_comes_out_of_it() -> None:
    """Its numbers are stored intervals: an `Enclosure` cannot be built from one."""
    found = rate(3, 600, 0.1)
    for number in (found.observed, found.claimed, found.ratio):
        assert isinstance(number, Interval)
        assert not isinstance(number, Enclosure)
    assert isinstance(found.observed.lower, Number)
    with pytest.raises((InvalidArgument, AttributeError, TypeError)):
        Enclosure(found.observed.lower, found.observed.upper, "value")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "multiplicity"), [(0.0, 1), (1.0, 1), (math.nan, 1), (0.95, 0), (0.95, -2)]
)
def test_levels_that_are_none_are_refused(level: float, multiplicity: int) -> None:
    with pytest.raises(InvalidArgument):
        corrected(level, multiplicity)
    with pytest.raises(InvalidArgument):
        check(between(1, 2), between(2, 3), confidence=level, multiplicity=multiplicity)


def test_a_probability_outside_of_0_and_1_and_no_trials_are_refused() -> None:
    for failures, trials, delta in ((3, 60, 1.1), (3, 60, -0.1), (0, 0, 0.1), (4, 3, 0.1)):
        with pytest.raises(InvalidArgument):
            rate(failures, trials, delta)
    with pytest.raises(InvalidArgument):
        check(between(1, 2), between(2, 3), trials=0)
