"""Quadratic: l(x) = ½‖Ax − b‖²."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.tasks.base import Optimum
from ml2o_core.tasks.distributions import Distribution, Uniform
from ml2o_core.tasks.least_squares import LeastSquaresFamily, LeastSquaresTask


@dataclass(frozen=True)
class QuadraticTask(LeastSquaresTask):
    """l(x) = ½‖Ax − b‖²; convex, and strongly convex exactly when A has full column rank."""

    def loss(self, x: Float[Tensor, " d"]) -> Float[Tensor, ""]:
        return self.fit(x)

    def gradient(self, x: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.fit_gradient(x)

    def hessian(self, x: Float[Tensor, " d"]) -> Float[Tensor, "d d"]:
        return self.gram()

    def hvp(self, x: Float[Tensor, " d"], v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
        return self.A.mT @ (self.A @ v)

    def smooth_lipschitz(self) -> Float[Tensor, ""]:
        return self.gram_norm()

    def optimum(self) -> Optimum:
        """x* = A⁺b = V Σ⁺ Uᵀb: of all minimisers the one of least norm, whatever the rank of A.

        Singular values below max(r, d)·(machine epsilon)·‖A‖ count as 0. Applying the factors one
        by one is backward stable; A⁺ as a matrix is not (residual 3e-7, not 2e-16, at cond 1e11).
        """
        U, sigma, Vh = torch.linalg.svd(self.A, full_matrices=False)
        rounding = max(self.A.shape) * torch.finfo(sigma.dtype).eps * sigma[0]
        kept = sigma > rounding
        coordinates = torch.where(kept, U.mT @ self.b / torch.where(kept, sigma, 1.0), 0.0)
        x = Vh.mT @ coordinates
        return Optimum(x, self.loss(x))


class Quadratic(LeastSquaresFamily):
    """Random quadratics. Training as LASSO's; the paper's tests have b ~ U(−1, 1)."""

    name: ClassVar[str] = "quadratic"
    test_target: ClassVar[Distribution] = Uniform(low=-1, high=1)

    def sample(self, generator: torch.Generator) -> QuadraticTask:
        return QuadraticTask(*self.draw_data(generator))
