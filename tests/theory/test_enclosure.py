"""An estimate can't pass for a certificate, regions can't be mixed, and any magnitude survives."""

from __future__ import annotations

import json

import pytest
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod, Interval
from ml2o_theory.arithmetic import INFINITY, precision
from ml2o_theory.enclosure import (
    CERTIFICATES,
    SEARCHES,
    Direction,
    Enclosure,
    End,
    Norm,
    Quantity,
    RegionMismatch,
    evaluate_increasing,
    intersection,
    maximum,
    quotient,
)

HERE = {"norm": Norm.ABSOLUTE, "region": "here"}
WITNESS = {"x": (1.0, 2.0)}
POSITIVE = st.fractions(min_value=0, max_value=100)


def proved(lower: float, upper: float, region: str = "here") -> Enclosure:
    return Enclosure.certified(arb(lower), arb(upper), EndMethod.CLOSED_FORM, region=region)


def sampled(value: float) -> Enclosure:
    return Enclosure.sampled_supremum(arb(value), seed=3, witness=WITNESS, **HERE)


def an_end(direction: Direction, method: EndMethod, value: float = 1.0) -> End:
    return End(arb(value), direction, method, Norm.ABSOLUTE, "here", seed=0, witness=WITNESS)


def test_every_method_of_the_results_is_a_certificate_a_search_or_neither() -> None:
    assert not CERTIFICATES & SEARCHES
    neither = set(EndMethod) - CERTIFICATES - SEARCHES
    assert neither == {EndMethod.TRIVIAL, EndMethod.STATISTICAL, EndMethod.STATED}


@pytest.mark.parametrize("quantity", Quantity)
@pytest.mark.parametrize("method", sorted(SEARCHES))
def test_a_search_gives_the_inner_end_alone(quantity: Quantity, method: EndMethod) -> None:
    certificate = EndMethod.CLOSED_FORM
    below = (an_end(Direction.LOWER, method), an_end(Direction.UPPER, certificate, 2.0))
    above = (an_end(Direction.LOWER, certificate), an_end(Direction.UPPER, method, 2.0))
    for ends, inner in ((below, Quantity.SUPREMUM), (above, Quantity.INFIMUM)):
        if quantity is inner:
            assert Enclosure(*ends, quantity).is_bounded
        else:
            with pytest.raises(InvalidArgument, match="a certificate"):
                Enclosure(*ends, quantity)


def test_sampling_leaves_the_upper_end_of_a_supremum_open() -> None:
    found = sampled(2.5)
    assert found.lower.value == 2.5
    assert found.upper.value == INFINITY
    assert found.upper.method is EndMethod.TRIVIAL
    assert not found.is_bounded


def test_a_search_names_its_witness_and_sampling_its_seed() -> None:
    with pytest.raises(InvalidArgument, match="witness"):
        End(arb(1), Direction.LOWER, EndMethod.SEARCHED, Norm.ABSOLUTE, "here")
    with pytest.raises(InvalidArgument, match="seed"):
        End(arb(1), Direction.LOWER, EndMethod.SAMPLED, Norm.ABSOLUTE, "here", witness=WITNESS)


@pytest.mark.parametrize(
    ("value", "method"),
    [
        (arb(1, 0.5), EndMethod.CLOSED_FORM),
        (arb.nan(), EndMethod.CLOSED_FORM),
        (INFINITY, EndMethod.CLOSED_FORM),
        (-INFINITY, EndMethod.TRIVIAL),
        (arb(1), EndMethod.TRIVIAL),
        (arb(1), EndMethod.STATISTICAL),
    ],
)
def test_an_upper_end_is_exact_and_proved_or_absent(value: arb, method: EndMethod) -> None:
    with pytest.raises(InvalidArgument, match="upper end"):
        End(value, Direction.UPPER, method, **HERE)


def test_crossed_ends_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="lower ≤ upper"):
        proved(2, 1)


def test_what_cannot_be_evaluated_has_no_end() -> None:
    unknown = Enclosure.certified(arb.nan(), arb.nan(), EndMethod.CLOSED_FORM, region="here")
    assert (unknown.lower.value, unknown.upper.value) == (-INFINITY, INFINITY)


def test_regions_are_not_mixed() -> None:
    here, there = proved(1, 2), proved(1, 2, region="there")
    with pytest.raises(RegionMismatch):
        maximum(here, there)
    with pytest.raises(RegionMismatch):
        quotient(here, there)
    with pytest.raises(RegionMismatch):
        evaluate_increasing(lambda c: c["a"] + c["b"], {"a": here, "b": there})
    with pytest.raises(RegionMismatch):
        Enclosure(here.lower, there.upper, Quantity.VALUE)


