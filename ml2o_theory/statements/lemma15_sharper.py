r"""Lemma 15, sharper and with less: Chebyshev's inequality at the population's optimum.

Statement
    With probability at least 1 − δ,  ‖φ̂_* − φ_*‖ ≤ M_g / (μ̂ √(δN)).

Hypotheses
    ĝ_T is the mean of N independent draws of a sample risk ζ, and E‖∇g(φ_*; ζ)‖² ≤ M_g²; the ĝ_T
    that was drawn is μ̂-strongly convex on the convex set Φ; φ_* minimises g_T inside Φ.

Constants
    M_g: the bound increases; μ̂, δ, N: it decreases. μ̂ belongs to the sample and may be random.

Source
    Ours; beyond the paper.

Derivation
    φ_* is inside Φ, so ∇g_T(φ_*) = 0: ∇ĝ_T(φ_*) is a mean of N independent vectors of mean 0, and
    E‖∇ĝ_T(φ_*)‖² ≤ M_g²/N. By Markov's inequality ‖∇ĝ_T(φ_*)‖ ≤ M_g/√(δN) with probability at
    least 1 − δ. Where that holds, strong convexity and the optimality of φ̂_* on Φ give
    μ̂‖φ̂_* − φ_*‖² ≤ ⟨∇ĝ_T(φ_*) − ∇ĝ_T(φ̂_*), φ_* − φ̂_*⟩ ≤ ⟨∇ĝ_T(φ_*), φ_* − φ̂_*⟩.

Trivial bound
    diam Φ.

Checked
    The share of drawn samples whose error exceeds the bound, with a Clopper–Pearson interval: a
    check with a level, not a certificate.
Not checked
    Infinite populations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr, sqrt

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import Quantified, RiskStatement, root
from ml2o_theory.symbolic.risk_symbols import M_g1, N, delta, mu_hat


class Lemma15Sharper(RiskStatement):
    """With probability 1 − δ the sampling error is at most M_g/(μ̂ √(δN))."""

    name: ClassVar[str] = "lemma15_sharper"
    number: ClassVar[str] = "Lemma 15 (sharper)"
    title: ClassVar[str] = "Sampling error of the optimum, from the variance of the gradient"
    left: ClassVar[str] = r"\| \hat\varphi_* - \varphi_* \|"
    right: ClassVar[Expr] = M_g1 / (mu_hat * sqrt(delta * N))
    hypotheses: ClassVar[tuple[str, ...]] = (
        "N independent samples with E‖∇g(φ_*; ζ)‖² ≤ M_g²",
        "A1 for the sample that was drawn",
    )
    increasing: ClassVar[tuple[str, ...]] = ("M_g1",)
    decreasing: ClassVar[tuple[str, ...]] = ("mu_hat", "N", "delta")
    quantified: ClassVar[Quantified] = Quantified.PROBABILITY

    def formula(self, c: Mapping[str, Number]) -> Number:
        """M_g/(μ̂ √(δN))."""
        return c["M_g1"] / c["mu_hat"] / root(c["delta"] * c["N"])
