r"""Lemma 9: how far apart two tasks put the step Jacobian in x.

Statement
    With A_tⁱ = I + ∇₁m(z_tⁱ, φ) ∇²lⁱ(x_tⁱ): ‖A_t¹ − A_t²‖ ≤ Δ_A,t,
    Δ_A,t = M_m1 (Δ̃ + ρ M_m1 Δ S_t) + L L_m Δ Q^t, S_t = Σ_{s<t} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3b–e for both tasks and the rule, and A4, on X × Φ × Z with X convex and X ⊇ both
    trajectories, Z ⊇ conv ∇lⁱ(X); a memoryless rule; the same x_0 and φ for both tasks.

Constants
    L, ρ, M_m1, L_m, Δ, Δ̃: the bound increases in each.

Source
    Lemma 9 in Appendix A of the paper.

Derivation
    Add and subtract ∇₁m(z_t¹, φ) ∇²l²(x_t²): the difference is at most
    M_m1 (Δ̃ + ρ δx_t) + L ‖∇₁m¹ − ∇₁m²‖, with δx_t = M_m1 Δ S_t of Lemma 8, and A3e bounds the
    last norm by L_m ‖z_t¹ − z_t²‖ ≤ L_m (Δ + L δx_t), which is L_m Δ Q^t when Q = 1 + M_m1 L. The
    code keeps Δ + L δx_t, because the identity fails at the other levels of the ladder. The check
    at T looks at the last of T steps, t = T − 1. It is attained where Δ = 0 and Δ̃ > 0: at a
    common stationary start.

Trivial bound
    2Q ≥ ‖A_t¹‖ + ‖A_t²‖: it knows nothing of the tasks' difference.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against A_t¹ − A_t² enclosed in ball arithmetic. The worst runs over Φ that a
    search finds. The formula against the closed form, as polynomials and by induction.
Not checked
    Rules with a state; tasks and rules without a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr

from ml2o_theory.enclosure import Norm
from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.recursion import (
    Distances,
    Number,
    ScoreConstants,
    StepConstants,
    last_jacobian_bounds,
)
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantities import Delta_A
from ml2o_theory.symbolic.symbols import t


class Lemma09(LadderStatement):
    """Two tasks' step Jacobians in x differ by at most Δ_A,t."""

    name: ClassVar[str] = "lemma09"
    number: ClassVar[str] = "Lemma 9"
    title: ClassVar[str] = "Difference of two tasks' step Jacobians in x"
    left: ClassVar[str] = r"\| A_t^1 - A_t^2 \|"
    right: ClassVar[Expr] = Delta_A.definition(t)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b–A3e for both tasks and the rule on X × Φ × Z",
        "A4 on X",
        "a memoryless rule, and the same x_0 and φ for both tasks",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "rho", "M_m1", "L_m", "Delta", "Delta_tilde")
    norm: ClassVar[Norm] = Norm.SPECTRAL
    observes: ClassVar[Observed] = Observed(Quantity.STEP_JACOBIAN_X, Between.TASKS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """Δ_A,t at t = T − 1."""
        return last_jacobian_bounds(steps).Delta_A

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2Q at t = T − 1."""
        return 2 * steps[-1].Q
