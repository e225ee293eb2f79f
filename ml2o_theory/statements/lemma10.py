r"""Lemma 10: how far apart two tasks put the step Jacobian in φ.

Statement
    With B_tⁱ = ∇₂m(z_tⁱ, φ): ‖B_t¹ − B_t²‖ ≤ Δ_B,t = L_m Δ Q^t, with Q = 1 + M_m1 L.

Hypotheses
    A3b, A3d and A3e for both tasks and the rule, and A4, on X × Φ × Z with X convex and X ⊇ both
    trajectories, Z ⊇ conv ∇lⁱ(X); a memoryless rule; the same x_0 and φ for both tasks.

Constants
    L, M_m1, L_m, Δ: the bound increases in each.

Source
    Lemma 10 in Appendix A of the paper.

Derivation
    A3e: ‖∇₂m¹ − ∇₂m²‖ ≤ L_m ‖z_t¹ − z_t²‖ ≤ L_m (Δ + L δx_t), with δx_t = M_m1 Δ S_t of Lemma 8;
    and Δ + L M_m1 Δ S_t = Δ Q^t. The code keeps Δ + L δx_t, because the identity fails at the
    other levels of the ladder. The check at T looks at the last of T steps, t = T − 1. It is
    attained where Lemma 8 is.

Trivial bound
    2 M_m2 ≥ ‖B_t¹‖ + ‖B_t²‖: it knows nothing of the tasks' difference.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against B_t¹ − B_t² enclosed in ball arithmetic. The worst runs over Φ that a
    search finds. The formula against the closed form, as polynomials and by induction.
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
from ml2o_theory.symbolic.quantities import Delta_B
from ml2o_theory.symbolic.symbols import t


class Lemma10(LadderStatement):
    """Two tasks' step Jacobians in φ differ by at most L_m Δ Q^t."""

    name: ClassVar[str] = "lemma10"
    number: ClassVar[str] = "Lemma 10"
    title: ClassVar[str] = "Difference of two tasks' step Jacobians in φ"
    left: ClassVar[str] = r"\| B_t^1 - B_t^2 \|"
    right: ClassVar[Expr] = Delta_B.definition(t)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b, A3d, A3e for both tasks and the rule on X × Φ × Z",
        "A4 on X",
        "a memoryless rule, and the same x_0 and φ for both tasks",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "M_m1", "L_m", "Delta")
    observes: ClassVar[Observed] = Observed(Quantity.STEP_JACOBIAN_PHI, Between.TASKS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """Δ_B,t at t = T − 1."""
        return last_jacobian_bounds(steps).Delta_B

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2 M_m2 at t = T − 1."""
        return 2 * steps[-1].M_m2
