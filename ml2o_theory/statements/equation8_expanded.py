r"""Eq. 8 with its third term bounded: where Δ_23 and Δ̃_23 enter.

Statement
    ‖∇ĝ_T²(φ̃¹_MK) − ∇ĝ_T³(φ̃³_M*)‖ ≤ L_ĝ² (‖φ̃¹_MK − φ̃¹_M*‖ + δ̃_13) + ‖∇ĝ_T² − ∇ĝ_T³‖(φ̃³_M*).

Hypotheses
    ∇ĝ_T² is L_ĝ²-Lipschitz on Φ, which holds φ̃¹_MK, φ̃¹_M* and φ̃³_M*.

Constants
    L_ĝ² and the three distances: the bound increases in each.

Source
    Section 5.3 of the paper, which deduces from Eq. 8 that performance depends on Δ_23 and Δ̃_23.

Derivation
    ‖∇ĝ²(φ̃¹_MK) − ∇ĝ³(φ̃³_M*)‖ ≤ ‖∇ĝ²(φ̃¹_MK) − ∇ĝ²(φ̃³_M*)‖ + ‖∇ĝ² − ∇ĝ³‖(φ̃³_M*), and the first
    is at most L_ĝ² ‖φ̃¹_MK − φ̃³_M*‖. Proposition 1 bounds the last by Δ_23 and Δ̃_23.

Trivial bound
    None.

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
from ml2o_theory.symbolic.risk_symbols import L_g, d_K, delta_meta, gap_23


class Equation8Expanded(RiskStatement):
    """Eq. 8's third term is at most L_ĝ² times two distances, and the gap of tasks 2 and 3."""

    name: ClassVar[str] = "equation8_expanded"
    number: ClassVar[str] = "Eq. 8 (third term)"
    title: ClassVar[str] = "The gradients' difference in Eq. 8, by the difference of tasks 2 and 3"
    left: ClassVar[str] = (
        r"\| \nabla \hat g_T^2 (\tilde\varphi_{MK}) - \nabla \hat g_T^3 (\tilde\varphi_{M*}^3) \|"
    )
    right: ClassVar[Expr] = L_g * (d_K + delta_meta) + gap_23
    hypotheses: ClassVar[tuple[str, ...]] = ("Lemma 6 for task 2 on Φ",)
    increasing: ClassVar[tuple[str, ...]] = ("L_g", "d_K", "delta_meta", "gap_23")

    def formula(self, c: Mapping[str, Number]) -> Number:
        """L_g (d_K + δ̃_13) + gap_23."""
        return c["L_g"] * (c["d_K"] + c["delta_meta"]) + c["gap_23"]
