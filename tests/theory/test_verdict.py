"""The verdict follows from the evidence, in DESIGN's order, and comes with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, CheckVerdict, EndMethod, Vacuity
from ml2o_core.unroll import GraphMode
from ml2o_theory.enclosure import Enclosure, Norm, RegionMismatch
from ml2o_theory.regions import Ball, ParameterInterval, Region
from ml2o_theory.verdict import RegionSearch, StatementCheck

REGION = Region(Ball((0.0,), arb(1)), ParameterInterval(0.0, 1.0), Ball((0.0,), arb(2)), "s", 5)
SEARCH = RegionSearch(trials=100, method="uniform sampling")
FLAWS = {
    "refuted": "A3b is refuted: x = 0, x' = 1e-9",
    "failure": "the solver stopped early",
    "uncertified": "A1 is open",
}


def between(lower: float, upper: float) -> Enclosure:
    return Enclosure.certified(arb(lower), arb(upper), EndMethod.CLOSED_FORM, region=REGION.id)


def at_least(value: float) -> Enclosure:
    return Enclosure.sampled_supremum(
        arb(value), seed=0, witness={"φ": (0.5,)}, norm=Norm.ABSOLUTE, region=REGION.id
    )


def check(observed: Enclosure | None, bound: Enclosure | None, **more: Any) -> StatementCheck:
    fields = {
        "statement": "Lemma 0",
        "kind": CheckKind.INSTANCE,
        "tasks": "two tasks",
        "rule": "gain",
        "region": REGION,
        "T": 3,
        "graph": GraphMode.FULL,
        "constants": ("M", "L"),
    }
    return StatementCheck(observed=observed, bound=bound, **(fields | more))  # type: ignore[arg-type]


def search(observed: Enclosure, bound: Enclosure, **more: Any) -> StatementCheck:
    return check(observed, bound, kind=CheckKind.UNIFORM, search=SEARCH, **more)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (check(between(1, 2), between(3, 4)), CheckVerdict.HOLDS),
        (check(between(1, 2), between(2, 4)), CheckVerdict.HOLDS),
        (check(between(0, 0), between(0, 0)), CheckVerdict.HOLDS),
        (check(between(5, 6), between(3, 4)), CheckVerdict.VIOLATED),
        (check(between(1, 1), between(0, 0)), CheckVerdict.VIOLATED),
        (check(between(2, 2), between(2, 2)), CheckVerdict.ATTAINED),
        (check(between(1, 1 + 1e-7), between(1, 1 + 1e-7)), CheckVerdict.ATTAINED),
        (check(between(1, 1 + 1e-5), between(1, 1 + 1e-5)), CheckVerdict.INCONCLUSIVE),
        (check(between(1, 3), between(2, 4)), CheckVerdict.INCONCLUSIVE),
        (check(between(5, 6), at_least(4)), CheckVerdict.INCONCLUSIVE),
        (check(between(1, 2), at_least(4)), CheckVerdict.HOLDS),
        (search(at_least(1), between(3, 4)), CheckVerdict.NO_VIOLATION_FOUND),
        (search(at_least(1), at_least(3)), CheckVerdict.NO_VIOLATION_FOUND),
        (search(at_least(5), between(3, 4)), CheckVerdict.VIOLATED),
        (search(at_least(5), at_least(4)), CheckVerdict.INCONCLUSIVE),
        (search(between(1, 2), between(3, 4)), CheckVerdict.HOLDS),
        (search(between(1, 3.5), between(3, 4)), CheckVerdict.INCONCLUSIVE),
        (check(None, None, failure="solver"), CheckVerdict.SOLVER_FAILED),
        (check(None, between(1, 1), refuted="A4"), CheckVerdict.NOT_APPLICABLE),
    ],
)
def test_verdicts(found: StatementCheck, verdict: CheckVerdict) -> None:
    assert found.verdict is verdict
    assert bool(found.reason) is (verdict not in {CheckVerdict.HOLDS, CheckVerdict.ATTAINED})


def test_the_order_of_the_verdicts() -> None:
    """One violated check; each flaw in turn outranks everything after it."""
    numbers = (between(5, 6), between(3, 4))
    assert check(*numbers, **FLAWS).verdict is CheckVerdict.NOT_APPLICABLE
    without_refuted = {k: v for k, v in FLAWS.items() if k != "refuted"}
    assert check(*numbers, **without_refuted).verdict is CheckVerdict.SOLVER_FAILED
    uncertified = check(*numbers, uncertified=FLAWS["uncertified"])
    assert uncertified.verdict is CheckVerdict.INCONCLUSIVE
    assert "A1 is open" in uncertified.reason
    assert check(*numbers).verdict is CheckVerdict.VIOLATED


@pytest.mark.parametrize(
    ("observed", "word"), [((1, 2), "held"), ((5, 6), "failed"), ((3, 5), "undecided")]
)
def test_a_refuted_assumption_still_says_how_the_inequality_came_out(
    observed: tuple[int, int], word: str
) -> None:
    found = check(between(*observed), between(3, 4), refuted=FLAWS["refuted"])
    assert found.reason.startswith(FLAWS["refuted"])
    assert word in found.reason


@pytest.mark.parametrize(
    ("trivial", "vacuity"),
    [
        (None, Vacuity.NOT_DECLARED),
        (between(2, 3), Vacuity.VACUOUS),
        (between(2, 3.5), Vacuity.INFORMATIVE),
        (at_least(2), Vacuity.INFORMATIVE),
    ],
)
def test_vacuity_stands_beside_the_verdict(trivial: Enclosure | None, vacuity: Vacuity) -> None:
    found = check(between(1, 2), between(3, 4), trivial=trivial)
    assert (found.verdict, found.vacuity) == (CheckVerdict.HOLDS, vacuity)


def test_an_instance_is_observed_between_two_finite_ends() -> None:
    with pytest.raises(InvalidArgument, match="two finite ends"):
        check(at_least(1), between(3, 4))


def test_a_supremum_without_an_upper_end_names_its_search() -> None:
    with pytest.raises(InvalidArgument, match="search"):
        check(at_least(1), between(3, 4), kind=CheckKind.UNIFORM)
    assert "100 trials, uniform sampling" in search(at_least(1), between(3, 4)).reason


def test_missing_numbers_need_a_reason() -> None:
    with pytest.raises(InvalidArgument, match="failure"):
        check(None, between(1, 2))


def test_numbers_of_another_region_are_refused() -> None:
    elsewhere = Enclosure.certified(arb(1), arb(1), EndMethod.CLOSED_FORM, region="elsewhere")
    with pytest.raises(RegionMismatch):
        check(elsewhere, between(1, 2))


ENDS = st.tuples(st.floats(0, 1e300), st.floats(0, 1e300)).map(sorted)


@given(ENDS, ENDS, st.sampled_from([0.0, 1e-17, 1e-9]))
def test_the_stored_row_agrees_with_the_verdict(
    observed: list[float], bound: list[float], nearness: float
) -> None:
    """The row checks the verdict against its own decimals; rounding must not turn it around."""
    found = check(between(*observed), between(*bound))
    assert found.row("proposition1", "a").verdict is found.verdict
    just_above = arb(bound[1]) * (1 + arb(nearness))
    near = Enclosure.certified(just_above, just_above, EndMethod.CLOSED_FORM, region=REGION.id)
    found = check(near, between(bound[1], bound[1]))
    assert found.row("proposition1", "b").verdict is found.verdict


def test_the_row_carries_the_evidence() -> None:
    row = search(at_least(1), between(3, 4)).row("proposition1", "φ", 3)
    assert row.id == "proposition1/phi/3"
    assert row.constants == (f"proposition1/{REGION.id}/m", f"proposition1/{REGION.id}/l")
    assert (row.trials, row.search, row.T, row.graph) == (100, "uniform sampling", 3, "full")
    assert (float(row.observed.lower), float(row.bound.upper)) == (1.0, 4.0)


def test_a_stated_number_decides_nothing() -> None:
    """Neither HOLDS nor VIOLATED follows from what a user claims."""
    claimed = Enclosure.stated(arb(1), region=REGION.id)
    for numbers in [(between(2, 3), claimed), (claimed, between(2, 3))]:
        with pytest.raises(InvalidArgument, match="proved or searched"):
            check(*numbers)
