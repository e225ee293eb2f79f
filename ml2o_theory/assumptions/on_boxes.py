"""One constant at a time from a model, over boxes: both ends of its supremum.

Over a box the upper end is the certificate; over a degenerate box (a point) the lower end is
attained there.
"""

from __future__ import annotations

import torch

from ml2o_theory.constants.on_boxes import Ends, euclidean, spectral
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import RuleModel, TaskModel


def of_task(model: TaskModel, symbol: str, x: IntervalTensor) -> Ends:
    """M, L, rho or tau over boxes (..., d)."""
    match symbol:
        case "M":
            return euclidean(model.gradient_on(x))
        case "L":
            return spectral(model.hessian_on(x))
        case "rho":
            return Ends(*model.third_norm_on(x))
        case _:
            return Ends(*model.fourth_norm_on(x))


def of_rule(model: RuleModel, symbol: str, z: IntervalTensor, phi: IntervalTensor) -> Ends:
    """M_m1, M_m2, L_m or rho_m over boxes z (..., d) and φ (..., p)."""
    match symbol:
        case "M_m1":
            return spectral(model.jacobians_on(z, phi)[0])
        case "M_m2":
            return spectral(model.jacobians_on(z, phi)[1])
        case "rho_m":
            return Ends(*model.third_norm_on(z, phi))
        case _:
            lower, upper = zip(*model.second_norms_on(z, phi).values(), strict=True)
            return Ends(torch.stack(lower).amax(0), torch.stack(upper).amax(0))
