"""Algorithm 1: the exact gradient of the one-step meta risk Ĝ_T = ĝ_T ∘ T̂ (Eq. 5)."""

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


class MAML(MetaGradient):
    """∇Ĝ_T(φ) = (I − α ∇²ĝ_T(φ)) ∇ĝ_T(T̂(φ)), by differentiating through the inner step.

    Inner and outer risk use the same window (the same batch and the same start), as in Eq. 5. In
    graph mode `detached` the Hessian is that of the surrogate whose inputs z_t are frozen.
    """

    name: ClassVar[str] = "maml"
    alpha: float = Field(1e-3, ge=0, description="inner step size α")

    @property
    def evaluations(self) -> int:
        return 2

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        phi = leaves(params)
        at_phi = risk(phi)
        adapted = inner_step(phi, gradient_of(at_phi.value, phi, create_graph=True), self.alpha)
        at_adapted = risk(adapted)
        return MetaStep(at_phi, at_adapted, gradient_of(at_adapted.value, phi))
