"""The orders that THEORY states, as exact leading coefficients and as limits."""

from __future__ import annotations

from itertools import pairwise

import pytest
import sympy
from flint import fmpq
from hypothesis import given
from hypothesis import strategies as st
from sympy import Expr, Rational, cancel, diff

from ml2o_theory.constants.base import MEANING
from ml2o_theory.statements.proposition1 import Proposition1
from ml2o_theory.symbolic import quantities as of
from ml2o_theory.symbolic.growth import Monomial, degree_without_growth, expansion, growth
from ml2o_theory.symbolic.quantity import evaluated
from ml2o_theory.symbolic.symbols import (
    CONSTANTS,
    Delta,
    Delta_tilde,
    L,
    L_m,
    M,
    M_m1,
    M_m2,
    Q,
    T,
    at_uniform,
    rho,
)

BOUND = Proposition1.right

ORDERS: dict[str, tuple[Expr, int]] = {
    "M_g": (of.M_g(T), 1),
    "L_J": (of.L_J(T), 2),
    "L_g": (of.L_g(T), 2),
    "Delta_J": (of.Delta_J(T), 2),
    "Proposition 1": (BOUND, 2),
    "L_K": (of.L_K(T), 3),
    "rho_g": (of.rho_g(T), 3),
    "rho_g M_g": (of.rho_g(T) * of.M_g(T), 4),
}
"""A.3 of the paper: of order Q^{kT}, without a factor T."""


@pytest.mark.parametrize("name", ORDERS)
def test_the_orders_of_the_appendix(name: str) -> None:
    expression, power = ORDERS[name]
    assert growth(expression)[0] == Monomial(power, 0)


PER_DELTA = M_m2 * (1 / (Q - 1) + M / Q * (M_m1**2 * rho / (Q - 1) ** 3 + L * L_m / (Q - 1) ** 2))
"""The constant of Q^{2T} Δ."""

PER_DELTA_TILDE = M * M_m1 * M_m2 / (Q - 1)
"""The constant of T Q^{T−1} Δ̃."""


def by(difference: sympy.Symbol) -> dict[Monomial, Expr]:
    """Proposition 1's bound is linear in Δ and Δ̃: the coefficients of one of them."""
    found = {m: cancel(diff(c, difference)) for m, c in expansion(BOUND).items()}
    return {m: c for m, c in found.items() if c != 0}


def test_proposition_1_has_exactly_the_stated_monomials() -> None:
    constant, plain, counted, square = (Monomial(*m) for m in [(0, 0), (1, 0), (1, 1), (2, 0)])
    assert set(by(Delta)) == {constant, plain, counted, square}
    assert set(by(Delta_tilde)) == {constant, plain, counted}
    assert set(expansion(BOUND)) == {constant, plain, counted, square}


def test_the_leading_constants_of_proposition_1_are_the_stated_ones() -> None:
    leading = max(by(Delta).items())
    assert leading[0] == Monomial(2, 0)
    assert cancel(leading[1] - PER_DELTA) == 0
    leading = max(by(Delta_tilde).items())
    assert leading[0] == Monomial(1, 1)
    assert cancel(leading[1] - PER_DELTA_TILDE / Q) == 0


def test_the_limits_of_proposition_1_are_the_stated_ones() -> None:
    """SymPy's own limits, for numbers in place of the constants."""
    c = {CONSTANTS[key]: Rational(k + 2, 3) for k, key in enumerate(CONSTANTS)}
    c[Q] = 1 + c[M_m1] * c[L]
    for difference, scale, stated in [
        (Delta, c[Q] ** (2 * T), PER_DELTA),
        (Delta_tilde, T * c[Q] ** (T - 1), PER_DELTA_TILDE),
    ]:
        terms = [k * T**m.degree * Q ** (m.power * T) for m, k in by(difference).items()]
        ratio = sum(sympy.expand(term.subs(c) / scale) for term in terms)
        assert sympy.limit(ratio, T, sympy.oo) == stated.subs(c)


@pytest.mark.parametrize(
    ("name", "degree"),
    [("M_g", 1), ("L_J", 3), ("L_g", 3), ("Delta_J", 3), ("Proposition 1", 3), ("L_K", 5)],
)
def test_without_growth_everything_is_a_polynomial(name: str, degree: int) -> None:
    """Q = 1: the stated degree, and differences of the next order vanish."""
    expression, _ = ORDERS[name]
    assert degree_without_growth(expression) == degree
    c = {symbol: fmpq(k + 2, 3) for k, symbol in enumerate(CONSTANTS.values())} | {Q: fmpq(1)}
    values = [evaluated(expression, {**c, T: horizon}) for horizon in range(degree + 4)]
    for _ in range(degree):
        values = [after - before for before, after in pairwise(values)]
    assert set(values) != {0}
    assert len(set(values)) == 1


SIZES = st.fractions(min_value=0, max_value=9, max_denominator=9).map(
    lambda value: fmpq(value.numerator, value.denominator)
)


@given(
    name=st.sampled_from(sorted(ORDERS)),
    c=st.fixed_dictionaries(dict.fromkeys(MEANING, SIZES)).filter(lambda c: c["M_m1"] * c["L"] > 0),
    horizon=st.integers(0, 6),
)
def test_the_expansion_is_the_bound_itself(name: str, c: dict[str, fmpq], horizon: int) -> None:
    expression, _ = ORDERS[name]
    numbers = at_uniform(c, horizon)
    expected = evaluated(expression, numbers)
    growth_now = numbers[Q]
    found = sum(
        evaluated(k, numbers) * horizon**m.degree * growth_now ** (m.power * horizon)
        for m, k in expansion(expression).items()
    )
    assert found == expected


def test_a_bound_that_grows_faster_is_told_apart() -> None:
    assert growth(BOUND + Q ** (2 * T) * T)[0] == Monomial(2, 1)
    assert growth(of.P(T) ** 3)[0] == Monomial(3, 0)
    assert degree_without_growth(of.S(T) ** 2) == 2
