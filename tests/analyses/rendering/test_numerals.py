"""Numbers keep their first four digits at any magnitude."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.rendering.blocks import Estimate
from analyses.rendering.numerals import estimate, interval, numeral
from ml2o_core.results import Interval, Number

HUGE = st.builds(
    lambda mantissa, exponent: Decimal(mantissa).scaleb(exponent),
    st.integers(-(10**20), 10**20).filter(bool),
    st.integers(-100_000, 100_000),
)

FOUR_DIGITS = Decimal("0.0005001")
"""Rounding to four digits moves a value by at most 5e-4 of itself."""


def read(shown: str) -> Decimal:
    """The value that a reader sees."""
    return Decimal(re.sub(r" × 10<sup>(.*)</sup>", r"e\1", shown.replace("−", "-")))


@given(HUGE)
def test_what_is_shown_is_the_value_to_four_digits(value: Decimal) -> None:
    shown = read(numeral(Number.of(value)))
    assert abs(shown - value) <= FOUR_DIGITS * abs(value)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.1235, "0.1235"),
        (-12.3, "−12.30"),
        (7, "7"),
        (-7, "−7"),
        (50.0, "50"),
        (123456.0, "123456"),
        (0, "0"),
        (math.inf, "∞"),
        (-math.inf, "−∞"),
        (9.99996e-4, "0.001000"),
        (1.23456e-7, "1.235 × 10<sup>−7</sup>"),
        ("9.99999e4999", "1.000 × 10<sup>5000</sup>"),
        ("-9.99999e-5000", "−1.000 × 10<sup>−4999</sup>"),
    ],
)
def test_examples(value: float | str, shown: str) -> None:
    assert numeral(Number.of(value)) == shown


@pytest.mark.parametrize(
    ("lower", "upper", "shown"),
    [
        (1, 1, "1"),
        (1, 2, "[1.000, 2.000]"),
        (4, "4.000000001", "4.000"),
        (1.5, "inf", "≥ 1.500"),
        ("-inf", 1.5, "≤ 1.500"),
        ("-inf", "inf", "[−∞, ∞]"),
    ],
)
def test_an_interval_never_hides_an_infinite_end(
    lower: float | str, upper: float | str, shown: str
) -> None:
    assert interval(Interval.between(lower, upper)) == shown


@pytest.mark.parametrize(
    ("given_estimate", "value", "ends"),
    [
        (Estimate(-3.4142, -3.6, -3.2), "−3.41", "[−3.60, −3.20]"),
        (Estimate(100.123, 90.0, 110.0), "100.12", "[90.00, 110.00]"),
        (Estimate(0.12345, 0.12, 0.1269), "0.1235", "[0.1200, 0.1269]"),
        (Estimate(1.0, None, None), "1.000", ""),
        (Estimate(1.0, 0.5, None), "1.000", "[0.500, ∞]"),
        (Estimate(2.0, 2.0, 2.0), "2.000", "[2.000, 2.000]"),
    ],
)
def test_an_estimate_has_two_digits_of_its_width(
    given_estimate: Estimate, value: str, ends: str
) -> None:
    shown, shown_ends = estimate(given_estimate)
    assert shown == value
    assert shown_ends.striptags() == ends
