"""Certified Euclidean norms, spectral norms and extreme eigenvalues of interval tensors, batched.

Let K lie in an interval matrix with midpoint m and radius r, so that |K − m| ≤ r entrywise. Then

    ‖K‖ ≤ ‖m‖ + ‖r‖,      ‖K‖ ≤ ‖ |K| ‖ ≤ ‖max|K|‖                                         (1)

For a matrix s ≥ 0 and any vector x > 0 (Collatz and Wielandt; Perron and Frobenius)

    ‖s‖² = λ_max(sᵀs) ≤ max_j (sᵀs x)_j / x_j,                                              (2)

which for x = 1 is below ‖s‖₁‖s‖_∞, and falls with every step x ← sᵀs x. For a symmetric S and any
V with F = VᵀV − I, ‖F‖ < 1 (Ostrowski; Horn and Johnson, Matrix Analysis, §4.5)

    λ_max(S) = θ λ_max(VᵀSV), a 1/θ between λ_min(VᵀV) ≥ 1 − ‖F‖ and λ_max(VᵀV) ≤ 1 + ‖F‖,  (3)

λ_min alike. V is the eigenbasis that a float computation finds: VᵀSV is nearly diagonal, and
Gershgorin's discs enclose its eigenvalues in interval arithmetic. ‖m‖² = λ_max(mᵀm).

A guess (x, V) decides how tight an end is, never whether it is true.
"""

from __future__ import annotations

import math

import torch

from ml2o_theory.intervals.products import nonnegative_product_above
from ml2o_theory.intervals.rounding import (
    Values,
    add_down,
    add_up,
    down,
    multiply_by_power_of_two,
    multiply_down,
    multiply_up,
    power_of_two_near,
    sqrt_down,
    sqrt_up,
    sum_down,
    sum_up,
    up,
)
from ml2o_theory.intervals.tensor import IntervalTensor

POWER_STEPS = 4
"""Steps of the power iteration behind (2)."""


def euclidean_above(v: IntervalTensor) -> Values:
    """An upper bound of ‖x‖ over x in v, along the last axis: (..., n) → (...)."""
    size = v.magnitude()
    scale = power_of_two_near(size.amax(-1, keepdim=True))
    size = multiply_up(size, 1 / scale)
    root = sqrt_up(sum_up(multiply_up(size, size), -1, keepdim=True))
    return multiply_up(root, scale).squeeze(-1)


def euclidean_below(v: IntervalTensor) -> Values:
    """A lower bound of ‖x‖ over x in v, along the last axis: (..., n) → (...)."""
    size = v.mignitude()
    scale = power_of_two_near(size.amax(-1, keepdim=True))
    size = multiply_down(size, 1 / scale)
    root = sqrt_down(sum_down(multiply_down(size, size), -1, keepdim=True).clamp(min=0.0))
    return multiply_down(root, scale).squeeze(-1)


def spectral_above(M: IntervalTensor) -> Values:
    """An upper bound of ‖K‖ over K in M: (..., m, n) → (...).

    For one matrix of moderate size it is tight to rounding (about n²u relative), as it is for any
    box of matrices of one row or column.
    """
    if _is_vector(M):
        return _frobenius_above(M)
    matrices, scale = _scaled(M)
    if matrices.shape[-2] < matrices.shape[-1]:
        matrices = matrices.mT
    at_middle = IntervalTensor.exactly(matrices.midpoint)
    gram = at_middle.mT @ at_middle
    middle = sqrt_up(_extreme_eigenvalues(gram.intersect(gram.mT))[1].clamp(min=0.0))
    # Where the matrix vanishes, underflow would leave a speck.
    middle = middle.minimum(_frobenius_above(at_middle))
    if matrices.is_exact:  # then the second bound of (1) is no better
        return multiply_up(middle, scale)
    bound = add_up(middle, _nonnegative_norm_above(matrices.radius))
    bound = bound.minimum(_nonnegative_norm_above(matrices.magnitude()))
    return multiply_up(bound, scale)


def spectral_below(M: IntervalTensor) -> Values:
    """A lower bound of ‖K‖ for every K in M: (..., m, n) → (...).

    ‖K‖ ≥ ‖Kv‖/‖v‖ with the leading right singular vector v that a float computation finds for the
    midpoint. So it bounds both the supremum over M and a single matrix of which M is an enclosure.
    """
    if _is_vector(M):
        return euclidean_below(M.reshape(*M.shape[:-2], -1))
    matrices, scale = _scaled(M)
    middle = matrices.midpoint
    v = IntervalTensor.exactly(_orthogonal_guess(middle.mT @ middle)[..., -1])
    image = (matrices @ v.unsqueeze(-1)).squeeze(-1)
    ratio = IntervalTensor.exactly(euclidean_below(image)) / euclidean_above(v)
    return multiply_down(ratio.lower.clamp(min=0.0), scale)


