r"""Lemma 15: how far the optimum of a sample is from that of the population, with a probability.

Statement
    With probability at least 1 − δ,  ‖φ̂_* − φ_*‖ ≤ √8 M_g / (μ √(δN)).

Hypotheses
    ĝ_T is the mean of N independent draws of a sample risk; each is almost surely M_g-Lipschitz on
    the convex set Φ; every mean of N samples is μ-strongly convex there; φ̂_* and φ_* minimise ĝ_T
    and g_T on Φ.

Constants
    M_g: the bound increases; μ, δ, N: it decreases.

Source
    Lemma 15 in Appendix A of the paper, from Theorem 2 of Shalev-Shwartz, Shamir, Srebro and
    Sridharan (2010): g(φ̂_*) − g(φ_*) ≤ 4 M_g²/(δμN) with probability at least 1 − δ.

Derivation
    g is μ-strongly convex, so (μ/2)‖φ̂_* − φ_*‖² ≤ g(φ̂_*) − g(φ_*); put in the theorem's bound.

Trivial bound
    diam Φ.

Checked
    The share of drawn samples whose error exceeds the bound, with a Clopper–Pearson interval: a
    check with a level, not a certificate. M_g and μ are certified, over all tasks.
Not checked
    Infinite populations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr, sqrt

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import Quantified, RiskStatement, root
from ml2o_theory.symbolic.risk_symbols import M_g1, N, delta, mu


class Lemma15(RiskStatement):
    """With probability 1 − δ the sampling error is at most √8 M_g/(μ √(δN))."""

    name: ClassVar[str] = "lemma15"
    number: ClassVar[str] = "Lemma 15"
    title: ClassVar[str] = "Sampling error of the optimum, in probability"
    left: ClassVar[str] = r"\| \hat\varphi_* - \varphi_* \|"
    right: ClassVar[Expr] = sqrt(8) * M_g1 / (mu * sqrt(delta * N))
    hypotheses: ClassVar[tuple[str, ...]] = (
        "N independent samples, each M_g-Lipschitz on Φ (Lemma 13)",
        "A1 for every mean of N samples",
    )
    increasing: ClassVar[tuple[str, ...]] = ("M_g1",)
    decreasing: ClassVar[tuple[str, ...]] = ("mu", "N", "delta")
    quantified: ClassVar[Quantified] = Quantified.PROBABILITY

    def formula(self, c: Mapping[str, Number]) -> Number:
        """√8 M_g/(μ √(δN))."""
        return c["M_g1"] / c["mu"] * root(8 / (c["delta"] * c["N"]))
