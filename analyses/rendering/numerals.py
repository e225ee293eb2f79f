"""Numbers as a reader sees them: four significant digits, a true minus, powers of ten."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

from markupsafe import Markup

from analyses.rendering.blocks import Estimate
from analyses.rendering.decades import superscript
from ml2o_core.results import Interval, Number

DIGITS = 4
NONE = Markup('<span class="none">–</span>')

_PLAIN = range(-3, 6)
"""Decimal exponents of the numbers that are written without a power of ten."""


def numeral(value: Number | float | int) -> Markup:
    """A number to four significant digits: 0.1235, −12.34, 1.235 × 10⁵⁰⁰⁰, ∞; integers in full."""
    if isinstance(value, int):
        return Markup(_signed(f"{value:d}"))
    number = Number.of(value)
    if number.log10 is not None and number.log10 < _PLAIN.stop:
        exact = Decimal(number.decimal)
        if exact == exact.to_integral_value():
            return Markup(_signed(f"{exact:.0f}"))
    return _fixed(number)


def plain(value: Number | float | int) -> str:
    """The same as text without markup: exponents in raised characters."""
    return re.sub(r"<sup>(.*?)</sup>", lambda found: superscript(found[1]), numeral(value))


def _fixed(number: Number) -> Markup:
    """Four significant digits, for an integer too."""
    if not number.is_finite:
        return Markup("−∞" if number.decimal.startswith("-") else "∞")
    if number.log10 is None:
        return Markup("0")
    mantissa, exponent = _rounded(number)
    if exponent in _PLAIN:
        places = max(0, DIGITS - 1 - exponent)
        return Markup(_signed(f"{Decimal(number.decimal):.{places}f}"))
    return Markup("{} × 10<sup>{}</sup>").format(_signed(str(mantissa)), _signed(str(exponent)))


def _rounded(number: Number) -> tuple[Decimal, int]:
    """(m, e) with value ≈ m · 10^e, 1 ≤ |m| < 10, four digits in m; exact for any exponent."""
    digits, exponent = number.decimal.split("e")
    rounding = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
    mantissa = rounding.plus(Decimal(digits))
    carry = abs(mantissa) >= 10
    last_place = Decimal(10) ** (1 - DIGITS)
    return (mantissa / 10 if carry else mantissa).quantize(last_place), int(exponent) + carry


def _signed(text: str) -> str:
    return text.replace("-", "−")


def interval(value: Interval) -> Markup:
    """[lower, upper]; one number where both look the same; ≥ or ≤ where an end is infinite."""
    if value.lower == value.upper:
        return numeral(value.lower)
    lower, upper = (_fixed(end) for end in (value.lower, value.upper))
    if lower == upper:
        return lower
    if not value.upper.is_finite and value.lower.is_finite:
        return Markup("≥ {}").format(lower)
    if not value.lower.is_finite and value.upper.is_finite:
        return Markup("≤ {}").format(upper)
    return Markup("[{}, {}]").format(lower, upper)


def estimate(value: Estimate) -> tuple[Markup, Markup]:
    """The value and its interval, to two digits of its width, but never fewer than two decimals."""
    if value.value is None:
        return NONE, Markup("")
    places = 3
    if value.lower is not None and value.upper is not None and value.upper > value.lower:
        places = min(6, max(2, 1 - math.floor(math.log10(value.upper - value.lower))))

    def fixed(number: float | None, missing: str) -> str:
        return missing if number is None else _signed(f"{number:.{places}f}")

    shown = Markup(fixed(value.value, ""))
    if value.lower is None and value.upper is None:
        return shown, Markup("")
    return shown, Markup('<span class="interval">[{}, {}]</span>').format(
        fixed(value.lower, "−∞"), fixed(value.upper, "∞")
    )
