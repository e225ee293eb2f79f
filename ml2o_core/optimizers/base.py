"""The contract of an update rule, x_{t+1} = x_t + m(z_t, φ) (Eq. 1).

A rule is written for one optimizee and one φ, with no batch axes; `ml2o_core.unroll` maps it. A
step has two halves, so that the engine can cut the graph between them (graph mode `detached`):

    z = rule.observe(task, x, state)           what the optimizee shows the rule: the oracle call
    d, state = rule.update(z, state, params)   the update rule m
    x = x + d

Parameters φ and state are flat dictionaries of tensors, so that they stack, save and map as they
are. Learned rules and analytic ones (SGD, Adam, ISTA, …) are the same kind of object; the
parameters of an analytic rule are its step size and the like.

To add a rule, write one file in this package; the registry finds it, the contract test runs on it.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.spec import Registered
from ml2o_core.tasks.base import Task

Params = dict[str, Tensor]
"""φ by name."""

State = dict[str, Tensor]
"""What a rule remembers between steps, by name; empty for a memoryless rule."""

Observation = dict[str, Any]
"""What a rule sees of the optimizee at x_t; `{"gradient": ∇l(x_t)}` unless a rule asks for more.

The values are tensors that `observe` computed, or functions of tensors, such as `task.prox`. An
observation lives within one step and one mapped function: it is never stacked, stored or mapped.
"""


class UpdateRule(Registered):
    """An update rule m. Class attribute `learned`: whether φ is meant to be meta-trained."""

    kind: ClassVar[str] = "update rule"
    package: ClassVar[str] = "ml2o_core.optimizers"
    learned: ClassVar[bool] = True

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the parameters of the output layer; empty where there is no such layer."""
        return ()

    @abstractmethod
    def init_params(self, generator: torch.Generator) -> Params:
        """Draw φ_0 (float64)."""

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        """The state before the first step from `x`, in x's dtype and on x's device."""
        return {}

    def observe(self, task: Task, x: Float[Tensor, " d"], state: State) -> Observation:
        """What the rule sees of `task` at `x`: the oracle call of this step."""
        return {"gradient": task.gradient(x)}

    @abstractmethod
    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        """The step d = x_{t+1} − x_t and the next state."""


class MemorylessRule(UpdateRule):
    """A rule whose step depends on the current gradient alone: the rule of the theory."""

    @abstractmethod
    def m(self, z: Float[Tensor, " d"], params: Params) -> Float[Tensor, " d"]:
        """m(z, φ) of Eq. 1, with z = ∇l(x)."""

    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        return self.m(z["gradient"], params), state
