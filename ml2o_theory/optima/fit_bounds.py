"""Bounds of f* for f(x) = ½‖Ax − b‖² + h(x), proved by interval arithmetic, for a whole batch.

From above, f at any point x. From below by Fenchel's duality: for any θ, with
½‖Ax − b‖² ≥ θᵀ(b − Ax) − ½‖θ‖² and h(x) ≥ (Aᵀθ)ᵀx − h*(Aᵀθ),

    f(x) ≥ D(θ) = bᵀθ − ½‖θ‖² − h*(Aᵀθ)   for all x,

with equality at x* for θ = b − Ax*. Points and multipliers are floats, from whatever solver; they
decide how tight a bound is, never whether it is true. Shapes: A (N, r, d), b, θ (N, r), x (N, d).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_theory.intervals.tensor import IntervalTensor

Matrices = Float[Tensor, "N r d"]
Points = Float[Tensor, "N d"]
Rows = Float[Tensor, "N r"]
Scalars = Float[Tensor, " N"]


def apply(A: Float[Tensor, "N i j"], x: Float[Tensor, "N j"]) -> Float[Tensor, "N i"]:
    """Ax, matrix by matrix, in floats."""
    return (A @ x.unsqueeze(-1)).squeeze(-1)


def enclosed(A: Float[Tensor, "N i j"], x: Float[Tensor, "N j"]) -> IntervalTensor:
    """Ax, enclosed."""
    return (IntervalTensor.exactly(A) @ x.unsqueeze(-1)).squeeze(-1)


def fit(A: Matrices, b: Rows, x: Points) -> IntervalTensor:
    """½‖Ax − b‖², enclosed."""
    return (enclosed(A, x) - b).square().sum(-1) * 0.5


def concave_part(b: Rows, theta: Rows, t: Scalars) -> IntervalTensor:
    """bᵀ(tθ) − ½‖tθ‖², enclosed, for float factors t."""
    along = (IntervalTensor.exactly(b) * theta).sum(-1)
    return along * t - IntervalTensor.exactly(theta).square().sum(-1) * 0.5 * _square(t)


def largest_factor(weight: Scalars, slope: Scalars) -> Scalars:
    """A t ≥ 0 with t·slope ≤ weight certainly; ∞ for slope 0."""
    return (IntervalTensor.exactly(weight) / slope).lower.where(slope > 0, torch.inf)


def best_factor(b: Rows, theta: Rows, limit: Scalars) -> Scalars:
    """The t with |t| ≤ limit that makes bᵀ(tθ) − ½‖tθ‖² largest, in floats; 0 for θ = 0."""
    t = (b * theta).sum(-1) / (theta * theta).sum(-1)
    return t.nan_to_num(0.0).clamp(-limit, limit)


def _square(t: Scalars) -> IntervalTensor:
    return IntervalTensor.exactly(t).square()
