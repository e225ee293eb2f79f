"""The one recursion behind Lemmas 2–6, 8–13 and Proposition 1, for every level of the ladder.

The constants may change from step to step: a level of the ladder is a choice of constants, and the
`uniform` level repeats one step. With Q_t ≥ ‖A_t‖, V_t = L_t P_t + 1 and δx_0 = P_0 = L_J,0 = Δ_J,0
= 0, one step reads

    L_A  = M_m1 ρ P + L L_m V            L_B = L_m V                     (Lemmas 3, 4)
    Δ_A  = M_m1 (Δ̃ + ρ δx) + L L_m (Δ + L δx)
    Δ_B  = L_m (Δ + L δx)                                                (Lemmas 9, 10)
    L_J ← Q L_J + L_A P + L_B                                            (Lemma 5)
    Δ_J ← Q Δ_J + Δ_A P + Δ_B                                            (Lemma 11)
    δx  ← Q δx + M_m1 Δ                                                  (Lemma 8)
    P   ← Q P + M_m2                                                     (Lemma 2)

Every operation is an addition or a product of nonnegative numbers, so every result increases in
every constant. Numbers may be of any kind with + and ·: arb for values of any size, fmpq for exact
tests, SymPy expressions for the printed formulas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

Number: TypeAlias = Any
"""arb, fmpq or a SymPy expression."""


@dataclass(frozen=True)
class StepConstants:
    """The constants of one step t (A3, A4), each an upper bound, each ≥ 0.

    Q bounds ‖I + ∇₁m ∇²l‖; L, rho bound ∇²l, ∇³l; M_m1, M_m2 bound ∇₁m, ∇₂m; L_m is the Lipschitz
    constant of both; Delta, Delta_tilde bound ‖∇l¹ − ∇l²‖, ‖∇²l¹ − ∇²l²‖.
    """

    Q: Number
    L: Number
    rho: Number
    M_m1: Number
    M_m2: Number
    L_m: Number
    Delta: Number
    Delta_tilde: Number


@dataclass(frozen=True)
class ScoreConstants:
    """The constants of f, the loss in which x_T is scored: sup‖∇f‖, sup‖∇²f‖, sup‖∇f¹ − ∇f²‖."""

    M: Number
    L: Number
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

    P: ‖J_t‖, and Lipschitz constant of x_t in φ; L_J: Lipschitz constant of J_t; delta_x:
    ‖x_t¹ − x_t²‖; Delta_J: ‖J_t¹ − J_t²‖.
    """

    P: Number = 0
    L_J: Number = 0
    delta_x: Number = 0
    Delta_J: Number = 0


def jacobian_bounds(c: StepConstants, b: Bounds) -> JacobianBounds:
    """Lemmas 3, 4, 9 and 10 for step t, from the bounds after t steps."""
    V = c.L * b.P + 1
    gradients_apart = c.Delta + c.L * b.delta_x
    L_A = c.M_m1 * c.rho * b.P + c.L * c.L_m * V
    L_B = c.L_m * V
    Delta_A = c.M_m1 * (c.Delta_tilde + c.rho * b.delta_x) + c.L * c.L_m * gradients_apart
    Delta_B = c.L_m * gradients_apart
    return JacobianBounds(L_A, L_B, Delta_A, Delta_B)


def step(c: StepConstants, b: Bounds) -> Bounds:
    """From the bounds after t steps to those after t + 1."""
    L_A, L_B, Delta_A, Delta_B = jacobian_bounds(c, b)
    return Bounds(
        P=c.Q * b.P + c.M_m2,
        L_J=c.Q * b.L_J + L_A * b.P + L_B,
        delta_x=c.Q * b.delta_x + c.M_m1 * c.Delta,
        Delta_J=c.Q * b.Delta_J + Delta_A * b.P + Delta_B,
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


def uniform(
    c: Mapping[str, Number], T: int
) -> tuple[list[StepConstants], ScoreConstants, Distances]:
    """The uniform level: the same constants in each of T steps, Q = 1 + M_m1 L, and f = l."""
    one = StepConstants(
        Q=1 + c["M_m1"] * c["L"],
        L=c["L"],
        rho=c["rho"],
        M_m1=c["M_m1"],
        M_m2=c["M_m2"],
        L_m=c["L_m"],
        Delta=c["Delta"],
        Delta_tilde=c["Delta_tilde"],
    )
    score = ScoreConstants(M=c["M"], L=c["L"], Delta=c["Delta"])
    return [one] * T, score, Distances(x0=c["delta_x0"], phi=c["delta_phi"])
