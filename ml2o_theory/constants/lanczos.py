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

_DENSE = 64
"""Up to this dimension the matrix is formed and decomposed, which is faster and exact."""


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

    `steps` limits ARPACK's restarts; if they do not suffice, the best vectors found are returned,
    and their residuals say so. H may be a Hessian-vector product in float64.
    """
    if d < 1:
        raise InvalidArgument("d", d, "an integer ≥ 1")
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    if d <= _DENSE:
        H = torch.stack([matvec(e) for e in torch.eye(d, dtype=torch.float64)])
        vectors = torch.linalg.eigh((H + H.mT) / 2)[1]
        return _pair(matvec, vectors[:, 0]), _pair(matvec, vectors[:, -1])
    low, high = (_arpack(matvec, d, steps, generator, which) for which in ("SA", "LA"))
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
    return _from_arpack(gram, d, steps, start, "LA")


def _arpack(
    matvec: Callable[[Tensor], Tensor], d: int, steps: int, generator: torch.Generator, which: str
) -> Tensor:
    start = torch.randn(d, generator=generator, dtype=torch.float64)
    return _from_arpack(matvec, d, steps, start, which)


def _from_arpack(
    matvec: Callable[[Tensor], Tensor], d: int, steps: int, start: Tensor, which: str
) -> Tensor:
    last = start

    def product(v: Any) -> Any:
        nonlocal last
        last = torch.from_numpy(np.array(v, dtype=np.float64).reshape(-1))
        return matvec(last).detach().numpy()

    operator = LinearOperator((d, d), matvec=product, dtype=np.float64)
    try:
        vectors = eigsh(operator, k=1, which=which, v0=start.numpy(), maxiter=steps)[1]
    except ArpackNoConvergence as stopped:
        vectors = stopped.eigenvectors
    if vectors.size == 0:
        return last / last.norm()
    return torch.from_numpy(vectors[:, 0].copy())


def _pair(matvec: Callable[[Tensor], Tensor], v: Tensor) -> RitzPair:
    v = v / v.norm()
    Hv = matvec(v)
    theta = v @ Hv
    return RitzPair(theta.item(), v, (Hv - theta * v).norm().item())
