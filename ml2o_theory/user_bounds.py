"""A statement's bound from constants that the user states, and how it depends on each of them.

The constants are decimal numbers of any size; nothing here checks that they hold for any task or
rule, and the bound says so: its method is `STATED`. Arithmetic is that of balls, so that the bound
is exact up to the width that is given with it, from 1e-1000000 to 1e+1000000 and beyond.

The sensitivity of the bound b to a constant c is ∂ log b / ∂ log c = (c/b) ∂b/∂c: by how many
per cent b changes when c changes by one. It is computed without quotients of differences: with
c(1 + ε) for c and power series in ε up to the first order, b becomes b + b' ε, and b'/b is it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

import sympy
from flint import arb, arb_series

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Level
from ml2o_theory.arithmetic import decimal, exact, log10, precision
from ml2o_theory.constants.base import MEANING
from ml2o_theory.enclosure import Enclosure, evaluate_increasing
from ml2o_theory.levels import ONE_VALUE_EACH
from ml2o_theory.recursion import Number
from ml2o_theory.registry import ladder_statement, risk_statement
from ml2o_theory.statements.base import Statement
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.growth import Monomial, order
from ml2o_theory.symbolic.risk_symbols import RISK_MEANING
from ml2o_theory.symbolic.symbols import CONSTANTS

REGION = "as stated by the user"

_DECIMAL = re.compile(r"\+?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,9})?")

SMALLEST = math.ulp(0.0)
"""Stands for every sensitivity that is not 0 and too small for a float."""

Stated = str | int | float | Decimal
"""A constant: a decimal text is that number, a float the binary number that it is."""


@dataclass(frozen=True)
class UserBound:
    """A bound at horizon T and `level`, from `constants`: those that enter, as they were stated.

    T and `level` are None for a statement about risks, which has neither. `sensitivities` has ∂ log
    bound / ∂ log constant for each of them, to float accuracy (`SMALLEST` where floats end); None
    where the bound is 0. `order` is what dominates the bound as T grows, at the uniform level; None
    at the others, and where the bound is 0 for every T.
    """

    statement: Statement
    T: int | None
    level: Level | None
    constants: Mapping[str, str]
    value: Enclosure
    sensitivities: Mapping[str, float | None]
    order: Monomial | None

    @property
    def log10(self) -> float | None:
        """log10 of the bound; None where it is 0."""
        return log10(self.value.upper.value)

    @property
    def decimal(self) -> str:
        """The bound to 10 digits, rounded up."""
        return decimal(self.value.upper.value, up=True, digits=10)


def bound(
    name: str, T: int, constants: Mapping[str, Stated], level: Level = Level.UNIFORM
) -> UserBound:
    """The bound of the statement `name` after T ≥ 1 steps.

    `constants` has a number ≥ 0 for each symbol that enters (`entering`), and no other.
    `InvalidArgument` names the first argument that is not as it must be.
    """
    member = ladder_statement(name)
    symbols = entering(member, level)
    if T < 1:
        raise InvalidArgument("T", T, "an integer ≥ 1")
    _complete(constants, symbols, f"{name} at level {level}", MEANING)
    with precision():
        numbers = {s: _number(s, constants[s], MEANING) for s in symbols}
        stated = {s: Enclosure.stated(number, region=REGION) for s, number in numbers.items()}
        value = evaluate_increasing(
            lambda values: _evaluate(member, level, T, values), stated, norm=member.norm
        )
        sensitivities = {
            s: _sensitivity(lambda values: _evaluate(member, level, T, values), numbers, s)
            for s in symbols
        }
    vanishing = [CONSTANTS[s] for s, number in numbers.items() if number == 0 and s in CONSTANTS]
    grows = order(member.right, vanishing) if level is Level.UNIFORM else None
    texts = {symbol: str(constants[symbol]) for symbol in symbols}
    return UserBound(member, T, level, texts, value, sensitivities, grows)


def risk_bound(name: str, constants: Mapping[str, Stated]) -> UserBound:
    """The bound of the statement `name` about risks: Lemma 14 or 15, Theorem 1, Remark 2, Eq. 8.

    `constants` has a number ≥ 0 for each of the statement's constants, and no other; a number of
    steps is a whole one, and what divides is not 0. `InvalidArgument` names the first that is not
    as it must be.
    """
    member = risk_statement(name)
    _complete(constants, member.constants, name, RISK_MEANING)
    with precision():
        numbers = {s: _number(s, constants[s], RISK_MEANING) for s in member.constants}
        for symbol in ("K", "N"):
            if symbol in numbers and not (numbers[symbol] >= 1 and _is_whole(constants[symbol])):
                raise InvalidArgument(symbol, constants[symbol], "a whole number ≥ 1")
        for symbol in (*member.decreasing, "L_G"):
            if symbol in numbers and not numbers[symbol] > 0:
                allowed = f"a number > 0, {RISK_MEANING[symbol]}"
                raise InvalidArgument(symbol, constants[symbol], allowed)
        for symbol in ("delta", "delta_a", "delta_b"):
            if symbol in numbers and not numbers[symbol] <= 1:
                raise InvalidArgument(symbol, constants[symbol], "a probability, > 0 and ≤ 1")
        # The balls of two equal decimals overlap: what is refused is larger for certain.
        if {"mu_G", "L_G"} <= numbers.keys() and numbers["mu_G"] > numbers["L_G"]:
            raise InvalidArgument("mu_G", constants["mu_G"], "at most L_G")
        value = member.bound({s: Enclosure.stated(n, region=REGION) for s, n in numbers.items()})
        sensitivities = {s: _sensitivity(member.formula, numbers, s) for s in member.constants}
    texts = {symbol: str(constants[symbol]) for symbol in member.constants}
    return UserBound(member, None, None, texts, value, sensitivities, None)


def _complete(
    constants: Mapping[str, Stated],
    symbols: Collection[str],
    of: str,
    meaning: Mapping[str, str],
) -> None:
    """`InvalidArgument` unless just these constants are given."""
    for symbol, given in constants.items():
        if symbol not in symbols:
            raise InvalidArgument(
                symbol, given, f"just the constants of {of}: {', '.join(symbols)}"
            )
    for symbol in symbols:
        if symbol not in constants:
            raise InvalidArgument(symbol, None, f"a number ≥ 0, {meaning[symbol]}")


def entering(member: LadderStatement, level: Level) -> tuple[str, ...]:
    """The symbols of the constants that enter the statement's bound at `level`."""
    allowed = [known for known in member.levels if known in ONE_VALUE_EACH]
    if not allowed:
        raise InvalidArgument("statement", member.name, "one that bounds a number")
    if level not in allowed:
        raise InvalidArgument("level", str(level), ", ".join(allowed))
    symbols = {symbol: sympy.Symbol(symbol) for symbol in MEANING}
    # Whatever enters at all does so within three steps.
    found = member.formula(*ONE_VALUE_EACH[level](symbols, 3)).free_symbols
    return tuple(symbol for symbol in MEANING if symbols[symbol] in found)


