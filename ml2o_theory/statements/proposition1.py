r"""Proposition 1 (Lemma 12): how far apart two tasks make the gradients of the optimizer's risk.

Statement
    For all φ ∈ Φ,  ‖∇g_T¹(φ) − ∇g_T²(φ)‖ ≤ M Δ_J + P_T Δ Q^T,  with Q = 1 + M_m1 L,
    P_t = M_m2 Σ_{s<t} Q^s,  Δ_J = Σ_{t<T} Q^{T−1−t} (Δ_A,t P_t + Δ_B,t),
    Δ_A,t = M_m1 (Δ̃ + ρ M_m1 Δ S_t) + L L_m Δ Q^t  and  Δ_B,t = L_m Δ Q^t.

Hypotheses
    A3a–e for both tasks and the rule, and A4, on X × Φ × Z with X ⊇ both trajectories convex and
    Z ⊇ conv ∇lⁱ(X); a memoryless rule; the same x_0 and φ for both tasks; the final loss is scored,
    g_T(φ) = l(x_T(φ)); graph mode `full`. A1 and A2 are not used.

Constants
    M, L, ρ, M_m1, M_m2, L_m, Δ, Δ̃: the bound increases in each, so upper ends make it certain and
    a constant that is only sampled makes it too small.

Source
    Proposition 1 and Lemma 12 in Appendix A of the paper, whose printed orders are
    O(T Q^{T−1} Δ̃ + Q^{2T−2} Δ).

Derivation
    ∇g_Tⁱ = J_Tⁱᵀ∇l(x_Tⁱ). Add and subtract J_T²ᵀ∇l¹(x_T¹):
    ‖∇g_T¹ − ∇g_T²‖ ≤ ‖J_T¹ − J_T²‖ M + ‖J_T²‖ ‖∇l¹(x_T¹) − ∇l²(x_T²)‖. Lemma 11 bounds the first
    factor by Δ_J and Lemma 5 ‖J_T²‖ by P_T; the last factor is at most Δ + L δx_T (A4, A3b and
    Lemma 8), which is Δ Q^T when Q = 1 + M_m1 L. The code keeps Δ + L δx_T, because the identity
    fails at the other levels of the ladder.

Trivial bound
    ‖∇g_T¹‖ + ‖∇g_T²‖ ≤ 2 M_g = 2 M P_T (Lemma 13): it knows nothing of the tasks' difference.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against ∇g_T enclosed in ball arithmetic. The worst runs over Φ that a search
    finds. The formula against the closed form, as polynomials and by induction.
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
from ml2o_theory.symbolic.quantities import Delta_J, P
from ml2o_theory.symbolic.symbols import Delta, M, Q, T


class Proposition1(LadderStatement):
    """Two tasks' optimizer gradients differ by at most M Δ_J + P_T Δ Q^T."""

    name: ClassVar[str] = "proposition1"
    number: ClassVar[str] = "Proposition 1"
    also: ClassVar[tuple[str, ...]] = ("Lemma 12",)
    title: ClassVar[str] = "Difference of two tasks' optimizer gradients"
    left: ClassVar[str] = r"\| \nabla g_T^1(\varphi) - \nabla g_T^2(\varphi) \|"
    right: ClassVar[Expr] = M * Delta_J(T) + P(T) * Delta * Q**T
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3a–A3e for both tasks and the rule on X × Φ × Z",
        "A4 on X",
        "a memoryless rule, and the same x_0 and φ for both tasks",
        "the final loss is scored; graph mode full",
    )
    constants: ClassVar[tuple[str, ...]] = (
        "M",
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
    observes: ClassVar[Observed] = Observed(Quantity.RISK_GRADIENT, Between.TASKS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """M Δ_J + P_T (Δ + L δx_T)."""
        b = bounds(steps)
        return score.M * b.Delta_J + b.J * (score.Delta + score.L * b.delta_x)

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """M_g¹ + M_g² = 2 M P_T."""
        return 2 * score.M * bounds(steps).J
