r"""Rosenbrock's valley, which is not convex, as a semidefinite program: the largest sum of squares.

l − γ is a sum of squares exactly where l(x) − γ = mᵀGm with a positive semidefinite G, for the
monomials m = (1, x_1, …, x_d, x_1², …, x_{d−1}²) that l is made of. Equal polynomials have equal
coefficients, so that G ranges over an affine set, and the largest γ is a semidefinite program.

Its value is no bound yet: the solver's G violates the equations, and is positive semidefinite up to
rounding only. For *any* symmetric G and any γ, with r the coefficients of l − γ − mᵀGm,

    l(x) = γ + mᵀGm + Σ_α r_α x^α ≥ γ − δ‖m(x)‖² − Σ_α |r_α| |x^α|,   δ ≥ max(0, −λ_min(G)).

A minimiser lies where l ≤ l(0) = d − 1, hence (1 − x_k)² ≤ d − 1 for k < d and
c_{d−1}(x_d − x_{d−1}²)² ≤ d − 1: a box, over which everything on the right is bounded in ball
arithmetic. That is the bound. The point is the first moments, which the multipliers of the
equations give.
"""

from __future__ import annotations

from collections import defaultdict
from typing import ClassVar

import cvxpy as cp
import numpy as np
import torch
from flint import arb

from ml2o_core.tasks.base import Task
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.arithmetic import exact, float_below, precision
from ml2o_theory.convex.formulation import Formulation
from ml2o_theory.convex.solving import Solution, solve
from ml2o_theory.intervals.norms import eigenvalues_between
from ml2o_theory.intervals.tensor import IntervalTensor

Monomial = tuple[int, ...]
"""The variables of a monomial with their multiplicity, in order: (0, 0, 1) is x_1² x_2."""

ONE: Monomial = ()


class RosenbrockFormulation(Formulation):
    """The sum-of-squares program, and the bound that its multiplier proves."""

    of: ClassVar[type[Task]] = RosenbrockTask

    def __init__(self, task: RosenbrockTask) -> None:
        d = task.dim
        squares: list[Monomial] = [(k, k) for k in range(d - 1)]
        self.basis: list[Monomial] = [ONE, *((k,) for k in range(d)), *squares]
        self.places: dict[Monomial, list[tuple[int, int]]] = defaultdict(list)
        for i, first in enumerate(self.basis):
            for j, second in enumerate(self.basis):
                self.places[tuple(sorted(first + second))].append((i, j))
        size = len(self.basis)
        self.G, self.gamma = cp.Variable((size, size), symmetric=True), cp.Variable()
        self.target = {monomial: cp.Parameter() for monomial in self.places}
        self.equations = {
            monomial: cp.Zero(
                sum(self.G[place] for place in places)
                + (self.gamma if monomial == ONE else 0.0)
                - self.target[monomial]
            )
            for monomial, places in self.places.items()
        }
        constraints = [*self.equations.values(), self.G >> 0]
        self.problem = cp.Problem(cp.Maximize(self.gamma), constraints)

    def solve(self, task: RosenbrockTask, solver: str) -> Solution:
        wanted = coefficients(task)
        for monomial, parameter in self.target.items():
            parameter.value = float(wanted.get(monomial, arb(0)).mid())
        found = solve(self.problem, self.G, solver)
        if found.point is None:
            return found
        moments = {m: float(equation.dual_value) for m, equation in self.equations.items()}
        point = np.array([moments[(k,)] for k in range(task.dim)]) / moments[ONE]
        G = torch.from_numpy((found.point + found.point.T) / 2)
        bound = proved_bound(task, self.places, self.basis, G, found.value)
        return Solution(found.value, point, found.status, found.iterations, bound)


def coefficients(task: RosenbrockTask) -> dict[Monomial, arb]:
    """Those of l: Σ_k 1 − 2x_k + x_k² + c_k (x_{k+1}² − 2 x_{k+1} x_k² + x_k⁴)."""
    found: dict[Monomial, arb] = defaultdict(arb)
    with precision():
        for k, steepness in enumerate(task.steepness.tolist()):
            c = exact(steepness)
            for monomial, value in (
                (ONE, arb(1)),
                ((k,), arb(-2)),
                ((k, k), arb(1)),
                ((k + 1, k + 1), c),
                ((k, k, k + 1), -2 * c),
                ((k, k, k, k), c),
            ):
                found[monomial] += value
    return found


def proved_bound(
    task: RosenbrockTask,
    places: dict[Monomial, list[tuple[int, int]]],
    basis: list[Monomial],
    G: torch.Tensor,
    gamma: float,
) -> float:
    """A lower bound of l from any symmetric G (m, m) and any γ, rounded down."""
    smallest, _ = eigenvalues_between(IntervalTensor.exactly(G))
    wanted = coefficients(task)
    with precision():
        defect = exact(max(0.0, -smallest.item()))
        start = arb(task.dim - 1)
        reach = [1 + start.sqrt()] * (task.dim - 1)
        reach.append(reach[-1] * reach[-1] + (start / exact(task.steepness[-1].item())).sqrt())

        def largest(monomial: Monomial) -> arb:
            size = arb(1)
            for k in monomial:
                size *= reach[k]
            return size

        bound = exact(gamma) - defect * sum((largest(m + m) for m in basis), arb(0))
        for monomial, entries in places.items():
            rest = wanted.get(monomial, arb(0)) - sum((exact(G[e].item()) for e in entries), arb(0))
            if monomial == ONE:
                rest -= exact(gamma)
            bound -= abs(rest) * largest(monomial)
        return float_below(bound)
