"""The optima of tasks, by their type."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_theory.optima.base import CertifiedOptima, CertifiedOptimum
from ml2o_theory.optima.solver import has_expression, solvers


@torch.no_grad()
def certified_optima(tasks: TaskBatch) -> CertifiedOptima:
    """f* of every task of a batch, enclosed. Deterministic; in float64, on the batch's device.

    A type of task without a solver here may have a CVXPY expression instead (`convex_loss`): its
    optima are estimates, and say so. `InvalidArgument` for data that is not finite, and for a type
    of task that has neither.
    """
    solve = _solver(tasks.task_type)
    for name, value in tasks.tensors.items():
        if not (finite := value.isfinite()).all():
            raise InvalidArgument(name, value[~finite][0].item(), "finite numbers")
    axes = len(tasks.shape)
    flat = {name: value.double().flatten(0, axes - 1) for name, value in tasks.tensors.items()}
    (count,) = {len(value) for value in flat.values()}
    found = solve(TaskBatch(tasks.task_type, flat, (count,)))
    return CertifiedOptima.joined([(torch.arange(count), found)], tasks.shape)


def _solver(kind: type[Task]) -> Callable[[TaskBatch], CertifiedOptima]:
    if kind in solvers():
        return solvers()[kind].solve
    if has_expression(kind):
        # CVXPY takes a second to import; only such a task needs it.
        from ml2o_theory.convex.expression import expression_optima

        return expression_optima
    names = ", ".join(sorted(known.__name__ for known in solvers()))
    allowed = f"a task with a solver ({names}), or with a `convex_loss`"
    raise InvalidArgument("task", kind.__name__, allowed)


def certified_optimum(task: Task) -> CertifiedOptimum:
    """f* of one task."""
    return certified_optima(TaskBatch.stack([task]))[0]
