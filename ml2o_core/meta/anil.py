"""ANIL: "almost no inner loop". The inner step moves the rule's output layer alone."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaGradient, MetaStep, RiskFunction, gradient_of, leaves
from ml2o_core.optimizers.base import Params


class ANIL(MetaGradient):
    """The exact gradient of ĝ_T(φ − αP∇ĝ_T(φ)), with P the projection on the output layer.

    The Hessian enters as (I − α∇²ĝ_T P). Source: Raghu, Raghu, Bengio and Vinyals, "Rapid learning
    or feature reuse? Towards understanding the effectiveness of MAML", ICLR 2020.
    """

    name: ClassVar[str] = "anil"
    alpha: float = Field(1e-3, ge=0, description="inner step size α")

    @property
    def evaluations(self) -> int:
        return 2

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        if not risk.head:
            raise InvalidArgument("meta_gradient", self.name, "a rule that names its output layer")
        phi = leaves(params)
        at_phi = risk(phi)
        head = {name: phi[name] for name in risk.head}
        inner = gradient_of(at_phi.value, head, create_graph=True)
        moved = {name: head[name] - self.alpha * inner[name] for name in head}
        at_adapted = risk(phi | moved)
        return MetaStep(at_phi, at_adapted, gradient_of(at_adapted.value, phi))
