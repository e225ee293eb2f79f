"""ISTA, the proximal gradient method.

Source: Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse
problems", SIAM J. Imaging Sciences 2 (2009).
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from ml2o_core.optimizers.base import Observation, Params, State
from ml2o_core.optimizers.proximal import ProximalRule, proximal_oracle, proximal_point
from ml2o_core.tasks.base import Task


class ISTA(ProximalRule):
    """x⁺ = prox_ηh(x − η∇s(x)). For a convex s, l(x_t) − l* ≤ L‖x_0 − x*‖²/(2t) at η = 1/L."""

    name: ClassVar[str] = "ista"

    def observe(self, task: Task, x: Float[Tensor, " d"], state: State) -> Observation:
        return proximal_oracle(task, x)

    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        return proximal_point(z, state, params) - z["point"], state
