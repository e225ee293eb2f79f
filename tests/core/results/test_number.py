"""Numbers keep their value at any magnitude; intervals keep their order."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Interval, Number

FLOATS = st.floats(allow_nan=False)
HUGE = st.builds(
    lambda mantissa, exponent: Decimal(mantissa).scaleb(exponent),
    st.integers(-(10**30), 10**30),
    st.integers(-200_000, 200_000),
)

LOG10_ROUNDING = 1e-10
"""log10 is a float64 near 2e5 at most: its spacing there is 3e-11."""


@given(FLOATS)
@example(0.1)
@example(-0.0)
@example(5e-324)
@example(math.inf)
@example(-math.inf)
@example(1.7976931348623157e308)
def test_a_float_comes_back_bit_for_bit_and_minus_zero_is_zero(value: float) -> None:
    back = float(Number.of(value))
    assert back == value
    assert math.copysign(1, back) == math.copysign(1, value) or value == 0


@given(HUGE)
def test_every_digit_survives_json_at_any_magnitude(value: Decimal) -> None:
    number = Number.of(value)
    again = Number.model_validate_json(number.model_dump_json())
    assert again == number
    assert Decimal(again.decimal) == value


@given(HUGE.filter(bool))
def test_log10_is_the_logarithm_of_the_size(value: Decimal) -> None:
    log10 = Number.of(value).log10
    assert log10 is not None
    assert abs(Decimal(log10) - abs(value).log10()) < LOG10_ROUNDING


@given(HUGE, HUGE)
def test_order_is_the_order_of_the_values(a: Decimal, b: Decimal) -> None:
    assert (Number.of(a) < Number.of(b)) == (a < b)
    assert (Number.of(a) == Number.of(b)) == (a == b)
    assert (Number.of(a) >= Number.of(b)) == (a >= b)


@pytest.mark.parametrize(
    ("value", "decimal", "log10"),
    [
        (12300, "1.23e+4", math.log10(12300)),
        ("0.00120", "1.2e-3", math.log10(0.0012)),
        ("1.50e100000", "1.5e+100000", 100000 + math.log10(1.5)),
        ("-2e-100000", "-2e-100000", -100000 + math.log10(2)),
        (0, "0", None),
        (-0.0, "0", None),
        (math.inf, "inf", None),
        ("-Infinity", "-inf", None),
    ],
)
def test_the_text_is_canonical(value: float | str, decimal: str, log10: float | None) -> None:
    number = Number.of(value)
    assert number.decimal == decimal
    assert number.log10 == (log10 if log10 is None else pytest.approx(log10, abs=LOG10_ROUNDING))


def test_beyond_float64_a_number_is_finite_and_its_float_is_not() -> None:
    huge = Number.of("3e5000")
    assert huge.is_finite
    assert float(huge) == math.inf
    assert huge < Number.of(math.inf)
    assert float(Number.of("3e-5000")) == 0 < huge.log10  # type: ignore[operator]


@pytest.mark.parametrize("value", [math.nan, "nan", "sNaN", "one", "", None, True, [1.0], 1j])
def test_what_is_not_a_number_is_refused_in_one_line(value: object) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Number.of(value)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_a_stored_log10_that_disagrees_is_not_believed() -> None:
    assert Number.parse({"decimal": "1e+10", "log10": 3.0}).log10 == 10.0


@given(HUGE, HUGE)
def test_an_interval_is_ordered_or_refused(a: Decimal, b: Decimal) -> None:
    low, high = sorted((a, b))
    interval = Interval.between(low, high)
    assert interval.lower <= interval.upper
    if low < high:
        with pytest.raises(InvalidArgument, match="lower"):
            Interval.between(high, low)


def test_the_ways_to_an_interval() -> None:
    assert Interval.point(2.5) == Interval.between("2.50", 2.5)
    assert Interval.at_least(1) == Interval.between(1, math.inf)
    assert not Interval.at_least(1).upper.is_finite
