"""From arb to float64: numbers as intervals, balls of R^d as boxes, floats inside a ball."""

from __future__ import annotations

import torch
from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_theory.arithmetic import exact, float_above, float_below, precision
from ml2o_theory.intervals.norms import euclidean_above
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.regions import Ball

CLEARANCE = 1e-13
"""How far inside the sphere a point is put, relative to the radius: beyond the rounding."""


def enclose(values: arb_mat) -> IntervalTensor:
    """Contains a matrix of shape (r, d) entrywise; a float entry is contained exactly."""
    rows = values.tolist()
    return IntervalTensor(
        torch.tensor([[float_below(v) for v in row] for row in rows], dtype=torch.float64),
        torch.tensor([[float_above(v) for v in row] for row in rows], dtype=torch.float64),
    )


def box_around(ball: Ball) -> IntervalTensor:
    """A box of shape (d,) that contains the ball, and is wider by a float or two."""
    with precision():
        ends = [(exact(c) - ball.radius, exact(c) + ball.radius) for c in ball.center]
        lower, upper = [float_below(low) for low, _ in ends], [float_above(up) for _, up in ends]
    return IntervalTensor(
        torch.tensor(lower, dtype=torch.float64), torch.tensor(upper, dtype=torch.float64)
    )


def coordinates_within(ball: Ball) -> IntervalTensor:
    """Intervals of floats, each of them attained by a coordinate of some point of the ball: (d,).

    Not a box inside the ball: each coordinate can go to its ends, but not all at once.
    """
    with precision():
        ends = [(exact(c) - ball.radius, exact(c) + ball.radius) for c in ball.center]
        lower = [float_above(low.upper()) for low, _ in ends]
        upper = [float_below(high.lower()) for _, high in ends]
    center = torch.tensor(ball.center, dtype=torch.float64)
    # The center is a float, so rounding inwards can only pass it by the error of the sums.
    return IntervalTensor(
        torch.tensor(lower, dtype=torch.float64).minimum(center),
        torch.tensor(upper, dtype=torch.float64).maximum(center),
    )


def points_inside(ball: Ball, points: Float[Tensor, "n d"]) -> Float[Tensor, "n d"]:
    """Each point moved towards the center until it is in the ball, certified.

    Where rounding forbids that, because the ball is too small, it is the center.
    """
    center, radius = torch.tensor(ball.center, dtype=torch.float64), float_below(ball.radius)
    away = points - center
    share = ((1 - CLEARANCE) * radius / away.norm(dim=-1, keepdim=True)).nan_to_num(1.0)
    moved = center + share.clamp(0.0, 1.0) * away
    inside = euclidean_above(IntervalTensor.exactly(moved) - center) <= radius
    return torch.where(inside.unsqueeze(-1), moved, center)
