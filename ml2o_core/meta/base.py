"""What a meta-training method is: a way to get a descent direction for φ from the optimizer's risk.

The risk is ĝ_T(φ), one window of T steps on one batch (Eq. 3). It is given as a function of φ; the
replicates live on its leading axis, and since they never mix, the gradient of their sum is each
replicate's own gradient.

To add a method, write one file in this package with a subclass of `MetaGradient`.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from ml2o_core.optimizers.base import Params
from ml2o_core.spec import Registered
from ml2o_core.unroll import Carry


@dataclass(frozen=True)
class Risk:
    """ĝ_T(φ) of each replicate, shape (R,), and where the runs ended."""

    value: Tensor
    end: Carry


class RiskFunction(Protocol):
    """φ ↦ ĝ_T(φ) on one window, which starts at `start`, or at a given place.

    `head` names the parameters of the rule's output layer, if it has one.
    """

    @property
    def start(self) -> Carry: ...

    @property
    def head(self) -> tuple[str, ...]: ...

    def __call__(self, params: Params, start: Carry | None = None) -> Risk: ...


@dataclass(frozen=True)
class MetaStep:
    """One meta-gradient, with the risk at φ and the last one at adapted weights.

    A method without adapted weights has `at_adapted` = `at_phi`. `at_adapted` is what is descended.
    """

    at_phi: Risk
    at_adapted: Risk
    gradient: Params

    @property
    def objective(self) -> Tensor:
        """What is descended, shape (R,)."""
        return self.at_adapted.value


class MetaGradient(Registered):
    """A meta-training method."""

    kind: ClassVar[str] = "meta-gradient"
    package: ClassVar[str] = "ml2o_core.meta"

    @property
    def evaluations(self) -> int:
        """Gradients ∇ĝ_T that one window costs; a Hessian-vector product counts as none."""
        return 1

    @abstractmethod
    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        """The meta-gradient at `params`, whose tensors require no gradient of their own."""


def gradient_of(value: Tensor, params: Params, *, create_graph: bool = False) -> Params:
    """∇_φ of each replicate's value, shape (R,), by name."""
    grads = torch.autograd.grad(value.sum(), list(params.values()), create_graph=create_graph)
    return dict(zip(params, grads, strict=True))


def leaves(params: Params) -> Params:
    """The same values as independent variables."""
    return {name: value.detach().requires_grad_() for name, value in params.items()}


def inner_step(params: Params, gradient: Params, alpha: float | Tensor) -> Params:
    """T̂(φ) = φ − α ∇ĝ_T(φ)."""
    return {name: params[name] - alpha * gradient[name] for name in params}


def along(per_replicate: Tensor, value: Tensor) -> Tensor:
    """A tensor of shape (R,) shaped to broadcast against `value` of shape (R, …)."""
    return per_replicate.reshape(-1, *[1] * (value.ndim - 1))
