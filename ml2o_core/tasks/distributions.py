"""Distributions of arrays: what a task's data and its starting point are drawn from.

A distribution is a spec, so a task family made of distributions is its own configuration. Draws are
float64 on the CPU, from an explicit generator.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_right
from itertools import accumulate
from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.spec import Registered


class Distribution(Registered):
    """A distribution of arrays of any shape."""

    kind: ClassVar[str] = "distribution"
    package: ClassVar[str] = "ml2o_core.tasks"

    @abstractmethod
    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """One float64 array of `shape`."""

    def check_shape(self, argument: str, shape: tuple[int, ...]) -> None:
        """Refuse, in the name of `argument`, a shape `draw` could not give; any will do here."""


class Uniform(Distribution):
    """Independent entries, uniform on [low, high]."""

    name: ClassVar[str] = "uniform"
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 <= self.high - self.low < math.inf:
            allowed = f"a number ≥ low = {self.low}, at a finite distance"
            raise InvalidArgument("high", self.high, allowed)
        return self

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        array = torch.empty(shape, dtype=torch.float64)
        return array.uniform_(self.low, self.high, generator=generator)


class Normal(Distribution):
    """Independent Gaussian entries; `sd` is the standard deviation, not the variance."""

    name: ClassVar[str] = "normal"
    sd: float = Field(ge=0)
    mean: float = 0.0

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        array = torch.empty(shape, dtype=torch.float64)
        return array.normal_(self.mean, self.sd, generator=generator)


class Fixed(Distribution):
    """Always the same array: `values` lists its entries row by row, as many as the shape has."""

    name: ClassVar[str] = "fixed"
    values: tuple[float, ...]

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        self.check_shape("values", shape)
        return torch.tensor(self.values, dtype=torch.float64).reshape(shape)

    def check_shape(self, argument: str, shape: tuple[int, ...]) -> None:
        if len(self.values) != math.prod(shape):
            allowed = f"{math.prod(shape)} fixed values, one for each entry of shape {shape}"
            raise InvalidArgument(argument, self.values, allowed)


class Mixture(Distribution):
    """One component for the whole array, so a problem has one scale; equal weights by default."""

    name: ClassVar[str] = "mixture"
    components: tuple[Distribution, ...] = Field(min_length=1)
    weights: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _weighted(self) -> Self:
        check_weights(self.weights, len(self.components))
        return self

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        component = self.components[pick(self.weights, len(self.components), generator)]
        return component.draw(shape, generator)

    def check_shape(self, argument: str, shape: tuple[int, ...]) -> None:
        for component in self.components:
            component.check_shape(argument, shape)


def check_weights(weights: tuple[float, ...] | None, count: int) -> None:
    """Refuse mixture weights unless they are `count` numbers ≥ 0, at least one of them positive."""
    if weights is not None and (len(weights) != count or min(weights) < 0 or sum(weights) <= 0):
        raise InvalidArgument("weights", weights, f"{count} numbers ≥ 0, not all of them 0")


def pick(weights: tuple[float, ...] | None, count: int, generator: torch.Generator) -> int:
    """An index below `count`, with probabilities proportional to `weights` (None: equal)."""
    u = torch.rand((), dtype=torch.float64, generator=generator).item()
    if weights is None:
        return int(u * count)
    *inner, total = accumulate(weights)
    return bisect_right(inner, u * total)