def eigenvalues_between(M: IntervalTensor) -> tuple[Values, Values]:
    """(below, above) for all eigenvalues of all symmetric K in M: (..., n, n) → (...), (...).

    `InvalidArgument` if M holds no symmetric matrix.
    """
    matrices, scale = _scaled(M.intersect(M.mT))
    below, above = _extreme_eigenvalues(matrices)
    return multiply_down(below, scale), multiply_up(above, scale)


def _extreme_eigenvalues(S: IntervalTensor) -> tuple[Values, Values]:
    """`eigenvalues_between` for ends that are symmetric; it is (3) with a margin of ‖radius‖."""
    if S.shape[-1] == 1:
        return S.lower[..., 0, 0], S.upper[..., 0, 0]
    middle = IntervalTensor.exactly(S.midpoint)
    V = IntervalTensor.exactly(_orthogonal_guess(middle.lower))
    identity = torch.eye(S.shape[-1], dtype=torch.float64, device=S.lower.device)
    skew = sum_up((V.mT @ V - identity).magnitude(), -1).amax(-1)
    theta = IntervalTensor.about(torch.ones_like(skew), skew)
    below, above = _gershgorin(V.mT @ (middle @ V))
    below = (IntervalTensor.exactly(below) / theta).lower
    above = (IntervalTensor.exactly(above) / theta).upper
    margin = _nonnegative_norm_above(S.radius).where(skew < 1, math.inf)
    lowest, highest = _gershgorin(S)
    return add_down(below, -margin).maximum(lowest), add_up(above, margin).minimum(highest)


def _gershgorin(S: IntervalTensor) -> tuple[Values, Values]:
    """Ends of the union of Gershgorin's discs: all eigenvalues of all symmetric matrices in S."""
    diagonal = torch.eye(S.shape[-1], dtype=torch.bool, device=S.lower.device)
    reach = sum_up(S.magnitude().masked_fill(diagonal, 0.0), -1)
    lower = add_down(S.lower.diagonal(dim1=-2, dim2=-1), -reach).amin(-1)
    upper = add_up(S.upper.diagonal(dim1=-2, dim2=-1), reach).amax(-1)
    return lower, upper


def _orthogonal_guess(S: Values) -> Values:
    """Eigenvectors of symmetric matrices in columns, by rising eigenvalue; or the identity."""
    try:
        return torch.linalg.eigh(S.where(S.isfinite(), 0.0)).eigenvectors
    except torch.linalg.LinAlgError:
        return torch.eye(S.shape[-1], dtype=S.dtype, device=S.device).expand(S.shape)


def _nonnegative_norm_above(s: Values) -> Values:
    """An upper bound of ‖s‖ by (2), for a float matrix s ≥ 0."""
    frobenius = _frobenius_above(IntervalTensor.exactly(s))
    if 1 in s.shape[-2:] or not bool((frobenius > 0).any()):
        return frobenius
    matrices, scale = _scaled(IntervalTensor.exactly(s))
    above = matrices.upper
    x = torch.ones_like(s[..., :1, :]).mT
    for _ in range(POWER_STEPS):
        x = s.mT @ (s @ x)
        # Any x > 0 will do; this one is neither 0 nor infinite.
        x = (x / x.amax(-2, keepdim=True)).nan_to_num(1.0).clamp(2.0**-50, 1.0)
    image = nonnegative_product_above(above.mT, nonnegative_product_above(above, x))
    ratio = up(image / x).masked_fill(image == 0, 0.0).amax((-2, -1))
    return multiply_up(sqrt_up(ratio), scale).minimum(frobenius)


def _is_vector(M: IntervalTensor) -> bool:
    """Whether M has one row or one column: its spectral norm is the Euclidean one."""
    return 1 in M.shape[-2:]


def _frobenius_above(M: IntervalTensor) -> Values:
    return euclidean_above(M.reshape(*M.shape[:-2], -1))


def _scaled(M: IntervalTensor) -> tuple[IntervalTensor, Values]:
    """M / s and s: (..., m, n) and (...), s a power of 2 such that squares stay in range."""
    scale = power_of_two_near(M.magnitude().amax((-2, -1), keepdim=True))
    lower = multiply_by_power_of_two(M.lower, 1 / scale, down)
    upper = multiply_by_power_of_two(M.upper, 1 / scale, up)
    exact = M.is_exact and torch.equal(lower, upper)
    return IntervalTensor(lower, lower if exact else upper), scale.squeeze(-1).squeeze(-1)
