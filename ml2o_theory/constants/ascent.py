"""The search for the point where a norm is largest: random points, then ascent from the best.

One round of the ascent computes the gradient in the point and in the directions. The directions
take one step of the power method, u_i ← ∂/∂u_i normalised, which is alternating maximisation. The
point moves along its gradient by several lengths at once, each projected onto its set; a length
much larger than the set lands on the extreme point in that direction, the ascent step for a convex
function. The best of all trials is kept if it is better than before, so the value never falls.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from ml2o_core.errors import InvalidArgument
from ml2o_theory.constants.derivative_norm import DerivativeNorm, Directions, Point, normalised
from ml2o_theory.constants.points import PointSet

_LENGTHS = (4.0, 1.0, 0.25, 0.0625)
"""Lengths of the trial steps, in units of each start's own scale."""

_FAR = 1e4
"""A trial step in units of the set's size: it projects onto the border."""

_NUDGE = 1e-6
"""How far the direction is tried out that stays in the set, in units of its size."""

_PATIENCE, _GAIN = 3, 1e-9
"""The ascent ends when no start has gained this, relative, for so many rounds."""


@dataclass(frozen=True)
class Search:
    """How long to search: `samples` random points, `rounds` of ascent from the best `starts`."""

    samples: int = 256
    starts: int = 8
    rounds: int = 24

    def __post_init__(self) -> None:
        for name, least in (("samples", 1), ("starts", 1), ("rounds", 0)):
            if getattr(self, name) < least:
                raise InvalidArgument(name, getattr(self, name), f"an integer ≥ {least}")


@dataclass(frozen=True)
class Found:
    """A point, its directions and the value there in float64, to be confirmed by the caller."""

    value: float
    point: Point
    directions: Directions


def largest(
    norm: DerivativeNorm,
    sets: Mapping[str, PointSet],
    search: Search,
    generator: torch.Generator,
    including: Mapping[str, Tensor] | None = None,
) -> Found:
    """The largest value of `norm` that the search finds for coordinates in `sets`.

    `including` gives points that are among the starts whatever was drawn, (n, ·) for each
    coordinate: the user's own trajectory.
    """
    point = {name: s.sample(search.samples, generator) for name, s in sets.items()}
    if including:
        point = {name: torch.cat([including[name], values]) for name, values in point.items()}
    n = len(next(iter(point.values())))
    directions = norm.random_directions(point, n, generator)
    # One step is enough for a Jacobian, whose best direction `sampled` computes in the end.
    for _ in range(2 * len(norm.wrt) - 1):
        directions = _power_step(norm, point, directions)
    values = _finite(vmap(norm.at)(point, directions))
    kept = values.topk(min(search.starts, n)).indices
    current = _Starts(
        values[kept],
        {name: v[kept] for name, v in point.items()},
        tuple(u[kept] for u in directions),
        torch.full((len(kept),), 0.25, dtype=torch.float64),
    )
    # What is 0 at all of these points stays 0: a rule or a task without that derivative.
    settled = 0 if bool((values > 0).any()) else _PATIENCE
    for _ in range(search.rounds):
        if settled >= _PATIENCE:
            break
        before, current = current, _round(norm, sets, current)
        gained = bool((current.values > before.values * (1 + _GAIN)).any())
        settled = 0 if gained else settled + 1
    best = int(current.values.argmax())
    if not current.values[best].isfinite():
        raise InvalidArgument("region", "no finite value on it", "one where the function is finite")
    at = {name: v[best] for name, v in current.point.items()}
    chosen = tuple(u[best] for u in current.directions)
    return Found(current.values[best].item(), at, chosen)


@dataclass(frozen=True)
class _Starts:
    """The ascents in progress: every tensor has one row for each; `scale` is a step length."""

    values: Tensor
    point: Point
    directions: Directions
    scale: Tensor


