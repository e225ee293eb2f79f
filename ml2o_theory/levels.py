"""The levels of the ladder: which constants enter the recursion at each step.

`uniform` is the paper: one value each, Q = 1 + M_m1 L. `closed-loop` replaces Q by
Q̄ = sup ‖I + ∇₁m ∇²l‖. `detached` is closed-loop for graph mode `detached`. `trajectory` has its own
constants at every step, for each of the two tasks where it is needed, and by block of ∇²m.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ml2o_core.results import Level
from ml2o_core.unroll import GraphMode
from ml2o_theory.constants.base import STEPWISE
from ml2o_theory.recursion import Distances, Number, ScoreConstants, StepConstants

Values = Mapping[str, Number]
"""One number for each symbol of `ml2o_theory.constants.base.MEANING`."""


class Steps(NamedTuple):
    """What a statement's formula is evaluated on."""

    steps: Sequence[StepConstants]
    score: ScoreConstants
    apart: Distances


def uniform(c: Values, T: int) -> Steps:
    """The same constants in each of T steps, Q = 1 + M_m1 L, and f = l."""
    return _repeated(c, 1 + c["M_m1"] * c["L"], GraphMode.FULL, T)


def closed_loop(c: Values, T: int) -> Steps:
    """The same constants in each of T steps, with Q̄ for Q, and f = l."""
    return _repeated(c, c["Q_bar"], GraphMode.FULL, T)


def detached(c: Values, T: int) -> Steps:
    """Closed-loop, with the derivatives of graph mode `detached`."""
    return _repeated(c, c["Q_bar"], GraphMode.DETACHED, T)


ONE_VALUE_EACH: dict[Level, Callable[[Values, int], Steps]] = {
    Level.UNIFORM: uniform,
    Level.CLOSED_LOOP: closed_loop,
    Level.DETACHED: detached,
}
"""The levels whose constants are one value each, on one region."""


def trajectory(per_step: Sequence[Values], apart: Values) -> Steps:
    """Constants of their own at each of T + 1 steps, the last for the score."""
    *before, last = per_step
    return Steps(
        [StepConstants(**{s: c[s] for s in STEPWISE if s != "M"}) for c in before],
        ScoreConstants(M=last["M"], L=last["L"], rho=last["rho"], Delta=last["Delta"]),
        Distances(x0=apart["delta_x0"], phi=apart["delta_phi"]),
    )


GRAPH = {Level.DETACHED: GraphMode.DETACHED}
"""The graph mode that a level speaks of, where it is not `full`."""


def _repeated(c: Values, Q: Number, graph: GraphMode, T: int) -> Steps:
    one = StepConstants(
        Q=Q,
        Q_P=Q,
        L=c["L"],
        L_P=c["L"],
        rho=c["rho"],
        tau=c["tau"],
        M_m1=c["M_m1"],
        M_m2=c["M_m2"],
        L_zz=c["L_m"],
        L_zphi=c["L_m"],
        L_phiphi=c["L_m"],
        rho_m=c["rho_m"],
        Delta=c["Delta"],
        Delta_tilde=c["Delta_tilde"],
        graph=graph,
    )
    score = ScoreConstants(M=c["M"], L=c["L"], rho=c["rho"], Delta=c["Delta"])
    return Steps([one] * T, score, Distances(x0=c["delta_x0"], phi=c["delta_phi"]))
