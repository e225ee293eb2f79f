"""Reptile: move φ towards the weights that k steps of gradient descent lead to."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ml2o_core.meta.base import (
    MetaGradient,
    MetaStep,
    RiskFunction,
    gradient_of,
    inner_step,
    leaves,
)
from ml2o_core.optimizers.base import Params


class Reptile(MetaGradient):
    """(φ − φ̃_k)/(αk), with φ̃_i = φ̃_{i−1} − α∇ĝ_T(φ̃_{i−1}) and φ̃_0 = φ.

    That is the mean of the k gradients on the way. All of them are taken on the same window, so
    k = 1 is plain training. Source: Nichol, Achiam and Schulman, "On first-order meta-learning
    algorithms", 2018, which uses (φ − φ̃_k)/α; we divide by k as well, so that one clipping
    threshold fits every k. The risk at φ̃_{k−1} is recorded as the one at adapted weights.
    """

    name: ClassVar[str] = "reptile"
    alpha: float = Field(1e-3, ge=0, description="inner step size α")
    steps: int = Field(2, ge=1, le=1000, description="k, inner steps on the window")

    @property
    def evaluations(self) -> int:
        return self.steps

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        phi = leaves(params)
        at_phi = last = risk(phi)
        gradient = total = gradient_of(last.value, phi)
        for _ in range(self.steps - 1):
            phi = leaves(inner_step(phi, gradient, self.alpha))
            last = risk(phi)
            gradient = gradient_of(last.value, phi)
            total = {name: total[name] + gradient[name] for name in total}
        return MetaStep(at_phi, last, {name: value / self.steps for name, value in total.items()})
