"""M, L, ρ and τ of one task on a ball, both ends, with the point where the lower end is attained.

Quadratic, and the smooth part of LASSO: M is a trust-region problem, L = ‖H‖, ρ = τ = 0. Smoothed
LASSO: `smoothed_lasso`. Any other task with a model: branch and bound over boxes that cover the
ball, which is tight in few dimensions and sound in all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.results import EndMethod
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_theory.arithmetic import exact, float_above
from ml2o_theory.constants.on_boxes import Ends, euclidean, spectral
from ml2o_theory.constants.quadratic import gradient_supremum, hessian_norm
from ml2o_theory.constants.smoothed_lasso import smoothed_lasso_constants
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.intervals.norms import euclidean_below
from ml2o_theory.intervals.subdivision import halved
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import task_model
from ml2o_theory.models.conversion import box_around, points_inside
from ml2o_theory.models.quadratic import QuadraticModel, smooth_part
from ml2o_theory.models.smoothed_lasso import SmoothedLassoModel
from ml2o_theory.regions import Ball, Region, as_ball

GAP = 1e-3
"""The search ends where the ends of a supremum are this close, relatively."""

ROUNDS, KEPT = 25, 64
"""Rounds, and the boxes that go on to the next; the others keep their upper ends."""

NormOnBoxes: TypeAlias = Callable[[IntervalTensor], Ends]
"""Both ends of the supremum of a norm over each of the boxes (k, d)."""


def task_constants_on_ball(task: Task, region: Region) -> dict[str, Enclosure]:
    """M, L, rho and tau on the region's X, a ball; of LASSO, those of the smooth part.

    `InvalidArgument` for a task without a model, or where X is no ball.
    """
    model = task_model(smooth_part(task) if isinstance(task, LassoTask) else task)
    if isinstance(model, QuadraticModel):
        zero, closed = arb(0), EndMethod.CLOSED_FORM
        nothing = Enclosure.exactly(zero, closed, norm=Norm.SPECTRAL, region=region.id)
        return {
            "M": gradient_supremum(model.exact, region),
            "L": hessian_norm(model.exact, region),
            "rho": nothing,
            "tau": nothing,
        }
    if isinstance(model, SmoothedLassoModel):
        return smoothed_lasso_constants(model, region)
    norms: dict[str, NormOnBoxes] = {
        "M": lambda x: euclidean(model.gradient_on(x)),
        "L": lambda x: spectral(model.hessian_on(x)),
        "rho": lambda x: Ends(*model.third_norm_on(x)),
        "tau": lambda x: Ends(*model.fourth_norm_on(x)),
    }
    return {symbol: _searched(symbol, on, region) for symbol, on in norms.items()}


def _searched(symbol: str, norm_on: NormOnBoxes, region: Region) -> Enclosure:
    lower, upper, x = supremum_on_ball(norm_on, as_ball(region.x))
    return Enclosure.supremum(
        exact(lower),
        arb(upper),
        EndMethod.INTERVAL_ARITHMETIC,
        witness={"x": tuple(x.tolist())},
        norm=Norm.EUCLIDEAN if symbol == "M" else Norm.SPECTRAL,
        region=region.id,
    )


def supremum_on_ball(norm_on: NormOnBoxes, ball: Ball) -> tuple[float, float, Float[Tensor, " d"]]:
    """(lower, upper, x) for the supremum of a norm: lower is attained at x in the ball.

    Branch and bound: boxes with the largest upper ends are quartered, those outside are dropped.
    """
    center = torch.tensor(ball.center, dtype=torch.float64)
    radius = float_above(ball.radius)
    boxes, x = box_around(ball).unsqueeze(0), center
    lower = norm_on(IntervalTensor.exactly(center)).lower.item()
    set_aside = -torch.inf
    for _ in range(ROUNDS):
        boxes = boxes[euclidean_below(boxes - center) <= radius]
        above = norm_on(boxes).upper
        points = points_inside(ball, boxes.midpoint)
        values = norm_on(IntervalTensor.exactly(points)).lower
        if values.max() > lower:
            lower, x = values.max().item(), points[values.argmax()]
        upper = max(above.max().item(), set_aside)
        if upper <= (1 + GAP) * lower:
            break
        order = above.argsort(descending=True)
        if order.numel() > KEPT:
            set_aside = max(set_aside, above[order[KEPT]].item())
        boxes = halved(halved(boxes[order[:KEPT]]))
    return lower, upper, x
