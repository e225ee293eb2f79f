"""The optimizer risk g_T(φ), the mean of l(x_T(φ)) over tasks, as a function of φ as one vector.

`Risk` differentiates real unrolls of any rule in float64; `gradient_enclosed` and
`hessian_on` are rigorous, for memoryless rules and tasks with models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor
from torch.func import grad

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.unroll import trajectory
from ml2o_theory.arithmetic import exact, precision, vector
from ml2o_theory.assumptions.base import Setting
from ml2o_theory.assumptions.exhibits import Exhibit
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.rounding import rounded_down
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import rule_model, task_model
from ml2o_theory.models.conversion import enclose
from ml2o_theory.observed.runs import Run, run


@dataclass(frozen=True)
class Risk:
    """g_T of a setting's tasks, rule, x_0 and T; `parameters` says how φ by name is one vector."""

    setting: Setting
    parameters: Parameters

    @classmethod
    def of(cls, setting: Setting) -> Self:
        """With the shapes of the rule's parameters, from an example."""
        example = setting.rule.init_params(torch.Generator().manual_seed(0))
        shapes = {name: tuple(example[name].shape) for name in sorted(example)}
        return cls(setting, Parameters(shapes))

    def value(self, phi: Float[Tensor, " p"]) -> Float[Tensor, ""]:
        """g_T(φ), differentiable."""
        s, params = self.setting, self.parameters.unflatten(phi)
        losses = [trajectory(s.rule, params, t, s.x0, s.steps).losses[-1] for t in s.tasks]
        return torch.stack(losses).mean()

    def gradient(self, phi: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
        """∇g_T(φ)."""
        return grad(self.value)(phi)

    def hessian_product(self, phi: Tensor) -> Callable[[Tensor], Tensor]:
        """v ↦ ∇²g_T(φ)v."""

        def product(v: Tensor) -> Tensor:
            return grad(lambda at: self.gradient(at) @ v)(phi)

        return product

    @cached_property
    def is_modelled(self) -> bool:
        """Whether the rule and every task have a model."""
        if not isinstance(self.setting.rule, MemorylessRule):
            return False
        try:
            rule_model(self.setting.rule)
            for task in self.setting.tasks:
                task_model(task)
        except InvalidArgument:
            return False
        return True

    def gradient_enclosed(self, phi: Float[Tensor, " p"]) -> arb_mat:
        """∇g_T(φ), (p, 1), in ball arithmetic; the rule and the tasks must have models."""
        return self._mean(lambda found: found.risk_gradients[-1].transpose(), vector(phi))

    def hessian_on(self, phi: Tensor, radius: Tensor) -> IntervalTensor:
        """∇²g_T over the box φ ± radius, as an interval matrix (p, p)."""
        with precision():
            balls = [
                arb(float(center), float(r))
                for center, r in zip(phi.tolist(), radius.tolist(), strict=True)
            ]
            box = arb_mat(len(balls), 1, balls)
            return enclose(self._mean(lambda found: found.risk_hessians()[-1], box))

    def _mean(self, quantity: Callable[[Run], arb_mat], phi: arb_mat) -> arb_mat:
        s = self.setting
        assert isinstance(s.rule, MemorylessRule)
        rule = rule_model(s.rule)
        found = [quantity(run(task_model(task), rule, s.x0, phi, s.steps)) for task in s.tasks]
        total = found[0]
        for part in found[1:]:
            total = total + part
        return total / arb(len(found))

    def monotonicity(self, first: Tensor, second: Tensor) -> Exhibit:
        """⟨∇g(φ) − ∇g(φ'), φ − φ'⟩ / ‖φ − φ'‖² of two parameters, enclosed.

        A μ-strongly convex g has at least μ here. Rigorous with models; otherwise float64 with a
        proved allowance for its rounding.
        """
        points = {"φ": tuple(first.tolist()), "φ'": tuple(second.tolist())}
        quantity = "⟨∇g(φ) − ∇g(φ'), φ − φ'⟩ / ‖φ − φ'‖²"
        if self.is_modelled:
            with precision():
                at = [self.gradient_enclosed(phi) for phi in (first, second)]
                apart = vector(first) - vector(second)
                product = ((at[0] - at[1]).transpose() * apart)[0, 0]
                value = product / (apart.transpose() * apart)[0, 0]
            return Exhibit(points, {"∇g(φ)": at[0], "∇g(φ')": at[1]}, quantity, value)

        def ratio(phi: Tensor, other: Tensor) -> Tensor:
            apart = phi - other
            change = self.gradient(phi) - self.gradient(other)
            return (change @ apart) / (apart @ apart)

        low = rounded_down(ratio, first, second)
        shown = {
            name: vector(self.gradient(phi)) for name, phi in (("∇g(φ)", first), ("∇g(φ')", second))
        }
        with precision():
            # The allowance below float64's value is the one above it.
            high = 2 * exact(ratio(first, second).item()) - low
            return Exhibit(points, shown, quantity, low.union(high))
