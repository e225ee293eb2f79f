"""One CVXPY problem, solved by one solver: the point, the value that it reports, its status.

CVXPY is imported when something is first solved: it takes longer than most commands.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import cvxpy as cp

SOLVERS = ("CLARABEL", "SCS")
"""An interior point method, and an operator splitting: they share no code and no algorithm."""

_TOLERANCE = 1e-11
"""CLARABEL's default of 1e-8 leaves relative gaps up to 2e-7 at σ = 200; this costs no time."""

_OPTIONS: dict[str, dict[str, Any]] = {
    "CLARABEL": {
        "tol_gap_abs": _TOLERANCE,
        "tol_gap_rel": _TOLERANCE,
        "tol_feas": _TOLERANCE,
        # SCS has no such exit: it would go on to its limit of iterations.
        "reduced_tol_gap_abs": 1e-8,
        "reduced_tol_gap_rel": 1e-8,
        "reduced_tol_feas": 1e-8,
    },
    "SCS": {"eps_abs": 1e-9, "eps_rel": 1e-9, "max_iters": 20_000},
}


def solver_name(solver: str) -> str:
    """What a report calls it."""
    return f"CVXPY {version('cvxpy')}, {solver}"


@dataclass(frozen=True)
class Solution:
    """What a solver says: `value` is NaN and `point` None where it has none; `status` is its own.

    `iterations` is 0 where it does not tell. `bound` is a lower bound that its multiplier proves,
    for a semidefinite program: what the solver reports of one is none.
    """

    value: float
    point: np.ndarray | None
    status: str
    iterations: int = 0
    bound: float | None = None


def solve(problem: cp.Problem, variable: cp.Variable, solver: str) -> Solution:
    """Minimise; whatever goes wrong is in the status."""
    import cvxpy as cp

    try:
        with warnings.catch_warnings():
            # The status says the same.
            warnings.filterwarnings("ignore", message="Solution may be inaccurate")
            # From where it ended last, the last digits would depend on what was solved before.
            problem.solve(solver=solver, warm_start=False, **_OPTIONS[solver])
    except cp.error.SolverError as error:
        return Solution(math.nan, None, " ".join(str(error).split()))
    if problem.status not in (cp.OPTIMAL, cp.OPTIMAL_INACCURATE) or variable.value is None:
        return Solution(math.nan, None, str(problem.status))
    iterations = problem.solver_stats.num_iters or 0
    point = np.array(variable.value, dtype=np.float64)
    return Solution(float(problem.value), point, str(problem.status), int(iterations))
