"""Real numbers of the theory: arb balls (python-flint), and the one way a float becomes one.

A finite float or a tensor entry is a dyadic rational, and arb holds it without rounding: nothing is
lost on the way in. Every arb operation returns a ball that contains the exact result, at any
magnitude (1e±100000 included). On the way out, a number is rounded away from the interval it ends.

Soundness never depends on the working precision, only tightness does: a low precision gives wider
balls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from flint import arb, arb_mat, ctx
from torch import Tensor

from ml2o_core.errors import InvalidArgument

BITS = 128
"""Working precision. Products of two float64 numbers need 106 bits; the rest is room for sums."""

DIGITS = 40
"""Decimal digits that tell two neighbouring numbers of 128 bits apart, whatever the rounding."""

INFINITY: arb = arb.pos_inf()


@contextmanager
def precision(bits: int = BITS) -> Iterator[None]:
    """Run a block at `bits` bits, and restore what was set before."""
    with ctx.workprec(bits):
        yield


def exact(value: float | int) -> arb:
    """The number itself, without rounding; `InvalidArgument` if it is not finite."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidArgument("value", value, "a finite number")
    return arb(value)


def vector(x: Tensor) -> arb_mat:
    """A tensor of shape (d,) as a d × 1 matrix, without rounding."""
    return matrix(x.reshape(-1, 1))


def matrix(values: Tensor) -> arb_mat:
    """A tensor of shape (r, d) as a matrix, without rounding; `InvalidArgument` if not finite."""
    if not bool(torch.isfinite(values).all()):
        raise InvalidArgument("tensor", "NaN or infinite entries", "finite entries")
    rows, columns = values.shape
    # float64 holds every value of the narrower dtypes, so `tolist` does not round.
    return arb_mat(rows, columns, [exact(v) for row in values.tolist() for v in row])


def to_tensor(values: arb_mat) -> Tensor:
    """The midpoints as a float64 tensor of shape (r, d): a guess, not an enclosure."""
    rows = [[float(v.mid()) for v in row] for row in values.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


def identity(d: int) -> arb_mat:
    """The d × d identity."""
    return arb_mat(d, d, [int(i == j) for i in range(d) for j in range(d)])


def squared_norm(x: arb_mat) -> arb:
    """‖x‖² of a vector, ‖·‖_F² of a matrix."""
    # v * v, not v**2: a power of a ball about 0 is NaN in python-flint 0.9.
    return sum((v * v for v in x.entries()), arb(0))


def norm(x: arb_mat) -> arb:
    """Euclidean norm of a vector, Frobenius norm of a matrix."""
    squared = squared_norm(x)
    if squared > 0:
        return squared.sqrt()
    # The ball may reach below 0, where the root is not defined and the exact sum cannot be.
    return arb(0).union(squared.upper().sqrt())


def float_above(value: arb) -> float:
    """A float ≥ value, at most one unit in the last place away; inf where float64 ends."""
    return -float_below(-value)


def float_below(value: arb) -> float:
    """A float ≤ value, at most one unit in the last place away; −inf where float64 ends."""
    low = value.lower()
    if low.is_nan():
        return -math.inf
    guess = float(low)
    return guess if arb(guess) <= low else math.nextafter(guess, -math.inf)


def decimal(value: arb, *, up: bool, digits: int = DIGITS) -> str:
    """An exact number in scientific notation, rounded up or down by ≤ 2 units of the last digit."""
    if not value.is_finite():
        return "inf" if value > 0 else "-inf"
    middle, radius, exponent = (int(part) for part in value.mid_rad_10exp(digits + 10))
    mantissa = middle + radius if up else middle - radius
    excess = max(len(str(abs(mantissa))) - digits, 0)
    mantissa = -(-mantissa // 10**excess) if up else mantissa // 10**excess
    if mantissa == 0:
        return "0"
    sign, shown = ("-" if mantissa < 0 else ""), str(abs(mantissa))
    exponent += excess + len(shown) - 1
    tail = shown[1:].rstrip("0")
    return f"{sign}{shown[0]}{'.' + tail if tail else ''}e{exponent:+d}"


def log10(value: arb) -> float | None:
    """log10(value) as a float; None where it has no finite value."""
    if not (value > 0 and value.is_finite()):
        return None
    return float((value.log() / arb(10).log()).mid())
