"""How a bound grows with the horizon: its exact expansion in the monomials T^j Q^{kT}.

Every quantity of the lemmas is a sum Σ p_k(t) Q^{kt} with polynomials p_k: S_t is
(Q^t − 1)/(Q − 1), products of such sums are such sums, and so is u_t = Σ_{s<t} Q^{t−1−s} term(s),
which is found from u_{t+1} = Q u_t + term(t) by undetermined coefficients. Where Q = 1 all of it is
one polynomial in t. The arithmetic is that of polynomials in Q^t and t over the field of rational
functions of the constants.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache, reduce
from operator import add, mul
from typing import Any, NamedTuple

from sympy import QQ, Add, Expr, Integer, Mul, Pow, Sum, Symbol, cancel
from sympy.polys.fields import field
from sympy.polys.rings import ring

from ml2o_theory.symbolic.quantities import S
from ml2o_theory.symbolic.quantity import Quantity, unfolded
from ml2o_theory.symbolic.symbols import UNIFORM_Q, Q, T, t

RingElement = Any
"""A polynomial in X = Q^t and t; SymPy's rings have no type of their own for it."""


class Monomial(NamedTuple):
    """T^degree Q^{power T}."""

    power: int
    degree: int

    def __str__(self) -> str:
        """In the notation of pages: `T Q^{2T}`."""
        counted = {0: "", 1: "T"}.get(self.degree, f"T^{self.degree}")
        grown = {0: "", 1: "Q^T"}.get(self.power, f"Q^{{{self.power}T}}")
        return f"{counted} {grown}".strip() or "1"


def growth(expression: Expr) -> tuple[Monomial, Expr]:
    """What dominates an expression in T for Q > 1 and T → ∞: a monomial and its coefficient."""
    found = expansion(expression)
    leading = max(found)
    return leading, found[leading]


@cache
def expansion(expression: Expr, growth: Expr = Q) -> dict[Monomial, Expr]:
    """The coefficients of an expression in T (or t), in rational functions of the constants.

    `growth` is what stands for Q: the symbol, any expression in constants, or 1. The dictionary is
    empty where the expression is 0; the expansion is unique where Q is not a root of unity, so it
    is empty nowhere else.
    """
    terms = _Expansion(expression, growth).of(expression.subs(T, t))
    return {Monomial(*powers): coefficient.as_expr() for powers, coefficient in terms.items()}


def order(bound: Expr, vanishing: Collection[Symbol] = ()) -> Monomial | None:
    """What dominates at the uniform level if just these constants are 0; None for the bound 0."""
    zeros = dict.fromkeys(vanishing, Integer(0))
    growth = Integer(1) if UNIFORM_Q.subs(zeros) == 1 else Q
    found = sorted(expansion(bound, growth).items(), reverse=True)
    return next((m for m, c in found if cancel(c.subs(zeros)) != 0), None)


def degree_without_growth(expression: Expr) -> int:
    """The degree in T of an expression in T, for Q = 1."""
    return max(monomial.degree for monomial in expansion(expression, Integer(1)))


class _Expansion:
    """Expressions in t as polynomials in X = Q^t and t."""

    def __init__(self, expression: Expr, growth: Expr) -> None:
        # Each part for itself: whatever cancels between them is computed with all the same.
        parts = [expression, growth, Q, *map(unfolded, expression.atoms(Quantity))]
        symbols = set[Symbol]().union(*(part.free_symbols for part in parts))
        constants = sorted(symbols - {T, t}, key=str)
        of_constants, *values = field(constants, QQ)
        self._ring, self._X, step = ring("X t", of_constants)
        self._known = {**dict(zip(constants, values, strict=True)), t: step}
        self._growth = self._known[Q] = of_constants.from_expr(growth)
        if growth == 1:
            self._X, self._known[S(t)] = self._ring.one, step
        else:
            self._known[S(t)] = (self._X - 1).mul_ground(1 / (self._growth - 1))

    def of(self, expression: Expr) -> RingElement:
        """The expression, its quantities and sums put in."""
        if expression not in self._known:
            self._known[expression] = self._ring(self._compute(expression))
        return self._known[expression]

    def _compute(self, expression: Expr) -> RingElement:
        match expression:
            case Add():
                return reduce(add, map(self.of, expression.args))
            case Mul():
                return reduce(mul, map(self.of, expression.args))
            case Pow(base=base, exp=exponent) if base == Q and exponent.has(t):
                k = int(exponent.coeff(t))
                return self._X**k * self._growth ** int(exponent - k * t)
            case Pow(base=base, exp=exponent):
                return self.of(base) ** int(exponent)
            case Quantity():
                return self.of(expression.func.definition(*expression.args))
            case Sum(function=summand, variables=[s]):
                # At s = t − 1 the summand is term(t − 1).
                return self._carried(self.of(summand.subs(t, s + 1).subs(s, t)))
            case _:
                return int(expression)

    def _carried(self, term: RingElement) -> RingElement:
        """u_t with u_{t+1} = Q u_t + term(t) and u_0 = 0."""
        u = self._ring.zero
        X, step = self._X, self._known[t]
        while term:
            (power, degree), coefficient = max(term.items(), key=lambda item: item[0][::-1])
            factor = self._growth**power
            # factor (t+1)^n − Q t^n begins with (factor − Q) t^n, or with n Q t^{n−1}.
            resonant = factor == self._growth
            n = degree + 1 if resonant else degree
            c = coefficient / (n * self._growth if resonant else factor - self._growth)
            u += (X**power * step**n).mul_ground(c)
            after = (X**power * (step + 1) ** n).mul_ground(c * factor)
            term = term - after + (X**power * step**n).mul_ground(c * self._growth)
        at_zero = sum(c for (_, degree), c in u.items() if degree == 0)
        return u - X * at_zero
