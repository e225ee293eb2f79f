"""LASSO with CVXPY: a point from CLARABEL, and bounds that do not depend on what it says.

The problem is solved in scaled variables, because at A ~ N(0, 100²) its own are far from 1. With
x = (β/a) w, a = ‖A‖, β = ‖b‖ and κ = λ/(aβ), F(x) = β²κ (½‖r‖² + ‖w‖₁) where (A/a) w + √κ r = b/β:
w, r and the value are of order 1 for every λ and every scale of A and b.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache

import cvxpy as cp
import torch

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.lasso import LassoTask
from ml2o_theory.optima.base import CertifiedOptimum, SolverStatus
from ml2o_theory.optima.lasso import lasso_bounds, vanishes_at_zero

_SOLVER = f"CVXPY {cp.__version__}, CLARABEL"
_TOLERANCE = 1e-11
"""CLARABEL's default of 1e-8 leaves relative gaps up to 2e-7 at σ = 200; this costs no time."""

_STATUS = {
    cp.OPTIMAL: SolverStatus.OPTIMAL,
    cp.OPTIMAL_INACCURATE: SolverStatus.INACCURATE,
}


@dataclass(frozen=True)
class _Parametrised:
    """The scaled problem for one shape; CVXPY compiles it once and then changes the data."""

    problem: cp.Problem
    A: cp.Parameter
    b: cp.Parameter
    root_kappa: cp.Parameter
    w: cp.Variable


@lru_cache(maxsize=16)
def _parametrised(rows: int, columns: int) -> _Parametrised:
    A, b = cp.Parameter((rows, columns)), cp.Parameter(rows)
    root_kappa = cp.Parameter(nonneg=True)
    w, r = cp.Variable(columns), cp.Variable(rows)
    objective = cp.Minimize(cp.sum_squares(r) / 2 + cp.norm1(w))
    return _Parametrised(cp.Problem(objective, [A @ w + root_kappa * r == b]), A, b, root_kappa, w)


def lasso_optimum(task: LassoTask) -> CertifiedOptimum:
    """F* of one LASSO problem with λ > 0; `status` says what came of the solver."""
    weight = task.weight.item()
    if not weight > 0:
        raise InvalidArgument("weight", weight, "a number > 0 (at 0 the task is a Quadratic)")
    A, b = task.A.double(), task.b.double()
    if vanishes_at_zero(task):
        zero = torch.zeros(task.dim, dtype=torch.float64)
        primal, dual = lasso_bounds(task, zero)
        return CertifiedOptimum(
            tuple(zero.tolist()), primal, dual, "x* = 0", SolverStatus.CLOSED_FORM
        )
    a, beta = torch.linalg.matrix_norm(A, 2), b.norm()
    kappa = weight / (a * beta)
    scaled = _parametrised(*A.shape)
    scaled.A.value = (A / a).numpy()
    scaled.b.value = (b / beta).numpy()
    scaled.root_kappa.value = kappa.sqrt().item()
    try:
        with warnings.catch_warnings():
            # The status says the same.
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            scaled.problem.solve(
                solver=cp.CLARABEL,
                # From where it ended last, the last digits would depend on what was solved before.
                warm_start=False,
                tol_gap_abs=_TOLERANCE,
                tol_gap_rel=_TOLERANCE,
                tol_feas=_TOLERANCE,
            )
    except cp.error.SolverError as error:
        return CertifiedOptimum.failed(_SOLVER, " ".join(str(error).split()))
    if scaled.problem.status not in _STATUS:
        return CertifiedOptimum.failed(_SOLVER, f"status {scaled.problem.status}")
    x = torch.from_numpy(scaled.w.value) * (beta / a)
    primal, dual = lasso_bounds(task, x)
    return CertifiedOptimum(
        point=tuple(x.tolist()),
        primal=primal,
        dual=dual,
        solver=_SOLVER,
        status=_STATUS[scaled.problem.status],
        reported=(beta**2 * kappa).item() * float(scaled.problem.value),
    )
