r"""Lemma 2: how far apart two starts and two parameters put the last iterate.

Statement
    ‖x_T(φ) − x_T'(φ')‖ ≤ Q^T ‖x_0 − x_0'‖ + P_T ‖φ − φ'‖, with Q = 1 + M_m1 L and
    P_T = M_m2 Σ_{s<T} Q^s.

Hypotheses
    A3b and A3d for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) : φ ∈ Φ}
    from both starts, Z ⊇ conv ∇l(X); a memoryless rule.

Constants
    L, M_m1, M_m2, ‖x_0 − x_0'‖ and ‖φ − φ'‖: the bound increases in each.

Source
    Lemma 2 in Appendix A of the paper.

Derivation
    x ↦ x + m(∇l(x), φ) has the Jacobian I + ∇₁m ∇²l, of norm at most Q, and φ moves its value by
    at most M_m2 ‖φ − φ'‖: δ_{t+1} ≤ Q δ_t + M_m2 ‖φ − φ'‖, from δ_0 = ‖x_0 − x_0'‖. The factor
    Q^T is attained: m = −φz with φ < 0, φ = φ', and x_0 − x_0' along the top eigenvector of a
    convex quadratic.

Trivial bound
    None: nothing else bounds the distance of two iterates.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against x_T − x_T' enclosed in ball arithmetic. The worst runs over Φ that a
    search finds. The formula against the closed form, as polynomials and by induction.
Not checked
    Rules with a state; tasks and rules without a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr

from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants, bounds
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantities import P
from ml2o_theory.symbolic.symbols import Q, T, delta_phi, delta_x0


class Lemma02(LadderStatement):
    """Two runs' last iterates are at most Q^T ‖x_0 − x_0'‖ + P_T ‖φ − φ'‖ apart."""

    name: ClassVar[str] = "lemma02"
    number: ClassVar[str] = "Lemma 2"
    title: ClassVar[str] = "Stability of the last iterate in the start and the parameter"
    left: ClassVar[str] = r"\| x_T(\varphi) - x_T'(\varphi') \|"
    right: ClassVar[Expr] = Q**T * delta_x0 + P(T) * delta_phi
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b, A3d for the task and the rule on X × Φ × Z",
        "a memoryless rule",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "M_m1", "M_m2", "delta_x0", "delta_phi")
    observes: ClassVar[Observed] = Observed(Quantity.ITERATE, Between.STARTS_AND_PARAMETERS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """Q^T ‖x_0 − x_0'‖ + P_T ‖φ − φ'‖."""
        growth = math.prod(step.Q for step in steps)
        return growth * apart.x0 + bounds(steps).P * apart.phi
