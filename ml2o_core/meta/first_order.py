"""First-order MAML: the gradient at the adapted weights, without the inner step's Hessian."""

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


class FirstOrderMAML(MetaGradient):
    """∇ĝ_T(T̂(φ)) (FOMAML of Finn et al. 2017): Algorithm 1 with I − α∇²ĝ_T replaced by I."""

    name: ClassVar[str] = "first-order-maml"
    alpha: float = Field(1e-3, ge=0, description="inner step size α")

    @property
    def evaluations(self) -> int:
        return 2

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        phi = leaves(params)
        at_phi = risk(phi)
        adapted = leaves(inner_step(phi, gradient_of(at_phi.value, phi), self.alpha))
        at_adapted = risk(adapted)
        return MetaStep(at_phi, at_adapted, gradient_of(at_adapted.value, adapted))
