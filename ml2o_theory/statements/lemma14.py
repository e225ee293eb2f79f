r"""Lemma 14: how close stochastic meta-training comes to the meta optimum, in expectation.

Statement
    E ‖φ̃_MK − φ̃_M*‖² ≤ B² / (μ_G² K), with B = (1 + αL_g) M_g.

Hypotheses
    The meta risk is μ_G-strongly convex on the convex set Φ, and φ̃_M* is its minimiser there; steps
    1/(μ_G k), k = 1 … K, each projected onto Φ, from any φ_0 ∈ Φ; meta-gradients that are unbiased
    for the meta risk given the past, with E‖·‖² ≤ B². For Ĝ (reading E of A2) a sample that is used
    inside and outside of the inner step is biased: the inner step needs the whole sample.

Constants
    B: the bound increases; μ_G, K: it decreases.

Source
    Lemma 14 in Appendix A of the paper, which cites Proposition 1 of Fallah et al. (2021) for the
    order. The constant is ours; Lemma 1 of Rakhlin, Shamir and Sridharan (2012) has 4B².

Derivation
    a_k = E‖φ_k − φ̃_M*‖², φ_1 the start. The projection brings nothing farther from φ̃_M*, strong
    convexity and the optimality of φ̃_M* on Φ give ⟨∇G(φ_k), φ_k − φ̃_M*⟩ ≥ μ_G ‖φ_k − φ̃_M*‖², so
    a_{k+1} ≤ (1 − 2/k) a_k + B²/(μ_G² k²). Hence a_2 ≤ B²/μ_G² − a_1 ≤ B²/μ_G², and if
    a_k ≤ B²/(μ_G² (k − 1)), then a_{k+1} ≤ (B²/μ_G²) [(k − 2)/(k (k − 1)) + 1/k²] ≤ B²/(μ_G² k),
    because (k − 2)/(k − 1) + 1/k ≤ 1. After K steps: B²/(μ_G² K).

Trivial bound
    (diam Φ)².

Checked
    Means over many runs on trials with certified B and μ_G, with a confidence interval: a check
    with a level, not a certificate. The recursion of the derivation, in exact numbers.
Not checked
    Adam, which the experiments use; runs that go on across tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import Quantified, RiskStatement
from ml2o_theory.symbolic.risk_symbols import B, K, mu_G


class Lemma14(RiskStatement):
    """Projected stochastic meta steps 1/(μ_G k) end within B²/(μ_G² K), in mean square."""

    name: ClassVar[str] = "lemma14"
    number: ClassVar[str] = "Lemma 14"
    title: ClassVar[str] = "Optimization error of stochastic meta-training, in expectation"
    left: ClassVar[str] = r"\mathbb{E} \| \tilde\varphi_{MK} - \tilde\varphi_{M*} \|^2"
    right: ClassVar[Expr] = B**2 / (mu_G**2 * K)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "the meta risk is μ_G-strongly convex on Φ (Lemma 7 and A1)",
        "projected steps 1/(μ_G k) with unbiased meta-gradients, E‖·‖² ≤ B²",
    )
    increasing: ClassVar[tuple[str, ...]] = ("B",)
    decreasing: ClassVar[tuple[str, ...]] = ("mu_G", "K")
    quantified: ClassVar[Quantified] = Quantified.EXPECTATION

    def formula(self, c: Mapping[str, Number]) -> Number:
        """B²/(μ_G² K)."""
        ratio = c["B"] / c["mu_G"]
        return ratio * ratio / c["K"]
