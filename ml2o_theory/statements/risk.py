"""The contract of a statement about optimizer risks: its bound from constants of the risks.

Lemmas 14 and 15, Theorem 1, Remark 2 and Eq. 8 speak of risks, not of steps: what enters them are
Lipschitz constants of g_T, a convexity, distances of parameters, and sizes of samples and runs.
Where a constant comes from is another matter: from the risk itself on Φ (level `risk`), or from
A3's constants by Lemmas 6, 7 and 13 (the levels of the ladder).

To add one, write one file in this package with a subclass of `RiskStatement`. Its formula is
written once for every kind of number; it increases in the constants of `increasing` and decreases
in those of `decreasing`, so that both ends of a bound come from the ends of its constants.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

import sympy
from flint import arb, arb_series

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod, Level
from ml2o_theory.arithmetic import INFINITY, precision
from ml2o_theory.enclosure import Enclosure, RegionMismatch
from ml2o_theory.recursion import Number
from ml2o_theory.statements.base import Statement
from ml2o_theory.symbolic.printing import latex
from ml2o_theory.symbolic.risk_symbols import RISK_MEANING, RISK_SYMBOLS


class Quantified(StrEnum):
    """In which sense the bound holds."""

    ALWAYS = "always"
    EXPECTATION = "in expectation over the run of the algorithm"
    PROBABILITY = "with the stated probability over samples and runs"


class RiskStatement(Statement):
    """A statement whose bound is a formula in the constants of `RISK_MEANING`.

    Class attributes beside those of `Statement`: `increasing` and `decreasing`, the constants that
    enter, by the direction in which each moves the bound; `quantified`, in which sense it holds.
    """

    levels: ClassVar[tuple[Level, ...]] = (Level.UNIFORM, Level.CLOSED_LOOP, Level.RISK)
    increasing: ClassVar[tuple[str, ...]] = ()
    decreasing: ClassVar[tuple[str, ...]] = ()
    quantified: ClassVar[Quantified] = Quantified.ALWAYS

    @abstractmethod
    def formula(self, c: Mapping[str, Number]) -> Number:
        """The bound; `c` has a number for each symbol of `increasing` and `decreasing`."""

    @property
    def glossary(self) -> Mapping[str, str]:
        """What each symbol of `latex` is, in words."""
        symbols = sorted(self.right.free_symbols, key=RISK_SYMBOLS.index)
        return {latex(symbol): RISK_MEANING[str(symbol)] for symbol in symbols}

    @property
    def constants(self) -> tuple[str, ...]:  # type: ignore[override]
        """The symbols that enter."""
        return (*self.increasing, *self.decreasing)

    def bound(self, c: Mapping[str, Enclosure]) -> Enclosure:
        """The bound at both ends of the constants, which must hold on one region.

        There is no upper end unless what it decreases in (a convexity, a number of steps) is
        positive for certain; `InvalidArgument` if it certainly is not.
        """
        for symbol in self.constants:
            if symbol not in c:
                raise InvalidArgument(symbol, None, f"an enclosure: {RISK_MEANING[symbol]}")
        chosen = {symbol: c[symbol] for symbol in self.constants}
        region = chosen[self.constants[0]].region
        for value in chosen.values():
            if value.region != region:
                raise RegionMismatch(region, value.region)
        for symbol in self.decreasing:
            if not chosen[symbol].upper.value > 0:
                raise InvalidArgument(symbol, str(chosen[symbol]), "a number > 0")
        # All constants are ≥ 0, though an end may lie below by a rounding error.
        low_of = {s: v.lower.value.max(arb(0)) for s, v in chosen.items()}
        high_of = {s: v.upper.value for s, v in chosen.items()}
        of_low = {s: high_of[s] if s in self.decreasing else low_of[s] for s in chosen}
        of_high = {s: low_of[s] if s in self.decreasing else high_of[s] for s in chosen}
        with precision():
            low = self.formula(of_low)
            certain = all(low_of[symbol] > 0 for symbol in self.decreasing)
            high = self.formula(of_high) if certain else INFINITY
        stated = any(value.is_stated for value in chosen.values())
        method = EndMethod.STATED if stated else EndMethod.CLOSED_FORM
        return Enclosure.certified(low, high, method, norm=self.norm, region=region)


def root(value: Number) -> Number:
    """√value, of any kind of number."""
    return sympy.sqrt(value) if isinstance(value, sympy.Basic) else value.sqrt()


def power(base: Number, exponent: Number) -> Number:
    """base^exponent for base ≥ 0, of any kind of number; an arb's exponent is a whole number."""
    if isinstance(base, arb_series):
        return (exponent * base.log()).exp()
    if isinstance(base, arb):
        # An end of a contraction may lie a rounding error below 0, where the exact number cannot.
        base, whole = base.max(arb(0)), exponent.unique_fmpz()
        if whole is not None:
            return base ** int(whole)
        # A whole number of more digits than there are bits is known as a ball.
        high = (exponent * base.upper().log()).exp() if base.upper() > 0 else arb(0)
        low = (exponent * base.lower().log()).exp() if base.lower() > 0 else arb(0)
        return low.union(high)
    return base**exponent
