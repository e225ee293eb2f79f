"""Plain meta-training: descend ĝ_T itself (transfer learning and direct transfer)."""

from __future__ import annotations

from typing import ClassVar

from ml2o_core.meta.base import MetaGradient, MetaStep, RiskFunction, gradient_of, leaves
from ml2o_core.optimizers.base import Params


class Plain(MetaGradient):
    """∇ĝ_T(φ)."""

    name: ClassVar[str] = "plain"

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        phi = leaves(params)
        at_phi = risk(phi)
        return MetaStep(at_phi, at_phi, gradient_of(at_phi.value, phi))
