r"""Theorem 1 as the paper states it: with a probability, each term bounded by its lemma.

Statement
    With probability at least 1 − δ_a − δ_b, in reading E of A2,
    E_M ≤ M_g³ [ (1 + αL_ĝ²) B/(μ_G √(δ_a K)) + α Δ_g + √8 M_g¹/(μ √(δ_b N)) + δ_13 ],
    with Δ_g = M Δ_J + P_T Δ_12 Q^T, Proposition 1's bound of ‖∇ĝ_T¹ − ∇ĝ_T²‖.

Hypotheses
    Those of Theorem 1, of Lemma 14 (stochastic steps 1/(μ_G k) on Ĝ, projected onto Φ), of Lemma 15
    and of Proposition 1 for each pair of samples.

Constants
    M_g³, L_ĝ², α, B, Δ_g, M_g¹, δ_13: the bound increases; μ_G, μ, K, N, δ_a, δ_b: it decreases.

Source
    Theorem 1 of the paper, whose O(·) hides the constants that stand here.

Derivation
    Lemma 14 and Markov's inequality for ‖φ̃_MK − φ̃_M*‖² (probability δ_a), Proposition 1 for the
    second term, Lemma 15 for the third (probability δ_b), and the union bound.

Trivial bound
    sup_Φ g_T³ − inf_Φ g_T³.

Checked
    The share of trials whose error exceeds the bound, with a Clopper–Pearson interval: a check with
    a level, not a certificate.
Not checked
    The bound's O(·) for other constants than these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr, sqrt

from ml2o_theory.recursion import Number
from ml2o_theory.statements.lemma15 import Lemma15
from ml2o_theory.statements.risk import Quantified, RiskStatement, root
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.symbolic.risk_symbols import (
    B,
    K,
    L_g,
    M_g,
    M_g1,
    N,
    alpha,
    delta_13,
    delta_a,
    delta_b,
    gap,
    mu,
    mu_G,
)


class Theorem1Probability(RiskStatement):
    """With probability 1 − δ_a − δ_b, E_M is at most the sum of the lemmas' bounds."""

    name: ClassVar[str] = "theorem1_probability"
    number: ClassVar[str] = "Theorem 1 (in probability)"
    title: ClassVar[str] = "Generalization error of M-L2O, each term by its lemma"
    left: ClassVar[str] = r"E_M"
    right: ClassVar[Expr] = M_g * (
        (1 + alpha * L_g) * B / (mu_G * sqrt(delta_a * K))
        + alpha * gap
        + sqrt(8) * M_g1 / (mu * sqrt(delta_b * N))
        + delta_13
    )
    hypotheses: ClassVar[tuple[str, ...]] = (
        "those of Theorem 1 in reading E",
        "those of Lemmas 14 and 15 and of Proposition 1",
    )
    increasing: ClassVar[tuple[str, ...]] = (
        "M_g",
        "L_g",
        "alpha",
        "B",
        "gap",
        "M_g1",
        "delta_13",
    )
    decreasing: ClassVar[tuple[str, ...]] = ("mu_G", "mu", "K", "N", "delta_a", "delta_b")
    quantified: ClassVar[Quantified] = Quantified.PROBABILITY

    def formula(self, c: Mapping[str, Number]) -> Number:
        """Theorem 1's, with the terms' bounds put in."""
        return c["M_g"] * sum(self.terms(c).values())

    def terms(self, c: Mapping[str, Number]) -> dict[str, Number]:
        """The four terms in the bracket, by name."""
        d_K = c["B"] / c["mu_G"] / root(c["delta_a"] * c["K"])
        d_N = Lemma15().formula({**c, "delta": c["delta_b"]})
        return Theorem1().terms({**c, "d_K": d_K, "d_N": d_N})
