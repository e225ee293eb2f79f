"""The contract of a formulation: a task as a CVXPY problem that is compiled once for its shape.

To add one, write one file in this package with a subclass that names the type of task it is a
formulation `of`. A task of your own needs none: see `ml2o_theory.convex.expression`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from typing import Any, ClassVar

import numpy as np

from ml2o_core.discovery import by_subject
from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task
from ml2o_theory.convex.solving import Solution
from ml2o_theory.optima.solver import has_expression

COMPILED = 16
"""Compiled problems that are kept; compiling one takes longer than solving it ten times."""

Shapes = tuple[tuple[str, tuple[int, ...]], ...]

_compiled: dict[tuple[type[Task], Shapes, str], Formulation] = {}


class Formulation(ABC):
    """Tasks of the type `of` and of the shape of `task`."""

    of: ClassVar[type[Task]]

    @abstractmethod
    def __init__(self, task: Any) -> None:
        """Compile the problem; only the shape of the task's data matters."""

    @abstractmethod
    def solve(self, task: Any, solver: str) -> Solution:
        """The task's own value and point x, whatever the problem is scaled to."""


def formulation(task: Task, solver: str) -> Formulation:
    """The formulation of a task, compiled for `solver` when it is first used.

    `InvalidArgument` names the tasks that have one.
    """
    kind = type(task)
    if kind in _formulations():
        shapes = tuple((name, tuple(value.shape)) for name, value in task.tensors().items())
        # One for each solver: CVXPY compiles anew whenever a problem's solver changes.
        key = (kind, shapes, solver)
        if key not in _compiled:
            if len(_compiled) == COMPILED:
                _compiled.pop(next(iter(_compiled)))
            _compiled[key] = _formulations()[kind](task)
        return _compiled[key]
    if has_expression(kind):
        from ml2o_theory.convex.expression import Expression

        return Expression(task)
    names = ", ".join(sorted(known.__name__ for known in _formulations()))
    raise InvalidArgument(
        "task", kind.__name__, f"a task with a CVXPY problem: {names}, or a `convex_loss`"
    )


def has_formulation(kind: type[Task]) -> bool:
    """Whether CVXPY can solve tasks of this type."""
    return kind in _formulations() or has_expression(kind)


@cache
def _formulations() -> dict[type[Task], type[Formulation]]:
    return by_subject(Formulation, "ml2o_theory.convex")


def scaled(solution: Solution, value: float, point: float) -> Solution:
    """The solution of the task from that of its scaled problem."""
    x = None if solution.point is None else np.asarray(solution.point) * point
    return Solution(solution.value * value, x, solution.status, solution.iterations)