def test_the_intersection_takes_the_better_end_of_each() -> None:
    both = intersection(proved(0, 4), sampled(3.0))
    assert (both.lower.method, both.upper.method) == (EndMethod.SAMPLED, EndMethod.CLOSED_FORM)
    assert both.lower.seed == 3
    assert both.contains(arb(3.5))
    assert not both.contains(arb(2))
    with pytest.raises(InvalidArgument, match="lower ≤ upper"):
        intersection(proved(0, 4), sampled(4.5))
    with pytest.raises(RegionMismatch):
        intersection(proved(0, 4), proved(0, 4, region="there"))


def test_the_maximum_keeps_each_ends_provenance() -> None:
    both = maximum(
        sampled(2),
        Enclosure.supremum(arb(1), arb(9), EndMethod.NORM_PRODUCT, witness=WITNESS, **HERE),
    )
    assert (both.lower.value, both.lower.method) == (2, EndMethod.SAMPLED)
    assert not both.is_bounded  # one supremum has no known upper end, so neither has the maximum


@given(st.tuples(POSITIVE, POSITIVE).map(sorted), st.tuples(POSITIVE, POSITIVE).map(sorted))
def test_an_increasing_formula_is_evaluated_at_both_ends(a: list, b: list) -> None:
    def enclose(low: object, high: object) -> Enclosure:
        ends = (arb(fmpq(end.numerator, end.denominator)) for end in (low, high))
        return Enclosure.certified(*ends, EndMethod.CLOSED_FORM, region="here")

    with precision():
        result = evaluate_increasing(
            lambda c: c["a"] * c["b"] + c["a"], {"a": enclose(*a), "b": enclose(*b)}
        )
        for k in (0, 1):
            exact = a[k] * b[k] + a[k]
            assert result.contains(arb(fmpq(exact.numerator, exact.denominator)).mid())


def test_a_sampled_constant_gives_a_bound_without_an_upper_end() -> None:
    bound = evaluate_increasing(lambda c: 2 * c["L"] + 1, {"L": sampled(3)})
    assert bound.lower.value == 7
    assert bound.upper.value == INFINITY


def test_an_infinite_end_times_zero_is_no_end() -> None:
    product = evaluate_increasing(lambda c: c["a"] * c["L"], {"L": sampled(3), "a": proved(0, 0)})
    assert product.upper.value == INFINITY


@given(st.floats(0, 100), st.floats(0, 100), st.floats(1e-3, 100), st.floats(0, 100))
def test_the_quotient_contains_every_ratio(low: float, up: float, den: float, w: float) -> None:
    ratio = quotient(proved(min(low, up), max(low, up)), proved(den, den + w))
    assert ratio is not None
    for numerator in (low, up):
        for denominator in (den, den + w):
            exact = fmpq(*numerator.as_integer_ratio()) / fmpq(*denominator.as_integer_ratio())
            assert ratio.lower.value.fmpq() <= exact <= ratio.upper.value.fmpq()


def test_the_quotient_by_zero() -> None:
    assert quotient(proved(0, 0), proved(0, 0)) is None
    possible = quotient(proved(1, 1), proved(0, 2))
    assert possible is not None
    assert (possible.lower.value, possible.upper.value) == (0.5, INFINITY)


@pytest.mark.parametrize("exponent", [-100000, -400, 0, 400, 100000])
def test_any_magnitude_survives_strict_json(exponent: int) -> None:
    with precision():
        value = arb(10) ** exponent * 7
        found = Enclosure.certified(value, value, EndMethod.CLOSED_FORM, region="here")
    interval = found.interval
    again = Interval.parse(json.loads(json.dumps(interval.model_dump(), allow_nan=False)))
    assert again == interval
    assert again.lower.log10 == pytest.approx(exponent + 0.845098, abs=1e-6)
    assert found.lower.log10 == pytest.approx(exponent + 0.845098, abs=1e-6)
    with precision(400):
        assert arb(again.lower.decimal) <= found.lower.value
        assert found.upper.value <= arb(again.upper.decimal)


def test_an_infinite_end_survives_strict_json() -> None:
    stored = json.dumps(sampled(1).interval.model_dump(), allow_nan=False)
    assert json.loads(stored)["upper"] == {"decimal": "inf", "log10": None}


def test_it_prints_rounded_outward() -> None:
    third = Enclosure.certified(arb(1) / 3, arb(1) / 3, EndMethod.CLOSED_FORM, region="here")
    assert str(third) == "[3.333e-1, 3.334e-1]"


def test_what_is_computed_from_a_stated_number_is_stated() -> None:
    given_by_user = Enclosure.stated(arb("0.1"), region="here")
    assert given_by_user.is_stated
    assert given_by_user.lower.value.fmpq() < fmpq(1, 10) < given_by_user.upper.value.fmpq()
    bound = evaluate_increasing(lambda c: c["a"] + c["b"], {"a": given_by_user, "b": proved(1, 2)})
    of_both = quotient(proved(1, 2), bound)
    assert of_both is not None
    for number in (bound, of_both):
        assert {number.lower.method, number.upper.method} == {EndMethod.STATED}
    assert not evaluate_increasing(lambda c: c["b"], {"b": proved(1, 2)}).is_stated
