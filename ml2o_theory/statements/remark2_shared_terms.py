r"""Remark 2, split as Theorem 1: transfer learning obeys the very bound of M-L2O.

Statement
    E_TL ≤ M_g³ [ (1 + αL_ĝ²) ‖φ¹_K − φ̂¹_*‖ + α ‖∇ĝ_T¹ − ∇ĝ_T²‖(φ̂¹_*) + ‖φ̂¹_* − φ¹_*‖ + δ_13 ].

Hypotheses
    Those of Theorem 1, and φ̂¹_* inside Φ, so that ∇ĝ_T¹(φ̂¹_*) = 0.

Constants
    M_g³, L_ĝ², α and the four distances: the bound increases in each.

Source
    Ours; it answers Remark 2 of the paper, which claims that the bounds differ.

Derivation
    φ̂¹_* is a fixed point of T̂¹. So Theorem 1's proof goes through with φ̂¹_* in place of φ̃¹_M*, and
    φ¹_K in place of φ̃¹_MK: T̂²(φ¹_K), T̂²(φ̂¹_*), T̂¹(φ̂¹_*) = φ̂¹_*, φ¹_*, φ³_*.

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
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.symbolic.risk_symbols import L_g, M_g, alpha, d_N, d_TL, delta_13, gap_TL


class Remark2SharedTerms(RiskStatement):
    """E_TL is at most Theorem 1's bound, at transfer learning's own optimum."""

    name: ClassVar[str] = "remark2_shared_terms"
    number: ClassVar[str] = "Remark 2 (Theorem 1's terms)"
    title: ClassVar[str] = "Generalization error of transfer learning, by the terms of Theorem 1"
    left: ClassVar[str] = r"E_{TL}"
    right: ClassVar[Expr] = M_g * ((1 + alpha * L_g) * d_TL + alpha * gap_TL + d_N + delta_13)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A1, with φ̂¹_* inside Φ",
        "Lemma 13 for task 3 and Lemma 6 for task 2, on Φ and the inner steps from it",
    )
    increasing: ClassVar[tuple[str, ...]] = (
        "M_g",
        "L_g",
        "alpha",
        "d_TL",
        "gap_TL",
        "d_N",
        "delta_13",
    )

    def formula(self, c: Mapping[str, Number]) -> Number:
        """Theorem 1's formula at φ̂¹_*."""
        return Theorem1().formula({**c, "d_K": c["d_TL"], "gap": c["gap_TL"]})
