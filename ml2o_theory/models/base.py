"""The contract of a model: a task's and a rule's derivatives, at points and over boxes.

At a point everything is an arb ball that contains the exact value, at the working precision. Over
a box everything is an `IntervalTensor` that contains the value at every point of the box; boxes may
have leading batch axes (a degenerate box is a point, and gives the lower end of a supremum).

Parameters φ are one vector of length p: the rule's tensors flattened in name order (`flat_params`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.discovery import by_subject
from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.tasks.base import Task
from ml2o_theory.intervals.tensor import IntervalTensor


def flat_params(params: Params) -> Float[Tensor, " p"]:
    """φ as one vector: the tensors flattened in name order."""
    return torch.cat([params[name].reshape(-1) for name in sorted(params)])


class TaskModel(ABC):
    """One task with twice differentiable loss. Class attribute `of`: the type of task."""

    of: ClassVar[type[Task]]

    def __init__(self, task: Any) -> None:
        self.task = task

    @abstractmethod
    def gradient(self, x: arb_mat) -> arb_mat:
        """∇l(x), (d, 1), for x of shape (d, 1)."""

    @abstractmethod
    def hessian(self, x: arb_mat) -> arb_mat:
        """∇²l(x), (d, d)."""

    @abstractmethod
    def third(self, x: arb_mat, u: arb_mat, v: arb_mat) -> arb_mat:
        """∇³l(x)[u, v], (d, 1), for directions of shape (d, 1)."""

    @abstractmethod
    def gradient_on(self, x: IntervalTensor) -> IntervalTensor:
        """∇l over boxes (..., d): (..., d)."""

    @abstractmethod
    def hessian_on(self, x: IntervalTensor) -> IntervalTensor:
        """∇²l over boxes (..., d): (..., d, d)."""

    def difference_on(
        self, other: TaskModel, x: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        """∇l − ∇l' and ∇²l − ∇²l' over boxes (..., d): what Δ and Δ̃ are the norms of.

        A model that knows how two of its tasks differ gives narrower intervals than this.
        """
        gradient = self.gradient_on(x) - other.gradient_on(x)
        return gradient, self.hessian_on(x) - other.hessian_on(x)

    @abstractmethod
    def third_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        """Both ends of sup ‖∇³l‖ over boxes (..., d), two tensors (...): ρ on the box.

        The norm is that of x ↦ ∇²l(x): sup ‖∇³l(x)[u]‖ over ‖u‖ = 1. The lower end is attained up
        to rounding somewhere in the box; over a degenerate box both ends are tight.
        """

    @abstractmethod
    def fourth_norm_on(self, x: IntervalTensor) -> tuple[Tensor, Tensor]:
        """Both ends of sup ‖∇⁴l‖ over boxes, the Lipschitz constant of ∇³l: τ on the box."""


@dataclass(frozen=True)
class RuleStep:
    """m(z, φ) and its Jacobians at a point: (d, 1), ∇₁m (d, d), ∇₂m (d, p)."""

    value: arb_mat
    in_z: arb_mat
    in_phi: arb_mat


class RuleModel(ABC):
    """One memoryless rule. Class attribute `of`: the type of rule."""

    of: ClassVar[type[MemorylessRule]]

    def __init__(self, rule: Any) -> None:
        self.rule = rule

    @abstractmethod
    def at(self, z: arb_mat, phi: arb_mat) -> RuleStep:
        """m and its Jacobians at z (d, 1), φ (p, 1)."""

    @abstractmethod
    def second(
        self,
        z: arb_mat,
        phi: arb_mat,
        first: tuple[arb_mat, arb_mat],
        other: tuple[arb_mat, arb_mat],
    ) -> arb_mat:
        """∇²m(z, φ)[first, other], (d, 1), for two directions (δz (d, 1), δφ (p, 1))."""

    @abstractmethod
    def jacobians_on(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        """∇₁m (..., d, d) and ∇₂m (..., d, p) over boxes z (..., d) and φ (p,) or (..., p)."""

    @abstractmethod
    def second_norms_on(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Both ends of the Lipschitz constants of ∇₁m and ∇₂m over boxes, by block.

        `L_zz`: ∇₁m in z; `L_zphi`: the larger of ∇₁m in φ and ∇₂m in z; `L_phiphi`: ∇₂m in φ. In
        spectral norms; A3e's L_m is the largest of the three.
        """

    @abstractmethod
    def third_norm_on(self, z: IntervalTensor, phi: IntervalTensor) -> tuple[Tensor, Tensor]:
        """Both ends of ρ_m: the Lipschitz constant of ∇²m in the sum norm ‖δz‖ + ‖δφ‖ (A3f)."""


def task_model(task: Task) -> TaskModel:
    """The model of a task; `InvalidArgument` names the tasks that have one."""
    known = _models(TaskModel)
    if type(task) not in known:
        allowed = f"a task with a model: {', '.join(t.__name__ for t in known)}"
        raise InvalidArgument("task", type(task).__name__, allowed)
    return known[type(task)](task)


def rule_model(rule: MemorylessRule) -> RuleModel:
    """The model of a rule; `InvalidArgument` names the rules that have one."""
    known = _models(RuleModel)
    if type(rule) not in known:
        allowed = f"a rule with a model: {', '.join(r.__name__ for r in known)}"
        raise InvalidArgument("rule", type(rule).__name__, allowed)
    return known[type(rule)](rule)


@cache
def _models(kind: Any) -> dict[type, Any]:
    """Every model of one kind in this package, by the type it is a model of."""
    found = by_subject(kind, "ml2o_theory.models")
    return dict(sorted(found.items(), key=lambda item: item[0].__name__))
