"""Which of the orders of the paper's Appendix A.3 follow, and what finer constants gain.

The orders are read off the exact expansions of the printed formulas in monomials T^j Q^{kT}
(`ml2o_theory.symbolic.growth`), for fixed Q > 1.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr

from ml2o_core.results import RateRow, RateVerdict, Row, row_id
from ml2o_theory.symbolic import quantities as of
from ml2o_theory.symbolic.growth import growth
from ml2o_theory.symbolic.quantity import carried
from ml2o_theory.symbolic.symbols import Delta, Delta_tilde, L, L_m, M, M_m1, Q, T, rho


def _of_Delta(t: Expr) -> Expr:
    """Δ_A,t without its term in Δ̃."""
    return M_m1 * rho * M_m1 * Delta * of.S(t) + L * L_m * Delta * Q**t


ORDERS: dict[str, tuple[Expr, int]] = {
    "M_g (Lemma 13)": (of.M_g(T), 1),
    "L_g (Lemma 6)": (of.L_g(T), 2),
    "rho_g (Lemma 7)": (of.rho_g(T), 3),
    "rho_g M_g, which bounds the inner step": (of.rho_g(T) * of.M_g(T), 4),
    "task difference, its part in Delta": (
        M * carried(lambda s: _of_Delta(s) * of.P(s) + of.Delta_B(s), T) + of.P(T) * Delta * Q**T,
        2,
    ),
    "task difference, its part in Delta-tilde": (
        M * carried(lambda s: M_m1 * Delta_tilde * of.P(s), T),
        1,
    ),
}
"""The quantity, and the power of Q^T that the paper gives it."""


def rows(artefact: str) -> Iterator[Row]:
    """One row a quantity: the power that the paper gives, and the one that the formula has."""
    for name, (expression, power) in ORDERS.items():
        found, _ = growth(expression)
        follows = found.power <= power
        yield RateRow(
            id=row_id(artefact, "orders", name),
            artefact=artefact,
            term=name,
            against="Q^T",
            setting="exact expansion of the printed formula, Q > 1 fixed",
            predicted=float(power),
            slope=float(found.power),
            lower=float(found.power),
            upper=float(found.power),
            points=0,
            verdict=RateVerdict.CONSISTENT if follows else RateVerdict.INCONSISTENT,
            reason=str(found),
        )
