"""Ranges of tanh, its derivatives, exp and integer powers over intervals, entrywise.

With t = tanh u and w = 1 − t² = 4q/(1 + q)², q = exp(−2|u|), the derivatives with respect to u are

    tanh₁ = w           even; falls in |u|
    tanh₂ = −2tw        odd; ∓4/(3√3) at t = ±1/√3, the only critical points
    tanh₃ = (6t² − 2)w  even; −2 at 0, 2/3 at t² = 2/3, the only critical points

so that a range over [l, u] is the hull of the values at l and u and at the critical points between
them. The values are exact up to rounding, and so are the ranges.

Error of torch's functions. On CPUs torch hands `tanh` and `exp` of float64 to SLEEF's `u10`
functions, whose documentation bounds the error by 1 unit in the last place, or to a vendor's vector
library in its accurate mode. We allow 4 units and, for underflow, the smallest normal number. This
is no proof: the tests compare with arb over the whole range of floats, contiguous, strided and one
by one (largest error seen: 0.7 units, against the 2 at which the tests fail). GPUs were not tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ml2o_theory.intervals.rounding import (
    LARGEST,
    SMALLEST_NORMAL,
    UNIT,
    Values,
    multiply_down,
    multiply_up,
    up,
)
from ml2o_theory.intervals.tensor import IntervalTensor

ALLOWANCE = 4
"""Units in the last place by which torch's `tanh` and `exp` may be wrong."""


def exp(x: IntervalTensor) -> IntervalTensor:
    """exp over the interval; ≥ 0, and ∞ above where it leaves float64."""
    # An overflow says no more than that the value is about the largest float, or above.
    lower, upper = x.lower.exp().clamp(max=LARGEST), x.upper.exp()
    return IntervalTensor((lower - _error(lower)).clamp(min=0.0), upper + _error(upper))


def tanh(u: IntervalTensor) -> IntervalTensor:
    """tanh over the interval; within [−1, 1], and 0 exactly at 0."""
    lower, upper = u.lower.tanh(), u.upper.tanh()
    # tanh lies between 0 and u: the allowance must not lead beyond either.
    below = (lower - _error(lower)).maximum(u.lower.clamp(-1.0, 0.0))
    above = (upper + _error(upper)).minimum(u.upper.clamp(0.0, 1.0))
    return IntervalTensor(below, above)


def _error(value: Values) -> Values:
    # A unit in the last place of a normal v is at most 2u|v|; one more covers the sum v ± this.
    return up(2 * (ALLOWANCE + 1) * UNIT * value.abs()) + SMALLEST_NORMAL


def tanh_1(u: IntervalTensor) -> IntervalTensor:
    """tanh' = 1 − tanh² over the interval: largest where |u| is smallest."""
    return IntervalTensor(_slope(u.magnitude()).lower, _slope(u.mignitude()).upper)


def tanh_2(u: IntervalTensor) -> IntervalTensor:
    """tanh'' = −2 tanh (1 − tanh²) over the interval."""
    ends = torch.stack([u.lower, u.upper])
    values = tanh(IntervalTensor.exactly(ends)) * _slope(ends) * -2.0
    crest = 4 / (3 * math.sqrt(3))
    place = math.atanh(1 / math.sqrt(3))
    return _with_extrema(u, values, [(-place, crest), (place, -crest)])


def tanh_3(u: IntervalTensor) -> IntervalTensor:
    """tanh''' = (6 tanh² − 2)(1 − tanh²) over the interval."""
    ends = torch.stack([u.lower, u.upper])
    values = (tanh(IntervalTensor.exactly(ends)).square() * 6.0 - 2.0) * _slope(ends)
    place = math.atanh(math.sqrt(2 / 3))
    return _with_extrema(u, values, [(0.0, -2.0), (-place, 2 / 3), (place, 2 / 3)])


def _slope(u: Values) -> IntervalTensor:
    """tanh' at points, with a small relative error however large |u| is."""
    # Doubling is exact; an interval product would widen the argument, and exp magnify that.
    q = exp(IntervalTensor.exactly(-2.0 * u.abs()))
    slope = q * 4.0 / (q + 1.0).square()
    return IntervalTensor(slope.lower.clamp(min=0.0), slope.upper.clamp(max=1.0))


def _with_extrema(
    u: IntervalTensor, at_ends: IntervalTensor, extrema: list[tuple[float, float]]
) -> IntervalTensor:
    """The range from the values at both ends and the extrema (place, value) in the interval."""
    lower, upper = at_ends.lower.amin(0), at_ends.upper.amax(0)
    for place, value in extrema:
        # Place and value are floats near the exact ones; 4 neighbours outward contain those.
        reach, margin = (4 * math.ulp(number) for number in (place, value))
        inside = (u.lower <= place + reach) & (u.upper >= place - reach)
        lower = torch.where(inside, lower.clamp(max=value - margin), lower)
        upper = torch.where(inside, upper.clamp(min=value + margin), upper)
    return IntervalTensor(lower, upper)


def power(x: IntervalTensor, n: int) -> IntervalTensor:
    """xⁿ over the interval for an integer n; tight up to |n| roundings."""
    if n < 0:
        return power(x, -n).reciprocal()
    if n == 0:
        return IntervalTensor.exactly(torch.ones_like(x.lower))
    if n % 2 == 0:
        near, far = x.mignitude(), x.magnitude()
        return IntervalTensor(_power(near, n, multiply_down), _power(far, n, multiply_up))
    return IntervalTensor(_odd_power_below(x.lower, n), -_odd_power_below(-x.upper, n))


def _odd_power_below(x: Values, n: int) -> Values:
    size = x.abs()
    return torch.where(x >= 0, _power(size, n, multiply_down), -_power(size, n, multiply_up))


def _power(size: Values, n: int, multiply: Callable[[Values, Values], Values]) -> Values:
    result = size
    for _ in range(n - 1):
        result = multiply(result, size)
    return result
