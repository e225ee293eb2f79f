"""The duality gap of a LASSO problem at a point, proved in ball arithmetic.

Primal: F(x) = ½‖Ax − b‖² + λ‖x‖₁. Dual: D(θ) = bᵀθ − ½‖θ‖² for ‖Aᵀθ‖_∞ ≤ λ, and D(θ) ≤ F* ≤ F(x).
The residual u = b − Ax, scaled by min(1, λ/‖Aᵀu‖_∞), is feasible, and D → F* as x → x*.
"""

from __future__ import annotations

from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.tasks.lasso import LassoTask
from ml2o_theory.arithmetic import (
    exact,
    float_above,
    float_below,
    matrix,
    precision,
    squared_norm,
    vector,
)


def lasso_bounds(task: LassoTask, x: Float[Tensor, " d"]) -> tuple[float, float]:
    """(primal, dual) with dual ≤ F* ≤ F(x) ≤ primal, and 0 ≤ dual."""
    A, b, weight = matrix(task.A), vector(task.b), exact(task.weight.item())
    with precision():
        u = b - A * vector(x)
        ell1 = sum((abs(v) for v in vector(x).entries()), arb(0))
        primal = squared_norm(u) / 2 + weight * ell1
        slope = max((v.abs_upper() for v in (A.transpose() * u).entries()), default=arb(0))
        theta = u if slope <= weight else u * (weight / slope).lower()
        dual = (b.transpose() * theta)[0, 0] - squared_norm(theta) / 2
    return float_above(primal), max(float_below(dual), 0.0)


def vanishes_at_zero(task: LassoTask) -> bool:
    """Whether x* = 0 certainly: exactly when ‖Aᵀb‖_∞ ≤ λ."""
    with precision():
        slopes = (matrix(task.A).transpose() * vector(task.b)).entries()
        return all(v.abs_upper() <= exact(task.weight.item()) for v in slopes)
