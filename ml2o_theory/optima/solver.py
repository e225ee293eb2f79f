"""The contract of a solver: the optima of a batch of tasks of one type.

To add one, write one file in this package with a subclass that names the type of task it is a
solver `of`; `solvers` finds it, in a file of your own too.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from functools import cache
from typing import Any, ClassVar

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


def solvers() -> dict[type[Task], OptimumSolver]:
    """Every solver, by the type of task: those of this package, and those of a user's own files."""
    _import_all()
    found: dict[type[Task], OptimumSolver] = {}
    pending: list[Any] = [OptimumSolver]
    while pending:
        member = pending.pop()
        pending += member.__subclasses__()
        if "of" in vars(member):
            found[member.of] = member()
    return found


@cache
def _import_all() -> None:
    package = importlib.import_module("ml2o_theory.optima")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
