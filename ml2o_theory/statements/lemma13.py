r"""Lemma 13: the optimizer's risk is Lipschitz in the parameter.

Statement
    |g_T(φ) − g_T(φ')| ≤ M_g ‖φ − φ'‖ with M_g = M P_T, equivalently ‖∇g_T(φ)‖ ≤ M_g for all
    φ ∈ Φ; P_T = M_m2 Σ_{s<T} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3a, A3b and A3d for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) :
    φ ∈ Φ}, Z ⊇ conv ∇l(X), Φ convex; a memoryless rule; the final loss is scored,
    g_T(φ) = l(x_T(φ)); graph mode `full`.

Constants
    M, L, M_m1, M_m2: the bound increases in each.

Source
    Lemma 13 in Appendix A of the paper.

Derivation
    ∇g_T = J_Tᵀ∇l(x_T), with ‖∇l(x_T)‖ ≤ M and ‖J_T‖ ≤ P_T (Lemma 5). It is attained by the rule
    of gain 0, where J_T = −T∇l(x_0).

Trivial bound
    None: the others are made of this one.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against ∇g_T(φ) enclosed in ball arithmetic. The worst runs over Φ that a search
    finds. The formula against the closed form, as polynomials and by induction.
Not checked
    Rules with a state; tasks and rules without a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr

from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants, bounds
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantities import P
from ml2o_theory.symbolic.symbols import M, T


class Lemma13(LadderStatement):
    """The optimizer's risk is M P_T-Lipschitz."""

    name: ClassVar[str] = "lemma13"
    number: ClassVar[str] = "Lemma 13"
    title: ClassVar[str] = "Lipschitz constant of the optimizer's risk"
    left: ClassVar[str] = r"\| \nabla g_T(\varphi) \|"
    right: ClassVar[Expr] = M * P(T)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3a, A3b, A3d for the task and the rule on X × Φ × Z",
        "a memoryless rule",
        "the final loss is scored; graph mode full",
    )
    constants: ClassVar[tuple[str, ...]] = ("M", "L", "M_m1", "M_m2")
    observes: ClassVar[Observed] = Observed(Quantity.RISK_GRADIENT, Between.ONE_RUN)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """M P_T."""
        return score.M * bounds(steps).P
