"""The quantities of Lemmas 2–13, for a step of growth Q.

They are the closed forms that THEORY prints, written independently of `ml2o_theory.recursion`;
`ml2o_theory.symbolic.identities` proves that the two agree. Where a definition needs the uniform
level's Q = 1 + M_m1 L, its docstring says so.
"""

from __future__ import annotations

from sympy import Expr, Sum

from ml2o_theory.symbolic.quantity import carried, quantity, summation_index
from ml2o_theory.symbolic.symbols import (
    Delta,
    Delta_tilde,
    L,
    L_m,
    M,
    M_m1,
    M_m2,
    Q,
    alpha,
    mu,
    rho,
    rho_m,
    tau,
)


@quantity("S_{?}", "sums the growth")
def S(t: Expr) -> Expr:
    """Σ_{s<t} Q^s: (Q^t − 1)/(Q − 1) where Q ≠ 1, t where Q = 1."""
    s = summation_index(t)
    return Sum(Q**s, (s, 0, t - 1))


@quantity("P_{?}", "bounds the sensitivity of the iterate to φ")
def P(t: Expr) -> Expr:
    """Lemma 2: the Lipschitz constant of x_t in φ, and a bound of ‖J_t‖."""
    return M_m2 * S(t)


@quantity("V_{?}", "bounds the sensitivity of the rule's two inputs to φ")
def V(t: Expr) -> Expr:
    """The Lipschitz constant of (z_t, φ) in φ."""
    return L * P(t) + 1


@quantity("L_{A,?}", "bounds how φ moves the step Jacobian in x")
def L_A(t: Expr) -> Expr:
    """Lemma 3."""
    return M_m1 * rho * P(t) + L * L_m * V(t)


@quantity("L_{B,?}", "bounds how φ moves the step Jacobian in φ")
def L_B(t: Expr) -> Expr:
    """Lemma 4."""
    return L_m * V(t)


@quantity("L_{J,?}", "bounds how φ moves the Jacobian of the iterate")
def L_J(t: Expr) -> Expr:
    """Lemma 5."""
    return carried(lambda s: L_A(s) * P(s) + L_B(s), t)


@quantity("L_g", "is the Lipschitz constant of the gradient of the optimizer's risk")
def L_g(T: Expr) -> Expr:
    """Lemma 6."""
    return M * L_J(T) + L * P(T) ** 2


@quantity("L_{K,?}", "bounds how φ moves the second derivative of the iterate in φ")
def L_K(t: Expr) -> Expr:
    """Lemma 7."""

    def term(s: Expr) -> Expr:
        by_second = 3 * L_m * V(s) * (L * L_J(s) + rho * P(s) ** 2)
        by_third = M_m1 * (tau * P(s) ** 3 + 3 * rho * P(s) * L_J(s))
        return rho_m * V(s) ** 3 + by_second + by_third

    return carried(term, t)


@quantity(r"\rho_g", "is the Lipschitz constant of the Hessian of the optimizer's risk")
def rho_g(T: Expr) -> Expr:
    """Lemma 7."""
    return M * L_K(T) + 3 * L * P(T) * L_J(T) + rho * P(T) ** 3


@quantity(r"\delta x_{?}", "bounds the distance of the two tasks' iterates")
def delta_x(t: Expr) -> Expr:
    """Lemma 8."""
    return M_m1 * Delta * S(t)


@quantity(r"\Delta_{A,?}", "bounds the difference of the two tasks' step Jacobians in x")
def Delta_A(t: Expr) -> Expr:
    """Lemma 9, for Q = 1 + M_m1 L: Δ + L δx_t is then Δ Q^t."""
    return M_m1 * (Delta_tilde + rho * M_m1 * Delta * S(t)) + L * L_m * Delta * Q**t


@quantity(r"\Delta_{B,?}", "bounds the difference of the two tasks' step Jacobians in φ")
def Delta_B(t: Expr) -> Expr:
    """Lemma 10, for Q = 1 + M_m1 L."""
    return L_m * Delta * Q**t


@quantity(r"\Delta_{J,?}", "bounds the difference of the Jacobians of the two tasks' iterates")
def Delta_J(t: Expr) -> Expr:
    """Lemma 11, for Q = 1 + M_m1 L."""
    return carried(lambda s: Delta_A(s) * P(s) + Delta_B(s), t)


@quantity("M_g", "is the Lipschitz constant of the optimizer's risk")
def M_g(T: Expr) -> Expr:
    """Lemma 13."""
    return M * P(T)


@quantity("L_G", "is the Lipschitz constant of the gradient of the meta risk")
def L_G(T: Expr) -> Expr:
    """Lemma 7: (1 + αL_g)² L_g + α ρ_g M_g."""
    return (1 + alpha * L_g(T)) ** 2 * L_g(T) + alpha * rho_g(T) * M_g(T)


@quantity("L_G", "is the Lipschitz constant of the gradient of the meta risk under A1")
def L_G_convex(T: Expr) -> Expr:
    """Lemma 7 under A1, where αL_g ≤ 1: (1 − αμ)² L_g + α ρ_g M_g."""
    return (1 - alpha * mu) ** 2 * L_g(T) + alpha * rho_g(T) * M_g(T)


@quantity(r"\mu_G", "is the strong convexity of the meta risk, where it is positive")
def mu_G(T: Expr) -> Expr:
    """Lemma 7, where αL_g ≤ 1: (1 − αL_g)² μ − α ρ_g M_g."""
    return (1 - alpha * L_g(T)) ** 2 * mu - alpha * rho_g(T) * M_g(T)


FROM_LAST_TO_FIRST = (
    *(mu_G, L_G, L_G_convex, rho_g, L_g, M_g, L_K, L_J, L_A, L_B),
    *(Delta_J, Delta_A, Delta_B, delta_x, V, P, S),
)
"""Every quantity, each before those that it is made of."""
