"""When two computations count as the same: the difference of their results against its allowance.

Two devices add the same numbers in another order and have other elementary functions, so that their
results differ by rounding; how much that is depends on how the computation amplifies it. The
allowance is therefore measured: the reference is computed again with every input (data, starting
points, φ) changed, at random, by `roundings` units of rounding up or down, and a result may differ
by as much as that moved it, and by as many units of its own. Roundings are as good as random, so
that n of them in a row add up to about √n units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ml2o_core.seeding import generator

Values = Mapping[str, list[Tensor]]
"""What is computed, by quantity: tensors whose leading axis counts cases. On the CPU, float64."""


@dataclass(frozen=True)
class Place:
    """A device and a precision."""

    device: torch.device
    dtype: torch.dtype

    def __str__(self) -> str:
        return f"{self.device.type} {str(self.dtype).removeprefix('torch.')}"

    def bring_back(self, value: Tensor) -> Tensor:
        """A result where it can be compared; float32 fits into float64 without rounding."""
        return value.detach().to("cpu", torch.float64)


@dataclass(frozen=True)
class Nudge:
    """A relative change of `size` to every number, up or down at random; `draw` tells draws apart.

    The inputs are nudged where they are drawn, in float64 on the CPU.
    """

    size: float
    draw: int

    def __call__(self, tensors: Mapping[str, Tensor], purpose: str) -> dict[str, Tensor]:
        moved = {}
        for name, value in tensors.items():
            stream = generator(self.draw, purpose="nudge", of=purpose, name=name)
            sign = 2 * torch.randint(2, value.shape, generator=stream).double() - 1
            moved[name] = value * (1 + self.size * sign)
        return moved


class Computation(Protocol):
    """Something to compute at a place, from its own inputs or from nudged ones."""

    @property
    def setting(self) -> str:
        """The rule and the tasks, or the method and what is differentiated."""

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values: ...


def difference(value: list[Tensor], reference: list[Tensor]) -> Tensor:
    """Of each case: the largest |value − reference| over the largest |reference|, shape (cases,).

    Where a result is not finite it is infinite, even if the other one is not finite either.
    """
    found = []
    for ours, theirs in zip(value, reference, strict=True):
        gap = (ours - theirs).flatten(1).abs().amax(1)
        size = theirs.flatten(1).abs().amax(1)
        relative = torch.where(gap == 0, 0.0, gap / size)
        known = ours.flatten(1).isfinite().all(1) & theirs.flatten(1).isfinite().all(1)
        found.append(torch.where(known, relative, torch.inf))
    return torch.cat(found)


def allowance(
    computation: Computation,
    reference: Values,
    place: Place,
    *,
    roundings: int,
    precision: torch.dtype,
    draws: int,
) -> dict[str, Tensor]:
    """What `roundings` roundings in `precision` may change: by quantity, shape (cases,).

    `reference` is `computation(place)`; the nudged ones are computed there too.
    """
    # torch's eps is the distance from 1 to the next number, two units of rounding.
    size = roundings * torch.finfo(precision).eps / 2
    allowed = {
        name: torch.full_like(difference(value, value), size) for name, value in reference.items()
    }
    for draw in range(draws):
        moved = computation(place, Nudge(size, draw))
        for name, value in reference.items():
            change = size + difference(moved[name], value)
            allowed[name] = torch.maximum(allowed[name], change)
    return allowed


@dataclass(frozen=True)
class Found:
    """The case that is furthest towards its tolerance, or beyond it, of those that are judged.

    A case whose tolerance is infinite (its reference diverges, or does so when it is nudged) cannot
    be judged. Without any case that can be, there is no difference.
    """

    cases: int
    beyond: int
    unjudged: int
    difference: float = math.inf
    tolerance: float = math.inf


def judge(differences: Tensor, allowed: Tensor) -> Found:
    """Every case against its own tolerance."""
    judged = allowed.isfinite()
    beyond = judged & (differences > allowed)
    counts = len(differences), int(beyond.sum()), int((~judged).sum())
    if not judged.any():
        return Found(*counts)
    worst = int(torch.where(judged, differences / allowed, -1.0).argmax())
    return Found(*counts, float(differences[worst]), float(allowed[worst]))


def same_bytes(one: Values, other: Values) -> bool:
    """Whether every number has the same bits: NaN equals NaN, and 0 differs from −0."""
    return all(
        torch.equal(a.view(torch.int64), b.view(torch.int64))
        for name in one
        for a, b in zip(one[name], other[name], strict=True)
    )
