"""M, L, ρ and τ of one task on X: on R^d by closed forms, on a bounded X from the task's model.

On a bounded X the upper end holds on a box around X, and the lower end is attained at points of X.
A task without a model is sampled, which leaves the upper end open.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.base import Refutation
from ml2o_theory.assumptions.kink import kink, kink_inside, without_kink
from ml2o_theory.assumptions.on_boxes import Ends, euclidean
from ml2o_theory.assumptions.on_boxes import of_task as on_boxes
from ml2o_theory.assumptions.whole_space import Finding, on_whole_space
from ml2o_theory.constants.ascent import Search
from ml2o_theory.constants.derivative_norm import DerivativeNorm
from ml2o_theory.constants.points import point_set
from ml2o_theory.constants.sampled import sampled_supremum
from ml2o_theory.enclosure import Enclosure, Norm, maximum
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import task_model
from ml2o_theory.models.conversion import box_around
from ml2o_theory.models.quadratic import smooth_part
from ml2o_theory.regions import Ball, Box, ParameterInterval

ORDER = {"M": 0, "L": 1, "rho": 2, "tau": 3}
"""How many derivatives of ∇l each constant is a supremum of."""

POINTS = 8
"""Points of X at which a certified constant's lower end is looked for."""


def of_tasks(
    tasks: tuple[Task, ...], symbol: str, where: Ball | Box | None, region: str, seed: int
) -> Finding:
    """The larger of the tasks' constants; refuted if one of them is, open if one of them is."""
    found = [of_task(task, symbol, where, region, seed) for task in tasks]
    for kind in (Refutation, str):
        for part in found:
            if isinstance(part, kind):
                return part
    return reduce(maximum, [part for part in found if isinstance(part, Enclosure)])


def of_task(task: Task, symbol: str, where: Ball | Box | None, region: str, seed: int) -> Finding:
    """One task's constant on X = `where`, or on R^d where it is None."""
    if where is None:
        return on_whole_space(task, symbol, region)
    if isinstance(task, LassoTask):
        return _lasso(task, symbol, where, region, seed)
    try:
        model = task_model(task)
    except InvalidArgument:
        return _sampled(task, symbol, where, region, seed)
    points = sample_points(where, seed)
    cover, attained = (on_boxes(model, symbol, x) for x in (as_box(where), points))
    return supremum(cover, attained, {"x": points}, symbol, region)


def _lasso(task: LassoTask, symbol: str, where: Ball | Box, region: str, seed: int) -> Finding:
    """The fit, and ±λ in each coordinate; a kink inside X refutes all but M."""
    model, points = task_model(smooth_part(task)), sample_points(where, seed)
    if symbol != "M":
        found = kink_inside(task, where)
        if found is not None:
            return kink(task, *found)
        if not without_kink(where) and task.weight > 0:
            return "X has kinks in it, and no pair across one was found"
        cover, attained = (on_boxes(model, symbol, x) for x in (as_box(where), points))
        return supremum(cover, attained, {"x": points}, symbol, region)

    def gradient_on(x: IntervalTensor) -> IntervalTensor:
        signs = IntervalTensor(x.lower.sign(), x.upper.sign())
        return model.gradient_on(x) + signs * task.weight.double()

    cover_M, attained_M = euclidean(gradient_on(as_box(where))), euclidean(gradient_on(points))
    return supremum(cover_M, attained_M, {"x": points}, symbol, region)


def _sampled(task: Task, symbol: str, where: Ball | Box, region: str, seed: int) -> Enclosure:
    """The best of a search over X, from below."""

    def gradient(point: dict[str, Tensor]) -> Tensor:
        return task.gradient(point["x"])

    return sampled_supremum(
        {"task": DerivativeNorm(gradient, ("x",) * ORDER[symbol])},
        {"x": point_set(where)},
        region=region,
        seed=seed,
        search=Search(samples=64, starts=4, rounds=8),
    )


def supremum(
    cover: Ends, attained: Ends, points: Mapping[str, IntervalTensor], symbol: str, region: str
) -> Enclosure:
    """At most the upper end on the boxes that cover X, at least the best value at the points.

    The witness is the best of `points`, coordinates by name, all of one leading shape.
    """
    best = int(attained.lower.argmax())
    return Enclosure.supremum(
        exact(max(attained.lower[best].item(), 0.0)),
        arb(cover.upper.max().item()),
        EndMethod.INTERVAL_ARITHMETIC,
        witness={name: tuple(x.lower[best].tolist()) for name, x in points.items()},
        norm=Norm.EUCLIDEAN if symbol in {"M", "Delta"} else Norm.SPECTRAL,
        region=region,
    )


def as_box(where: Ball | Box | ParameterInterval) -> IntervalTensor:
    """A box (1, d) that contains the set."""
    match where:
        case Ball():
            return box_around(where).unsqueeze(0)
        case Box():
            return where.interval.unsqueeze(0)
        case ParameterInterval():
            return Box((where.lower,), (where.upper,)).interval.unsqueeze(0)


def sample_points(where: Ball | Box | ParameterInterval, seed: int) -> IntervalTensor:
    """Points of the set, exact, as degenerate boxes (n, d)."""
    points = point_set(where)
    drawn = points.sample(POINTS, generator(seed, purpose="assumptions"))
    return IntervalTensor.exactly(torch.stack([points.inside(x) for x in drawn]))


def gradient_box(tasks: tuple[Task, ...], where: Ball | Box) -> Box:
    """A box Z ⊇ ∇l(X) of all tasks; `InvalidArgument` for a task without a model."""
    found = []
    for task in tasks:
        fit = smooth_part(task) if isinstance(task, LassoTask) else task
        gradient = task_model(fit).gradient_on(as_box(where))
        if isinstance(task, LassoTask):
            unit: Float[Tensor, " d"] = torch.ones(task.dim, dtype=torch.float64)
            gradient = gradient + IntervalTensor(-unit, unit) * task.weight.double()
        found.append(gradient.squeeze(0))
    return Box.of(IntervalTensor.hull_of(*found))
