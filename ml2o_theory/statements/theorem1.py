r"""Theorem 1: the generalization error of M-L2O, in four terms.

Statement
    E_M ≤ M_g³ [ (1 + αL_ĝ²) ‖φ̃¹_MK − φ̃¹_M*‖ + α ‖∇ĝ_T¹ − ∇ĝ_T²‖(φ̃¹_M*) + ‖φ̃¹_* − φ¹_*‖ + δ_13 ],
    E_M = g_T³(φ̃¹_MK − α∇ĝ_T²(φ̃¹_MK)) − g_T³(φ³_*) (Eq. 7), φ̃¹_* = T̂¹(φ̃¹_M*) and
    δ_13 = ‖φ¹_* − φ³_*‖. Superscripts are tasks: 1 training, 2 adaptation, 3 testing.

Hypotheses
    g_T³ is M_g³-Lipschitz on a convex set that holds Φ and T̂²(Φ); ∇ĝ_T² is L_ĝ²-Lipschitz on Φ ∋
    φ̃¹_MK, φ̃¹_M*. A1 makes the optima unique; in reading P of A2 φ̃¹_* = φ¹_*, so that the third
    term is 0, in reading E φ̃¹_* = φ̂¹_*, so that Lemma 15 bounds it.

Constants
    M_g³, L_ĝ², α and the four distances: the bound increases in each.

Source
    Theorem 1 and Appendix A.3 of the paper. The constants' tasks are ours to say: with L_ĝ of task
    1 in place of task 2 the inequality is false.

Derivation
    E_M ≤ M_g³ ‖T̂²(φ̃¹_MK) − φ³_*‖, and along T̂²(φ̃¹_M*), T̂¹(φ̃¹_M*) = φ̃¹_* and φ¹_* the distance is
    at most ‖T̂²(φ̃¹_MK) − T̂²(φ̃¹_M*)‖ + α‖∇ĝ¹ − ∇ĝ²‖(φ̃¹_M*) + ‖φ̃¹_* − φ¹_*‖ + δ_13. T̂² is
    (1 + αL_ĝ²)-Lipschitz. (1-Lipschitz if ĝ² is convex and αL_ĝ² ≤ 2: a sharper factor that the
    waterfall of the report shows.)

Trivial bound
    sup_Φ g_T³ − inf_Φ g_T³.

Checked
    Trials with certified optima, constants and distances; each term and the sum.
Not checked
    Rules with a state; A2's wording, which is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.symbolic.risk_symbols import L_g, M_g, alpha, d_K, d_N, delta_13, gap


class Theorem1(RiskStatement):
    """E_M is at most M_g³ times optimization, task difference, sampling and δ_13."""

    name: ClassVar[str] = "theorem1"
    number: ClassVar[str] = "Theorem 1"
    title: ClassVar[str] = "Generalization error of M-L2O, by its four terms"
    left: ClassVar[str] = r"E_M"
    right: ClassVar[Expr] = M_g * ((1 + alpha * L_g) * d_K + alpha * gap + d_N + delta_13)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A1 and A2 (reading E or P)",
        "Lemma 13 for task 3 and Lemma 6 for task 2, on Φ and the inner steps from it",
    )
    increasing: ClassVar[tuple[str, ...]] = (
        "M_g",
        "L_g",
        "alpha",
        "d_K",
        "gap",
        "d_N",
        "delta_13",
    )

    def formula(self, c: Mapping[str, Number]) -> Number:
        """M_g [(1 + αL_g) d_K + α gap + d_N + δ_13]."""
        return c["M_g"] * sum(self.terms(c).values())

    def terms(self, c: Mapping[str, Number]) -> dict[str, Number]:
        """The four terms in the bracket, by name."""
        return {
            "optimization": (1 + c["alpha"] * c["L_g"]) * c["d_K"],
            "task difference": c["alpha"] * c["gap"],
            "sampling": c["d_N"],
            "δ_13": c["delta_13"],
        }
