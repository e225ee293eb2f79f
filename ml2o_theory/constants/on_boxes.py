"""A3's constants of one task and one rule over boxes, both ends, from their models.

Every function takes boxes with leading axes (..., d) and returns `Ends` of shape (...). Over a box
the upper end is the certificate; over a degenerate box (a point) the lower end is attained there.
A supremum over a set is at most the largest upper end over boxes that cover the set, and at least
the largest lower end over points in it: both go into one call, boxes and points side by side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_theory.intervals.norms import (
    euclidean_above,
    euclidean_below,
    spectral_above,
    spectral_below,
)
from ml2o_theory.intervals.tensor import IntervalTensor, stack
from ml2o_theory.models import RuleModel, TaskModel


class Ends(NamedTuple):
    """lower ≤ sup over the box ≤ upper, shape (...)."""

    lower: Float[Tensor, " *boxes"]
    upper: Float[Tensor, " *boxes"]


def loop_ends(
    task: TaskModel, rule: RuleModel, x: IntervalTensor, phi: IntervalTensor
) -> dict[str, Ends]:
    """M, L, ρ, τ and Q̄ over boxes x (..., d) and φ (..., p).

    They are sup ‖∇l‖, ‖∇²l‖, ‖∇³l‖, ‖∇⁴l‖ and ‖I + ∇₁m(∇l(x), φ) ∇²l(x)‖.
    """
    gradient, hessian = task.gradient_on(x), task.hessian_on(x)
    both = stack([hessian, closed_loop(rule, gradient, hessian, phi)], 0)
    L, Q = map(Ends, *spectral(both))
    return {
        "M": euclidean(gradient),
        "L": L,
        "Q_bar": Q,
        "rho": Ends(*task.third_norm_on(x)),
        "tau": Ends(*task.fourth_norm_on(x)),
    }


def closed_loop(
    rule: RuleModel, gradient: IntervalTensor, hessian: IntervalTensor, phi: IntervalTensor
) -> IntervalTensor:
    """I + ∇₁m(∇l, φ) ∇²l for ∇l (..., d), ∇²l (..., d, d) and φ (..., p): (..., d, d)."""
    in_z, _ = rule.jacobians_on(gradient, phi)
    return in_z @ hessian + torch.eye(gradient.shape[-1], dtype=torch.float64)


def rule_ends(rule: RuleModel, z: IntervalTensor, phi: IntervalTensor) -> dict[str, Ends]:
    """M_m1, M_m2, L_m and its blocks, and ρ_m over boxes z (..., d) and φ (..., p)."""
    in_z, in_phi = rule.jacobians_on(z, phi)
    blocks = {name: Ends(*ends) for name, ends in rule.second_norms_on(z, phi).items()}
    lower, upper = zip(*blocks.values(), strict=True)
    return {
        "M_m1": spectral(in_z),
        "M_m2": spectral(in_phi),
        **blocks,
        "L_m": Ends(torch.stack(lower).amax(0), torch.stack(upper).amax(0)),
        "rho_m": Ends(*rule.third_norm_on(z, phi)),
    }


def euclidean(v: IntervalTensor) -> Ends:
    """Both ends of sup ‖v‖ over interval vectors (..., n)."""
    return Ends(euclidean_below(v), euclidean_above(v))


def spectral(K: IntervalTensor) -> Ends:
    """Both ends of sup ‖K‖ over interval matrices (..., m, n)."""
    return Ends(spectral_below(K), spectral_above(K))


def segments(a: IntervalTensor, b: IntervalTensor, pieces: int) -> IntervalTensor:
    """Boxes (..., pieces, d) that cover the segments from every point of a to every one of b.

    The k-th holds the points between a + s(b − a) for s = k/pieces and s = (k + 1)/pieces: a box
    that holds both ends of a segment holds the segment.
    """
    knots = nodes(a, b, pieces + 1)
    return IntervalTensor.hull_of(knots[..., :-1, :], knots[..., 1:, :])


def nodes(a: IntervalTensor, b: IntervalTensor, count: int) -> IntervalTensor:
    """Enclosures (..., count, d) of equally spaced points of the segments, the ends included."""
    s = torch.linspace(0, 1, count, dtype=torch.float64).reshape(-1, 1)
    return a.unsqueeze(-2) * (1 - s) + b.unsqueeze(-2) * s
