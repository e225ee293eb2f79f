"""Extreme eigenvalues and leading singular vectors without matrices: Lanczos, by ARPACK (SciPy).

ARPACK gives vectors; what is claimed about an eigenvalue is then computed from the vector. For a
symmetric H and any v, with θ = vᵀHv/vᵀv and r = ‖Hv − θv‖/‖v‖: λ_min ≤ θ ≤ λ_max, and some
eigenvalue lies in [θ − r, θ + r] (up to the rounding of the products Hv). That λ_min itself is
within r of θ is what Lanczos makes likely, not what it proves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor
from torch.func import vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator as seeded

_DENSE = 64
"""Up to this dimension the matrix is formed and decomposed, which is faster and exact."""

_TOLERANCES = (0.0, 1e-8, 1e-4, 1e-2)
"""Relative accuracy of the eigenvalue that ARPACK is asked for, 0 for machine precision."""


@dataclass(frozen=True)
class RitzPair:
    """θ = vᵀHv/vᵀv, v of shape (d,) with ‖v‖ = 1, and the residual ‖Hv − θv‖."""

    value: float
    vector: Tensor
    residual: float


def extreme_eigenvalues(
    matvec: Callable[[Float[Tensor, " d"]], Float[Tensor, " d"]],
    d: int,
    steps: int,
    generator: torch.Generator,
) -> tuple[RitzPair, RitzPair]:
    """The smallest and the largest eigenvalue of a symmetric v ↦ Hv on R^d.

    `steps` limits ARPACK's restarts; if they do not suffice, a looser tolerance is tried, and the
    residuals say so. H may be a Hessian-vector product in float64.
    """
    if d < 1:
        raise InvalidArgument("d", d, "an integer ≥ 1")
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    if d <= _DENSE:
        H = torch.stack([matvec(e) for e in torch.eye(d, dtype=torch.float64)])
        vectors = torch.linalg.eigh((H + H.mT) / 2)[1]
        return _pair(matvec, vectors[:, 0]), _pair(matvec, vectors[:, -1])
    start = torch.randn(d, generator=generator, dtype=torch.float64)
    low, high = _arpack(matvec, start, steps, ends=2)
    return _pair(matvec, low), _pair(matvec, high)


def leading_right_vector(
    matvec: Callable[[Float[Tensor, " d"]], Float[Tensor, " n"]],
    gram: Callable[[Float[Tensor, " d"]], Float[Tensor, " d"]],
    start: Float[Tensor, " d"],
    steps: int = 300,
) -> Float[Tensor, " d"]:
    """The unit v that maximises ‖Kv‖, from v ↦ Kv and v ↦ KᵀKv; `start` is a first guess."""
    d = start.numel()
    if d <= _DENSE:
        K = vmap(matvec)(torch.eye(d, dtype=torch.float64)).mT
        return torch.linalg.svd(K, full_matrices=False)[2][0]
    return _arpack(gram, start, steps, ends=1)[0]


def _arpack(
    matvec: Callable[[Tensor], Tensor], start: Tensor, steps: int, ends: int
) -> list[Tensor]:
    """Eigenvectors: of the largest eigenvalue (`ends` = 1), or of the smallest and the largest.

    ARPACK does not begin at a vector in the kernel: another takes its place. If that is in the
    kernel too, H is 0 almost surely, and every vector is an eigenvector.
    """

    def product(v: Any) -> Any:
        return matvec(torch.from_numpy(np.array(v, dtype=np.float64).reshape(-1))).detach().numpy()

    d = start.numel()
    if not bool(matvec(start).any()):
        start = torch.randn(d, generator=seeded(0), dtype=torch.float64)
        if not bool(matvec(start).any()):
            return [start / start.norm()] * ends
    operator = LinearOperator((d, d), matvec=product, dtype=np.float64)
    which = "BE" if ends == 2 else "LA"
    for tolerance in _TOLERANCES:
        try:
            values, vectors = eigsh(
                operator, k=ends, which=which, v0=start.numpy(), maxiter=steps, tol=tolerance
            )
        except ArpackNoConvergence:
            continue
        return [torch.from_numpy(vectors[:, i].copy()) for i in values.argsort()]
    return [start / start.norm()] * ends


def _pair(matvec: Callable[[Tensor], Tensor], v: Tensor) -> RitzPair:
    v = v / v.norm()
    Hv = matvec(v)
    theta = v @ Hv
    return RitzPair(theta.item(), v, (Hv - theta * v).norm().item())
