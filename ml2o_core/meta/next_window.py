"""The released code's meta-gradient: first order, and taken on the next window."""

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
from ml2o_core.unroll import Carry

COUNTER = "t"
"""Name of a rule's step counter in its state."""


class NextWindow(MetaGradient):
    """∇ĝ⁺_T(T̂(φ)): the inner step on this window, the gradient on the one that follows it.

    The next window ĝ⁺_T starts where this one, run with φ, ended; but the rule's step counter stays
    at its value from the start of this window. Training itself moves on by one window, so each
    window but the first is used twice: outside, then inside. Source: the authors' released code.
    """

    name: ClassVar[str] = "next-window"
    alpha: float = Field(1e-3, ge=0, description="inner step size α")

    @property
    def evaluations(self) -> int:
        return 2

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        phi = leaves(params)
        at_phi = risk(phi)
        adapted = leaves(inner_step(phi, gradient_of(at_phi.value, phi), self.alpha))
        end = at_phi.end.detach()
        held = {name: risk.start.state[name] for name in end.state if name == COUNTER}
        at_adapted = risk(adapted, Carry(end.x, end.state | held))
        return MetaStep(at_phi, at_adapted, gradient_of(at_adapted.value, adapted))
