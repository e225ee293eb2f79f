"""Pairs of points that show how steep a map is: the ratio ‖F(x) − F(y)‖ / ‖x − y‖ by bisection.

Halve the segment from x to y at its midpoint m. By the triangle inequality

    ‖F(x) − F(y)‖ ≤ ‖F(x) − F(m)‖ + ‖F(m) − F(y)‖,

so the ratio of one of the halves is at least that of the whole: kept, it gives a sequence of pairs
with halved distances whose ratio never falls. Where F is smooth it settles at a directional slope;
across a jump it doubles with each halving. A gradient that jumps (LASSO's) has no Lipschitz
constant: every L is refuted by a pair of the sequence (A3b).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor
from torch.func import vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_theory.constants.derivative_norm import length
from ml2o_theory.constants.points import PointSet
from ml2o_theory.constants.rounding import rounded_down

Map = Callable[[Float[Tensor, " d"]], Float[Tensor, " n"]]

DOUBLING = 1.9
"""A ratio that grows by this with every one of the last halvings is taken for a jump."""

_LAST = 8
"""How many halvings must show the growth."""


@dataclass(frozen=True, eq=False)
class SteepPair:
    """Two points of a convex set, (d,) each, and the map F whose values there are compared."""

    F: Map
    x: Tensor
    y: Tensor

    @property
    def distance(self) -> float:
        """‖x − y‖, in float64."""
        return (self.x - self.y).norm().item()

    @cached_property
    def ratio(self) -> arb:
        """A proved lower end of ‖F(x) − F(y)‖ / ‖x − y‖; 0 where the points are the same."""
        if torch.equal(self.x, self.y):
            return arb(0)
        return rounded_down(partial(_ratio, self.F), self.x, self.y).lower().max(arb(0))


def lipschitz_ratio_search(
    F: Map, points: PointSet, *, seed: int, pairs: int = 256, halvings: int = 44
) -> list[SteepPair]:
    """The steepest pair found, and those that bisection led through, at shrinking distances.

    Of `pairs` random segments, each halved `halvings` times, the one that ends steepest; its
    `halvings` + 1 pairs come in order, the longest first. `points` must be convex.
    """
    for name, value, least in (("pairs", pairs, 1), ("halvings", halvings, 0)):
        if value < least:
            raise InvalidArgument(name, value, f"an integer ≥ {least}")
    drawn = points.sample(2 * pairs, generator(seed, purpose="steep pairs"))
    x, y = drawn[:pairs], drawn[pairs:]
    at_x, at_y = vmap(F)(x), vmap(F)(y)
    passed = [(x, y)]
    for _ in range(halvings):
        m = (x + y) / 2
        at_m = vmap(F)(m)
        first = _steepness(at_x - at_m, x - m) >= _steepness(at_m - at_y, m - y)
        x, y = torch.where(first[:, None], x, m), torch.where(first[:, None], m, y)
        at_x, at_y = (
            torch.where(first[:, None], at_x, at_m),
            torch.where(first[:, None], at_m, at_y),
        )
        passed.append((x, y))
    best = int(_steepness(at_x - at_y, x - y).argmax())
    return [SteepPair(F, points.inside(x[best]), points.inside(y[best])) for x, y in passed]


def kink_witness(F: Map, points: PointSet, *, seed: int) -> SteepPair | None:
    """The closest pair across a jump of F, or None if no random segment led to one.

    A jump is told from a steep slope by its growth: the ratio keeps doubling as the distance
    halves. Only the pair's own ratio is proved; that it has no limit is what the doubling suggests.
    """
    found = lipschitz_ratio_search(F, points, seed=seed)
    growth = [
        float(late.ratio / early.ratio) if early.ratio > 0 else 0.0
        for early, late in zip(found[-_LAST - 1 : -1], found[-_LAST:], strict=True)
    ]
    return found[-1] if min(growth) >= DOUBLING else None


def _steepness(change: Tensor, distance: Tensor) -> Tensor:
    """‖F(x) − F(y)‖ / ‖x − y‖ for each pair; 0 where it is not a number."""
    ratio = change.norm(dim=1) / distance.norm(dim=1)
    return torch.where(ratio.isfinite(), ratio, 0.0)


def _ratio(F: Map, x: Tensor, y: Tensor) -> Tensor:
    return length(F(x) - F(y)) / length(x - y)
