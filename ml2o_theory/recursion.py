"""The one recursion behind Lemmas 2–13 and Proposition 1, for every level of the ladder.

The constants may change from step to step: a level of the ladder is a choice of constants
(`ml2o_theory.levels`), and the `uniform` level repeats one step. With ∇₁m's Lipschitz constant L_zz
in z and L_zφ in φ, ∇₂m's L_zφ in z and L_φφ in φ (the paper's L_m is the largest of them),
δx_0 = P_0 = J_0 = L_J,0 = L_K,0 = Δ_J,0 = 0 and the bounds of how fast ∇₁m, ∇₂m change with φ

    W_z = L_zz L P + L_zφ        W_φ = L_zφ L P + L_φφ        V = L P + 1

one step reads

    L_A  = M_m1 ρ P + L W_z              L_B = W_φ                       (Lemmas 3, 4)
    Δ_A  = M_m1 (Δ̃ + ρ δx) + L L_zz (Δ + L δx)
    Δ_B  = L_zφ (Δ + L δx)                                               (Lemmas 9, 10)
    L_K ← Q L_K + ρ_m V³ + 3 W_z (L L_J + ρ P²) + M_m1 (τ P³ + 3 ρ P L_J)   (Lemma 7)
    L_J ← Q L_J + L_A J + L_B                                            (Lemma 5)
    Δ_J ← Q Δ_J + Δ_A J + Δ_B                                            (Lemma 11)
    δx  ← Q δx + M_m1 Δ                                                  (Lemma 8)
    J   ← Q J + M_m2,    P ← Q P + M_m2                                  (Lemma 2)

P bounds how far φ moves x_t and J the Jacobian that autodiff computes. They part in graph mode
`detached` alone, where derivatives don't pass through ∇l(x_t): there A_t = I, so that J ← J + M_m2,
L_J ← L_J + L_B and Δ_J ← Δ_J + Δ_B, while the iterates move as before.

Two runs are compared throughout, and the proofs need some constants for one of them alone. `Q`, `L`
and `rho` are those along which the difference of the two is carried: of the first run's task, on
the segment between the iterates. `Q_P` and `L_P` are ‖A_t‖ and ‖∇²l‖ of the other run, on whose J
and ∇²l the difference of the other factors falls. Where both runs have one task, and at the uniform
level, Q_P = Q and L_P = L.

Every operation is an addition or a product of nonnegative numbers, so every result increases in
every constant. Numbers may be of any kind with + and ·: arb for values of any size, fmpq for exact
tests, SymPy expressions for the printed formulas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from ml2o_core.unroll import GraphMode

Number: TypeAlias = Any
"""arb, fmpq or a SymPy expression."""


@dataclass(frozen=True, kw_only=True)
class StepConstants:
    """The constants of one step t (A3, A4), each an upper bound, each ≥ 0.

    Q, Q_P bound ‖I + ∇₁m ∇²l‖; L, L_P bound ∇²l; rho, tau bound ∇³l, ∇⁴l; M_m1, M_m2 bound ∇₁m,
    ∇₂m; L_zz, L_zphi, L_phiphi bound the blocks of ∇²m and rho_m ∇³m; Delta, Delta_tilde bound
    ‖∇l¹ − ∇l²‖, ‖∇²l¹ − ∇²l²‖. `graph` says what autodiff does at this step.
    """

    Q: Number
    Q_P: Number
    L: Number
    L_P: Number
    rho: Number
    tau: Number
    M_m1: Number
    M_m2: Number
    L_zz: Number
    L_zphi: Number
    L_phiphi: Number
    rho_m: Number
    Delta: Number
    Delta_tilde: Number
    graph: GraphMode = GraphMode.FULL


@dataclass(frozen=True, kw_only=True)
class ScoreConstants:
    """The constants of f, in which x_T is scored: sup‖∇f‖, ‖∇²f‖, ‖∇³f‖ and sup‖∇f¹ − ∇f²‖."""

    M: Number
    L: Number
    rho: Number
    Delta: Number


@dataclass(frozen=True)
class Distances:
    """How far apart two runs of one task begin: ‖x_0 − x_0'‖ and ‖φ − φ'‖."""

    x0: Number
    phi: Number


class JacobianBounds(NamedTuple):
    """What the recursion bounds in one step t, from the bounds after t steps.

    L_A, L_B: the Lipschitz constants of A_t and B_t in φ; Delta_A, Delta_B: ‖A_t¹ − A_t²‖ and
    ‖B_t¹ − B_t²‖.
    """

    L_A: Number
    L_B: Number
    Delta_A: Number
    Delta_B: Number


@dataclass(frozen=True)
class Bounds:
    """What the recursion bounds after t steps.

    P: Lipschitz constant of x_t in φ; J: ‖J_t‖ as autodiff computes it; L_J, L_K: Lipschitz
    constants of J_t and of its derivative ∂J_t/∂φ in φ; delta_x: ‖x_t¹ − x_t²‖; Delta_J:
    ‖J_t¹ − J_t²‖.
    """

    P: Number = 0
    J: Number = 0
    L_J: Number = 0
    L_K: Number = 0
    delta_x: Number = 0
    Delta_J: Number = 0


def jacobian_bounds(c: StepConstants, b: Bounds) -> JacobianBounds:
    """Lemmas 3, 4, 9 and 10 for step t, from the bounds after t steps."""
    gradients_apart = c.Delta + c.L * b.delta_x
    L_A = c.M_m1 * c.rho * b.P + c.L_P * rule_change(c, b)
    L_B = c.L_zphi * c.L * b.P + c.L_phiphi
    Delta_A = c.M_m1 * (c.Delta_tilde + c.rho * b.delta_x) + c.L_P * c.L_zz * gradients_apart
    Delta_B = c.L_zphi * gradients_apart
    return JacobianBounds(L_A, L_B, Delta_A, Delta_B)


def rule_change(c: StepConstants, b: Bounds) -> Number:
    """W_z, the Lipschitz constant of ∇₁m(z_t, φ) in φ."""
    return c.L_zz * c.L * b.P + c.L_zphi


def second_derivative_step(c: StepConstants, b: Bounds) -> Number:
    """L_K after t + 1 steps (Lemma 7), from the bounds after t steps."""
    V = c.L * b.P + 1
    gradient_second = c.L * b.L_J + c.rho * b.P * b.P
    gradient_third = c.tau * b.P * b.P * b.P + 3 * c.rho * b.P * b.L_J
    return (
        c.Q * b.L_K
        + c.rho_m * V * V * V
        + 3 * rule_change(c, b) * gradient_second
        + c.M_m1 * gradient_third
    )


def step(c: StepConstants, b: Bounds) -> Bounds:
    """From the bounds after t steps to those after t + 1."""
    L_A, L_B, Delta_A, Delta_B = jacobian_bounds(c, b)
    P = c.Q_P * b.P + c.M_m2
    delta_x = c.Q * b.delta_x + c.M_m1 * c.Delta
    if c.graph is GraphMode.DETACHED:
        return Bounds(
            P=P,
            J=b.J + c.M_m2,
            L_J=b.L_J + L_B,
            delta_x=delta_x,
            Delta_J=b.Delta_J + Delta_B,
        )
    return Bounds(
        P=P,
        J=c.Q_P * b.J + c.M_m2,
        L_J=c.Q * b.L_J + L_A * b.J + L_B,
        L_K=second_derivative_step(c, b),
        delta_x=delta_x,
        Delta_J=c.Q * b.Delta_J + Delta_A * b.J + Delta_B,
    )


def bounds(steps: Iterable[StepConstants]) -> Bounds:
    """The bounds after all `steps`."""
    current = Bounds()
    for constants in steps:
        current = step(constants, current)
    return current


def last_jacobian_bounds(steps: Sequence[StepConstants]) -> JacobianBounds:
    """Those of the last of T steps, t = T − 1."""
    *before, last = steps
    return jacobian_bounds(last, bounds(before))
