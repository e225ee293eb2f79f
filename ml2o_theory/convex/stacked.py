"""Many LASSO problems as one CVXPY problem: how fast CVXPY can be, for the benchmark.

The problems share nothing, so their sum is minimal where each of them is. Each is scaled as in
`ml2o_theory.convex.least_squares`, so that none is lost among the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from torch import Tensor

from ml2o_core.tasks.base import TaskBatch
from ml2o_theory.convex.solving import solve


@dataclass(frozen=True, eq=False)
class Stacked:
    """The points (N, d), the seconds of everything, and those of the solver alone."""

    points: Tensor
    status: str
    seconds: float
    solver_seconds: float


def stacked_lasso(tasks: TaskBatch, solver: str) -> Stacked:
    """A batch (N,) of LASSO problems with λ > 0, A ≠ 0 and b ≠ 0; points are NaN if it failed."""
    import cvxpy as cp

    begun = time.perf_counter()
    A, b, weight = (tasks.tensors[name].double().cpu() for name in ("A", "b", "weight"))
    a, beta = torch.linalg.matrix_norm(A, 2), b.norm(dim=-1)
    root = (weight / (a * beta)).sqrt()
    count, rows, columns = A.shape
    blocks = scipy.sparse.block_diag(list((A / a[:, None, None]).numpy()), format="csr")
    w, r = cp.Variable(count * columns), cp.Variable(count * rows)
    units = scipy.sparse.diags(root.repeat_interleave(rows).numpy())
    target = (b / beta.unsqueeze(-1)).flatten().numpy()
    objective = cp.Minimize(cp.sum_squares(r) / 2 + cp.norm1(w))
    problem = cp.Problem(objective, [blocks @ w + units @ r == target])
    found = solve(problem, w, solver)
    point = np.full(count * columns, np.nan) if found.point is None else found.point
    points = torch.from_numpy(point).reshape(count, columns) * (beta / a).unsqueeze(-1)
    seconds = time.perf_counter() - begun
    stats = problem.solver_stats
    alone = float("nan") if stats is None or stats.solve_time is None else float(stats.solve_time)
    return Stacked(points, found.status, seconds, alone)
