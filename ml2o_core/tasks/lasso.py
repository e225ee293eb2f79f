"""LASSO: l(x) = ½‖Ax − b‖² + λ‖x‖₁."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ml2o_core.tasks.least_squares import LeastSquaresFamily, LeastSquaresTask


@dataclass(frozen=True)
class LassoTask(LeastSquaresTask):
    """l(x) = ½‖Ax − b‖² + λ‖x‖₁, λ = `weight` ≥ 0: the fit is smooth, the ℓ1 norm has the prox.

    ‖x‖₁ has no Lipschitz gradient: A3b and A3c fail for this task, whatever the region around 0.
    """

    weight: Float[Tensor, ""]

    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        # |x| = x sign(x), with sign held fixed: that has the same derivatives of every order. Those
        # of `abs` and `sign` would import PyTorch's compiler to find that the next one is 0.
        return self.fit(x) + self.weight * (x * x.detach().sign()).sum()

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        """Aᵀ(Ax − b) + λ sign(x), the subgradient with sign(0) = 0."""
        return self.fit_gradient(x) + self.weight * x.detach().sign()

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        """AᵀA, that of the smooth part."""
        return self.gram()

    def hvp(self, x: Float[Tensor, " d"], v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.A.mT @ (self.A @ v)

    def smooth_loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        return self.fit(x)

    def smooth_gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.fit_gradient(x)

    def smooth_lipschitz(self) -> Float[Tensor, ""]:
        return self.gram_norm()

    def prox(self, v: Float[Tensor, " d"], step: Float[Tensor, ""] | float) -> Float[Tensor, " d"]:
        """Soft thresholding at λ·step: sign(v) max(|v| − λ·step, 0)."""
        threshold = self.weight * step
        return v - v.clamp(-threshold, threshold)


class Lasso(LeastSquaresFamily):
    """Random LASSO problems; λ = 0.005 in the paper."""

    name: ClassVar[str] = "lasso"
    weight: float = Field(0.005, ge=0, description="λ, the weight of ‖x‖₁")

    def sample(self, generator: torch.Generator) -> LassoTask:
        A, b = self.draw_data(generator)
        return LassoTask(A, b, A.new_tensor(self.weight))
