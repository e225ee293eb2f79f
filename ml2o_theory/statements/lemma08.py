r"""Lemma 8: how far apart two tasks put the last iterate of the same rule.

Statement
    ‖x_T¹ − x_T²‖ ≤ M_m1 Δ S_T, with S_T = Σ_{s<T} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3b and A3d for both tasks and the rule, and A4, on X × Φ × Z with X convex and X ⊇ both
    trajectories, Z ⊇ conv ∇lⁱ(X); a memoryless rule; the same x_0 and φ for both tasks.

Constants
    L, M_m1, Δ: the bound increases in each.

Source
    Lemma 8 in Appendix A of the paper.

Derivation
    With F^i(x) = x + m(∇lⁱ(x), φ):
    x_{t+1}¹ − x_{t+1}² = F¹(x_t¹) − F¹(x_t²) + F¹(x_t²) − F²(x_t²), at most
    Q ‖x_t¹ − x_t²‖ + M_m1 Δ, from 0 at t = 0. It is attained: m = −φz with φ < 0 and two
    quadratics with one Hessian whose gradients differ along its top eigenvector.

Trivial bound
    None without another hypothesis; with m(0, φ) = 0 each run travels at most T M_m1 M.

Checked
    Instances at every level of the ladder: tasks and rules with a model, with certified
    constants, against x_T¹ − x_T² enclosed in ball arithmetic. The worst runs over Φ that a
    search finds. The formula against the closed form, as polynomials and by induction.
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
from ml2o_theory.symbolic.quantities import S
from ml2o_theory.symbolic.symbols import Delta, M_m1, T


class Lemma08(LadderStatement):
    """Two tasks' last iterates are at most M_m1 Δ S_T apart."""

    name: ClassVar[str] = "lemma08"
    number: ClassVar[str] = "Lemma 8"
    title: ClassVar[str] = "Difference of two tasks' last iterates"
    left: ClassVar[str] = r"\| x_T^1 - x_T^2 \|"
    right: ClassVar[Expr] = M_m1 * Delta * S(T)
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3b, A3d for both tasks and the rule on X × Φ × Z",
        "A4 on X",
        "a memoryless rule, and the same x_0 and φ for both tasks",
    )
    constants: ClassVar[tuple[str, ...]] = ("L", "M_m1", "Delta")
    observes: ClassVar[Observed] = Observed(Quantity.ITERATE, Between.TASKS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """δx_T."""
        return bounds(steps).delta_x