def _power_step(norm: DerivativeNorm, point: Point, directions: Directions) -> Directions:
    """The directions after one step of the power method."""
    (_, slopes), _ = _gradients(norm, point, directions)
    return tuple(normalised(s, u) for s, u in zip(slopes, directions, strict=True))


def _gradients(
    norm: DerivativeNorm, point: Point, directions: Directions
) -> tuple[tuple[Point, Directions], Tensor]:
    return vmap(grad_and_value(norm.at, argnums=(0, 1)))(point, directions)


def _round(norm: DerivativeNorm, sets: Mapping[str, PointSet], now: _Starts) -> _Starts:
    (slope, u_slopes), _ = _gradients(norm, now.point, now.directions)
    stepped = tuple(normalised(s, u) for s, u in zip(u_slopes, now.directions, strict=True))
    uphill = {name: normalised(slope[name], torch.zeros_like(v)) for name, v in now.point.items()}
    feasible = {name: _feasible(sets[name], v, uphill[name]) for name, v in now.point.items()}
    trials = list(_trials(sets, now, uphill, feasible, stepped))
    points = {name: torch.cat([t.point[name] for t in trials]) for name in now.point}
    directions = tuple(
        torch.cat(parts) for parts in zip(*(t.directions for t in trials), strict=True)
    )
    values = _finite(vmap(norm.at)(points, directions)).unflatten(0, (len(trials), -1))
    best, which = values.max(dim=0)
    better = best > now.values
    # The number of the trial that is kept, 0 standing for none of them.
    kept = torch.where(better, which + 1, 0)
    scale = _choose(kept, now.scale / 16, torch.cat([t.scale for t in trials]))
    return _Starts(
        torch.where(better, best, now.values),
        {name: _choose(kept, v, points[name]) for name, v in now.point.items()},
        tuple(_choose(kept, u, new) for new, u in zip(directions, now.directions, strict=True)),
        scale.clamp(min=1e-12, max=1.0),
    )


def _choose(kept: Tensor, old: Tensor, trials: Tensor) -> Tensor:
    """Row by row, the old value or that of the trial that is kept; `trials` has them in a row."""
    choices = torch.cat([old, trials]).unflatten(0, (-1, len(old)))
    return choices[kept, torch.arange(len(old))]


def _feasible(points: PointSet, x: Tensor, uphill: Tensor) -> Tensor:
    """The part of an uphill direction that does not leave the set, normalised.

    Without it the coordinates at their bounds, where the slope is often the largest, would set the
    length of the step, and the others would hardly move.
    """
    moved = points.project(x + _NUDGE * points.size * uphill)
    return normalised(moved - x, torch.zeros_like(x))


def _trials(
    sets: Mapping[str, PointSet], now: _Starts, uphill: Point, feasible: Point, stepped: Directions
) -> Iterator[_Starts]:
    """The directions alone, all together and one by one; then the point too, by several lengths."""
    yield _Starts(now.values, now.point, stepped, now.scale)
    if len(stepped) > 1:
        for i, u in enumerate(stepped):
            one = (*now.directions[:i], u, *now.directions[i + 1 :])
            yield _Starts(now.values, now.point, one, now.scale)

    for factor in _LENGTHS:
        scale = now.scale * factor
        yield _Starts(now.values, _moved(sets, now.point, feasible, scale), stepped, scale)
    far = torch.full_like(now.scale, _FAR)
    yield _Starts(now.values, _moved(sets, now.point, uphill, far), stepped, now.scale)


def _moved(sets: Mapping[str, PointSet], point: Point, towards: Point, step: Tensor) -> Point:
    """Points moved by a step, (n,), in units of the size of their set, and projected onto it."""
    return {
        name: sets[name].project(v + sets[name].size * step[:, None] * towards[name])
        for name, v in point.items()
    }


def _finite(values: Tensor) -> Tensor:
    """What overflows or has no value cannot win."""
    return torch.where(values.isfinite(), values, -torch.inf)
