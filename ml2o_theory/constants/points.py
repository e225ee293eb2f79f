"""Points of the sets X, Φ and Z: drawing them, projecting onto a set, and exact membership.

A `PointSet` serves one kind of set. To sample a new kind of set, register it with `point_set`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import float_below, norm, precision, vector
from ml2o_theory.regions import Ball, Box, ParameterInterval, Tube

_LARGEST = 1e100
"""Larger sets are searched up to here: a part of a set still gives a lower end."""

_DECADES = 8
"""How far towards the center the draws at several scales reach."""


class PointSet(ABC):
    """A convex set of R^d, or a union of some."""

    @property
    @abstractmethod
    def size(self) -> float:
        """Half the diameter, roughly: the unit of step lengths."""

    @abstractmethod
    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        """Points of the set: inside, at its border, and at several scales about its center."""

    @abstractmethod
    def project(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        """The nearest point of the set, up to rounding."""

    @abstractmethod
    def inside(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """A point that is in the set without any doubt: x, or x moved by a few roundings."""


@singledispatch
def point_set(shape: Any) -> PointSet:
    """The points of a set; `InvalidArgument` if its kind cannot be sampled."""
    kinds = ", ".join(kind.__name__ for kind in point_set.registry if kind is not object)
    raise InvalidArgument("set", type(shape).__name__, kinds)


@dataclass(frozen=True)
class BallPoints(PointSet):
    """{x : ‖x − center‖ ≤ radius}."""

    center: Float[Tensor, " d"]
    radius: arb

    @property
    def size(self) -> float:
        return min(float_below(self.radius), _LARGEST)

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        d = self.center.numel()
        y = torch.randn(n, d, generator=generator, dtype=torch.float64)
        y = y / y.norm(dim=1, keepdim=True)
        share = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        return self.center + self.size * y * _spread(share ** (1 / d), share)

    def project(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        away = x - self.center
        length = away.norm(dim=-1, keepdim=True)
        return self.center + away * (self.size / length.clamp(min=1e-300)).clamp(max=1.0)

    def inside(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return _towards(self.center, x, self._contains)

    def _contains(self, x: Tensor) -> bool:
        with precision():
            return bool(norm(vector(x) - vector(self.center)) <= self.radius)


@dataclass(frozen=True)
class BoxPoints(PointSet):
    """A union of boxes {x : lower ≤ x ≤ upper}, float ends of shape (boxes, d); often a single one.

    Projecting goes to the nearest box.
    """

    lower: Float[Tensor, "boxes d"]
    upper: Float[Tensor, "boxes d"]

    @property
    def size(self) -> float:
        return (self.upper - self.lower).norm(dim=1).max().item() / 2

    def sample(self, n: int, generator: torch.Generator) -> Float[Tensor, "n d"]:
        which = torch.randint(len(self.lower), (n,), generator=generator)
        lower, upper = self.lower[which], self.upper[which]
        y = 2 * torch.rand(lower.shape, generator=generator, dtype=torch.float64) - 1
        share = torch.rand(n, 1, generator=generator, dtype=torch.float64)
        corner = torch.where(torch.arange(n)[:, None] % 3 == 1, y.sign(), y)
        spread = _spread(torch.ones_like(share), share)
        x = (lower + upper) / 2 + (upper - lower) / 2 * corner * spread
        return torch.minimum(torch.maximum(x, lower), upper)

    def project(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n d"]:
        x = x[..., None, :]
        candidates = torch.minimum(torch.maximum(x, self.lower), self.upper)
        nearest = (candidates - x).norm(dim=-1).argmin(dim=-1)
        return candidates.take_along_dim(nearest[..., None, None], dim=-2)[..., 0, :]

    def inside(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.project(x)


@point_set.register
def _(shape: Ball) -> PointSet:
    return BallPoints(torch.tensor(shape.center, dtype=torch.float64), shape.radius)


@point_set.register
def _(shape: Box) -> PointSet:
    return BoxPoints(shape.interval.lower[None], shape.interval.upper[None])


@point_set.register
def _(shape: Tube) -> PointSet:
    ends = (shape.cover.lower.flatten(0, 1), shape.cover.upper.flatten(0, 1))
    return BoxPoints(*(end.clamp(-_LARGEST, _LARGEST) for end in ends))


@point_set.register
def _(shape: ParameterInterval) -> PointSet:
    ends = torch.tensor([[shape.lower], [shape.upper]], dtype=torch.float64)
    return BoxPoints(ends[:1], ends[1:])


def _spread(inside: Tensor, share: Tensor) -> Tensor:
    """By turns: the distance `inside`, the border, and 10^(−share · decades)."""
    turn = torch.arange(len(share))[:, None] % 3
    scales = 10 ** (-_DECADES * share)
    return torch.where(turn == 0, inside, torch.where(turn == 1, torch.ones_like(share), scales))


def _towards(center: Tensor, x: Tensor, contains: Callable[[Tensor], bool]) -> Tensor:
    """x, moved towards the center by as little as it takes; the center itself is in the set."""
    if contains(x):
        return x
    for bits in range(52, 0, -4):
        nearer = center + (x - center) * (1 - math.ldexp(1.0, -bits))
        if contains(nearer):
            return nearer
    return center
