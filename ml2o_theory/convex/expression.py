r"""The optimum of a user's own convex task, from a CVXPY expression of its loss.

A task that is convex says so by a second way to write its loss, with CVXPY's atoms:

    @dataclass(frozen=True)
    class Huber(Task):
        A: Tensor
        b: Tensor
        …
        def convex_loss(self, x):            # x is a cvxpy.Variable of shape (d,)
            return cp.sum(cp.huber(self.A.numpy() @ x - self.b.numpy()))

`certified_optima` then has an optimum of it, and the referee its CVXPY columns. Nothing here knows
the dual of such a problem, so nothing is *proved*: `primal` is the loss at the better of two
solvers' points, in float64; `dual` is the lowest value that either of them reports, less what they
differ by and their tolerance; and the optima say `proved = False`. A user who can bound f* from
below writes an `OptimumSolver`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import cvxpy as cp
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_theory.convex.formulation import Formulation
from ml2o_theory.convex.solving import SOLVERS, Solution, solve, solver_name
from ml2o_theory.optima.base import CertifiedOptima, SolverStatus

TOLERANCE = 1e-7
"""Relative to 1 + |f*|: what is taken off the lowest reported value."""


class Expression(Formulation):
    """A task with a `convex_loss`; the problem is made anew for each task."""

    of: ClassVar[type[Task]]

    def __init__(self, task: Any) -> None:
        pass

    def solve(self, task: Any, solver: str) -> Solution:
        x = cp.Variable(task.dim)
        loss = task.convex_loss(x)
        if not (isinstance(loss, cp.Expression) and loss.is_scalar() and loss.is_convex()):
            raise InvalidArgument(
                "convex_loss", str(loss), "a scalar CVXPY expression that is known to be convex"
            )
        return solve(cp.Problem(cp.Minimize(loss)), x, solver)


def expression_optima(tasks: TaskBatch) -> CertifiedOptima:
    """The optima of a batch (N,), each by both solvers."""
    found = [_optimum(tasks[n]) for n in range(len(next(iter(tasks.tensors.values()))))]
    points, primal, dual, residual, iterations, status = zip(*found, strict=True)
    name = " and ".join(solver_name(solver) for solver in SOLVERS)
    return CertifiedOptima(
        torch.stack(points),
        torch.stack(primal),
        torch.stack(dual),
        torch.stack(residual),
        torch.tensor(iterations),
        tuple(status),
        (name,) * len(found),
        proved=False,
    )


def _optimum(task: Task) -> tuple[Tensor, Tensor, Tensor, Tensor, int, SolverStatus]:
    expression = Expression(task)
    solutions = [expression.solve(task, solver) for solver in SOLVERS]
    solved = [s for s in solutions if s.point is not None]
    infinity = torch.tensor(torch.inf, dtype=torch.float64)
    if not solved:
        nowhere = torch.full((task.dim,), torch.nan, dtype=torch.float64)
        return nowhere, infinity, -infinity, infinity, 0, SolverStatus.FAILED
    points = [torch.from_numpy(s.point) for s in solved]
    values = torch.stack([task.loss(point).detach().double() for point in points])
    best = int(values.argmin())
    reported = torch.tensor([s.value for s in solved], dtype=torch.float64)
    slack = TOLERANCE * (1 + values[best].abs()) + (reported.max() - reported.min())
    dual = torch.minimum(reported.min(), values[best]) - slack
    exact = len(solved) == len(SOLVERS) and all(s.status == cp.OPTIMAL for s in solved)
    status = SolverStatus.OPTIMAL if exact else SolverStatus.INACCURATE
    slope = task.gradient(points[best]).detach().double().abs().max()
    return points[best], values[best], dual, slope, sum(s.iterations for s in solved), status
