r"""Tubes that contain every run x_t(φ), φ ∈ Φ: interval propagation of the unroll, about a center.

Stepping boxes as they are, x ← x + m(∇l(x), φ), wraps: each step encloses a turned box in a box,
and takes the x in m for another x. Here a step carries what a run is *away* from the center x̂_t,
the float64 iterate at the midpoint φ̂ of Φ. For any run, with F_φ(x) = x + m(∇l(x), φ),

    x_{t+1} − x̂_{t+1} = [F_φ(x_t) − F_φ(x̂_t)] + [m(ẑ_t, φ) − m(ẑ_t, φ̂)] + e_t,
    ẑ_t = ∇l(x̂_t),      e_t = x̂_t + m(ẑ_t, φ̂) − x̂_{t+1},

where e_t is the rounding error of the engine. By the mean value theorem along the segments from x̂_t
to x_t at fixed φ, and from φ̂ to φ at fixed ẑ_t, the brackets are Ā_t(x_t − x̂_t) and B̄_t(φ − φ̂)
with Ā_t in the hull of I + ∇₁m ∇²l over X_t × Φ and B̄_t in that of ∇₂m over {ẑ_t} × Φ, for any
convex X_t that holds x_t and x̂_t. So x_t − x̂_t stays in a ball of radius r_t and in a box D_t ∋ 0:

    push_t  = B̄_t (Φ − φ̂) + e_t
    D_{t+1} = Ā_t D_t + push_t                    r_{t+1} = ‖Ā_t‖ r_t + ‖push_t‖
    r_{t+1} ← min(r_{t+1}, ‖D_{t+1}‖)             D_{t+1} ← D_{t+1} ∩ [−r_{t+1}, r_{t+1}]^d

and X_t = x̂_t + D_t. A closed loop that contracts, ‖Ā_t‖ < 1, keeps the ball bounded for every
horizon; the box is the better one where coordinates differ. Ā_t and B̄_t are interval matrices, e_t
is computed in ball arithmetic, and every operation rounds outward: the tube holds the runs of exact
arithmetic. Φ in smaller parts makes each hull smaller, and the tube is the union over the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.unroll import GraphMode, begin, unroll
from ml2o_theory.arithmetic import precision, vector
from ml2o_theory.comparisons import columns
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.on_boxes import closed_loop
from ml2o_theory.constants.points import point_set
from ml2o_theory.intervals.norms import euclidean_above, spectral_above
from ml2o_theory.intervals.rounding import add_up, multiply_up
from ml2o_theory.intervals.subdivision import grid, split
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate, stack
from ml2o_theory.models import RuleModel, TaskModel
from ml2o_theory.regions import Box, ParameterInterval, Region, Tube

ParameterSet = Box | ParameterInterval
"""Φ."""

Start = Float[Tensor, " d"] | Box
"""One x_0, or a box of them."""

PARTS = 8
"""Parts into which Φ is cut by default; a power of 2."""


def certified_tube(
    task: TaskModel,
    rule: RuleModel,
    start: Start,
    phi: ParameterSet,
    steps: int,
    *,
    parts: int = PARTS,
) -> Tube:
    """Contains x_t(φ) for every φ ∈ Φ and every start, t = 0 … `steps`: one box for each part of Φ.

    `parts` is the number of parts, any for an interval Φ, a power of 2 for a box.
    `InvalidArgument` where the tube leaves float64.
    """
    pieces = _cut(phi.interval, parts)
    starts = _interval(start).expand(parts, -1)
    centers = engine_runs(task.task, rule.rule, starts.midpoint, pieces.midpoint, steps)
    now = _Around.of(centers[:, 0], starts - centers[:, 0])
    cover = [now.box]
    for t in range(steps):
        if bool(centers[:, t + 1].isfinite().all()):
            now = _step(task, rule, now, pieces, centers[:, t + 1])
            cover.append(now.box)
        if len(cover) <= t + 1 or not bool(now.box.is_finite().all()):
            allowed = f"a set from which no run leaves float64 within {steps} steps"
            raise InvalidArgument("Φ", str(phi), allowed)
    return Tube(stack(cover, 0), f"all runs for φ in {phi}")


def hull(tubes: Sequence[Tube]) -> Tube:
    """For each step the smallest box that holds all the sets; the tubes have one length."""
    cover = concatenate([tube.cover for tube in tubes], 1)
    smallest = IntervalTensor(cover.lower.amin(1), cover.upper.amax(1))
    return Tube(smallest.unsqueeze(1), " and ".join(dict.fromkeys(tube.about for tube in tubes)))


def box_region(
    tasks: Sequence[TaskModel], tubes: Sequence[Tube], phi: ParameterSet, sample: str
) -> Region:
    """X: the smallest box that holds the tubes of all the tasks; Z: a box that holds ∇lⁱ(X)."""
    cover = hull(tubes).cover
    x = IntervalTensor(cover.lower.amin((0, 1)), cover.upper.amax((0, 1)))
    z = IntervalTensor.hull_of(*(task.gradient_on(x) for task in tasks))
    return Region(Box.of(x), phi, Box.of(z), sample, cover.shape[0] - 1)


def tube_region(
    tasks: Sequence[TaskModel], tubes: Sequence[Tube], phi: ParameterSet, sample: str
) -> Region:
    """X_t: the smallest box that holds the tubes of all the tasks at t; Z_t: one with ∇lⁱ(X_t).

    The proofs join points of one step alone, so constants on this smaller set serve them too.
    """
    x = hull(tubes)
    z = IntervalTensor.hull_of(*(task.gradient_on(x.cover) for task in tasks))
    return Region(x, phi, Tube(z, "gradients on X"), sample, x.cover.shape[0] - 1)


@dataclass(frozen=True, eq=False)
class SampledTube:
    """The smallest boxes, `hull` of shape (T + 1, d), that hold the runs of a sample: no `Tube`.

    It lies inside the smallest true tube, up to rounding, and certifies nothing.
    """

    hull: IntervalTensor
    runs: int
    seed: int

    def __str__(self) -> str:
        return f"hull of {self.runs} sampled runs (seed {self.seed}): a lower end, no certificate"


def sampled_tube(
    task: Task,
    rule: MemorylessRule,
    start: Start,
    phi: ParameterSet,
    steps: int,
    *,
    runs: int,
    seed: int,
) -> SampledTube:
    """The hull of float64 runs at random φ ∈ Φ (its corners among them) and random starts."""
    stream = generator(seed, purpose="sampled tube")
    starts = Box.of(_interval(start))
    x0, phis = (point_set(values).sample(runs, stream) for values in (starts, phi))
    x = engine_runs(task, rule, x0, phis, steps)
    return SampledTube(IntervalTensor(x.amin(0), x.amax(0)), runs, seed)


def engine_runs(
    task: Task,
    rule: MemorylessRule,
    x0: Float[Tensor, "runs d"],
    phi: Float[Tensor, "runs p"],
    steps: int,
) -> Float[Tensor, "runs times d"]:
    """x_0 … x_T of one run for each row of starts and parameters, by the engine, in float64."""
    tensors = {
        name: value.expand(x0.shape[0], 1, *value.shape) for name, value in task.tensors().items()
    }
    tasks = TaskBatch(type(task), tensors, (x0.shape[0], 1))
    params = vmap(Parameters.of(rule).unflatten)(phi)
    carry = begin(rule, tasks, x0.unsqueeze(1))
    return unroll(rule, params, tasks, carry, steps, GraphMode.NONE).iterates.squeeze(1)


def _interval(start: Start) -> IntervalTensor:
    return start.interval if isinstance(start, Box) else IntervalTensor.exactly(start)


def _cut(phi: IntervalTensor, parts: int) -> IntervalTensor:
    """`parts` boxes (parts, p) that cover Φ."""
    return grid(phi, [parts]) if phi.shape == (1,) else split(phi, parts)


@dataclass(frozen=True, eq=False)
class _Around:
    """For each part of Φ the set {x : ‖x − x̂‖ ≤ r, x − x̂ ∈ D}: x̂ (parts, d), r (parts,), D ∋ 0."""

    center: Float[Tensor, "parts d"]
    r: Float[Tensor, " parts"]
    D: IntervalTensor

    @classmethod
    def of(
        cls,
        center: Float[Tensor, "parts d"],
        D: IntervalTensor,
        r: Float[Tensor, " parts"] | None = None,
    ) -> Self:
        """Of what is known about x − x̂: a box, and a radius if there is a better one."""
        D = IntervalTensor.hull_of(D, torch.zeros_like(center))
        r = euclidean_above(D) if r is None else euclidean_above(D).minimum(r)
        within = r.unsqueeze(-1).expand_as(center)
        return cls(center, r, D.intersect(IntervalTensor(-within, within)))

    @property
    def box(self) -> IntervalTensor:
        """A box that contains the set, (parts, d)."""
        return self.D + self.center


def _step(
    task: TaskModel,
    rule: RuleModel,
    now: _Around,
    phi: IntervalTensor,
    center: Float[Tensor, "parts d"],
) -> _Around:
    """From the set at t to one at t + 1 about the next `center`, for each part of Φ."""
    z = task.gradient_on(IntervalTensor.exactly(now.center))
    A = closed_loop(rule, task.gradient_on(now.box), task.hessian_on(now.box), phi)
    _, B = rule.jacobians_on(z, phi)
    e = _rounding_error(task, rule, now.center, phi.midpoint, center)
    push = _apply(B, phi - phi.midpoint) + e
    r = add_up(multiply_up(spectral_above(A), now.r), euclidean_above(push))
    return _Around.of(center, _apply(A, now.D) + push, r)


def _apply(matrices: IntervalTensor, vectors: IntervalTensor) -> IntervalTensor:
    return (matrices @ vectors.unsqueeze(-1)).squeeze(-1)


def _rounding_error(
    task: TaskModel,
    rule: RuleModel,
    x: Float[Tensor, "parts d"],
    phi: Float[Tensor, "parts p"],
    following: Float[Tensor, "parts d"],
) -> IntervalTensor:
    """x + m(∇l(x), φ) − x', (parts, d), for the engine's step from x to x'."""
    with precision():
        starts = [vector(part) for part in x]
        return columns(
            [
                start + rule.at(task.gradient(start), vector(at)).value - vector(end)
                for start, at, end in zip(starts, phi, following, strict=True)
            ]
        )
