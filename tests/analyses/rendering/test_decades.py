"""Ticks of a logarithmic axis: on it, readable, and true."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.rendering.decades import superscript, ticks

ROUNDING = 1e-8
"""Positions and labels are float64 logarithms of at most 1e4, with ten digits in a label."""


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, "1 2 5 10"),
        (-2, 0, "0.01 0.02 0.05 0.1 0.2 0.5 1"),
        (-3, 0, "0.001 0.003 0.01 0.03 0.1 0.3 1"),
        (-0.4, 4, "1 10 100 1000 10000"),
        (-5.2, -1.1, "10⁻⁵ 10⁻⁴ 10⁻³ 10⁻²"),
        (-6.7, -5.9, "2·10⁻⁷ 5·10⁻⁷ 10⁻⁶"),
        (-12, 3, "10⁻¹⁰ 10⁻⁵ 10⁰"),
        (0, 5000, "10⁰ 10¹⁰⁰⁰ 10²⁰⁰⁰ 10³⁰⁰⁰ 10⁴⁰⁰⁰ 10⁵⁰⁰⁰"),
        (1.81, 2.4, "100 150 200 250"),
        (0.02, 0.28, "1.2 1.4 1.6 1.8"),
        (2.3, 2.31, "200 201 202 203 204"),
        (6.0, 6.02, "10⁶ 1.01·10⁶ 1.02·10⁶ 1.03·10⁶ 1.04·10⁶"),
    ],
)
def test_known_axes(low: float, high: float, labels: str) -> None:
    assert [label for _, label in ticks(low, high)] == labels.split()


def test_labels_that_would_touch_are_too_many() -> None:
    """From 60 to 70,000: 100 and 300 a decade need (5 + 5)/2 + 1 characters in half a decade."""
    low, high = math.log10(60), math.log10(70_000)
    both = ["100", "300", "1000", "3000", "10000", "30000"]
    assert [label for _, label in ticks(low, high)] == both
    enough = 6 * (high - low) / math.log10(3) + 1e-6
    assert [label for _, label in ticks(low, high, room=enough)] == both
    assert [label for _, label in ticks(low, high, room=enough - 1)] == ["100", "1000", "10000"]


def exponent_of(label: str) -> float:
    """log10 of the number that a label shows."""
    plain = label.translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-"))
    mantissa, _, power = plain.rpartition("·")
    if plain.startswith("10") and label[2:3] in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻" and label[2:3]:
        return float(plain[2:])
    if mantissa:
        return math.log10(float(mantissa)) + float(power[2:])
    return math.log10(float(plain))


@given(st.floats(-1000, 1000), st.floats(1e-3, 5000), st.integers(4, 9))
def test_ticks_are_on_the_axis_in_order_and_say_where_they_are(
    low: float, width: float, most: int
) -> None:
    found = ticks(low, low + width, most)
    assert 1 <= len(found) <= most
    for at, label in found:
        assert low - ROUNDING <= at <= low + width + ROUNDING
        assert exponent_of(label) == pytest.approx(at, abs=ROUNDING)
    assert all(a < b for (a, _), (b, _) in itertools.pairwise(found))
    assert len({label for _, label in found}) == len(found)


def test_an_axis_of_one_value_has_it() -> None:
    assert ticks(5, 5) == [(5, "10⁵")]


def test_raised_characters_hold_a_sign() -> None:
    assert superscript("-4997") == "⁻⁴⁹⁹⁷"
