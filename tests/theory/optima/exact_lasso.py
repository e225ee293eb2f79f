"""The oracle of the LASSO tests: F and D at a point in ball arithmetic, and F in exact numbers.

Primal: F(x) = ½‖Ax − b‖² + λ‖x‖₁. Dual: D(θ) = bᵀθ − ½‖θ‖² for ‖Aᵀθ‖_∞ ≤ λ, and D(θ) ≤ F* ≤ F(x).
The residual u = b − Ax, scaled by min(1, λ/‖Aᵀu‖_∞), is feasible, and D → F* as x → x*.
"""

from __future__ import annotations

from flint import arb, fmpq
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


def lasso_bounds(task: LassoTask, x: Tensor) -> tuple[float, float]:
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


def exact_loss(task: LassoTask, x: Tensor) -> fmpq:
    """F(x), exactly."""
    xs = [rational(v) for v in x.tolist()]
    total = fmpq(0)
    for row, target in zip(task.A.tolist(), task.b.tolist(), strict=True):
        fit = sum((rational(a) * v for a, v in zip(row, xs, strict=True)), fmpq(0))
        total += (fit - rational(target)) ** 2 / 2
    return total + rational(task.weight.item()) * sum((abs(v) for v in xs), fmpq(0))


def rational(value: float) -> fmpq:
    """A float, exactly."""
    return fmpq(*value.as_integer_ratio())
