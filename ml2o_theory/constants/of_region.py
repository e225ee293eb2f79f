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
from ml2o_theory.constants.vertices import corners, supremum_above
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

    `points` of shape (n, d) are enclosures of points of X, and `phi` of shape (p,) or (n, p) those
    of parameters in Φ: there the lower ends are attained. ∇lⁱ(points) lie in Z, as Z ⊇ ∇lⁱ(X).
    """
    phi = phi.expand(points.shape[0], -1)
    if isinstance(region.x, Box):
        vertices = corners(region.x.interval)
        points = concatenate([points, vertices], 0)
        phi = concatenate([phi, phi[:1].expand(vertices.shape[0], -1)], 0)
    x, z, box = (_cover(shape) for shape in (region.x, region.z, region.phi))
    # The boxes first, then the points: those give the upper ends, these the lower ends.
    at_x, at_z = (concatenate([box.expand(boxes.shape[0], -1), phi], 0) for boxes in (x, z))
    x = concatenate([x, points], 0)
    found = [
        loop_ends(task, rule, x, at_x)
        | rule_ends(rule, concatenate([z, task.gradient_on(points)], 0), at_z)
        for task in tasks
    ]
    gradient, hessian = _apart(tasks, x)
    found[0] |= {"Delta": euclidean(gradient), "Delta_tilde": spectral(hessian)}
    if isinstance(region.x, Box):
        found[0]["Delta"] = _tightened(found[0]["Delta"], gradient, hessian, region.x)
        for task, ends in zip(tasks, found, strict=True):
            field, derivative = task.gradient_on(x), task.hessian_on(x[:1])
            ends["M"] = _tightened(ends["M"], field, derivative, region.x)
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


def _apart(tasks: Sequence[TaskModel], x: IntervalTensor) -> tuple[IntervalTensor, IntervalTensor]:
    """`difference_on` of the two tasks; of one, exactly 0."""
    if tasks[0] is tasks[-1]:
        nothing = IntervalTensor.exactly(torch.zeros_like(x.lower))
        return nothing, nothing.diag_embed()
    return tasks[0].difference_on(tasks[-1], x)


def _tightened(ends: Ends, field: IntervalTensor, derivative: IntervalTensor, box: Box) -> Ends:
    """sup ‖field‖ with the upper end from the corners, if smaller: entry 0 is the whole box."""
    count = corners(box.interval).shape[0]
    if not count:
        return ends
    above = supremum_above(field[-count:], derivative[0], box.interval)
    upper = ends.upper.clone()
    upper[0] = upper[0].clamp(max=above)
    return Ends(ends.lower, upper)


def _largest(symbol: str, each: list[Ends], points: IntervalTensor, region: str) -> Enclosure:
    """The largest of the tasks' suprema, each over the covering boxes and at the points."""
    n = points.shape[0]
    attained = torch.stack([ends.lower[-n:] for ends in each])
    best = attained.amax(0).argmax()
    return supremum(
        symbol,
        attained.max().item(),
        max(ends.upper[:-n].max().item() for ends in each),
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


def _cover(shape: Shape | ParameterInterval) -> IntervalTensor:
    """Boxes (k, d) that together contain the set."""
    match shape:
        case Box() | ParameterInterval():
            return shape.interval.unsqueeze(0)
        case Ball():
            center = torch.tensor([shape.center], dtype=torch.float64)
            return IntervalTensor.about(center, torch.full_like(center, float_above(shape.radius)))
        case _:
            return shape.cover.reshape(-1, shape.cover.shape[-1])
