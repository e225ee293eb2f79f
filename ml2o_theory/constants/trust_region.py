"""sup ‖Ku + k‖ over the ball ‖u‖ ≤ r: a trust-region problem, enclosed from both sides.

Upper end, by weak duality: for any μ with μI − KᵀK positive definite and any ‖u‖ ≤ r,

    ‖Ku + k‖² ≤ ‖Ku + k‖² + μ(r² − ‖u‖²) ≤ ‖k‖² + μr² + kᵀK (μI − KᵀK)⁻¹ Kᵀk,

evaluated in arb for the multiplier μ that the secular equation gives in float64. Lower end: the
value at the point that belongs to μ. The float computation decides how tight both are, never
whether they are true.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from flint import arb, arb_mat
from jaxtyping import Float
from scipy.optimize import brentq
from torch import Tensor

from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import INFINITY, exact, identity, norm, squared_norm, to_tensor, vector
from ml2o_theory.constants.spectral import MARGINS, cholesky, spectral_norm


@dataclass(frozen=True)
class BallSupremum:
    """lower ≤ sup ‖Ku + k‖ ≤ upper, the outer sides of two balls; u/r at `lower`, of shape (d,)."""

    lower: arb
    upper: arb
    upper_by: EndMethod
    direction: Tensor


def affine_norm_on_ball(K: arb_mat, k: arb_mat, r: arb) -> BallSupremum:
    """Enclose sup ‖Ku + k‖ over ‖u‖ ≤ r, for K of shape (n, d), k of shape (n, 1) and r ≥ 0."""
    if not (r > 0 and norm(K) > 0):
        still = torch.zeros(K.ncols(), dtype=torch.float64)
        upper = norm(K) * r + norm(k)
        return BallSupremum(norm(k), upper, EndMethod.NORM_PRODUCT, still)
    # With u = ry, ‖y‖ ≤ 1, and K scaled to norm 1, the magnitude of r is out of the way.
    scale = norm(K)
    K_scaled, shift = K / scale, k / (r * scale)
    # Beyond 1e30 the norm product below is as good as exact; the cap keeps the guess a float.
    guess = shift / (norm(shift) / arb(1e30)).max(arb(1))
    multiplier, y = _secular_solution(to_tensor(K_scaled), to_tensor(guess).flatten())
    inside = vector(y) / norm(vector(y)).max(arb(1))
    lower = r * scale * norm(K_scaled * inside + shift)
    dual = r * scale * dual_value(K_scaled, shift, multiplier)
    product = r * spectral_norm(K)[1] + norm(k)
    if dual <= product:
        return BallSupremum(lower, dual, EndMethod.DUAL_CERTIFICATE, y)
    return BallSupremum(lower, product, EndMethod.NORM_PRODUCT, y)


def dual_value(K: arb_mat, k: arb_mat, multiplier: float) -> arb:
    """sup ‖Ku + k‖ over ‖u‖ ≤ 1 from above, by a multiplier that anyone may have guessed.

    The square root of ‖k‖² + μ + kᵀK(μI − KᵀK)⁻¹Kᵀk, for the smallest certifiable μ tried, from
    `multiplier` on; ∞ where none is.
    """
    gram = K.transpose() * K
    for margin in (0.0, *MARGINS):
        mu = exact(multiplier * (1 + margin))
        L = cholesky(mu * identity(K.ncols()) - gram)
        if L is not None:
            w = L.solve(K.transpose() * k)
            return (squared_norm(k) + mu + squared_norm(w)).sqrt()
    return INFINITY


def _secular_solution(K: Float[Tensor, "n d"], k: Float[Tensor, " n"]) -> tuple[float, Tensor]:
    """(μ, y) with (μI − KᵀK)y = Kᵀk, ‖y‖ = 1 and μ ≥ ‖K‖², in float64.

    In the hard case (Kᵀk has almost no part along the leading eigenvector) that part is added to y
    until ‖y‖ = 1.
    """
    eigenvalues, V = torch.linalg.eigh(K.mT @ K)
    g = V.mT @ (K.mT @ k)
    top = eigenvalues[-1].item()
    # At the upper limit ‖y‖ ≤ 1/2, clear of rounding.
    lowest, highest = top * (1 + MARGINS[0]), top + 2 * g.norm().item()

    if _excess(lowest, g, eigenvalues) > 0 and highest > lowest:
        mu = brentq(_excess, lowest, highest, (g, eigenvalues), xtol=1e-300, rtol=1e-14)
        y = g / (mu - eigenvalues)
    else:
        mu = lowest
        y = g / (mu - eigenvalues)
        y[-1] = torch.copysign((1 - y[:-1] @ y[:-1]).clamp(min=0).sqrt(), g[-1])
    return mu, V @ (y / y.norm())


def _excess(mu: float, g: Tensor, eigenvalues: Tensor) -> float:
    return (g / (mu - eigenvalues)).norm().item() - 1
