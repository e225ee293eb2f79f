r"""From the signs of x* to x* and θ* themselves: the LASSO problem on its active set.

Let S be the columns with x*_j ≠ 0 and s their signs. On S the optimality conditions are linear,
A_Sᵀ(b − A_S x) = λs. With A_S = QR, Q with orthonormal columns, and W = R⁻¹,

    x = W(Qᵀb − λWᵀs),     θ = b − A_S x = (I − QQᵀ)b + λQWᵀs.

θ is formed by the second expression: where b is nearly in the range of A_S, the first one is a
small difference of large numbers. Both are corrected once by their own residual, A_Sᵀθ − λs.

Where the columns are dependent, W = VΣ⁺ and Q = U of the singular value decomposition give the
solution of least norm, which shares the value among copies of a column.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ml2o_theory.optima.fit_bounds import Matrices, Points, Rows, Scalars, apply


def on_active_set(
    A: Matrices, b: Rows, weight: Scalars, signs: Points, *, dependent: bool
) -> tuple[Points, Rows]:
    """(x, θ) from `signs` (N, d), in which 0 stands for a column outside S.

    `dependent` says whether columns of A_S may be dependent. Not finite where they are, unsaid.
    """
    inside = signs.abs()
    basis, whitening = _factors(A * inside.unsqueeze(-2), inside, dependent=dependent)
    target = weight.unsqueeze(-1) * signs
    whitened, along = apply(whitening.mT, target), apply(basis.mT, b)
    x = apply(whitening, along - whitened)
    theta = b - apply(basis, along)
    theta = theta - apply(basis, apply(basis.mT, theta)) + apply(basis, whitened)
    wrong = inside * apply(A.mT, theta) - target
    theta = theta - apply(basis, apply(whitening.mT, wrong))
    wrong = inside * apply(A.mT, b - apply(A, x * inside)) - target
    x = x + apply(whitening, apply(whitening.mT, wrong))
    return x * inside, theta


def _factors(active: Matrices, inside: Points, *, dependent: bool) -> tuple[Tensor, Tensor]:
    """Q (N, r, d) and W (N, d, d); columns outside S are zero in Q and rows are unit in W."""
    if dependent:
        U, sigma, Vh = torch.linalg.svd(active, full_matrices=False)
        rounding = max(active.shape[-2:]) * torch.finfo(sigma.dtype).eps * sigma[..., :1]
        inverse = torch.where(sigma > rounding, 1 / sigma, 0.0)
        kept = (sigma > rounding).to(U.dtype)
        return U * kept.unsqueeze(-2), Vh.mT * inverse.unsqueeze(-2)
    # Unit rows below the columns outside S make the rank full and leave the others alone.
    full = torch.cat([active, torch.diag_embed(1 - inside)], -2)
    Q, R = torch.linalg.qr(full)
    identity = torch.eye(R.shape[-1], dtype=R.dtype, device=R.device).expand_as(R)
    return Q[:, : active.shape[-2]], torch.linalg.solve_triangular(R, identity, upper=True)
