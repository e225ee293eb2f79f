r"""Lemma 11: how far apart two tasks put the Jacobian of the last iterate.

Statement
    With J_T = ∇_φ x_T: ‖J_T¹ − J_T²‖ ≤ Δ_J = Σ_{t<T} Q^{T−1−t} (Δ_A,t P_t + Δ_B,t), with Δ_A,t
    and Δ_B,t of Lemmas 9 and 10, P_t = M_m2 Σ_{s<t} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3b–e for both tasks and the rule, and A4, on X × Φ × Z with X convex and X ⊇ both
    trajectories, Z ⊇ conv ∇lⁱ(X); a memoryless rule; the same x_0 and φ for both tasks; graph
    mode `full`.

Constants
    L, ρ, M_m1, M_m2, L_m, Δ, Δ̃: the bound increases in each.

Source
    Lemma 11 in Appendix A of the paper.

Derivation
    J_{t+1} = A_t J_t + B_t (Lemma 1). Add and subtract A_t¹ J_t²:
    ‖J_{t+1}¹ − J_{t+1}²‖ ≤ Q ‖J_t¹ − J_t²‖ + Δ_A,t ‖J_t²‖ + Δ_B,t, from 0 at t = 0, and
    ‖J_t²‖ ≤ P_t (Lemma 5).

Trivial bound
    2 P_T ≥ ‖J_T¹‖ + ‖J_T²‖: it knows nothing of the tasks' difference.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against J_T¹ − J_T² enclosed in ball arithmetic. The worst runs over Φ that a
    search finds. The formula against the closed form, as polynomials and by induction.
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
from ml2o_theory.symbolic.quantities import Delta_J
from ml2o_theory.symbolic.symbols import T


class Lemma11(LadderStatement):
    """The Jacobians of two tasks' last iterates differ by at most Δ_J."""

    name: ClassVar[str] = "lemma11"
    number: ClassVar[str] = "Lemma 11"
    title: ClassVar[str] = "Difference of the Jacobians of two tasks' last iterates"
    left: ClassVar[str] = r"\| J_T^1 - J_T^2 \|"
    right: ClassVar[Expr] = Delta_J.definition(T)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b–A3e for both tasks and the rule on X × Φ × Z",
        "A4 on X",
        "a memoryless rule, and the same x_0 and φ for both tasks",
        "graph mode full",
    )
    constants: ClassVar[tuple[str, ...]] = (
        "L",
        "rho",
        "M_m1",
        "M_m2",
        "L_m",
        "Delta",
        "Delta_tilde",
    )
    levels: ClassVar[tuple[Level, ...]] = (
        Level.UNIFORM,
        Level.CLOSED_LOOP,
        Level.DETACHED,
        Level.TRAJECTORY,
    )
    observes: ClassVar[Observed] = Observed(Quantity.JACOBIAN, Between.TASKS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """Δ_J."""
        return bounds(steps).Delta_J

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2 P_T."""
        return 2 * bounds(steps).J
