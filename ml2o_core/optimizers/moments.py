"""Running moments of the gradient, as Adam and RNNprop use them."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor


def running_mean(
    mean: Float[Tensor, " d"], value: Float[Tensor, " d"], decay: float
) -> Float[Tensor, " d"]:
    """The exponential moving average: decay · mean + (1 − decay) · value."""
    return decay * mean + (1 - decay) * value


def bias_correction(decay: float, t: Float[Tensor, ""]) -> Float[Tensor, ""] | float:
    """1 − decay^t, the weight that t values have gathered in an average that began at 0.

    Written with expm1: in float32, 1 − 0.999^t as it stands has lost four digits at t = 1.
    """
    return -torch.expm1(t * math.log(decay)) if decay > 0 else 1.0


def root(v: Float[Tensor, " d"]) -> Float[Tensor, " d"]:
    """√v for v ≥ 0, with every derivative 0 instead of infinite at v = 0.

    It is meant for g/(√v + ε) with v = g² + history: where v = 0, the true slope is 1/ε, whatever
    one-sided slope the root has; but autodiff would meet 0 · ∞. What is smaller than the smallest
    normal number counts as 0.
    """
    positive = v >= torch.finfo(v.dtype).tiny
    return torch.where(positive, torch.where(positive, v, 1.0).sqrt(), 0.0)
