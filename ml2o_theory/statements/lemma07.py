r"""Lemma 7: the Hessian of the optimizer's risk is Lipschitz in the parameter.

Statement
    ‖∇²g_T(φ) − ∇²g_T(φ')‖ ≤ ρ_g ‖φ − φ'‖ with ρ_g = M L_K,T + 3 L P_T L_J,T + ρ P_T³, where
    L_K,0 = 0 and L_K,t+1 = Q L_K,t + ρ_m V_t³ + 3 L_m V_t (L L_J,t + ρ P_t²)
    + M_m1 (τ P_t³ + 3 ρ P_t L_J,t), with L_J,t of Lemma 5, V_t = L P_t + 1,
    P_t = M_m2 Σ_{s<t} Q^s and Q = 1 + M_m1 L.

Hypotheses
    A3a–f for the task and the rule, on X × Φ × Z with X convex and X ⊇ {x_t(φ) : φ ∈ Φ}, Z ⊇ conv
    ∇l(X); a memoryless rule; the same x_0 for both parameters; the final loss is scored,
    g_T(φ) = l(x_T(φ)); graph mode `full`. A3f is implicit in the paper: ∇³l is τ-Lipschitz and ∇²m
    is ρ_m-Lipschitz in the norm ‖δz‖ + ‖δφ‖.

Constants
    M, L, ρ, τ, M_m1, M_m2, L_m, ρ_m and ‖φ − φ'‖: the bound increases in each.

Source
    Lemma 7 in Appendix A of the paper, whose formula is lost: restored here.

Derivation
    Let K_t[u, v] = ∂²x_t/∂φ²[u, v], H = ∇²l(x_t), a = J_t u, b = J_t v. Eq. 2 differentiated:
    K_{t+1}[u, v] = A_t K_t[u, v] + ∇₁m ∇³l(x_t)[a, b] + ∇²m[(Ha, u), (Hb, v)].
    Take all norms per unit of ‖u‖, ‖v‖. Then ‖J_t‖ ≤ P_t, ‖(Ha, u)‖ ≤ L P_t + 1 = V_t, ‖K_t‖ is at
    most the Lipschitz constant L_J,t of J_t, and per unit of ‖φ − φ'‖
      (Ha, u) changes by at most Z = L L_J + ρ P², in its first part alone;
      ∇₁m changes by at most W = L_m V, the norm of ∇²m[(·, 0), (Hb, v)];
      A = I + ∇₁m H changes by at most L_A = M_m1 ρ P + L W (Lemma 3).
    Change one factor at a time:
      A K             by  Q L_K + (M_m1 ρ P + L W) L_J;
      ∇₁m ∇³l[a, b]   by  W ρ P² + M_m1 (τ P³ + 2 ρ P L_J);
      ∇²m[…, …]       by  ρ_m V³ + 2 W Z.
    The sum is Q L_K + ρ_m V³ + 3 W Z + M_m1 (τ P³ + 3 ρ P L_J).
    For the score, ∇²g_T[u, v] = ∇²f(x_T)[a, b] + ∇f(x_T)ᵀK_T[u, v]: the first term changes by at
    most ρ P³ + 2 L P L_J, the second by M L_K + L P L_J.
    Nothing is lost when all derivatives are positive numbers: for d = p = 1, l and h with positive
    derivatives and m(z, φ) = h(z + φ), L_J,T, L_K,T and ρ_g are the derivatives of x_T and g_T.

Trivial bound
    2 L_g with L_g = M L_J,T + L P_T² ≥ ‖∇²g_T‖ (Lemma 6): it knows nothing of the two parameters.

Checked
    Instances: tasks and rules with a model, with certified constants at every level, against
    ∇²g_T(φ) − ∇²g_T(φ') enclosed in ball arithmetic. The formula against the closed form in exact
    polynomials; against ∇³g_T of positive polynomials in rationals, where it is attained term by
    term; and with constants taken at the points of one run, against ∇³g_T by autodiff.
Not checked
    The supremum over Φ. What follows for the meta risk is in `ml2o_theory.meta_risk`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from sympy import Expr

from ml2o_core.results import Level
from ml2o_theory.enclosure import Norm
from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants, bounds
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.quantities import rho_g
from ml2o_theory.symbolic.symbols import T, delta_phi


class Lemma07(LadderStatement):
    """The Hessian of the optimizer's risk is ρ_g-Lipschitz."""

    name: ClassVar[str] = "lemma07"
    number: ClassVar[str] = "Lemma 7"
    title: ClassVar[str] = "Lipschitz constant of the Hessian of the optimizer's risk"
    left: ClassVar[str] = r"\| \nabla^2 g_T(\varphi) - \nabla^2 g_T(\varphi') \|"
    right: ClassVar[Expr] = rho_g.definition(T) * delta_phi
    hypotheses: ClassVar[tuple[str, ...]] = (
        "A3a–A3f for the task and the rule on X × Φ × Z",
        "a memoryless rule, and the same x_0 for both φ",
        "the final loss is scored; graph mode full",
    )
    constants: ClassVar[tuple[str, ...]] = (
        "M",
        "L",
        "rho",
        "tau",
        "M_m1",
        "M_m2",
        "L_m",
        "rho_m",
        "delta_phi",
    )
    levels: ClassVar[tuple[Level, ...]] = (Level.UNIFORM, Level.CLOSED_LOOP, Level.TRAJECTORY)
    norm: ClassVar[Norm] = Norm.SPECTRAL
    observes: ClassVar[Observed] = Observed(Quantity.RISK_HESSIAN, Between.PARAMETERS)

    def formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """(M L_K,T + 3 L P_T L_J,T + ρ P_T³) ‖φ − φ'‖."""
        b = bounds(steps)
        curvature = 3 * score.L * b.P * b.L_J + score.rho * b.P * b.P * b.P
        return (score.M * b.L_K + curvature) * apart.phi

    def trivial_formula(
        self, steps: Sequence[StepConstants], score: ScoreConstants, apart: Distances
    ) -> Number:
        """2 L_g = 2 (M L_J,T + L P_T²)."""
        b = bounds(steps)
        return 2 * (score.M * b.L_J + score.L * b.P * b.P)
