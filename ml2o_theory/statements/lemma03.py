r"""Lemma 3: how much the parameter moves the step Jacobian in x.

Statement
    With A_t = I + ∇₁m(z_t, φ) ∇²l(x_t): ‖A_t(φ) − A_t(φ')‖ ≤ L_A,t ‖φ − φ'‖,
    L_A,t = M_m1 ρ P_t + L L_m V_t, P_t = M_m2 Σ_{s<t} Q^s, V_t = L P_t + 1 and Q = 1 + M_m1 L.

Hypotheses
    A3b–e for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) : φ ∈ Φ}, Z ⊇ conv
    ∇l(X); a memoryless rule; the same x_0 for both parameters.

Constants
    L, ρ, M_m1, M_m2, L_m and ‖φ − φ'‖: the bound increases in each.

Source
    Lemma 3 in Appendix A of the paper.

Derivation
    Add and subtract ∇₁m(z_t, φ) ∇²l(x_t'): the difference is at most
    M_m1 ρ ‖x_t − x_t'‖ + L ‖∇₁m − ∇₁m'‖, where ‖x_t − x_t'‖ ≤ P_t ‖φ − φ'‖ (Lemma 2) and, by A3e,
    ‖∇₁m − ∇₁m'‖ ≤ L_m (L ‖x_t − x_t'‖ + ‖φ − φ'‖) ≤ L_m V_t ‖φ − φ'‖. The check at T looks at the
    last of T steps, t = T − 1. It is attained where P_t = 0: at t = 0, and at a stationary start.

Trivial bound
    2Q ≥ ‖A_t(φ)‖ + ‖A_t(φ')‖: it knows nothing of the two parameters.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against A_t(φ) − A_t(φ') enclosed in ball arithmetic. The worst runs over Φ that
    a search finds. The formula against the closed form, as polynomials and by induction.
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
from ml2o_theory.symbolic.quantities import L_A
from ml2o_theory.symbolic.symbols import delta_phi, t


class Lemma03(LadderStatement):
    """The step Jacobian in x is L_A,t-Lipschitz in φ."""

    name: ClassVar[str] = "lemma03"
    number: ClassVar[str] = "Lemma 3"
    title: ClassVar[str] = "Lipschitz constant of the step Jacobian in x"
    left: ClassVar[str] = r"\| A_t(\varphi) - A_t(\varphi') \|"
    right: ClassVar[Expr] = L_A(t) * delta_phi
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b–A3e for the task and the rule on X × Φ × Z",
        "a memoryless rule, and the same x_0 for both φ",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "rho", "M_m1", "M_m2", "L_m", "delta_phi")
    norm: ClassVar[Norm] = Norm.SPECTRAL
    observes: ClassVar[Observed] = Observed(Quantity.STEP_JACOBIAN_X, Between.PARAMETERS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """L_A,t ‖φ − φ'‖ at t = T − 1."""
        return last_jacobian_bounds(steps).L_A * apart.phi

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2Q at t = T − 1."""
        return 2 * steps[-1].Q
