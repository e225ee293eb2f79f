"""∇g_T(φ) for T = 1 … T_max from one real unroll, differentiated in float64."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import jacrev

from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.tasks.base import Task
from ml2o_core.unroll import GraphMode, trajectory


def risk_gradients(
    rule: UpdateRule, params: Params, task: Task, x0: Float[Tensor, " d"], steps: int
) -> Float[Tensor, "steps p"]:
    """Row T−1 is ∇g_T(φ) of g_T(φ) = l(x_T(φ)), in graph mode `full`; φ flattened in name order."""

    def scores(params: Params) -> Tensor:
        return trajectory(rule, params, task, x0, steps, GraphMode.FULL).losses[1:]

    jacobian = jacrev(scores)(params)
    return torch.cat([jacobian[name].reshape(steps, -1) for name in sorted(params)], dim=1)
