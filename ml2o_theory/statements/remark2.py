r"""Remark 2: the generalization error of transfer learning, as the paper bounds it.

Statement
    E_TL ≤ M_g³ [ ‖φ¹_K − φ̂¹_*‖ + α ‖∇ĝ_T²(φ¹_K)‖ + ‖φ̂¹_* − φ¹_*‖ + δ_13 ],
    E_TL = g_T³(φ¹_K − α∇ĝ_T²(φ¹_K)) − g_T³(φ³_*), φ¹_K the result of K steps on ĝ_T¹.

Hypotheses
    g_T³ is M_g³-Lipschitz on a convex set that holds Φ and T̂²(Φ); A1 makes the optima unique.

Constants
    M_g³, α and the four distances: the bound increases in each.

Source
    Remark 2 and Appendix A.4 of the paper; its wording is lost, the derivation's steps are not.

Derivation
    E_TL ≤ M_g³ ‖φ¹_K − α∇ĝ²(φ¹_K) − φ³_*‖, and the triangle inequality along φ¹_K, φ̂¹_*, φ¹_*.

    The paper holds the second term, a gradient, against Theorem 1's, a difference of gradients. But
    `remark2_shared_terms` bounds the same error by Theorem 1's own four terms: the difference lies
    in where the triangle inequality is split, not in the methods.

Trivial bound
    sup_Φ g_T³ − inf_Φ g_T³.

Checked
    Trials with certified optima, constants and distances.
Not checked
    Rules with a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.symbolic.risk_symbols import M_g, alpha, d_N, d_TL, delta_13, slope


class Remark2(RiskStatement):
    """E_TL is at most M_g³ times optimization, the adaptation's gradient, sampling and δ_13."""

    name: ClassVar[str] = "remark2"
    number: ClassVar[str] = "Remark 2"
    title: ClassVar[str] = "Generalization error of transfer learning, as the paper splits it"
    left: ClassVar[str] = r"E_{TL}"
    right: ClassVar[Expr] = M_g * (d_TL + alpha * slope + d_N + delta_13)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A1",
        "Lemma 13 for task 3, on Φ and the inner steps from it",
    )
    increasing: ClassVar[tuple[str, ...]] = ("M_g", "alpha", "d_TL", "slope", "d_N", "delta_13")

    def formula(self, c: Mapping[str, Number]) -> Number:
        """M_g [d_TL + α slope + d_N + δ_13]."""
        return c["M_g"] * (c["d_TL"] + c["alpha"] * c["slope"] + c["d_N"] + c["delta_13"])
