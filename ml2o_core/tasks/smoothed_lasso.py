"""Smoothed LASSO: l(x) = ½‖Ax − b‖² + λ Σ_k ψ(x_k), ψ(u) = √(u² + ε²) (pseudo-Huber).

ψ is convex, |u| ≤ ψ(u) ≤ |u| + ε, and has all the constants that ‖x‖₁ lacks (A3b, A3c, A3f):

    ψ'(u)   = u/ψ                |ψ'|   < 1
    ψ''(u)  = ε²/ψ³              ψ''    ≤ 1/ε                attained at u = 0
    ψ'''(u) = −3ε²u/ψ⁵           |ψ'''| ≤ 48/(25√5) / ε²     attained at |u| = ε/2
    ψ''''(u) = 3ε²(4u² − ε²)/ψ⁷  |ψ''''| ≤ 3/ε³              attained at u = 0

Since the sum is separable, its second, third and fourth derivatives are diagonal, and these suprema
are the ones of the sum in the spectral norm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from ml2o_core.tasks.least_squares import LeastSquaresFamily, LeastSquaresTask


@dataclass(frozen=True)
class SmoothedLassoTask(LeastSquaresTask):
    """l(x) = ½‖Ax − b‖² + λ Σ_k √(x_k² + ε²), λ = `weight` ≥ 0, ε = `smoothing` > 0."""

    weight: Float[Tensor, ""]
    smoothing: Float[Tensor, ""]

    def _psi(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return torch.hypot(x, self.smoothing)

    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        return self.fit(x) + self.weight * self._psi(x).sum()

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.fit_gradient(x) + self.weight * x / self._psi(x)

    def _curvature(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        psi = self._psi(x)
        return self.weight / psi * (self.smoothing / psi) ** 2

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        return self.gram() + torch.diag(self._curvature(x))

    def hvp(self, x: Float[Tensor, " d"], v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.A.mT @ (self.A @ v) + self._curvature(x) * v

    def smooth_lipschitz(self) -> Float[Tensor, ""]:
        """L = ‖A‖² + λ/ε, attained at x = 0."""
        return self.gram_norm() + self.weight / self.smoothing

    def hessian_lipschitz(self) -> Float[Tensor, ""]:
        """ρ = 48/(25√5) λ/ε² = 0.8587 λ/ε², the Lipschitz constant of ∇²l on all of R^d."""
        return 48 / (25 * math.sqrt(5)) * self.weight / self.smoothing**2

    def third_derivative_lipschitz(self) -> Float[Tensor, ""]:
        """τ = 3λ/ε³, the Lipschitz constant of ∇³l on all of R^d."""
        return 3 * self.weight / self.smoothing**3


class SmoothedLasso(LeastSquaresFamily):
    """Random smoothed LASSO problems. The default ε is ours: the scale of the starting points."""

    name: ClassVar[str] = "smoothed-lasso"
    weight: float = Field(0.005, ge=0, description="λ, the weight of the smoothed ‖x‖₁")
    smoothing: float = Field(0.01, gt=0, description="ε, the width of the rounded corner")

    def sample(self, generator: torch.Generator) -> SmoothedLassoTask:
        A, b = self.draw_data(generator)
        return SmoothedLassoTask(A, b, A.new_tensor(self.weight), A.new_tensor(self.smoothing))
