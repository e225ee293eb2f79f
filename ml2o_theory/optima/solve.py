"""The optimum of a task, by its type."""

from __future__ import annotations

from itertools import product

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.optima.base import CertifiedOptimum
from ml2o_theory.optima.quadratic import quadratic_optimum


def certified_optimum(task: Task) -> CertifiedOptimum:
    """f* of one task, enclosed. Deterministic; about 3 ms for a LASSO problem of 10 variables."""
    if isinstance(task, LassoTask):
        # CVXPY takes a second to import; only LASSO needs it.
        from ml2o_theory.convex.lasso import lasso_optimum

        return lasso_optimum(task)
    if isinstance(task, QuadraticTask):
        return quadratic_optimum(task)
    raise InvalidArgument("task", type(task).__name__, "LassoTask, QuadraticTask")


def certified_optima(tasks: TaskBatch) -> list[CertifiedOptimum]:
    """f* of every task of a batch; for shape (R, N), all of replicate 0 first."""
    return [certified_optimum(tasks[index]) for index in product(*map(range, tasks.shape))]
