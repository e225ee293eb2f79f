"""The paper's constants as SymPy symbols, and how they are printed.

A symbol's name is the constant's key in `ml2o_theory.constants.base.MEANING`, so that numbers by
key can be put in for symbols.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sympy import Symbol


def _constant(name: str) -> Symbol:
    return Symbol(name, nonnegative=True)


M, L, rho, tau = map(_constant, ("M", "L", "rho", "tau"))
M_m1, M_m2, L_m, rho_m = map(_constant, ("M_m1", "M_m2", "L_m", "rho_m"))
Delta, Delta_tilde = map(_constant, ("Delta", "Delta_tilde"))
delta_x0, delta_phi = map(_constant, ("delta_x0", "delta_phi"))

alpha, mu = map(_constant, ("alpha", "mu"))
"""The inner step size α, and A1's constant μ of strong convexity."""

Q = Symbol("Q", positive=True)
"""The growth of one step: 1 + M_m1 L at the uniform level, Q̄ at the closed-loop level."""

T, t = (Symbol(name, integer=True, nonnegative=True) for name in ("T", "t"))
"""The horizon, and any step; a statement about step t speaks of t = T − 1."""

UNIFORM_Q = 1 + M_m1 * L
"""What the paper puts in for Q."""

CONSTANTS = {
    str(symbol): symbol
    for symbol in (M, L, rho, tau, M_m1, M_m2, L_m, rho_m, Delta, Delta_tilde, delta_x0, delta_phi)
}
"""By their keys in `MEANING`."""


def at_uniform(values: Mapping[str, Any], horizon: int) -> dict[Symbol, Any]:
    """Numbers for every symbol of a statement at the uniform level, from those of the constants."""
    numbers = {symbol: values[key] for key, symbol in CONSTANTS.items()}
    growth = 1 + values["M_m1"] * values["L"]
    return {**numbers, Q: growth, T: horizon, t: horizon - 1}


LATEX = {
    Delta_tilde: r"\tilde\Delta",
    delta_x0: r"\| x_0 - x_0' \|",
    delta_phi: r"\| \varphi - \varphi' \|",
}
"""The symbols that SymPy would not print as the paper does."""

PRINTED_ORDER = (Delta_tilde, alpha, M, M_m1, M_m2, L, L_m, mu, rho, rho_m, tau, Delta, Q)
"""In a product the factors stand in this order, then named quantities, then what is compared."""
