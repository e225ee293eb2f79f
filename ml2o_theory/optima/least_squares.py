r"""The optima of a batch of least-squares problems f(x) = ½‖Ax − b‖², whatever the rank of A.

The point is x* = A⁺b, from the singular value decomposition, corrected once by its own residual.

From below, where A has full column rank. At any x, with g = Aᵀ(Ax − b) and H = AᵀA,
f* = f(x) − ½gᵀH⁻¹g. For X = VΣ⁻¹ in floats, B = AX is nearly orthonormal: with ε ≥ ‖BᵀB − I‖ < 1, H
is positive definite, H⁻¹ = X(BᵀB)⁻¹Xᵀ, and

    f* ≥ f(x) − ½‖Xᵀg‖² / (1 − ε),

in which everything is enclosed by interval arithmetic; that x is nearly optimal makes it tight, up
to the square of (machine epsilon × condition of A).

Elsewhere 0 ≤ f*. That is tight where A has full row rank, f* = 0. Where neither closes the gap (the
columns are dependent and there are more rows, or A is all but singular), the problem is solved in
rational numbers: floats are rationals, so the rank of A and a set J of independent columns that
span the others are exact, and so is f* = ½(‖b‖² − cᵀH⁻¹c) with H = A_JᵀA_J and c = A_Jᵀb. A matrix
that is singular up to rounding only has the f* of an invertible one, at an x far away: then the gap
at A⁺b stays open, and is reported.
"""

from __future__ import annotations

import torch
from flint import arb, fmpq, fmpq_mat
from torch import Tensor

from ml2o_theory.arithmetic import float_above, float_below, precision
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.optima.base import CLOSED, NEGLIGIBLE, CertifiedOptima, certified
from ml2o_theory.optima.fit_bounds import Matrices, Points, Rows, Scalars, apply, enclosed

EXACT_ENTRIES = 10_000
"""Entries of A up to which an open gap is closed in rational numbers.

A problem takes 2 ms at 10 × 10, 25 ms at 50 × 20, and 1 s at 50 × 200.
"""


def least_squares(A: Matrices, b: Rows) -> CertifiedOptima:
    """One optimum for each problem."""
    x, inverse = minimiser(A, b)
    primal, dual = bounds_at(A, b, x, inverse)
    scale = (IntervalTensor.exactly(b).square().sum(-1) * 0.5).upper
    # x = 0 is the better point where A⁺b is not finite, or so large that nothing fits.
    worse = ~(primal <= scale)
    x, primal = x.masked_fill(worse.unsqueeze(-1), 0.0), primal.where(~worse, scale)
    open_gap = ~((primal - dual <= CLOSED * primal) | (primal - dual <= NEGLIGIBLE * scale))
    if A[0].numel() <= EXACT_ENTRIES:
        for n in open_gap.nonzero().squeeze(-1).tolist():
            dual[n], primal[n] = exact_bounds(A[n], b[n], x[n])
    return certified(
        x,
        primal,
        dual,
        scale,
        kkt_residual=_kkt_residual(A, b, x),
        iterations=torch.zeros_like(scale).long(),
        solver="least squares",
        closed_form=True,
    )


def bounds_at(
    A: Matrices, b: Rows, x: Points, whitening: Tensor | None = None
) -> tuple[Scalars, Scalars]:
    """f(x) rounded up, and a lower bound of f* from x; `whitening` is X if it is known."""
    residual = enclosed(A, x) - b
    value = residual.square().sum(-1) * 0.5
    known = minimiser(A, b)[1] if whitening is None else whitening
    return value.upper, curvature_bound(A, known, value, gradient_of_fit(A, residual))


def minimiser(A: Matrices, b: Rows) -> tuple[Points, Tensor]:
    """A⁺b (N, d) and X = VΣ⁺ (N, d, min(r, d)), in floats.

    Singular values below max(r, d)·(machine epsilon)·‖A‖ count as 0.
    """
    U, sigma, Vh = torch.linalg.svd(A, full_matrices=False)
    rounding = max(A.shape[-2:]) * torch.finfo(sigma.dtype).eps * sigma[..., :1]
    inverse = torch.where(sigma > rounding, 1 / sigma, 0.0)
    whitening = Vh.mT * inverse.unsqueeze(-2)
    x = apply(whitening, apply(U.mT, b))
    return x + apply(whitening, apply(U.mT, b - apply(A, x))), whitening


def gradient_of_fit(A: Matrices, residual: IntervalTensor) -> IntervalTensor:
    """Aᵀ(Ax − b) from an enclosure of Ax − b, enclosed."""
    return (IntervalTensor.exactly(A.mT) @ residual.unsqueeze(-1)).squeeze(-1)


def curvature_bound(
    A: Matrices, whitening: Tensor, value: IntervalTensor, subgradient: IntervalTensor
) -> Scalars:
    """A lower bound of f* for f = ½‖Ax − b‖² + h, h convex, from f and any of ∂f at one point.

    f(x) − ½‖Xᵀg‖²/(1 − ε), since f(y) ≥ f(x) + gᵀ(y − x) + ½‖A(y − x)‖² for all y. At least 0, and
    0 where A has not certainly full column rank.
    """
    nothing = torch.zeros_like(value.lower)
    if A.shape[-2] < A.shape[-1]:
        return nothing
    whitened = (IntervalTensor.exactly(whitening.mT) @ subgradient.unsqueeze(-1)).squeeze(-1)
    remaining = 1.0 - IntervalTensor.exactly(departure(A, whitening))
    bound = (value - whitened.square().sum(-1) * 0.5 / remaining).lower
    return bound.where(remaining.lower > 0, nothing).clamp(min=0.0)


def departure(A: Matrices, whitening: Tensor) -> Scalars:
    """ε ≥ ‖BᵀB − I‖ for B = AX: the largest row sum of the symmetric matrix, rounded up."""
    B = IntervalTensor.exactly(A) @ whitening
    identity = torch.eye(B.shape[-1], dtype=A.dtype, device=A.device)
    return (B.mT @ B - identity).abs().sum(-1).upper.amax(-1)


def exact_bounds(A: Tensor, b: Tensor, x: Tensor) -> tuple[float, float]:
    """f* rounded down and f(x) rounded up, both from exact values; A (r, d), b (r,), x (d,)."""
    matrix, target, point = _rational(A), _rational(b.unsqueeze(-1)), _rational(x.unsqueeze(-1))
    reduced, rank = matrix.rref()
    pivots = [next(k for k in range(A.shape[1]) if reduced[row, k] != 0) for row in range(rank)]
    least = _squared(target)
    if rank:
        rows = matrix.transpose().tolist()
        independent = fmpq_mat([rows[k] for k in pivots])
        gram, slope = independent * independent.transpose(), independent * target
        least -= (slope.transpose() * gram.solve(slope))[0, 0]
    value = _squared(matrix * point - target)
    with precision():
        return float_below(arb(least / 2)), float_above(arb(value / 2))


def _squared(v: fmpq_mat) -> fmpq:
    return (v.transpose() * v)[0, 0]


def _rational(values: Tensor) -> fmpq_mat:
    return fmpq_mat([[fmpq(*v.as_integer_ratio()) for v in row] for row in values.tolist()])


def _kkt_residual(A: Matrices, b: Rows, x: Points) -> Scalars:
    """‖Aᵀ(Ax − b)‖_∞ / ‖Aᵀb‖_∞, in floats."""
    size = apply(A.mT, b).abs().amax(-1)
    wrong = apply(A.mT, apply(A, x) - b).abs().amax(-1)
    return torch.where(size > 0, wrong / size, 0.0)
