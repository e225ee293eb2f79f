"""M, L, ρ and τ of smoothed LASSO ½‖Ax − b‖² + λ Σ_k ψ(x_k) on a ball ‖x − c‖ ≤ r.

M. Two upper ends, the first good on large balls and the second on small ones:

    ‖∇l(x)‖ ≤ sup ‖∇fit‖ + λ ‖(sup |ψ'(x_k)|)_k‖                    ψ' over [c_k − r, c_k + r]
    ‖∇l(x)‖ ≤ sup ‖∇l(c) + (H + λ diag(s))(x − c)‖ + λ max_k δ_k r   as ψ'(x_k) − ψ'(c_k) is
                                                                    (s_k ± δ_k)(x_k − c_k)
with s_k ± δ_k the range of ψ''. Both suprema are trust-region problems.

L. ∇²l(x) = H + λ diag(ψ''(x_k)) ≼ H + λ diag(sup ψ''): the norm of the right side is an upper end.

ρ, τ. ∇³l and ∇⁴l are diagonal, and each coordinate of a point of the ball can be anywhere in
[c_k − r, c_k + r]: the largest supremum over one coordinate is the constant.

Lower ends: at the points where one coordinate is nearest to 0, ±ε/2 or ±(√3/2)ε, at the point of
the ball nearest to 0, and for M at the solutions of the trust-region problems.
"""

from __future__ import annotations

import math

import torch
from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import INFINITY, exact, matrix, norm, precision, vector
from ml2o_theory.constants.on_boxes import Ends, spectral
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.constants.trust_region import BallSupremum, affine_norm_on_ball
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.intervals.norms import euclidean_above
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.conversion import box_around, coordinates_within, points_inside
from ml2o_theory.models.smoothed_lasso import SmoothedLassoModel
from ml2o_theory.regions import Ball, Region, as_ball


def smoothed_lasso_constants(model: SmoothedLassoModel, region: Region) -> dict[str, Enclosure]:
    """M, L, rho and tau on the region's X, a ball."""
    ball = as_ball(region.x)
    points, box = _candidates(model, ball), box_around(ball)
    at_points = IntervalTensor.exactly(points)
    third, fourth = Ends(*model.third_norm_on(box)), Ends(*model.fourth_norm_on(box))
    uppers = {
        "L": (_hessian_above(model, box), EndMethod.DUAL_CERTIFICATE),
        "rho": (arb(third.upper.item()), EndMethod.CLOSED_FORM),
        "tau": (arb(fourth.upper.item()), EndMethod.CLOSED_FORM),
    }
    lowers = {
        "L": spectral(model.hessian_on(at_points)).lower,
        "rho": model.third_norm_on(at_points)[0],
        "tau": model.fourth_norm_on(at_points)[0],
    }
    suprema = {"M": _gradient_supremum(model, ball, region.id)}
    for symbol, values in lowers.items():
        bound, method = uppers[symbol]
        suprema[symbol] = Enclosure.supremum(
            exact(values.max().item()),
            bound,
            method,
            witness={"x": tuple(points[values.argmax()].tolist())},
            norm=Norm.SPECTRAL,
            region=region.id,
        )
    return suprema


def _candidates(model: SmoothedLassoModel, ball: Ball) -> Float[Tensor, "n d"]:
    """Points of the ball where ψ'', ψ''' or ψ'''' of a coordinate is extreme."""
    center, within = torch.tensor(ball.center, dtype=torch.float64), coordinates_within(ball)
    moved = torch.eye(len(center), dtype=torch.bool)
    eps = model.psi.smoothing
    rows = [
        torch.where(moved, torch.full_like(center, place).clamp(within.lower, within.upper), center)
        for size in (0.0, eps / 2, math.sqrt(3) / 2 * eps)
        for place in (size, -size)
    ]
    return torch.cat([*rows, points_inside(ball, torch.zeros(1, len(center)).double())])


def _hessian_above(model: SmoothedLassoModel, box: IntervalTensor) -> arb:
    """‖H + λ diag(sup ψ'')‖; it increases in the diagonal, as all matrices are positive."""
    bend = (model.psi.second(box) * model.weight).upper
    if not bool(bend.isfinite().all()):
        return INFINITY
    with precision():
        return spectral_norm(model.fit.exact.H + matrix(bend.diag()))[1]


def _gradient_supremum(model: SmoothedLassoModel, ball: Ball, region: str) -> Enclosure:
    """M; the witness is (x − center) / radius."""
    box, center = box_around(ball), torch.tensor(ball.center, dtype=torch.float64)
    slopes, bend = model.psi.first(box) * model.weight, model.psi.second(box) * model.weight
    fit = model.fit.exact
    with precision():
        apart = affine_norm_on_ball(fit.H, fit.gradient_at(center), ball.radius)
        bounds = [(apart, apart.upper + arb(euclidean_above(slopes).item()))]
        if bool(bend.is_finite().all()):
            K = fit.H + matrix(bend.midpoint.diag())
            near = affine_norm_on_ball(K, model.gradient(vector(center)), ball.radius)
            bounds.append((near, near.upper + arb(bend.radius.max().item()) * ball.radius))
        found, bound = min(bounds, key=lambda pair: pair[1].upper())
        values = [(_gradient_at(model, ball, each), each.direction) for each, _ in bounds]
        attained, direction = max(values, key=lambda pair: pair[0].lower())
    return Enclosure.supremum(
        attained,
        bound,
        found.upper_by,
        witness={"direction": tuple(direction.tolist())},
        norm=Norm.EUCLIDEAN,
        region=region,
    )


def _gradient_at(model: SmoothedLassoModel, ball: Ball, found: BallSupremum) -> arb:
    """‖∇l‖ at the point of the ball that a trust-region problem found."""
    y = vector(found.direction)
    inside = ball.radius * y / norm(y).max(arb(1))
    x = arb_mat([[exact(c)] for c in ball.center]) + inside
    return norm(model.gradient(x))
