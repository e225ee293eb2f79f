r"""How far a certified point can be from the minimiser itself: ‖x̂ − x*‖, rounded up.

For f = ½‖Ax − b‖² + h with h convex, f(x) ≥ f* + ½‖A(x − x*)‖² for all x. With X in floats, B = AX
and ε ≥ ‖BᵀB − I‖ < 1 (`least_squares`) every v = Xw has ‖Av‖² = ‖Bw‖² ≥ (1 − ε)‖w‖², so that

    ‖x̂ − x*‖ ≤ ‖X‖ √(2 gap / (1 − ε)).

Where A has not certainly full column rank there may be many minimisers, and the distance is ∞.
Rosenbrock's minimiser is known.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.least_squares import LeastSquaresTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.intervals.norms import spectral_above
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.optima.base import CertifiedOptima, spread
from ml2o_theory.optima.least_squares import departure, minimiser


def from_minimiser(
    distances: Float[Tensor, "*runs"], radius: Float[Tensor, "*shape"]
) -> Float[Tensor, "*runs"]:
    """‖x_t − x*‖ from above, from distances ‖x_t − x̂‖ (*shape, …) and ‖x̂ − x*‖ ≤ `radius`.

    The first axis may hold several copies, as those of `Problems.repeat`. ∞ where the radius is.
    """
    reach = spread(radius, distances)
    return torch.where(reach.isfinite(), distances + reach, torch.inf)


@torch.no_grad()
def distance_to_minimiser(tasks: TaskBatch, optima: CertifiedOptima) -> Float[Tensor, "*shape"]:
    """An upper bound of ‖x̂ − x*‖ for each of the optima; ∞ where there is none."""
    if tasks.task_type is RosenbrockTask:
        return torch.zeros_like(optima.gap)
    unknown = torch.full_like(optima.gap, torch.inf)
    if not issubclass(tasks.task_type, LeastSquaresTask) or not optima.proved:
        return unknown
    A, b = (
        tasks.tensors[name].double().cpu().flatten(0, len(tasks.shape) - 1) for name in ("A", "b")
    )
    if A.shape[-2] < A.shape[-1]:
        return unknown
    _, whitening = minimiser(A, b)
    remaining = 1.0 - IntervalTensor.exactly(departure(A, whitening))
    gap = IntervalTensor.exactly(optima.primal.flatten()) - optima.dual.flatten()
    spread = (IntervalTensor.exactly(gap.upper) * 2.0 / remaining).upper
    spread = spread.where(remaining.lower > 0, torch.inf)
    reach = IntervalTensor.exactly(spread).sqrt()
    size = spectral_above(IntervalTensor.exactly(whitening))
    return (reach * size).upper.reshape(optima.shape)
