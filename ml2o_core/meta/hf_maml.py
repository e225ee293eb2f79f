"""HF-MAML: Algorithm 1 with the Hessian-vector product replaced by a difference of gradients."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ml2o_core.meta.base import (
    MetaGradient,
    MetaStep,
    Risk,
    RiskFunction,
    along,
    gradient_of,
    inner_step,
    leaves,
)
from ml2o_core.optimizers.base import Params


class HessianFreeMAML(MetaGradient):
    """v − α [∇ĝ_T(φ + δu) − ∇ĝ_T(φ − δu)] ‖v‖/(2δ), with v = ∇ĝ_T(T̂(φ)) and u = v/‖v‖.

    The bracket is 2δ∇²ĝ_T(φ)u + O(δ³). Source: Fallah, Mokhtari and Ozdaglar, "On the convergence
    theory of gradient-based model-agnostic meta-learning algorithms", AISTATS 2020; there δ scales
    v itself, here its direction u, so that δ is a distance in φ whatever the size of v.

    In graph mode `detached` the gradients at φ ± δu belong to runs of their own, each with its own
    inputs z_t: the difference is the derivative of the gradient field that is trained with. `MAML`
    differentiates at frozen inputs instead, so there the two differ.
    """

    name: ClassVar[str] = "hf-maml"
    alpha: float = Field(1e-3, ge=0, description="inner step size α")
    delta: float = Field(1e-2, gt=0, description="δ, how far from φ the two gradients are taken")

    @property
    def evaluations(self) -> int:
        return 4

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        at_phi, gradient = _with_gradient(risk, params)
        at_adapted, v = _with_gradient(risk, inner_step(params, gradient, self.alpha))
        norm = _norm(v)
        unit = {name: value / along(norm, value) for name, value in v.items()}
        ahead = _with_gradient(risk, inner_step(params, unit, -self.delta))[1]
        behind = _with_gradient(risk, inner_step(params, unit, self.delta))[1]
        scale = self.alpha * norm / (2 * self.delta)
        found = {
            name: value - along(scale, value) * (ahead[name] - behind[name])
            for name, value in v.items()
        }
        return MetaStep(at_phi, at_adapted, found)


def _with_gradient(risk: RiskFunction, params: Params) -> tuple[Risk, Params]:
    phi = leaves(params)
    found = risk(phi)
    return found, gradient_of(found.value, phi)


def _norm(v: Params) -> Tensor:
    """The Euclidean norm of each replicate's vector, (R,); the smallest normal number for 0."""
    flat = torch.cat([value.reshape(len(value), -1) for value in v.values()], dim=1)
    return torch.linalg.vector_norm(flat, dim=1).clamp(min=torch.finfo(flat.dtype).tiny)
