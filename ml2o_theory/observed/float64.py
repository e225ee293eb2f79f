"""What a statement speaks of, in float64 by autodiff through the engine: to search with only.

The functions take one φ as a vector, and can be mapped and differentiated; `observed.runs` encloses
the same quantities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, jacrev

from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.tasks.base import Task
from ml2o_core.unroll import GraphMode, Trajectory, trajectory
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.derivative_norm import length
from ml2o_theory.observed.quantities import Quantity

Values: TypeAlias = Float[Tensor, "..."]
Map: TypeAlias = Callable[[Tensor], Tensor]
"""A function of one vector."""


def by_rows(function: Map) -> Map:
    """The Jacobian of a vector, a gradient for each entry: without `vmap`, so that it can be taped.

    `constants.rounding` knows no operation that writes in place, as those of `vmap` do.
    """

    def jacobian(at: Tensor) -> Tensor:
        entries = range(function(at).numel())
        return torch.stack([grad(lambda v, i=i: function(v)[i])(at) for i in entries])

    return jacobian


@dataclass(frozen=True)
class Float64Runs:
    """Runs of `rule`, `steps` steps long, differentiated as `graph` says, by `jacobian`."""

    rule: MemorylessRule
    params: Parameters
    steps: int
    graph: GraphMode
    jacobian: Callable[[Map], Map] = jacrev

    @classmethod
    def of(cls, rule: MemorylessRule, steps: int, graph: GraphMode = GraphMode.FULL) -> Self:
        """The parameters of `rule` as a vector: from an example, which no map may draw."""
        return cls(rule, Parameters.of(rule), steps, graph)

    def quantity(
        self, quantity: Quantity, task: Task, x0: Float[Tensor, " d"], phi: Float[Tensor, " p"]
    ) -> Values:
        """A vector or a matrix, in the shape that `observed.runs` gives it, but for columns."""
        unflatten = self.params.unflatten

        def run(phi: Tensor) -> Trajectory:
            return trajectory(self.rule, unflatten(phi), task, x0, self.steps, self.graph)

        def step(x: Tensor) -> Tensor:
            return x + self.rule.m(task.gradient(x), unflatten(phi))

        def risk(phi: Tensor) -> Tensor:
            return run(phi).losses[-1]

        match quantity:
            case Quantity.ITERATE:
                return run(phi).iterates[-1]
            case Quantity.STEP_JACOBIAN_X:
                return self.jacobian(step)(run(phi).iterates[-2])
            case Quantity.STEP_JACOBIAN_PHI:
                z = task.gradient(run(phi).iterates[-2])
                return self.jacobian(lambda phi: self.rule.m(z, unflatten(phi)))(phi)
            case Quantity.JACOBIAN:
                return self.jacobian(lambda phi: run(phi).iterates[-1])(phi)
            case Quantity.RISK_GRADIENT:
                return grad(risk)(phi)
            case Quantity.RISK_HESSIAN:
                return self.jacobian(grad(risk))(phi)


def size(values: Values) -> Float[Tensor, ""]:
    """The Euclidean norm of a vector, the spectral norm of a matrix."""
    if values.ndim == 1 or 1 in values.shape:
        return length(values)
    return torch.linalg.matrix_norm(values, 2)
