r"""Lemma 5: how much the parameter moves the Jacobian of the last iterate.

Statement
    With J_T = ∇_φ x_T: ‖J_T(φ) − J_T(φ')‖ ≤ L_J,T ‖φ − φ'‖, where L_J,0 = 0 and
    L_J,t+1 = Q L_J,t + L_A,t P_t + L_B,t, with L_A,t and L_B,t of Lemmas 3 and 4,
    P_t = M_m2 Σ_{s<t} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3b–e for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) : φ ∈ Φ}, Z ⊇ conv
    ∇l(X); a memoryless rule; the same x_0 for both parameters; graph mode `full`.

Constants
    L, ρ, M_m1, M_m2, L_m and ‖φ − φ'‖: the bound increases in each.

Source
    Lemma 5 in Appendix A of the paper.

Derivation
    J_{t+1} = A_t J_t + B_t (Lemma 1). Add and subtract A_t(φ) J_t(φ'):
    ‖J_{t+1} − J_{t+1}'‖ ≤ Q ‖J_t − J_t'‖ + L_A,t ‖φ − φ'‖ ‖J_t'‖ + L_B,t ‖φ − φ'‖, and
    ‖J_t'‖ ≤ P_t, because ‖J_{t+1}‖ ≤ Q ‖J_t‖ + M_m2.

Trivial bound
    2 P_T ≥ ‖J_T(φ)‖ + ‖J_T(φ')‖: it knows nothing of the two parameters.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against J_T(φ) − J_T(φ') enclosed in ball arithmetic. The worst runs over Φ that
    a search finds. The formula against the closed form, as polynomials and by induction.
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
from ml2o_theory.symbolic.quantities import L_J
from ml2o_theory.symbolic.symbols import T, delta_phi


class Lemma05(LadderStatement):
    """The Jacobian of the last iterate is L_J,T-Lipschitz in φ."""

    name: ClassVar[str] = "lemma05"
    number: ClassVar[str] = "Lemma 5"
    title: ClassVar[str] = "Lipschitz constant of the Jacobian of the last iterate"
    left: ClassVar[str] = r"\| J_T(\varphi) - J_T(\varphi') \|"
    right: ClassVar[Expr] = L_J(T) * delta_phi
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b–A3e for the task and the rule on X × Φ × Z",
        "a memoryless rule, and the same x_0 for both φ",
        "graph mode full",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "rho", "M_m1", "M_m2", "L_m", "delta_phi")
    levels: ClassVar[tuple[Level, ...]] = (
        Level.UNIFORM,
        Level.CLOSED_LOOP,
        Level.DETACHED,
        Level.TRAJECTORY,
    )
    observes: ClassVar[Observed] = Observed(Quantity.JACOBIAN, Between.PARAMETERS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """L_J,T ‖φ − φ'‖."""
        return bounds(steps).L_J * apart.phi

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2 P_T."""
        return 2 * bounds(steps).J
