"""The constants of A3 and A4 for two quadratic tasks and the scalar gain rule m(z, φ) = −φz.

With ∇lⁱ(x) = H_i x − c_i, X a ball about x_0, Φ = [φ_lo, φ_hi] and Z = {z : ‖z‖ ≤ M}:

    M = max_i sup_X ‖H_i x − c_i‖    L = max_i ‖H_i‖    ρ = 0
    M_m1 = sup_Φ |φ|                 M_m2 = sup_Z ‖z‖   L_m = 1
    Δ = sup_X ‖(H_1 − H_2)x − (c_1 − c_2)‖              Δ̃ = ‖H_1 − H_2‖
    τ = ρ_m = 0                      Q̄ = max_i sup_Φ ‖I − φH_i‖

L_m = 1 because ∇₁m = −φI and ∇₂m = −z. The norm in Q̄ is convex in φ: the supremum is at an end of
Φ.
"""

from __future__ import annotations

from functools import reduce

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import exact, identity, norm, precision, vector
from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.quadratic import (
    gradient_norm_on_ball,
    gradient_supremum,
    hessian_norm,
)
from ml2o_theory.constants.spectral import cholesky, spectral_norm
from ml2o_theory.enclosure import Enclosure, Norm, maximum
from ml2o_theory.exact_quadratic import ExactQuadratic, QuadraticPair
from ml2o_theory.instances import Instance
from ml2o_theory.regions import Ball, ParameterInterval, Region, as_ball
from ml2o_theory.task_difference import gradient_difference, hessian_difference


def gain_instance(pair: QuadraticPair, phi: float, other_phi: float | None = None) -> Instance:
    """The pair with the scalar gain rule, at φ and, for statements that compare two, φ'."""
    params, other = (
        {"gain": torch.tensor(value, dtype=torch.float64)} for value in (phi, other_phi or 0.0)
    )
    return Instance(
        rule=LinearGain(),
        params=params,
        first=pair.first,
        second=pair.second,
        x0=pair.x0,
        other_x0=pair.other_x0,
        other_params=None if other_phi is None else other,
    )


def pair_region(pair: QuadraticPair, phi: ParameterInterval, steps: int) -> Region:
    """A region that holds both tasks' trajectories from every start, for all φ ∈ Φ and t ≤ `steps`.

    X is a ball about x_0 and Z one about 0; both radii are proved.
    """
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    first, second = pair.gradients
    with precision():
        radius = arb(0)
        for start in pair.starts:
            away = norm(vector(start) - vector(pair.x0))
            for task in pair.gradients:
                radius = radius.max(away + travel(task, start, phi, steps))
        x = Ball(tuple(pair.x0.tolist()), radius.upper())
        M = gradient_norm_on_ball(first, x).upper.max(gradient_norm_on_ball(second, x).upper)
        z = Ball((0.0,) * pair.x0.numel(), M.upper())
    return Region(x, phi, z, pair.sample, steps)


def travel(
    quadratic: ExactQuadratic, x0: Float[Tensor, " d"], phi: ParameterInterval, steps: int
) -> arb:
    """An upper bound of ‖x_t − x_0‖ over φ ∈ Φ and t ≤ T = `steps`.

    With g = ∇l(x_0), H's spectrum in [0, ‖H‖] and w = 1 − φh its image under 1 − φh, either of

        ‖x_t − x_0‖ = ‖φ Σ_{s<t} (I − φH)^s g‖   ≤ sup|φ| S_T(sup|w|) ‖g‖
        ‖x_t − x_0‖ = ‖(I − (I − φH)^t) H⁻¹g‖    ≤ sup|1 − w^t| ‖H⁻¹g‖   where H is invertible
    """
    g = quadratic.gradient_at(x0)
    lowest, highest = exact(phi.lower), exact(phi.upper)
    norm_H = spectral_norm(quadratic.H)[1]
    w_lowest = 1 - (highest * norm_H).max(arb(0))
    w_highest = 1 - (lowest * norm_H).min(arb(0))
    w = w_highest.max(-w_lowest).upper()
    travel = abs(lowest).max(abs(highest)) * _geometric_sum(w, steps) * norm(g)
    factor = cholesky(quadratic.H)
    if factor is not None:
        # w^t ≥ −max(−w_lowest, 0)^t, and this is worst at t = 1 or at t = T.
        below = (-w_lowest).max(arb(0)).upper()
        growth = (1 + below.max(below**steps)).max(w**steps - 1)
        distance = norm(factor.transpose().solve(factor.solve(g)))
        travel = travel.min(growth * distance)
    return travel


def _geometric_sum(w: arb, t: int) -> arb:
    """Σ_{s<t} w^s by Horner's rule: the quotient (w^t − 1)/(w − 1) is lost near w = 1."""
    total = arb(0)
    for _ in range(t):
        total = w * total + 1
    return total


def pair_constants(pair: QuadraticPair, region: Region) -> Constants:
    """All constants of Proposition 1 on `region`, which must be one of this pair."""
    if pair.sample != region.sample:
        raise InvalidArgument("region", region.sample, f"a region of this pair, {pair.sample}")
    first, second = pair.gradients

    def exactly(value: arb, norm: Norm) -> Enclosure:
        return Enclosure.exactly(value, EndMethod.CLOSED_FORM, norm=norm, region=region.id)

    phi = region.interval
    gain = abs(exact(phi.lower)).max(abs(exact(phi.upper)))
    return Constants(
        region,
        {
            "M": maximum(gradient_supremum(first, region), gradient_supremum(second, region)),
            "L": maximum(hessian_norm(first, region), hessian_norm(second, region)),
            "rho": exactly(arb(0), Norm.SPECTRAL),
            "tau": exactly(arb(0), Norm.SPECTRAL),
            "M_m1": exactly(gain, Norm.SPECTRAL),
            "M_m2": exactly(as_ball(region.z).radius, Norm.EUCLIDEAN),
            "L_m": exactly(arb(1), Norm.SPECTRAL),
            "rho_m": exactly(arb(0), Norm.SPECTRAL),
            "Q_bar": _closed_loop(first, second, region),
            "Delta": gradient_difference(first, second, region),
            "Delta_tilde": hessian_difference(first, second, region),
        },
    )


def _closed_loop(first: ExactQuadratic, second: ExactQuadratic, region: Region) -> Enclosure:
    """Q̄, at the ends of Φ; the witness is the φ where it is attained, and its vector."""
    ends = dict.fromkeys((region.interval.lower, region.interval.upper))
    factors = []
    for phi in ends:
        for task in (first, second):
            with precision():
                A = identity(task.H.nrows()) - exact(phi) * task.H
                lower, upper, v = spectral_norm(A)
            factors.append(
                Enclosure.supremum(
                    lower,
                    upper,
                    EndMethod.DUAL_CERTIFICATE,
                    witness={"φ": (phi,), "v": tuple(v.tolist())},
                    norm=Norm.SPECTRAL,
                    region=region.id,
                )
            )
    return reduce(maximum, factors)
