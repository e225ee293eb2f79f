"""Where constants hold: X × Φ × Z, and the sample (the tasks' data and x_0) they were taken for.

X is convex and contains the trajectories of both tasks up to `steps` iterations, Φ is convex, and
Z ⊇ conv ∇l^i(X). The id is a hash of all of it, so constants of two regions or two samples are
told apart by their ids alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from flint import arb
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import decimal, exact


@dataclass(frozen=True)
class Ball:
    """{x : ‖x − center‖ ≤ radius}, Euclidean; the center has float entries, the radius any size."""

    center: tuple[float, ...]
    radius: arb

    def __post_init__(self) -> None:
        if not (self.radius.is_exact() and self.radius.is_finite() and self.radius >= 0):
            raise InvalidArgument("radius", self.radius, "an exact finite number ≥ 0")

    def __str__(self) -> str:
        shown = [f"{c:.3g}" for c in self.center[:3]] + ["…"] * (len(self.center) > 3)
        where = f"({', '.join(shown)})" if any(self.center) else "0"
        return f"ball of radius {decimal(self.radius, up=True, digits=4)} about {where}"


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

    def __contains__(self, phi: float) -> bool:
        return self.lower <= phi <= self.upper

    def __str__(self) -> str:
        return f"[{self.lower:.6g}, {self.upper:.6g}]"


@dataclass(frozen=True)
class Region:
    """X × Φ × Z, for one sample and at most `steps` iterations."""

    x: Ball
    phi: ParameterInterval
    z: Ball
    sample: str
    steps: int

    @cached_property
    def id(self) -> str:
        """Twelve hexadecimal digits that differ when anything of the region differs."""
        balls = [(b.center, b.radius.man_exp()) for b in (self.x, self.z)]
        content = (balls, self.phi.lower, self.phi.upper, self.sample, self.steps)
        return _digest([repr(content).encode()])

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
