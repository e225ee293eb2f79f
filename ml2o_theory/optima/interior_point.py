r"""LASSO by a primal–dual interior point method, for a batch of problems at once.

With λ‖x‖₁ = min λ Σ t_j subject to |x_j| ≤ t_j, slacks s¹ = t − x, s² = t + x > 0 and multipliers
z¹, z² > 0, the optimality conditions are

    Aᵀ(b − Ax) = y,   z¹ + z² = λ,   z¹ − z² = y,   s¹z¹ = s²z² = 0.

The iterates keep x = (s² − s¹)/2 and z¹ + z² = λ; Newton's method is applied to the others, with
s z = μ in place of 0. Eliminating all but Δx leaves one symmetric positive definite system,

    (AᵀA + diag(4/w)) Δx = (Aᵀ(b − Ax) − y) + 4e/w,
    w = s¹/z¹ + s²/z²,   e = ½(r²/z² − r¹/z¹),   Δy = 4(Δx − e)/w,

with r the right sides of the complementarity conditions. Mehrotra's predictor and corrector share
its factor; the second-order term counts by the predictor's length, without which one problem in
some thousands cycles (Colombo and Gondzio, Comput. Optim. Appl. 41, 2008). Variables are scaled so
that λ = 1 and x is of the order of ‖b‖/‖A‖_F. Problems leave the batch as they finish.

`accurate` solves the system by a QR factorisation of (A; diag(4/w)^½), whose error grows with the
condition of A and not with its square; it costs four times as much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Int
from torch import Tensor

from ml2o_theory.optima.fit_bounds import Matrices, Points, Rows, Scalars, apply

TO_THE_BOUNDARY = 0.995
"""Share of the way to the boundary that a step may go."""


@dataclass(frozen=True)
class Interior:
    """Slacks and multipliers, each (2, N, d), of the scaled problem; x (N, d) in its own scale."""

    slack: Tensor
    multiplier: Tensor
    x: Points
    iterations: Int[Tensor, " N"]

    @property
    def nonzero(self) -> Tensor:
        """Which x_j seem not to vanish at the optimum, (N, d).

        Of each pair s, z one tends to 0. At x_j ≠ 0 it is the multiplier of the larger slack; at
        x_j = 0 both slacks.
        """
        slack, multiplier = self.slack.amax(0), self.multiplier.amin(0)
        return multiplier < slack / slack.amax(-1, keepdim=True)


def interior_point(
    A: Matrices, b: Rows, weight: Scalars, *, tolerance: float, limit: int, accurate: bool
) -> Interior:
    """Until μ is below `tolerance`, relative to λ times the scale of x, or `limit` iterations."""
    norm = torch.linalg.vector_norm(A, dim=(-2, -1))
    scale = torch.where(norm > 0, b.norm(dim=-1) / norm, 1.0)
    A = A * (scale / weight).sqrt()[:, None, None]
    b = b / (scale * weight).sqrt().unsqueeze(-1)
    gram = A.mT @ A
    slack = torch.ones(2, *gram.shape[:-1], dtype=A.dtype, device=A.device)
    state = torch.stack([slack, slack / 2])
    found, iterations = state.clone(), torch.full_like(weight, limit, dtype=torch.int64)
    live = torch.arange(len(A), device=A.device)
    for k in range(limit + 1):
        slack, multiplier = state
        product = slack * multiplier
        mu = product.mean((0, 2)).unsqueeze(-1)
        going = (mu > tolerance).squeeze(-1)
        if k == limit or not bool(going.all()):
            found[:, :, live], iterations[live] = state, k
            if k == limit or not bool(going.any()):
                break
            A, b, gram, mu, live = (value[going] for value in (A, b, gram, mu, live))
            slack, multiplier, product = (value[:, going] for value in (slack, multiplier, product))
        newton = _Newton.at(A, b, gram, slack, multiplier, accurate=accurate)
        toward, change = newton.step(-product)
        length = _length(slack, multiplier, toward, change)
        after = ((slack + length * toward) * (multiplier + length * change)).mean((0, 2))
        center = (after.unsqueeze(-1) / mu) ** 3 * mu
        toward, change = newton.step(center - product - length * toward * change)
        length = (TO_THE_BOUNDARY * _length(slack, multiplier, toward, change)).clamp(max=1.0)
        state = torch.stack([slack + length * toward, multiplier + length * change])
    slack, multiplier = found
    x = (slack[1] - slack[0]) / 2 * scale.unsqueeze(-1)
    return Interior(slack, multiplier, x, iterations)


@dataclass(frozen=True)
class _Newton:
    """The linearised conditions at one iterate, factored; `error` is Aᵀ(b − Ax) − y."""

    solve: Callable[[Points], Points]
    error: Points
    multiplier: Tensor
    ratio: Tensor

    @classmethod
    def at(
        cls,
        A: Matrices,
        b: Rows,
        gram: Tensor,
        slack: Tensor,
        multiplier: Tensor,
        *,
        accurate: bool,
    ) -> Self:
        ratio = slack / multiplier
        residual = b - apply(A, (slack[1] - slack[0]) / 2)
        error = apply(A.mT, residual) - (multiplier[0] - multiplier[1])
        solve = _solver(A, gram, 4 / ratio.sum(0), accurate=accurate)
        return cls(solve, error, multiplier, ratio)

    def step(self, right: Tensor) -> tuple[Tensor, Tensor]:
        """The changes of slacks and multipliers for the right sides (r¹, r²)."""
        quotient, w = right / self.multiplier, self.ratio.sum(0)
        e = (quotient[1] - quotient[0]) / 2
        half = 2 * (self.solve(self.error + 4 * e / w) - e) / w
        change = torch.stack([half, -half])
        return quotient - self.ratio * change, change


def _length(slack: Tensor, multiplier: Tensor, toward: Tensor, change: Tensor) -> Tensor:
    """The largest step ≤ 1/TO_THE_BOUNDARY that keeps everything ≥ 0, (N, 1)."""
    fastest = torch.maximum(-toward / slack, -change / multiplier).amax((0, 2))
    return 1 / fastest.clamp(min=TO_THE_BOUNDARY).unsqueeze(-1)


def _solver(
    A: Matrices, gram: Tensor, diagonal: Points, *, accurate: bool
) -> Callable[[Points], Points]:
    """v ↦ (AᵀA + diag)⁻¹ v."""
    if not accurate:
        factor, _ = torch.linalg.cholesky_ex(gram + torch.diag_embed(diagonal))
        return lambda v: torch.cholesky_solve(v.unsqueeze(-1), factor).squeeze(-1)
    upper = torch.linalg.qr(torch.cat([A, torch.diag_embed(diagonal.sqrt())], -2), mode="r").R

    def once(v: Points) -> Points:
        lower = torch.linalg.solve_triangular(upper.mT, v.unsqueeze(-1), upper=False)
        return torch.linalg.solve_triangular(upper, lower, upper=True).squeeze(-1)

    def solve(v: Points) -> Points:
        found = once(v)
        # The seminormal equations need one correction to be as good as the factorisation.
        return found + once(v - apply(A.mT, apply(A, found)) - diagonal * found)

    return solve
