"""‖∇³l‖ for Rosenbrock's chain: the norm of a symmetric trilinear form, enclosed over boxes.

It is attained at three equal directions (Banach 1938), so for the chain, with a_k = |x_k|,

    ‖∇³l(x)‖ = max over ‖u‖ = 1 of F(u) = Σ_k q_k(u),   q_k(u) = 12c_k u_k² (2x_k u_k − u_{k+1}).

One link. |q_k| is largest where tan θ = u_{k+1}/u_k solves 2t² + 6a_k t = 1, up to signs:

    G_k = sup |q_k| = 12c_k (2a_k + t)/(1 + t²)^{3/2},   t = 2/(6a_k + √(36a_k² + 8)).

For d = 2 this is the norm, and it increases in a_k. For d > 2 it is at most each of

- max_k (G_{k−1} + G_k), as |q_k| ≤ G_k (u_k² + u_{k+1}²)^{3/2} is convex in the u_k²: their sum is
  largest where one u_k² is 1;
- max_k 12c_k √(4a_k² + 1), as F = Σ u_k² · 12c_k (2x_k u_k − u_{k+1}) is an average;
- max_k √((24c_k a_k + 4c_k)² + (4c_k)² + (4c_{k−1})²), as ∇³l(x)[u] is tridiagonal with row sums
  ≤ |24c_k x_k u_k − 4c_k u_{k+1}| + 4c_k|u_k| + 4c_{k−1}|u_{k−1}|.

All increase in the a_k, so over a box they are taken at the largest ones. The lower end is F at a
direction that a search finds; for a given u the best x_k is an end of its interval.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize, pad

from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.tensor import IntervalTensor, as_interval

ASCENTS = 40
"""Steps of the search for d > 2; each is a shifted power iteration, and none decreases F."""


def third_norm(c: Float[Tensor, " links"], x: IntervalTensor) -> tuple[Values, Values]:
    """Both ends of sup ‖∇³l‖ over boxes x (..., d): two tensors (...)."""
    a = IntervalTensor.exactly(x.magnitude()[..., :-1])
    tangent = 2.0 / (a * 6.0 + (a.square() * 36.0 + 8.0).sqrt())
    cos = (tangent.square() + 1.0).sqrt().reciprocal()
    steep = as_interval(c) * 12.0
    links = steep * (a * 2.0 + tangent) * cos * cos.square()
    averages = steep * (a.square() * 4.0 + 1.0).sqrt()
    before = as_interval(pad(4 * c, (1, 0))[:-1])
    rows = ((a * 6.0 + 1.0) * (4 * c)).square() + as_interval(4 * c).square() + before.square()
    neighbours = as_interval(pad(links.upper, (1, 0))) + pad(links.upper, (0, 1))
    bounds = (neighbours, averages, rows.sqrt())
    upper = torch.stack([bound.upper.amax(-1) for bound in bounds]).amin(0)
    lower = _attained(c, x, tangent.midpoint)
    return lower.minimum(upper), upper


def _attained(c: Values, x: IntervalTensor, tangent: Values) -> Values:
    """The largest F found, rounded down: from each link's own best directions, then uphill."""
    links = tangent.shape[-1]
    here = torch.eye(links, links + 1, dtype=torch.float64)
    start = -tangent.unsqueeze(-1) * here.roll(1, -1)
    u = torch.cat([start + here, start - here], -2)
    boxes = x.unsqueeze(-2)
    best = _form(c, boxes, u)
    if links > 1:
        for _ in range(ASCENTS):
            u = _uphill(c, boxes, u)
        best = best.maximum(_form(c, boxes, u))
    return best.amax(-1)


def _form(c: Values, x: IntervalTensor, u: Values) -> Values:
    """F(u)/‖u‖³ at the best point of the boxes, rounded down; 0 where that says nothing."""
    u = u.nan_to_num(0.0)
    ends = (as_interval(end[..., :-1]) * u[..., :-1] for end in (x.lower, x.upper))
    at_lower, at_upper = ends
    farthest = IntervalTensor(
        at_lower.lower.maximum(at_upper.lower), at_lower.upper.maximum(at_upper.upper)
    )
    links = as_interval(u[..., :-1]).square() * c * (farthest * 2.0 - u[..., 1:])
    form = (links * 12.0).sum(-1)
    squared = as_interval(u).square().sum(-1)
    return (form / (squared * squared.sqrt())).lower.clamp(min=0.0)


def _uphill(c: Values, x: IntervalTensor, u: Values) -> Values:
    """One step of a shifted power iteration (Kolda and Mayo 2011) at the best point for u."""
    u = normalize(u, dim=-1)
    v, w = u[..., :-1], u[..., 1:]
    at = torch.where(v > 0, x.upper[..., :-1], x.lower[..., :-1])
    gradient = pad(4 * c * (6 * at * v - 2 * w) * v, (0, 1)) - pad(4 * c * v**2, (1, 0))
    shift = (c * (at.abs() + 1)).amax(-1, keepdim=True) * 8
    return gradient + shift * u
