r"""Lemma 4: how much the parameter moves the step Jacobian in φ.

Statement
    With B_t = ∇₂m(z_t, φ): ‖B_t(φ) − B_t(φ')‖ ≤ L_B,t ‖φ − φ'‖, L_B,t = L_m V_t, V_t = L P_t + 1,
    P_t = M_m2 Σ_{s<t} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3b, A3d and A3e for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) :
    φ ∈ Φ}, Z ⊇ conv ∇l(X); a memoryless rule; the same x_0 for both parameters.

Constants
    L, M_m1, M_m2, L_m and ‖φ − φ'‖: the bound increases in each.

Source
    Lemma 4 in Appendix A of the paper.

Derivation
    A3e: ‖∇₂m − ∇₂m'‖ ≤ L_m (‖z_t − z_t'‖ + ‖φ − φ'‖), with
    ‖z_t − z_t'‖ ≤ L ‖x_t − x_t'‖ ≤ L P_t ‖φ − φ'‖ (Lemma 2). The check at T looks at the last of
    T steps, t = T − 1.

Trivial bound
    2 M_m2 ≥ ‖B_t(φ)‖ + ‖B_t(φ')‖: it knows nothing of the two parameters.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against B_t(φ) − B_t(φ') enclosed in ball arithmetic. The worst runs over Φ that
    a search finds. The formula against the closed form, as polynomials and by induction.
Not checked
    Rules with a state; tasks and rules without a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr

from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.recursion import (
    Distances,
    Number,
    ScoreConstants,
    StepConstants,
    last_jacobian_bounds,
)
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantities import L_B
from ml2o_theory.symbolic.symbols import delta_phi, t


class Lemma04(LadderStatement):
    """The step Jacobian in φ is L_B,t-Lipschitz in φ."""

    name: ClassVar[str] = "lemma04"
    number: ClassVar[str] = "Lemma 4"
    title: ClassVar[str] = "Lipschitz constant of the step Jacobian in φ"
    left: ClassVar[str] = r"\| B_t(\varphi) - B_t(\varphi') \|"
    right: ClassVar[Expr] = L_B(t) * delta_phi
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b, A3d, A3e for the task and the rule on X × Φ × Z",
        "a memoryless rule, and the same x_0 for both φ",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "M_m1", "M_m2", "L_m", "delta_phi")
    observes: ClassVar[Observed] = Observed(Quantity.STEP_JACOBIAN_PHI, Between.PARAMETERS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """L_B,t ‖φ − φ'‖ at t = T − 1."""
        return last_jacobian_bounds(steps).L_B * apart.phi

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2 M_m2 at t = T − 1."""
        return 2 * steps[-1].M_m2
