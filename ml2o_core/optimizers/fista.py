"""FISTA, the accelerated proximal gradient method.

Source: Beck and Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse
problems", SIAM J. Imaging Sciences 2 (2009), Section 4.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.optimizers.base import Observation, Params, State
from ml2o_core.optimizers.proximal import ProximalRule, proximal_oracle, proximal_point
from ml2o_core.tasks.base import Task


class FISTA(ProximalRule):
    """x⁺ = prox_ηh(y − η∇s(y)), then y⁺ = x⁺ + (k − 1)/k⁺ · (x⁺ − x), k⁺ = (1 + √(1 + 4k²))/2.

    The state keeps the extrapolation y − x (at first 0) and k (at first 1). For a convex s,
    l(x_t) − l* ≤ 2L‖x_0 − x*‖²/(t + 1)² at η = 1/L.
    """

    name: ClassVar[str] = "fista"

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        start = {"extrapolation": torch.zeros_like(x), "k": x.new_ones(())}
        return super().init_state(task, x) | start

    def observe(self, task: Task, x: Float[Tensor, " d"], state: State) -> Observation:
        return proximal_oracle(task, x + state["extrapolation"])

    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        x = z["point"] - state["extrapolation"]
        d = proximal_point(z, state, params) - x
        k = state["k"]
        k_next = (1 + (1 + 4 * k**2).sqrt()) / 2
        return d, state | {"extrapolation": (k - 1) / k_next * d, "k": k_next}
