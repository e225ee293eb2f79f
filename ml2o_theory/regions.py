"""Where constants hold: X × Φ × Z, and the sample (the tasks' data and x_0) they were taken for.

X is convex and contains the trajectories of both tasks up to `steps` iterations, Φ is convex, and
Z ⊇ conv ∇l^i(X). At the trajectory level X and Z are tubes: one set for each step, each of which
holds the segments that the proofs need. The id is a hash of all of it, so constants of two regions
or two samples are told apart by their ids alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeAlias

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import decimal, exact
from ml2o_theory.intervals.tensor import IntervalTensor


@dataclass(frozen=True)
class Ball:
    """{x : ‖x − center‖ ≤ radius}, Euclidean; the center has float entries, the radius any size."""

    center: tuple[float, ...]
    radius: arb

    def __post_init__(self) -> None:
        if not (self.radius.is_exact() and self.radius.is_finite() and self.radius >= 0):
            raise InvalidArgument("radius", self.radius, "an exact finite number ≥ 0")

    @property
    def content(self) -> str:
        """All of it, for the region's id."""
        return repr((self.center, self.radius.man_exp()))

    def __str__(self) -> str:
        shown = [f"{c:.3g}" for c in self.center[:3]] + ["…"] * (len(self.center) > 3)
        where = f"({', '.join(shown)})" if any(self.center) else "0"
        return f"ball of radius {decimal(self.radius, up=True, digits=4)} about {where}"


@dataclass(frozen=True)
class Box:
    """{x : lower ≤ x ≤ upper}, entrywise, with finite float ends; also a set of parameters φ."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        for end in (*self.lower, *self.upper):
            exact(end)
        ordered = all(low <= high for low, high in zip(self.lower, self.upper, strict=True))
        if not ordered:
            raise InvalidArgument("box", (self.lower, self.upper), "lower ≤ upper")

    @classmethod
    def of(cls, values: IntervalTensor) -> Self:
        """From an interval vector of shape (d,)."""
        return cls(tuple(values.lower.tolist()), tuple(values.upper.tolist()))

    @cached_property
    def interval(self) -> IntervalTensor:
        """As an interval vector of shape (d,)."""
        ends = (torch.tensor(end, dtype=torch.float64) for end in (self.lower, self.upper))
        return IntervalTensor(*ends)

    def __contains__(self, x: Float[Tensor, " d"]) -> bool:
        return bool(self.interval.contains(x).all())

    @property
    def content(self) -> str:
        """All of it, for the region's id."""
        return repr((self.lower, self.upper))

    def __str__(self) -> str:
        sides = [f"[{a:.4g}, {b:.4g}]" for a, b in zip(self.lower, self.upper, strict=True)]
        return " × ".join(sides[:3] + ["…"] * (len(sides) > 3))


@dataclass(frozen=True, eq=False)
class Tube:
    """For each step t = 0 … T, a set that is covered by boxes: `cover` of shape (T + 1, boxes, d).

    `about` says in words what the sets contain.
    """

    cover: IntervalTensor
    about: str

    @property
    def content(self) -> str:
        """All of it, for the region's id."""
        return sample_id([self.cover.lower, self.cover.upper])

    def __str__(self) -> str:
        steps, boxes, _ = self.cover.shape
        widest = (self.cover.upper - self.cover.lower).max().item()
        return f"tube of {steps} × {boxes} boxes up to {widest:.2g} wide, {self.about}"


@dataclass(frozen=True)
class ParameterInterval:
    """[lower, upper] ⊂ R: the parameters of a rule with one parameter."""

    lower: float
    upper: float

    def __post_init__(self) -> None:
        exact(self.lower)
        exact(self.upper)
        if not self.lower <= self.upper:
            raise InvalidArgument("Φ", (self.lower, self.upper), "lower ≤ upper")

    @cached_property
    def interval(self) -> IntervalTensor:
        """As an interval vector of shape (1,)."""
        return Box((self.lower,), (self.upper,)).interval

    def __contains__(self, phi: float | Float[Tensor, " 1"]) -> bool:
        return bool(self.lower <= phi <= self.upper)

    @property
    def content(self) -> str:
        """All of it, for the region's id."""
        return repr((self.lower, self.upper))

    def __str__(self) -> str:
        return f"[{self.lower:.6g}, {self.upper:.6g}]"


Shape: TypeAlias = Ball | Box | Tube


def as_ball(shape: Shape) -> Ball:
    """The set, which must be a ball; `InvalidArgument` where it is another."""
    if not isinstance(shape, Ball):
        raise InvalidArgument("region", type(shape).__name__, "one whose X and Z are balls")
    return shape


@dataclass(frozen=True)
class Region:
    """X × Φ × Z, for one sample and at most `steps` iterations."""

    x: Shape
    phi: ParameterInterval | Box
    z: Shape
    sample: str
    steps: int

    @property
    def interval(self) -> ParameterInterval:
        """Φ, where it is an interval; `InvalidArgument` where it is another set."""
        if not isinstance(self.phi, ParameterInterval):
            raise InvalidArgument("region", type(self.phi).__name__, "one whose Φ is an interval")
        return self.phi

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits that differ when anything of the region differs."""
        shapes = [(type(shape).__name__, shape.content) for shape in (self.x, self.phi, self.z)]
        return _digest([repr((shapes, self.sample, self.steps)).encode()])

    def __str__(self) -> str:
        return f"X: {self.x}; Φ: {self.phi}; Z: {self.z}; T ≤ {self.steps}"


def sample_id(tensors: Iterable[Tensor]) -> str:
    """Twelve hexadecimal digits that differ when any entry or shape of the data differs."""
    return _digest(repr((tuple(t.shape), t.double().flatten().tolist())).encode() for t in tensors)


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:12]
