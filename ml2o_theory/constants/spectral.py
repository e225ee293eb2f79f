"""Certified spectral norms of small matrices, and proofs of positive definiteness.

A float computation makes a guess, and arb certifies it (Rump's shifted Cholesky): ‖K‖ < s is proved
by a Cholesky factorisation of s²I − KᵀK with all pivots positive; ‖K‖ ≥ ‖Kv‖/‖v‖ for any v. The
guess decides how tight the result is, never whether it is true.
"""

from __future__ import annotations

import torch
from flint import arb, arb_mat
from torch import Tensor

from ml2o_theory.arithmetic import exact, identity, norm, to_tensor, vector

MARGINS = (1e-14, 1e-12, 1e-9, 1e-6, 1e-3)
"""How far from the float guess a certificate is tried, relative to the matrix."""


def cholesky(S: arb_mat) -> arb_mat | None:
    """L with S = LLᵀ for a symmetric S of shape (d, d); None unless all pivots are positive.

    That L exists proves that S is positive definite.
    """
    d = S.nrows()
    L = arb_mat(d, d)
    for j in range(d):
        pivot = S[j, j] - sum((L[j, k] * L[j, k] for k in range(j)), arb(0))
        if not pivot > 0:
            return None
        L[j, j] = pivot.sqrt()
        for i in range(j + 1, d):
            L[i, j] = (S[i, j] - sum((L[i, k] * L[j, k] for k in range(j)), arb(0))) / L[j, j]
    return L


def spectral_norm(K: arb_mat) -> tuple[arb, arb, Tensor]:
    """(lower, upper, v) for K of shape (n, d): lower ≤ ‖K‖ ≤ upper, and v (d,) attains lower."""
    frobenius = norm(K)
    if not frobenius > 0:
        return arb(0), frobenius, torch.eye(K.ncols(), dtype=torch.float64)[0]
    scaled = K / frobenius
    _, singular, rows = torch.linalg.svd(to_tensor(scaled))
    v = rows[0]
    lower = norm(K * vector(v)) / norm(vector(v))
    gram = scaled.transpose() * scaled
    for margin in MARGINS:
        s = exact(singular[0].item() * (1 + margin))
        if cholesky(s * s * identity(K.ncols()) - gram) is not None:
            return lower, s * frobenius, v
    return lower, frobenius, v
