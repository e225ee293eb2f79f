"""Numbers of any magnitude, as results store them.

A bound such as Q^{4T} leaves the range of float64 long before it stops being informative, so a
number is stored as a decimal string, with the logarithm of its size beside it:

    >>> Number.of("1.5e5000")
    Number(decimal='1.5e+5000', log10=5000.176091259056)
"""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from functools import total_ordering
from typing import Any, Self

from pydantic import model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.spec import Spec

_LEADING_DIGITS = 18


def _canonical(value: Decimal) -> str:
    """Scientific notation with every significant digit and no trailing zeros: one text a value."""
    if value.is_infinite():
        return "inf" if value > 0 else "-inf"
    sign, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits)).lstrip("0")
    if not text:
        return "0"
    exponent += len(text) - 1
    text = text.rstrip("0")
    mantissa = text[0] + ("." + text[1:] if len(text) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{exponent:+d}"


def _log10_size(canonical: str) -> float | None:
    if canonical in {"0", "inf", "-inf"}:
        return None
    mantissa, exponent = canonical.lstrip("-").split("e")
    return int(exponent) + math.log10(float(mantissa[: _LEADING_DIGITS + 1]))


@total_ordering
class Number(Spec):
    """A real number or ±∞, exact in decimal.

    `decimal` is canonical ("2.5e+3", "0", "-inf"), so equal numbers have equal texts; a float64
    keeps its shortest representation and comes back bit for bit. `log10` is log₁₀|value|, None for
    0 and ±∞. Not a number is refused.
    """

    decimal: str
    log10: float | None = None

    @classmethod
    def of(cls, value: Number | float | int | str | Decimal) -> Self:
        """The number itself: no rounding for int, str and Decimal, none for a float64 either."""
        return cls.parse(value)

    @model_validator(mode="before")
    @classmethod
    def _from_scalar(cls, value: Any) -> Any:
        if isinstance(value, dict):
            value = value.get("decimal") if set(value) <= set(cls.model_fields) else value
        if isinstance(value, Number):
            value = value.decimal
        if isinstance(value, float):
            value = repr(float(value))
        if isinstance(value, bool) or not isinstance(value, (int, str, Decimal)):
            raise InvalidArgument("number", value, "a number: int, float, Decimal or decimal text")
        try:
            exact = Decimal(value)
        except InvalidOperation:
            exact = Decimal("nan")
        if exact.is_nan():
            raise InvalidArgument("number", value, "a real number or ±inf")
        canonical = _canonical(exact)
        return {"decimal": canonical, "log10": _log10_size(canonical)}

    @property
    def is_finite(self) -> bool:
        """Neither +∞ nor −∞; a finite number may still be too large for a float."""
        return not self.decimal.endswith("inf")

    def __float__(self) -> float:
        """The nearest float64: ±inf beyond its range, 0 below it."""
        return float(self.decimal)

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Number):
            return NotImplemented
        return Decimal(self.decimal) < Decimal(other.decimal)


class Interval(Spec):
    """[lower, upper], either end possibly infinite. Ends may be given as plain numbers."""

    lower: Number
    upper: Number

    @classmethod
    def point(cls, value: Number | float | int | str | Decimal) -> Self:
        """[value, value]: a value that is known exactly."""
        return cls(lower=value, upper=value)

    @classmethod
    def between(
        cls,
        lower: Number | float | int | str | Decimal,
        upper: Number | float | int | str | Decimal,
    ) -> Self:
        """[lower, upper]."""
        return cls(lower=lower, upper=upper)

    @classmethod
    def at_least(cls, lower: Number | float | int | str | Decimal) -> Self:
        """[lower, ∞]: all that sampling says about a supremum."""
        return cls(lower=lower, upper="inf")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.lower > self.upper:
            raise InvalidArgument(
                "lower", self.lower.decimal, f"at most upper {self.upper.decimal}"
            )
        return self
