"""Floats enter without rounding and leave rounded away from the interval."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from flint import arb, arb_mat, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import (
    BITS,
    INFINITY,
    decimal,
    exact,
    float_above,
    float_below,
    log10,
    matrix,
    norm,
    precision,
    vector,
)

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_a_float_is_held_without_rounding_whatever_the_precision(value: float) -> None:
    with precision(10):
        assert exact(value).fmpq() == fmpq(*value.as_integer_ratio())


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(InvalidArgument, match="finite"):
        exact(value)
    with pytest.raises(InvalidArgument, match="finite"):
        matrix(torch.tensor([[value]]))


@given(st.fractions())
def test_floats_leave_on_the_right_side(value: Fraction) -> None:
    ball = arb(fmpq(value.numerator, value.denominator))
    assert float_below(ball) <= value <= float_above(ball)
    # The ball of 53 bits adds at most 2 units in the last place, and each rounding one more.
    assert float_above(ball) - float_below(ball) <= 4 * math.ulp(abs(float(value)))


def test_floats_leave_on_the_right_side_beyond_their_range() -> None:
    huge = arb(10) ** 400
    assert (float_below(huge), float_above(huge)) == (math.nextafter(math.inf, 0), math.inf)
    tiny = arb(10) ** -400
    assert (float_below(tiny), float_above(tiny)) == (0.0, math.nextafter(0.0, 1.0))
    assert (float_below(arb.nan()), float_above(arb.nan())) == (-math.inf, math.inf)


def as_fraction(value: arb) -> Fraction:
    number = value.fmpq()
    return Fraction(int(number.p), int(number.q))


@given(FINITE, st.integers(2, 25))
def test_decimals_are_rounded_outward_to_the_last_digit(value: float, digits: int) -> None:
    number = exact(value)
    below, above = (Fraction(decimal(number, up=up, digits=digits)) for up in (False, True))
    assert below <= as_fraction(number) <= above
    assert above - below <= 2 * abs(as_fraction(number)) * Fraction(10) ** (1 - digits)


@given(st.integers(2**127, 2**128 - 2))
def test_the_default_digits_tell_neighbours_of_128_bits_apart(mantissa: int) -> None:
    low, high = (Fraction(decimal(arb(mantissa + k), up=k == 0)) for k in (0, 1))
    assert low < high, (BITS, mantissa)


def test_decimals_at_any_magnitude() -> None:
    with precision():
        assert decimal((arb(10) ** 100000).lower(), up=False, digits=3) == "9.99e+99999"
        assert decimal((arb(10) ** -100000).upper(), up=True, digits=3) == "1.01e-100000"
        assert log10((arb(10) ** -100000).lower()) == -100000
    assert decimal(arb(-1.5), up=False) == "-1.5e+0"
    assert decimal(arb(0), up=True) == "0"
    assert [decimal(v, up=True) for v in (INFINITY, -INFINITY)] == ["inf", "-inf"]


@pytest.mark.parametrize("value", [arb(0), arb(-1), INFINITY])
def test_no_logarithm_where_there_is_none(value: arb) -> None:
    assert log10(value) is None


def test_precision_is_restored() -> None:
    before = ctx.prec
    with precision(300):
        assert ctx.prec == 300
    assert ctx.prec == before


def test_the_norm_of_a_vector_that_may_be_zero_is_not_nan() -> None:
    assert norm(vector(torch.zeros(3))) == 0
    assert norm(arb_mat([[arb(0, 1e-30)]])).upper() <= 2e-30
