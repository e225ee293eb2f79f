"""Every constant of A3 and A4 is a supremum of ‖DᵏF‖, for some map F, order k and set of points.

    ‖DᵏF(p)‖ = sup ‖DᵏF(p)[u_1, …, u_k]‖ over unit vectors u_1, …, u_k,

the norm of F(p) for k = 0, the spectral norm of a Jacobian for k = 1, the operator norm of
u ↦ D²F(p)[u, ·] for k = 2. At any p and any u_i the right side is a lower end; no matrix is formed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad

Point: TypeAlias = dict[str, Tensor]
"""Coordinates by name: x of shape (d,), z of shape (d,), phi of shape (p,), or some of them."""

Directions: TypeAlias = tuple[Tensor, ...]
"""u_1, …, u_k, each of the shape of the coordinate that it belongs to."""


@dataclass(frozen=True)
class DerivativeNorm:
    """‖DᵏF‖ with one derivative for each coordinate named in `wrt`, in any order.

    F takes a point and returns a vector. Derivatives are those that PyTorch gives: where F has a
    kink, those of one side.
    """

    F: Callable[[Point], Tensor]
    wrt: tuple[str, ...] = ()

    def at(self, point: Point, directions: Directions) -> Float[Tensor, ""]:
        """‖DᵏF(p)[u_1, …, u_k]‖; its slope in u_i is a step of the power method."""
        return length(self.derivative(point, directions))

    def ratio(self, point: Point, directions: Directions) -> Float[Tensor, ""]:
        """‖DᵏF(p)[u_1, …, u_k]‖ / (‖u_1‖ ⋯ ‖u_k‖) ≤ ‖DᵏF(p)‖ for u_i of any length but 0."""
        value = self.at(point, directions)
        for u in directions:
            value = value / length(u)
        return value

    def derivative(self, point: Point, directions: Directions) -> Tensor:
        """DᵏF(p)[u_1, …, u_k], as the gradient of w ↦ ⟨w, DᵏF(p)[u_1, …, u_k]⟩."""
        value = self.F(point)
        if not self.wrt:
            return value

        form = partial(_form, self.F, tuple(zip(self.wrt, directions, strict=True)), point)
        return grad(form)(torch.zeros_like(value))

    def random_directions(self, point: Point, n: int, generator: torch.Generator) -> Directions:
        """n unit vectors for each derivative, (n, ·), for a batch of points (n, ·)."""
        drawn = []
        for name in self.wrt:
            size = (n, point[name].shape[-1])
            drawn.append(normalised(torch.randn(size, generator=generator, dtype=torch.float64)))
        return tuple(drawn)


def length(v: Tensor) -> Float[Tensor, ""]:
    """‖v‖, with derivative 0 at 0."""
    squared = (v * v).sum()
    some = squared > 0
    return torch.where(some, torch.where(some, squared, 1.0).sqrt(), 0.0)


def normalised(v: Tensor, otherwise: Tensor | None = None) -> Tensor:
    """v/‖v‖ along the last axis; where that is not a number, `otherwise`."""
    # The largest entry goes first, so that no square leaves the range of float64.
    scaled = v / v.abs().amax(dim=-1, keepdim=True)
    unit = scaled / scaled.norm(dim=-1, keepdim=True)
    if otherwise is None:
        return unit
    return torch.where(unit.isfinite().all(dim=-1, keepdim=True), unit, otherwise)


# The functions below are partially applied, not nested: the tests' type checks decorate a nested
# function anew at every call.


def _form(
    F: Callable[[Point], Tensor], along: Sequence[tuple[str, Tensor]], point: Point, w: Tensor
) -> Tensor:
    """⟨w, DᵏF(p)[u_1, …, u_k]⟩."""
    g = partial(_inner, F, w)
    for name, u in along:
        g = partial(_directional, g, name, u)
    return g(point)


def _inner(F: Callable[[Point], Tensor], w: Tensor, point: Point) -> Tensor:
    return (w * F(point)).sum()


def _directional(g: Callable[[Point], Tensor], name: str, u: Tensor, point: Point) -> Tensor:
    """⟨∂g/∂(coordinate `name`), u⟩."""
    return (grad(partial(_with, g, point, name))(point[name]) * u).sum()


def _with(g: Callable[[Point], Tensor], point: Point, name: str, v: Tensor) -> Tensor:
    """g where the coordinate `name` is v."""
    return g(point | {name: v})