def _evaluate(
    member: LadderStatement, level: Level, T: int, values: Mapping[str, Number]
) -> Number:
    """The formula, where what does not enter is not a number."""
    others = dict.fromkeys(MEANING, arb("nan"))
    return member.formula(*ONE_VALUE_EACH[level]({**others, **values}, T))


def _sensitivity(
    formula: Callable[[Mapping[str, Number]], Number], numbers: Mapping[str, arb], symbol: str
) -> float | None:
    moved = {
        s: arb_series([number, number if s == symbol else 0], prec=2)
        for s, number in numbers.items()
    }
    series = arb_series(formula(moved), prec=2)
    if not series[0] > 0:
        return None
    sensitivity = (series[1] / series[0]).mid()
    found = float(sensitivity)
    if found == 0 and not sensitivity.is_zero():
        return SMALLEST if sensitivity > 0 else -SMALLEST
    return found


def _is_whole(value: Stated) -> bool:
    number = Decimal(value) if isinstance(value, float) else Decimal(str(value))
    return number == number.to_integral_value()


def _number(symbol: str, value: Stated, meaning: Mapping[str, str]) -> arb:
    allowed = f"a finite decimal number ≥ 0, {meaning[symbol]}"
    if isinstance(value, bool):
        raise InvalidArgument(symbol, value, allowed)
    if isinstance(value, float):
        number = exact(value) if value >= 0 and value < float("inf") else None
    else:
        number = arb(str(value)) if _DECIMAL.fullmatch(str(value)) else None
    if number is None:
        raise InvalidArgument(symbol, value, allowed)
    return number
