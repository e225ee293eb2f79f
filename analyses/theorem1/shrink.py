"""A violated trial made as small as it stays violated, and written down in full.

Greedy, as property tests shrink: as long as one of the simpler pipelines still violates the same
statement at the same level, it takes its place. Simpler is: a task fewer, a draw fewer, a step
fewer (T or K), a coordinate fewer, data with fewer binary digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from analyses.theorem1.pipeline import Pipeline
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckVerdict
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.generalization.trial import Populations
from ml2o_theory.regions import Box

DIGITS = (2, 4, 8, 16)
"""Binary digits after the point that data are rounded to, the fewest first."""

Violates = Callable[[Pipeline], bool]


def violates(statement: str, level: str) -> Violates:
    """Whether a pipeline's check of the statement at the level comes out VIOLATED."""

    def found(pipeline: Pipeline) -> bool:
        try:
            checks = list(pipeline.bounds.checks(pipeline.seen, pipeline.epochs, pipeline.step))
        except InvalidArgument:
            # An optimum that has left Φ, say: the statement does not apply.
            return False
        return any(
            check.statement == statement
            and check.level.value == level
            and check.verdict is CheckVerdict.VIOLATED
            for check in checks
        )

    return found


def shrink(pipeline: Pipeline, still: Violates) -> Pipeline:
    """A pipeline that violates and of which no simpler one does."""
    while True:
        simpler = next((other for other in _simpler(pipeline) if still(other)), None)
        if simpler is None:
            return pipeline
        pipeline = simpler


def written(pipeline: Pipeline) -> str:
    """Everything that the pipeline was run from, as JSON."""
    trial, populations = pipeline.trial, pipeline.trial.populations
    return json.dumps(
        {
            "shape": populations.shape,
            "reading": trial.reading.value,
            "tasks": [
                [{"A": task.A.tolist(), "b": task.b.tolist()} for task in tasks]
                for tasks in populations.tasks
            ],
            "x0": populations.x0.tolist(),
            "draws": list(trial.draws),
            "T": trial.steps,
            "K": pipeline.epochs,
            "alpha": trial.alpha,
            "phi": [list(trial.phi.lower), list(trial.phi.upper)],
            "start": list(pipeline.start),
        }
    )


def _simpler(pipeline: Pipeline) -> Iterator[Pipeline]:
    trial, populations = pipeline.trial, pipeline.trial.populations
    for k in range(populations.size if populations.size > 1 else 0):
        tasks = tuple(tasks[:k] + tasks[k + 1 :] for tasks in populations.tasks)
        draws = trial.draws[:k] + trial.draws[k + 1 :]
        if any(draws):
            yield _with(pipeline, replace(populations, tasks=tasks), draws)
    for k, count in enumerate(trial.draws):
        if count and trial.size > 1:
            draws = (*trial.draws[:k], count - 1, *trial.draws[k + 1 :])
            yield _with(pipeline, populations, draws)
    if trial.steps > 1:
        yield _with(pipeline, replace(populations, steps=trial.steps - 1), trial.draws)
    if pipeline.epochs > 1:
        yield replace(pipeline, epochs=pipeline.epochs // 2)
    if populations.shape == "diagonal" and populations.x0.numel() > 1:
        for k in range(populations.x0.numel()):
            yield _without_coordinate(pipeline, k)
    for digits in DIGITS:
        rounded = _mapped(populations, partial(_rounded, digits))
        if rounded is not None:
            yield _with(pipeline, rounded, trial.draws)


def _rounded(digits: int, values: Tensor) -> Tensor:
    return torch.round(values * 2**digits) / 2**digits


def _with(pipeline: Pipeline, populations: Populations, draws: tuple[int, ...]) -> Pipeline:
    trial = replace(pipeline.trial, populations=populations, draws=draws)
    return replace(pipeline, trial=trial)


def _without_coordinate(pipeline: Pipeline, k: int) -> Pipeline:
    trial = pipeline.trial
    kept = [j for j in range(trial.populations.x0.numel()) if j != k]
    populations = replace(
        trial.populations,
        tasks=tuple(
            tuple(QuadraticTask(task.A[kept][:, kept], task.b[kept]) for task in tasks)
            for tasks in trial.populations.tasks
        ),
        x0=trial.populations.x0[kept],
    )
    phi = Box(tuple(trial.phi.lower[j] for j in kept), tuple(trial.phi.upper[j] for j in kept))
    start = tuple(pipeline.start[j] for j in kept)
    return replace(pipeline, trial=replace(trial, populations=populations, phi=phi), start=start)


def _mapped(populations: Populations, change: Callable[[Tensor], Tensor]) -> Populations | None:
    """The data changed; None where that changes nothing."""
    tasks = tuple(
        tuple(QuadraticTask(change(task.A), change(task.b)) for task in tasks)
        for tasks in populations.tasks
    )
    x0 = change(populations.x0)
    old = [t for tasks in populations.tasks for task in tasks for t in (task.A, task.b)]
    new = [t for group in tasks for task in group for t in (task.A, task.b)]
    pairs = [*zip(old, new, strict=True), (populations.x0, x0)]
    if all(bool((a == b).all()) for a, b in pairs):
        return None
    return replace(populations, tasks=tasks, x0=x0)
