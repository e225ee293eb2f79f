"""Small settings on which assumptions are checked: fixed data, no draws."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.assumptions.base import Setting
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.regions import Ball, Box, ParameterInterval


def tensor(values: Any) -> Tensor:
    """float64."""
    return torch.tensor(values, dtype=torch.float64)


def quadratic_pair() -> QuadraticPair:
    """Two quadratics of two variables with different Hessians, and x_0."""
    return QuadraticPair(
        QuadraticTask(tensor([[1.0, 0.5], [0.0, 2.0]]), tensor([1.0, -1.0])),
        QuadraticTask(tensor([[1.5, 0.0], [0.25, 1.0]]), tensor([0.5, 1.0])),
        tensor([0.25, -0.5]),
    )


def close_population(alpha: float = 5e-4, steps: int = 2, batch: int = 2) -> Setting:
    """Four quadratics of two variables that differ a little, and the scalar gain.

    Φ holds the minimisers of every mean over two of them, and Ĝ, G and Ḡ are convex on it.
    """
    matrices = [(2.0, 1.0), (2.125, 1.0), (2.0, 1.25), (1.875, 0.875)]
    target = tensor([1.0, 0.5])
    tasks = tuple(QuadraticTask(torch.diag(tensor(entries)), target) for entries in matrices)
    return Setting(
        tasks,
        tensor([2.0, -1.0]),
        LinearGain(),
        None,
        None,
        ParameterInterval(0.24, 0.36),
        steps,
        "four quadratics",
        alpha=alpha,
        batch=batch,
    )


def setting_of(
    task: Task,
    rule: UpdateRule,
    x0: Tensor,
    x: Ball | Box | None = None,
    phi: ParameterInterval | Box | None = None,
) -> Setting:
    """One task; Φ = [0, 1/8] where none is given; gradients in a box of side 2."""
    z = Box((-1.0,) * task.dim, (1.0,) * task.dim)
    phi = phi or ParameterInterval(0.0, 0.125)
    return Setting((task,), x0, rule, x, z, phi, 2, type(task).__name__)
