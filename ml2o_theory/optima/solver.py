"""The contract of a solver: the optima of a batch of tasks of one type.

To add one, write one file in this package with a subclass that names the type of task it is a
solver `of`; `solvers` finds it, in a file of your own too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from ml2o_core.discovery import by_subject
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_theory.optima.base import CertifiedOptima


class OptimumSolver(ABC):
    """Optima of tasks of the type `of`."""

    of: ClassVar[type[Task]]

    @abstractmethod
    def solve(self, tasks: TaskBatch) -> CertifiedOptima:
        """One optimum for each task; the batch has shape (N,), finite float64 data, and N ≥ 1."""

    @abstractmethod
    def bounds(self, tasks: TaskBatch, points: Tensor) -> tuple[Tensor, Tensor]:
        """f at any points (N, d), rounded up, and lower bounds of f* that they give; both (N,)."""


def has_expression(kind: type[Task]) -> bool:
    """Whether tasks of this type give a CVXPY expression (`ml2o_theory.convex.expression`)."""
    return callable(getattr(kind, "convex_loss", None))


def solvers() -> dict[type[Task], OptimumSolver]:
    """Every solver, by the type of task: those of this package, and those of a user's own files."""
    found = by_subject(OptimumSolver, "ml2o_theory.optima")
    return {kind: solver() for kind, solver in found.items()}
