"""Directed rounding of float64 tensors: results that are certainly below, or above, the exact ones.

torch rounds to nearest, so the exact result of one +, −, × or 1/x lies between the two neighbours
of the computed one, subnormal and overflowing ones included: the next float below is a lower bound.
Its square root is not that good (0.73 units in the last place were seen with MKL), so a root is
proved by its square; three steps outward are enough for an error below one unit.
A zero that is certainly exact stays zero, so that what vanishes does not become 5e−324.

Here ±∞ stand for absent ends: a lower end is never +∞, an upper end never −∞.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TypeAlias

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument

UNIT = 2.0**-53
"""The unit roundoff u of float64: |fl(x) − x| ≤ u|x| for a normal result."""

SMALLEST_NORMAL = 2.0**-1022

LARGEST = torch.finfo(torch.float64).max

LONGEST_SUM = 2**26
"""With n ≤ 2²⁶ terms, γ_n = nu/(1 − nu) ≤ (n + 1)u."""

Values: TypeAlias = Float[Tensor, "..."]
Mask: TypeAlias = Bool[Tensor, "..."]
Rounding: TypeAlias = Callable[[Values], Values]
"""`down` or `up`."""


@cache
def _beyond_all(sign: float, device: torch.device) -> Tensor:
    """±∞ on the device: `nextafter` takes no numbers, nor tensors of two devices."""
    return torch.tensor(sign * math.inf, dtype=torch.float64, device=device)


def down(x: Values) -> Values:
    """The largest float below x; −∞ stays."""
    return torch.nextafter(x, _beyond_all(-1.0, x.device))


def up(x: Values) -> Values:
    """The smallest float above x; +∞ stays."""
    return torch.nextafter(x, _beyond_all(1.0, x.device))


def add_down(a: Values, b: Values) -> Values:
    """A lower bound of a + b."""
    return _where_inexact(a, b, down)


def add_up(a: Values, b: Values) -> Values:
    """An upper bound of a + b."""
    return _where_inexact(a, b, up)


def _where_inexact(a: Values, b: Values, rounded: Rounding) -> Values:
    # A float sum that is 0 is exact, thanks to gradual underflow.
    total = a + b
    return torch.where(torch.logical_and(a, b).logical_and(total), rounded(total), total)


def multiply_down(a: Values, b: Values) -> Values:
    """A lower bound of ab; 0 · ±∞ = 0, since an infinite end stands for real numbers."""
    return down(a * b).masked_fill(_has_zero(a, b), 0.0)


def multiply_up(a: Values, b: Values) -> Values:
    """An upper bound of ab; 0 · ±∞ = 0."""
    return up(a * b).masked_fill(_has_zero(a, b), 0.0)


def multiply_outward(a: Values, b: Values) -> tuple[Values, Values]:
    """`multiply_down` and `multiply_up` of the same factors, for little more than one of them."""
    product, vanishes = a * b, _has_zero(a, b)
    lower, upper = down(product), up(product)
    return lower.masked_fill_(vanishes, 0.0), upper.masked_fill_(vanishes, 0.0)


def _has_zero(a: Values, b: Values) -> Mask:
    return torch.logical_and(a, b).logical_not_()


def sqrt_down(x: Values) -> Values:
    """A lower bound of √x, x ≥ 0: a float whose square is certainly not above x."""
    z, scale = _away_from_underflow(x)
    root = down(down(down(z.sqrt())))
    return root.where(multiply_up(root, root) <= z, 0.0).masked_fill(x == 0, 0.0) / scale


def sqrt_up(x: Values) -> Values:
    """An upper bound of √x, x ≥ 0: a float whose square is certainly not below x."""
    z, scale = _away_from_underflow(x)
    root = up(up(up(z.sqrt())))
    return root.where(multiply_down(root, root) >= z, math.inf).masked_fill(x == 0, 0.0) / scale


def _away_from_underflow(x: Values) -> tuple[Values, Values]:
    """s²x and s, a power of 2, without rounding: squares near s²x are normal numbers."""
    scale = torch.where(x < 2.0**-900, 2.0**100, torch.ones_like(x))
    return x * scale * scale, scale


def sum_up(x: Values, dim: int | tuple[int, ...] | None, *, keepdim: bool = False) -> Values:
    """An upper bound of Σ x over the axes `dim`.

    Summed in any order, n floats obey |fl(Σx) − Σx| ≤ γ_{n−1} Σ|x| (Higham, Accuracy and Stability
    of Numerical Algorithms, §4.2), with γ_k = ku/(1 − ku); additions have no underflow error. For
    n ≤ 2²⁶ the right side is at most nu fl(Σ|x|), rounded up.
    """
    total = x.sum(dim, keepdim=keepdim)
    terms = x.numel() // max(total.numel(), 1)
    if terms <= 1:
        return total
    check_length(terms)
    size = x.abs().sum(dim, keepdim=keepdim)
    bound = up(total + up(terms * UNIT * size))
    # A sum that overflowed on the way may be finite in truth, on either side.
    bound = bound.masked_fill(~total.isfinite(), math.inf)
    return bound.masked_fill(size == 0, 0.0)


def sum_down(x: Values, dim: int | tuple[int, ...] | None, *, keepdim: bool = False) -> Values:
    """A lower bound of Σ x over the axes `dim`."""
    return -sum_up(-x, dim, keepdim=keepdim)


def check_length(terms: int) -> None:
    """`InvalidArgument` where the error bound of a sum of so many terms does not hold."""
    if terms > LONGEST_SUM:
        raise InvalidArgument("terms of a sum", terms, f"at most {LONGEST_SUM}")


def power_of_two_near(x: Values) -> Values:
    """A power of 2 within a factor of 2 of |x|, in [2⁻⁹⁹⁹, 2⁹⁹⁹], where it and 1/it are normal."""
    _, exponent = torch.frexp(x.nan_to_num(posinf=1.0))
    return torch.ldexp(torch.ones_like(x), exponent.clamp(-999, 999))


def multiply_by_power_of_two(x: Values, factor: Values, rounded: Rounding) -> Values:
    """x times a power of 2, `rounded` only where the product under- or overflows."""
    product = x * factor
    normal = (product.abs() >= SMALLEST_NORMAL) & product.isfinite()
    return torch.where(normal | (x == 0), product, rounded(product))
