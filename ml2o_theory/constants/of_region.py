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
    euclidean,
    loop_ends,
    rule_ends,
    spectral,
)
from ml2o_theory.enclosure import Enclosure, Norm, Witness
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate
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
    x, z, box = (_box(shape) for shape in (region.x, region.z, region.phi))
    # The box first, then the points: index 0 gives the upper ends, the others the lower ends.
    x, all_phi = _beside(x, points), _beside(box, phi.expand(points.shape[0], -1))
    found = [
        loop_ends(task, rule, x, all_phi)
        | rule_ends(rule, _beside(z, task.gradient_on(points)), all_phi)
        for task in tasks
    ]
    gradient, hessian = tasks[0].difference_on(tasks[-1], x)
    found[0] |= {"Delta": euclidean(gradient), "Delta_tilde": spectral(hessian)}
    return Constants(
        region,
        {
            symbol: _largest(
                symbol, [ends[symbol] for ends in found if symbol in ends], points, region.id
            )
            for symbol in MEANING
            if symbol in found[0]
        },
    )


def _beside(box: IntervalTensor, points: IntervalTensor) -> IntervalTensor:
    """A box (d,) and points (n, d) as (1 + n, d)."""
    return concatenate([box.unsqueeze(0), points], 0)


def _largest(symbol: str, each: list[Ends], points: IntervalTensor, region: str) -> Enclosure:
    """The largest of the tasks' suprema, each over the box (index 0) and at the points."""
    attained = torch.stack([ends.lower[1:] for ends in each])
    best = attained.amax(0).argmax()
    return supremum(
        symbol,
        attained.max().item(),
        max(ends.upper[0].item() for ends in each),
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
