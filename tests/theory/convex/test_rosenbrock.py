"""Rosenbrock's sum-of-squares program: its value is no bound, the re-evaluated multiplier is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.convex import rosenbrock
from ml2o_theory.convex.referee import refer
from ml2o_theory.convex.rosenbrock import RosenbrockFormulation, coefficients, proved_bound
from ml2o_theory.convex.solving import SOLVERS
from ml2o_theory.optima import certified_optima

STEEPNESS = ([100.0], [1.0], [0.01], [100.0, 3.0], [100.0] * 4)


def valley(steepness: list[float]) -> RosenbrockTask:
    return RosenbrockTask(torch.tensor(steepness, dtype=torch.float64))


@pytest.mark.parametrize("steepness", STEEPNESS, ids=str)
def test_both_solvers_find_zero_at_one(steepness: list[float]) -> None:
    tasks = TaskBatch.stack([valley(steepness)])
    for found in refer(tasks, certified_optima(tasks)):
        assert found.reported[0].item() == pytest.approx(0, abs=1e-6)
        assert -1e-4 <= found.dual[0] <= 0 <= found.primal[0] <= 1e-6


def test_the_value_that_a_solver_reports_can_be_above_the_optimum() -> None:
    """Why it does not count: f* = 0. The bound from its multiplier is below."""
    values, bounds = [], []
    for steepness in STEEPNESS:
        task = valley(steepness)
        for solver in SOLVERS:
            found = RosenbrockFormulation(task).solve(task, solver)
            values.append(found.value)
            bounds.append(found.bound)
    assert max(values) > 0
    assert max(bound for bound in bounds if bound is not None) <= 0
    assert None not in bounds


@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=3), st.data())
def test_the_coefficients_are_those_of_the_loss(
    steepness: list[float], data: st.DataObject
) -> None:
    task = valley(steepness)
    numbers = st.lists(st.floats(-2, 2), min_size=task.dim, max_size=task.dim)
    x = torch.tensor(data.draw(numbers), dtype=torch.float64)
    total = sum(
        float(value.mid()) * x[list(monomial)].prod().item()
        for monomial, value in coefficients(task).items()
    )
    assert total == pytest.approx(task.loss(x).item(), rel=1e-12, abs=1e-12)


@given(st.sampled_from(STEEPNESS[:4]), st.integers(0, 2**32), st.floats(-1, 1))
def test_any_multiplier_proves_a_bound(steepness: list[float], seed: int, gamma: float) -> None:
    """Random G: no bound is above f* = 0; most are far below."""
    task = valley(steepness)
    program = RosenbrockFormulation(task)
    size = len(program.basis)
    G = torch.randn(size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert proved_bound(task, program.places, program.basis, G + G.mT, gamma) <= 0


def exact_multiplier(task: RosenbrockTask, program: RosenbrockFormulation) -> torch.Tensor:
    """G of (1 − x_1)² + c(x_2 − x_1²)²: l is a sum of squares itself."""
    c = task.steepness[0]
    rows = torch.zeros(2, len(program.basis), dtype=torch.float64)
    valley_rows = (((), 0, 1.0), ((0,), 0, -1.0), ((1,), 1, c**0.5), ((0, 0), 1, -(c**0.5)))
    for monomial, row, value in valley_rows:
        rows[row, program.basis.index(monomial)] = value
    return rows.mT @ rows


def test_the_exact_multiplier_proves_zero_up_to_rounding() -> None:
    task = valley([100.0])
    program = RosenbrockFormulation(task)
    G = exact_multiplier(task, program)
    bound = proved_bound(task, program.places, program.basis, G, 0.0)
    assert -1e-10 <= bound <= 0


DEFECTS = {
    "G is taken for positive semidefinite": ("max(0.0, -smallest.item())", "0.0"),
    "the equations are taken for satisfied": ("bound -= abs(rest) * largest(monomial)", "pass"),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_proves_too_much(defect: str, mutated: Callable[..., Any]) -> None:
    """A multiplier that is not positive semidefinite, or not of this polynomial, "proves" γ = ½."""
    task = valley([100.0])
    program = RosenbrockFormulation(task)
    G = exact_multiplier(task, program)
    first = program.basis.index(())
    if "semidefinite" in defect:
        G[first, first] -= 0.5
    planted = mutated(rosenbrock.proved_bound, *DEFECTS[defect])
    assert planted(task, program.places, program.basis, G, 0.5) > 0.1
    assert proved_bound(task, program.places, program.basis, G, 0.5) <= 0
