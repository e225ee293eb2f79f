"""How φ descends a meta-gradient: one of the analytic rules, on φ as one vector a replicate.

The rules that learned optimizers are compared with are also those that φ is trained with. φ of R
replicates is one tensor of shape (R, P), in the order of the rule's parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import vmap

from ml2o_core.meta.base import along
from ml2o_core.optimizers.adam import Adam
from ml2o_core.optimizers.base import Params, State, UpdateRule
from ml2o_core.optimizers.sgd import SGD

DESCENTS: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "sgd": SGD}
"""By the name in a configuration."""


@dataclass(frozen=True)
class Layout:
    """Shapes of φ by name, without the replicates."""

    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, params: Params) -> Self:
        return cls({name: tuple(value.shape[1:]) for name, value in params.items()})

    def join(self, params: Params) -> Float[Tensor, "R P"]:
        """φ as one vector a replicate."""
        return torch.cat([params[name].reshape(len(params[name]), -1) for name in self.shapes], 1)

    def split(self, flat: Float[Tensor, "R P"]) -> Params:
        """The other way; what comes back shares memory with `flat`."""
        parts = flat.split([math.prod(shape) for shape in self.shapes.values()], dim=1)
        named = zip(self.shapes.items(), parts, strict=True)
        return {name: part.reshape(-1, *shape) for (name, shape), part in named}


@dataclass(frozen=True)
class Learner:
    """φ of shape (R, P) and the descent's memory: leading axis R."""

    phi: Tensor
    memory: State

    def where(self, chosen: Tensor, other: Learner) -> Learner:
        """The replicates of `chosen` (R,) from here, and the others from there."""

        def pick(a: Tensor, b: Tensor) -> Tensor:
            return torch.where(along(chosen, a), a, b)

        memory = {name: pick(value, other.memory[name]) for name, value in self.memory.items()}
        return Learner(pick(self.phi, other.phi), memory)


@dataclass(frozen=True)
class Descent:
    """Steps of size `learning_rate`, by the rule of this name in `DESCENTS`."""

    name: str
    learning_rate: float

    @property
    def rule(self) -> UpdateRule:
        return DESCENTS[self.name](learning_rate=self.learning_rate)

    def begin(self, phi: Float[Tensor, "R P"]) -> Learner:
        """Before the first step."""
        if self.name == "sgd":
            return Learner(phi, {})
        zeros, t = torch.zeros_like(phi), phi.new_zeros(len(phi))
        return Learner(phi, {"m": zeros, "v": zeros.clone(), "t": t})

    def step(self, learner: Learner, gradient: Float[Tensor, "R P"]) -> Learner:
        """One step of every replicate."""
        rate = {"learning_rate": torch.full_like(learner.phi[0, 0], self.learning_rate)}

        def one(gradient: Tensor, memory: State) -> tuple[Tensor, State]:
            return self.rule.update({"gradient": gradient}, memory, rate)

        moved, memory = vmap(one)(gradient, learner.memory)
        return Learner(learner.phi + moved, memory)


def clip(
    gradient: Float[Tensor, "R P"], largest: float
) -> tuple[Float[Tensor, "R P"], Float[Tensor, " R"]]:
    """Each replicate's gradient scaled to a norm ≤ `largest`; also the norms before."""
    norm = torch.linalg.vector_norm(gradient, dim=1)
    factor = torch.where(norm > largest, largest / norm, torch.ones_like(norm))
    return factor.unsqueeze(1) * gradient, norm
