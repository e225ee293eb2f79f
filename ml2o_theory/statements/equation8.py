r"""Eq. 8: the generalization error of M-L2O, split at the testing task's meta optimum.

Statement
    E_M ≤ M_g³ ( ‖φ̃¹_MK − φ̃¹_M*‖ + ‖φ̃³_* − φ³_*‖ + α ‖∇ĝ_T²(φ̃¹_MK) − ∇ĝ_T³(φ̃³_M*)‖ + δ̃_13 ),
    φ̃³_* = T̂³(φ̃³_M*) and δ̃_13 = ‖φ̃¹_M* − φ̃³_M*‖.

Hypotheses
    g_T³ is M_g³-Lipschitz on a convex set that holds Φ and the T̂^i(Φ); A1 makes the optima unique.

Constants
    M_g³, α and the four distances: the bound increases in each.

Source
    Eq. 8 and Appendix A.5 of the paper, where the formula survives.

Derivation
    ‖T̂²(φ̃¹_MK) − φ³_*‖ ≤ ‖φ̃¹_MK − φ̃³_M*‖ + α‖∇ĝ²(φ̃¹_MK) − ∇ĝ³(φ̃³_M*)‖ + ‖T̂³(φ̃³_M*) − φ³_*‖, and
    the first distance is at most ‖φ̃¹_MK − φ̃¹_M*‖ + δ̃_13.

Trivial bound
    sup_Φ g_T³ − inf_Φ g_T³.

Checked
    Trials with certified optima, constants and distances; each of the four is observed.
Not checked
    Rules with a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from sympy import Expr

from ml2o_theory.recursion import Number
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.symbolic.risk_symbols import M_g, alpha, d_K, d_N3, delta_meta, slopes


class Equation8(RiskStatement):
    """E_M is at most M_g³ times four distances at the testing task's meta optimum."""

    name: ClassVar[str] = "equation8"
    number: ClassVar[str] = "Eq. 8"
    title: ClassVar[str] = "Generalization error of M-L2O, by the testing task's meta optimum"
    left: ClassVar[str] = r"E_M"
    right: ClassVar[Expr] = M_g * (d_K + d_N3 + alpha * slopes + delta_meta)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A1 and A2 (reading E or P), for tasks 1 and 3",
        "Lemma 13 for task 3, on Φ and the inner steps from it",
    )
    increasing: ClassVar[tuple[str, ...]] = (
        "M_g",
        "alpha",
        "d_K",
        "d_N3",
        "slopes",
        "delta_meta",
    )

    def formula(self, c: Mapping[str, Number]) -> Number:
        """M_g (d_K + d_N3 + α slopes + δ̃_13)."""
        return c["M_g"] * (c["d_K"] + c["d_N3"] + c["alpha"] * c["slopes"] + c["delta_meta"])
