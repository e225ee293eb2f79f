r"""Lemma 6: the gradient of the optimizer's risk is Lipschitz in the parameter.

Statement
    ‖∇g_T(φ) − ∇g_T(φ')‖ ≤ L_g ‖φ − φ'‖, with L_g = M L_J,T + L P_T², L_J,T of Lemma 5,
    P_T = M_m2 Σ_{s<T} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3a–e for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) : φ ∈ Φ}, Z ⊇ conv
    ∇l(X); a memoryless rule; the same x_0 for both parameters; the final loss is scored,
    g_T(φ) = l(x_T(φ)); graph mode `full`.

Constants
    M, L, ρ, M_m1, M_m2, L_m and ‖φ − φ'‖: the bound increases in each.

Source
    Lemma 6 in Appendix A of the paper.

Derivation
    ∇g_T = J_Tᵀ∇l(x_T). Add and subtract J_T(φ')ᵀ∇l(x_T(φ)): the difference is at most
    M ‖J_T − J_T'‖ + ‖J_T'‖ L ‖x_T − x_T'‖; Lemma 5 bounds the first distance, P_T the norm, and
    P_T ‖φ − φ'‖ the last distance (Lemma 2).

Trivial bound
    2 M_g = 2 M P_T ≥ ‖∇g_T(φ)‖ + ‖∇g_T(φ')‖ (Lemma 13): it knows nothing of the two parameters.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against ∇g_T(φ) − ∇g_T(φ') enclosed in ball arithmetic. The worst runs over Φ
    that a search finds. The formula against the closed form, as polynomials and by induction.
Not checked
    Rules with a state; tasks and rules without a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr

from ml2o_core.results import Level
from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants, bounds
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantities import L_g
from ml2o_theory.symbolic.symbols import T, delta_phi


class Lemma06(LadderStatement):
    """The gradient of the optimizer's risk is L_g-Lipschitz."""

    name: ClassVar[str] = "lemma06"
    number: ClassVar[str] = "Lemma 6"
    title: ClassVar[str] = "Lipschitz constant of the gradient of the optimizer's risk"
    left: ClassVar[str] = r"\| \nabla g_T(\varphi) - \nabla g_T(\varphi') \|"
    right: ClassVar[Expr] = L_g.definition(T) * delta_phi
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3a–A3e for the task and the rule on X × Φ × Z",
        "a memoryless rule, and the same x_0 for both φ",
        "the final loss is scored; graph mode full",
    )
    constants: ClassVar[tuple[str, ...]] = ("M", "L", "rho", "M_m1", "M_m2", "L_m", "delta_phi")
    levels: ClassVar[tuple[Level, ...]] = (
        Level.UNIFORM,
        Level.CLOSED_LOOP,
        Level.DETACHED,
        Level.TRAJECTORY,
    )
    observes: ClassVar[Observed] = Observed(Quantity.RISK_GRADIENT, Between.PARAMETERS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """(M L_J,T + L P_T²) ‖φ − φ'‖."""
        b = bounds(steps)
        return (score.M * b.L_J + score.L * b.P * b.J) * apart.phi

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2 M P_T."""
        return 2 * score.M * bounds(steps).J
