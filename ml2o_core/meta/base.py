"""What a meta-training method is: a way to get a descent direction for φ from the optimizer's risk.

The risk is ĝ_T(φ), one window of T steps on one batch (Eq. 3). It is given as a function of φ; the
replicates live on its leading axis, and since they never mix, the gradient of their sum is each
replicate's own gradient.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

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


RiskFunction = Callable[[Params], Risk]


@dataclass(frozen=True)
class MetaStep:
    """One meta-gradient: `objective` is what it descends, shape (R,); `risk` is ĝ_T(φ) at φ."""

    objective: Tensor
    risk: Risk
    gradient: Params


class MetaGradient(Registered):
    """A meta-training method. `inner_steps` counts its extra gradient evaluations per window."""

    kind: ClassVar[str] = "meta-gradient"
    package: ClassVar[str] = "ml2o_core.meta"
    inner_steps: ClassVar[int] = 0

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


def inner_step(params: Params, gradient: Params, alpha: float) -> Params:
    """T̂(φ) = φ − α ∇ĝ_T(φ)."""
    return {name: params[name] - alpha * gradient[name] for name in params}
