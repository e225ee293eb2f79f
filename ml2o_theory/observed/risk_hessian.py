r"""∇²g_T(φ) of g_T(φ) = l(x_T(φ)), in ball arithmetic: Eq. 2 differentiated once more.

For directions u, v of φ, K_t[u, v] = ∂²x_t/∂φ²[u, v] is symmetric, K_0 = 0, and with δz = H_t J_t u
and δz' = H_t J_t v

    K_{t+1}[u, v] = A_t K_t[u, v] + ∇₁m ∇³l(x_t)[J_t u, J_t v] + ∇²m(z_t, φ)[(δz, u), (δz', v)]
    ∇²g_t[u, v]   = (J_t u)ᵀ H_t (J_t v) + ∇l(x_t)ᵀ K_t[u, v].

One symmetric pair of the basis of φ at a time: p(p + 1)/2 of them.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import identity, vector
from ml2o_theory.models import RuleModel, TaskModel
from ml2o_theory.observed.runs import Run


def risk_hessians(
    task: TaskModel, rule: RuleModel, phi: Float[Tensor, " p"], run: Run
) -> list[arb_mat]:
    """∇²g_t(φ) of shape (p, p) for t = 0 … T, at the current precision.

    `run` is that of `task` and `rule` with parameters `phi`, in graph mode `full`.
    """
    if run.graph is not GraphMode.FULL:
        raise InvalidArgument("run", run.graph.value, "a run in graph mode full")
    p, d, params = phi.numel(), run.x[0].nrows(), vector(phi)
    pairs = list(combinations_with_replacement(range(p), 2))
    unit = _columns(identity(p))
    K = {pair: arb_mat(d, 1) for pair in pairs}
    found = []
    for t, (x, z, H, J) in enumerate(zip(run.x, run.z, run.H, run.J, strict=True)):
        hessian = J.transpose() * H * J
        for j, k in pairs:
            hessian[j, k] += (z.transpose() * K[j, k])[0, 0]
            hessian[k, j] = hessian[j, k]
        found.append(hessian)
        if t < len(run.m):
            moved, inputs = _columns(J), list(zip(_columns(H * J), unit, strict=True))
            K = {
                (j, k): run.A[t] * K[j, k]
                + run.m[t].in_z * task.third(x, moved[j], moved[k])
                + rule.second(z, params, inputs[j], inputs[k])
                for j, k in pairs
            }
    return found


def _columns(values: arb_mat) -> list[arb_mat]:
    """The columns of a matrix of shape (n, k), each of shape (n, 1)."""
    return [arb_mat(values.nrows(), 1, list(column)) for column in values.transpose().tolist()]
