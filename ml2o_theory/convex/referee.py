r"""The referee: CVXPY solves the same problems with two of its solvers, and must not disagree.

For each problem there is our interval [dual, primal] of f*; and of each solver the value that it
reports, and the interval [dual', primal'] that is proved from its point alone. Two proved intervals
of one number have to meet. A reported value has to lie in ours up to the solver's own gap, which
says how good its point is, and up to the tolerance it was asked for. Anything else is an error of
one of the programs: `Disagreement` names the problem and saves its data, to be solved again.

Without a certificate of ours (a user's expression) the solvers are held against each other.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import ML2OError
from ml2o_core.files import write_atomically
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_theory.convex.formulation import formulation
from ml2o_theory.convex.solving import SOLVERS, Solution, solver_name
from ml2o_theory.optima.base import CertifiedOptima
from ml2o_theory.optima.solver import solvers

REPORTED = 1e-7
"""Relative to f*: how far a reported value may be off, beyond what the solver's point shows."""

REPORTED_OF_START = 1e-10
"""And relative to f at x = 0."""


class Disagreement(ML2OError):
    """Two answers about one optimum exclude each other. `path` holds the problem."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(f"optimum: {what}; the problem is in {path}")
        self.path = path


@dataclass(frozen=True, eq=False)
class Reference:
    """What one solver says of a batch of shape `shape`, and what its points prove.

    `reported`, `primal`, `dual` (…) are NaN, ∞ and 0 where it failed; `status` is its own word for
    each problem, replicate 0 first; `seconds` is the time of the whole loop.
    """

    solver: str
    reported: Float[Tensor, "*shape"]
    primal: Float[Tensor, "*shape"]
    dual: Float[Tensor, "*shape"]
    status: tuple[str, ...]
    seconds: float

    @property
    def solved(self) -> Tensor:
        """Where it has a value, (…)."""
        return self.reported.isfinite()

    @property
    def gap(self) -> Float[Tensor, "*shape"]:
        """What is proved of its points: primal − dual."""
        return self.primal - self.dual


def refer(
    tasks: TaskBatch,
    optima: CertifiedOptima,
    *,
    chosen: Sequence[str] = SOLVERS,
    save: Path = Path(),
) -> tuple[Reference, ...]:
    """What each CVXPY solver says; `Disagreement` where it contradicts `optima`.

    The problem is then saved as JSON in the folder `save`, by default the current one.
    """
    tasks = tasks.to("cpu", torch.float64)
    references = tuple(reference(tasks, solver) for solver in chosen)
    for found in references:
        _compare(tasks, optima, found, save)
    return references


def reference(tasks: TaskBatch, solver: str) -> Reference:
    """One solver on every task of the batch, through one compiled problem with parameters."""
    indices = list(product(*map(range, tasks.shape)))
    compiled = formulation(tasks[indices[0]], solver)
    begun = time.perf_counter()
    solutions = [compiled.solve(tasks[index], solver) for index in indices]
    seconds = time.perf_counter() - begun
    primal, dual = _proved(tasks, solutions)
    reported = torch.tensor([s.value for s in solutions], dtype=torch.float64)
    return Reference(
        solver_name(solver),
        reported.reshape(tasks.shape),
        primal.reshape(tasks.shape),
        dual.reshape(tasks.shape),
        tuple(s.status for s in solutions),
        seconds,
    )


def _proved(tasks: TaskBatch, solutions: Sequence[Solution]) -> tuple[Tensor, Tensor]:
    """Bounds of f* from the solver's points, flat; [−∞, ∞] where nothing is known."""
    primal = torch.full((len(solutions),), torch.inf, dtype=torch.float64)
    dual = -primal
    solved = [n for n, solution in enumerate(solutions) if solution.point is not None]
    if not solved or tasks.task_type not in solvers():
        return primal, dual
    axes = len(tasks.shape)
    some = {k: v.double().flatten(0, axes - 1)[solved] for k, v in tasks.tensors.items()}
    points = torch.stack([torch.from_numpy(solutions[n].point) for n in solved])
    batch = TaskBatch(tasks.task_type, some, (len(solved),))
    primal[solved], dual[solved] = solvers()[tasks.task_type].bounds(batch, points)
    for n in solved:
        if (bound := solutions[n].bound) is not None:
            dual[n] = bound
    return primal, dual


def _compare(tasks: TaskBatch, optima: CertifiedOptima, found: Reference, save: Path) -> None:
    zeros = [torch.zeros(tasks.dim, dtype=torch.float64)] * len(optima)
    at_zero, _ = _proved(tasks, [Solution(0.0, zero.numpy(), "") for zero in zeros])
    size = torch.maximum(optima.primal.abs(), optima.dual.abs())
    start = at_zero.reshape(optima.shape)
    slack = REPORTED * size + REPORTED_OF_START * start.where(start.isfinite(), 0.0)
    slack = slack + found.gap.where(found.gap.isfinite(), 0.0)
    apart = (optima.dual - found.primal).maximum(found.dual - optima.primal) > 0
    outside = (optima.dual - found.reported).maximum(found.reported - optima.primal) > slack
    wrong = apart | (outside & found.solved)
    if not bool(wrong.any()):
        return
    index = tuple(wrong.nonzero()[0].tolist())
    ours = f"[{optima.dual[index].item():.17g}, {optima.primal[index].item():.17g}]"
    theirs = f"[{found.dual[index].item():.17g}, {found.primal[index].item():.17g}]"
    name = f"{tasks.task_type.__name__} {index} of a batch of shape {tasks.shape}"
    what = (
        f"{name}: certified {ours}, but {found.solver} reports "
        f"{found.reported[index].item():.17g}, and its point proves {theirs}"
    )
    raise Disagreement(what, _saved(tasks[index], save, index))


def _saved(task: Task, folder: Path, index: tuple[int, ...]) -> Path:
    """The task's data, exactly: numbers as JSON writes floats, which is the shortest that read
    back as the same."""
    data = {name: value.tolist() for name, value in task.tensors().items()}
    name = "-".join(["disagreement", type(task).__name__, *map(str, index)])
    path = folder / f"{name}.json"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"task": type(task).__name__, "data": data}, indent=1)
    write_atomically(path, (text + "\n").encode())
    return path
