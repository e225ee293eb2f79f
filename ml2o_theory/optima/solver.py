"""The contract of a solver: the optima of a batch of tasks of one type.

To add one, write one file in this package with a subclass that names the type of task it is a
solver `of`; `solver_of` finds it.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from functools import cache
from typing import ClassVar

from torch import Tensor

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


@cache
def solvers() -> dict[type[Task], OptimumSolver]:
    """Every solver in this package, by the type of task."""
    package = importlib.import_module("ml2o_theory.optima")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return {member.of: member() for member in OptimumSolver.__subclasses__()}
