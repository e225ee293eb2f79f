r"""Lemma 1 (Eq. 2): the Jacobian of the last iterate is a sum of products of step Jacobians.

Statement
    J_T = ∂x_T/∂φ = Σ_{i<T} A_{T−1} ⋯ A_{i+1} B_i, with A_t = I + ∇₁m(z_t, φ) ∇²l(x_t),
    B_t = ∇₂m(z_t, φ) and z_t = ∇l(x_t).

Hypotheses
    l twice and m once differentiable; a memoryless rule; x_0 does not depend on φ; graph mode
    `full`. In graph mode `detached`, where z_t is a constant, autodiff gives Σ_{i<T} B_i instead.

Constants
    None: it is an identity.

Source
    Lemma 1 and Eq. 2 of the paper.

Derivation
    Eq. 1, x_{t+1} = x_t + m(∇l(x_t), φ), differentiated by the chain rule: J_{t+1} = A_t J_t + B_t
    from J_0 = 0. Unrolled from the end, each B_i is carried on by the A_t with t > i.

Trivial bound
    None: nothing is bounded.

Checked
    Instances, in `ml2o_theory.chain_rule`: J_T by Taylor arithmetic on the unroll, which uses
    neither ∇²l nor ∇m, against the sum S of products of the models' Jacobians, both in ball
    arithmetic. As an inequality, ‖S‖ + ‖J_T − S‖ ≤ ‖S‖: `ATTAINED` says that J_T is S up to 1e-6 of
    its size, `VIOLATED` that it is not. In graph mode `detached`, Σ B_i likewise. In symbols, for
    d = p = 1 and unknown functions l' and m.
Not checked
    Tasks and rules that Taylor arithmetic or the models do not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr, Integer

from ml2o_core.results import Level
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.chain_rule import PRODUCT_SUM


class Lemma01(LadderStatement):
    """J_T is the sum of the B_i, each carried on by the A_t after it."""

    name: ClassVar[str] = "lemma01"
    number: ClassVar[str] = "Lemma 1"
    title: ClassVar[str] = "Jacobian of the last iterate"
    left: ClassVar[str] = "J_T"
    relation: ClassVar[str] = "="
    right: ClassVar[Expr] = PRODUCT_SUM
    hypotheses: ClassVar[tuple[str, ...]] = (
        "l twice and m once differentiable",
        "a memoryless rule, and an x_0 that does not depend on φ",
        "graph mode full",
    )
    levels: ClassVar[tuple[Level, ...]] = ()

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """How far J_T may be from the sum, whatever the constants: 0."""
        return Integer(0)
