"""Lemmas 2–11, 13 and Proposition 1 in closed form, at the uniform level.

`c` holds one value for each constant, by symbol. `recursion` evaluates the bounds; these formulas
are the statements as THEORY prints them, written independently of it, and the tests hold one
against the other. Numbers may be of any kind with + and ·, SymPy symbols included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ml2o_theory.recursion import Number

Values: TypeAlias = Mapping[str, Number]


def geometric_sum(Q: Number, t: int) -> Number:
    """S_t = Σ_{s<t} Q^s by Horner's rule; (Q^t − 1)/(Q − 1) where Q ≠ 1, t where Q = 1."""
    total: Number = 0
    for _ in range(t):
        total = Q * total + 1
    return total


def Q(c: Values) -> Number:
    """Q = 1 + M_m1 L ≥ ‖A_t‖."""
    return 1 + c["M_m1"] * c["L"]


def P(c: Values, t: int) -> Number:
    """Lemma 2: P_t = M_m2 S_t, the Lipschitz constant of x_t in φ."""
    return c["M_m2"] * geometric_sum(Q(c), t)


def V(c: Values, t: int) -> Number:
    """V_t = L P_t + 1, the Lipschitz constant of (z_t, φ) in φ."""
    return c["L"] * P(c, t) + 1


def L_A(c: Values, t: int) -> Number:
    """Lemma 3: the Lipschitz constant of A_t in φ."""
    return c["M_m1"] * c["rho"] * P(c, t) + c["L"] * c["L_m"] * V(c, t)


def L_B(c: Values, t: int) -> Number:
    """Lemma 4: the Lipschitz constant of B_t in φ."""
    return c["L_m"] * V(c, t)


def L_J(c: Values, T: int) -> Number:
    """Lemma 5: the Lipschitz constant of J_T in φ."""
    return sum(Q(c) ** (T - 1 - t) * (L_A(c, t) * P(c, t) + L_B(c, t)) for t in range(T))


def L_g(c: Values, T: int) -> Number:
    """Lemma 6: the Lipschitz constant of ∇g_T in φ."""
    return c["M"] * L_J(c, T) + c["L"] * P(c, T) ** 2


def L_K(c: Values, T: int) -> Number:
    """Lemma 7: the Lipschitz constant of ∂J_T/∂φ in φ."""

    def added(t: int) -> Number:
        gradient = c["L"] * L_J(c, t) + c["rho"] * P(c, t) ** 2
        hessian = c["tau"] * P(c, t) ** 3 + 3 * c["rho"] * P(c, t) * L_J(c, t)
        rule = c["rho_m"] * V(c, t) ** 3 + 3 * c["L_m"] * V(c, t) * gradient
        return rule + c["M_m1"] * hessian

    return sum(Q(c) ** (T - 1 - t) * added(t) for t in range(T))


def rho_g(c: Values, T: int) -> Number:
    """Lemma 7: the Lipschitz constant of ∇²g_T in φ."""
    by_path = c["M"] * L_K(c, T) + 3 * c["L"] * P(c, T) * L_J(c, T)
    return by_path + c["rho"] * P(c, T) ** 3


def M_g(c: Values, T: int) -> Number:
    """Lemma 13: the Lipschitz constant of g_T."""
    return c["M"] * P(c, T)


def runs_apart(c: Values, T: int) -> Number:
    """Lemma 2: ‖x_T(φ) − x_T'(φ')‖ ≤ Q^T ‖x_0 − x_0'‖ + P_T ‖φ − φ'‖."""
    return Q(c) ** T * c["delta_x0"] + P(c, T) * c["delta_phi"]


def delta_x(c: Values, T: int) -> Number:
    """Lemma 8: ‖x_T¹ − x_T²‖ ≤ M_m1 Δ S_T."""
    return c["M_m1"] * c["Delta"] * geometric_sum(Q(c), T)


def Delta_A(c: Values, t: int) -> Number:
    """Lemma 9: ‖A_t¹ − A_t²‖."""
    hessians = c["Delta_tilde"] + c["rho"] * delta_x(c, t)
    return c["M_m1"] * hessians + c["L"] * c["L_m"] * c["Delta"] * Q(c) ** t


def Delta_B(c: Values, t: int) -> Number:
    """Lemma 10: ‖B_t¹ − B_t²‖."""
    return c["L_m"] * c["Delta"] * Q(c) ** t


def Delta_J(c: Values, T: int) -> Number:
    """Lemma 11: ‖J_T¹ − J_T²‖."""
    return sum(Q(c) ** (T - 1 - t) * (Delta_A(c, t) * P(c, t) + Delta_B(c, t)) for t in range(T))


def proposition1(c: Values, T: int) -> Number:
    """Proposition 1 (Lemma 12): ‖∇g_T¹(φ) − ∇g_T²(φ)‖ ≤ M Δ_J + P_T Δ Q^T."""
    return c["M"] * Delta_J(c, T) + P(c, T) * c["Delta"] * Q(c) ** T
