r"""Lemma 14 for full-batch gradient descent: the meta optimum is approached at a linear rate.

Statement
    ‖φ̃_MK − φ̃_M*‖ ≤ (1 − μ_G/L_G)^K ‖φ_0 − φ̃_M*‖.

Hypotheses
    The meta risk is μ_G-strongly convex and its gradient L_G-Lipschitz on the convex set Φ, and
    φ̃_M* is its minimiser there; K steps 1/L_G along its gradient, each projected onto Φ.

Constants
    L_G, ‖φ_0 − φ̃_M*‖: the bound increases; μ_G, K: it decreases.

Source
    The deterministic companion of Lemma 14 of the paper; Nesterov (2004), Section 2.1.5 and 2.2.

Derivation
    φ ↦ Π_Φ(φ − ∇G(φ)/L_G) fixes φ̃_M*. ∇G(φ) − ∇G(φ') = H(φ − φ') with H the mean of ∇²G over the
    segment, μ_G I ≼ H ≼ L_G I, so ‖I − H/L_G‖ ≤ 1 − μ_G/L_G; the projection is nonexpansive.

Trivial bound
    diam Φ.

Checked
    Trials with certified μ_G, L_G and φ̃_M*, run in 512 bits.
Not checked
    Other step sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import RiskStatement, power
from ml2o_theory.symbolic.risk_symbols import L_G, K, d_0, mu_G


class Lemma14FullBatch(RiskStatement):
    """Projected full-batch steps 1/L_G contract by 1 − μ_G/L_G."""

    name: ClassVar[str] = "lemma14_full_batch"
    number: ClassVar[str] = "Lemma 14 (full batch)"
    title: ClassVar[str] = "Optimization error of full-batch meta-training"
    left: ClassVar[str] = r"\| \tilde\varphi_{MK} - \tilde\varphi_{M*} \|"
    right: ClassVar[Expr] = (1 - mu_G / L_G) ** K * d_0
    hypotheses: ClassVar[tuple[str, ...]] = (
        "the meta risk is μ_G-strongly convex and L_G-smooth on Φ (Lemma 7 and A1)",
        "projected steps 1/L_G along its gradient",
    )
    increasing: ClassVar[tuple[str, ...]] = ("L_G", "d_0")
    decreasing: ClassVar[tuple[str, ...]] = ("mu_G", "K")

    def formula(self, c: Mapping[str, Number]) -> Number:
        """(1 − μ_G/L_G)^K ‖φ_0 − φ̃_M*‖."""
        return power(1 - c["mu_G"] / c["L_G"], c["K"]) * c["d_0"]
