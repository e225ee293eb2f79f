"""Raise the working precision until what is computed is enclosed narrowly."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb, arb_mat

from ml2o_theory.arithmetic import BITS, norm, precision

RELATIVE_WIDTH = 1e-25
"""An enclosure narrower than this, relative to its midpoint, is narrow enough."""

TINY = arb(2) ** -512
"""An enclosure of 0 that is narrower than this is not worth more bits."""

MOST_BITS = 2**15
"""Where raising the precision ends: what is still wide is a true enclosure all the same."""


def narrowed(
    compute: Callable[[], list[arb_mat]], most_bits: int = MOST_BITS
) -> tuple[list[arb_mat], int]:
    """`compute()` at 128 bits, doubled up to `most_bits` until every matrix is narrow in norm.

    Also the bits that it took. A matrix that is exactly 0 is narrow only where arithmetic is exact
    at some precision, as it is for rational tasks and rules: elsewhere the search ends once the
    enclosure contains 0 and nothing above `TINY`.
    """
    bits = BITS
    while True:
        with precision(bits):
            found = compute()
            if bits >= most_bits or all(_is_narrow(each) or _is_nothing(each) for each in found):
                return found, bits
        bits *= 2


def _is_narrow(enclosed: arb_mat) -> bool:
    size = norm(enclosed)
    return bool(size.rad() <= RELATIVE_WIDTH * abs(size.mid()))


def _is_nothing(enclosed: arb_mat) -> bool:
    size = norm(enclosed)
    return bool(size.contains(0)) and bool(size < TINY)
