"""Certified norms of trilinear forms: sup ‖T[x, y]‖ over unit x, y, for a stack of matrices T_i.

T[x, y] has the entries xᵀT_i y. By ‖T[x, y]‖² ≤ Σ_i ‖T_i y‖² the norm is at most that of all T_i in
one column, itself at most √(Σ_i ‖T_i‖²); and at least every ‖T_i‖.
"""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from ml2o_theory.intervals.norms import euclidean_above, euclidean_below, spectral_above
from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.tensor import IntervalTensor

ASCENT_STEPS = 10


def form_above(T: IntervalTensor) -> Values:
    """An upper bound of sup ‖T[x, y]‖ for all T in an interval form: (..., r, n, k) → (...)."""
    if T.shape[-3:-1] == (1, 1):
        return euclidean_above(T[..., 0, 0, :])
    return spectral_above(T.reshape(*T.shape[:-3], -1, T.shape[-1]))


def form_below(T: IntervalTensor) -> Values:
    """A lower bound of sup ‖T[x, y]‖ for every T in an interval form: (..., r, n, k) → (...).

    ‖T[x, y]‖/(‖x‖‖y‖) at x, y that a float ascent finds: each of three vectors in turn is set to
    its best, from the largest matrix and its largest row. They need not be the best.
    """
    if T.shape[-3:-1] == (1, 1):
        return euclidean_below(T[..., 0, 0, :])
    M = T.midpoint
    M = M / M.abs().amax((-3, -2, -1), keepdim=True).clamp(min=torch.finfo(M.dtype).tiny)
    y = M.flatten(-3, -2)
    y = y.gather(-2, y.norm(dim=-1).argmax(-1)[..., None, None].expand(*y.shape[:-2], 1, -1))
    y, u = y.squeeze(-2), normalize(M.norm(dim=(-2, -1)), dim=-1)
    x = torch.zeros_like(M[..., 0, :, 0])
    for _ in range(ASCENT_STEPS):
        x = normalize(torch.einsum("...rnk,...r,...k->...n", M, u, y), dim=-1)
        y = normalize(torch.einsum("...rnk,...r,...n->...k", M, u, x), dim=-1)
        u = normalize(torch.einsum("...rnk,...n,...k->...r", M, x, y), dim=-1)
    left, right = IntervalTensor.exactly(x), IntervalTensor.exactly(y)
    image = (left.unsqueeze(-2).unsqueeze(-2) @ (T @ right.unsqueeze(-1).unsqueeze(-3)))[..., 0, 0]
    size = IntervalTensor.exactly(euclidean_above(left)) * euclidean_above(right)
    ratio = IntervalTensor.exactly(euclidean_below(image)) / size
    return ratio.lower.clamp(min=0.0)
