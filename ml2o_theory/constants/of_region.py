"""All constants of A3 and A4 for one or two tasks and a rule, one value each, on one region.

Upper ends hold on boxes that contain X, Z and Φ; lower ends are attained at the given points.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from flint import arb

from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import exact, float_above
from ml2o_theory.constants.base import MEANING, Constants
from ml2o_theory.constants.on_boxes import (
    Ends,
    closed_loop_ends,
    euclidean,
    rule_ends,
    spectral,
    task_ends,
)
from ml2o_theory.enclosure import Enclosure, Norm, Witness
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import RuleModel, TaskModel
from ml2o_theory.regions import Ball, Box, ParameterInterval, Region, Shape

VECTOR_NORMS = frozenset({"M", "Delta"})
"""The constants that are norms of vectors; the others are spectral norms."""


def region_constants(
    tasks: Sequence[TaskModel],
    rule: RuleModel,
    region: Region,
    points: IntervalTensor,
    phi: IntervalTensor,
) -> Constants:
    """Every constant of `tasks` (one or two) and `rule` on `region`.

    `points` of shape (n, d) are enclosures of points of X, and `phi` of shape (p,) one of a
    parameter in Φ: there the lower ends are attained. ∇lⁱ(points) lie in Z, as Z ⊇ ∇lⁱ(X).
    """
    x, z, all_phi = (_box(shape).unsqueeze(0) for shape in (region.x, region.z, region.phi))
    first, other = tasks[0], tasks[-1]
    covers = [_ends(task, rule, x, z, all_phi[0]) for task in tasks]
    attained = [_ends(task, rule, points, task.gradient_on(points), phi) for task in tasks]
    covers[0] |= _apart(first, other, x)
    attained[0] |= _apart(first, other, points)
    return Constants(
        region,
        {
            symbol: _supremum(
                symbol,
                [ends[symbol] for ends in covers if symbol in ends],
                [ends[symbol] for ends in attained if symbol in ends],
                points,
                region.id,
            )
            for symbol in MEANING
            if symbol in covers[0]
        },
    )


def _ends(
    task: TaskModel, rule: RuleModel, x: IntervalTensor, z: IntervalTensor, phi: IntervalTensor
) -> dict[str, Ends]:
    loop = closed_loop_ends(task, rule, x, phi)
    return task_ends(task, x) | rule_ends(rule, z, phi) | {"Q_bar": loop}


def _apart(first: TaskModel, other: TaskModel, x: IntervalTensor) -> dict[str, Ends]:
    """Δ and Δ̃ over boxes x."""
    gradient, hessian = first.difference_on(other, x)
    return {"Delta": euclidean(gradient), "Delta_tilde": spectral(hessian)}


def _supremum(
    symbol: str, covers: list[Ends], attained: list[Ends], points: IntervalTensor, region: str
) -> Enclosure:
    """From each task's ends over the covering boxes, and at the points: the witness is one."""
    upper = max(ends.upper.max().item() for ends in covers)
    values = torch.stack([ends.lower for ends in attained])
    best = values.amax(0).argmax()
    return supremum(
        symbol,
        values.max().item(),
        upper,
        {"x": tuple(points.midpoint[best].tolist())},
        region,
    )


def supremum(symbol: str, lower: float, upper: float, witness: Witness, region: str) -> Enclosure:
    """A constant that is at least `lower`, attained at the witness, and at most `upper`."""
    return Enclosure.supremum(
        exact(max(lower, 0.0)),
        arb(upper),
        EndMethod.INTERVAL_ARITHMETIC,
        witness=witness,
        norm=Norm.EUCLIDEAN if symbol in VECTOR_NORMS else Norm.SPECTRAL,
        region=region,
    )


def _box(shape: Shape | ParameterInterval) -> IntervalTensor:
    """An interval vector that contains the set."""
    match shape:
        case Box():
            return shape.interval
        case ParameterInterval():
            return Box((shape.lower,), (shape.upper,)).interval
        case Ball():
            radius = torch.full((len(shape.center),), float_above(shape.radius)).double()
            return IntervalTensor.about(torch.tensor(shape.center).double(), radius)
        case _:
            return IntervalTensor(shape.cover.lower.amin((0, 1)), shape.cover.upper.amax((0, 1)))
