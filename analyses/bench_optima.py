"""How fast are certified optima, and how good, beside CVXPY on the same problems in one run?

LASSO problems, 10 × 10, with σ from 0.1 to 200 in equal ratios. Compared are our batched solver
with its certificates, one stacked CLARABEL problem, and the loop over one compiled problem with
parameters. CVXPY's points get the same certificates, outside of its time; a disagreement is an
error.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.progress import Progress
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.convex.referee import refer
from ml2o_theory.convex.solving import SOLVERS
from ml2o_theory.convex.stacked import stacked_lasso
from ml2o_theory.optima import CertifiedOptima, certified_optima
from ml2o_theory.optima.solver import solvers

INTERIOR_POINT, _ = SOLVERS
"""CLARABEL, which is the faster one on one large problem."""

SIGMAS = (0.1, 200.0)
"""The smallest and the largest standard deviation of A."""

WARM_UP = 1
"""Runs of the batched solver that are not counted: the first one loads what is needed."""


@dataclass(frozen=True)
class Timed:
    """One method: its median seconds, over how many runs, and the relative gaps of its points.

    `ratio` is its time over the batched solver's, `gap` and `gap_90` the largest relative gap and
    the 90 % quantile.
    """

    method: str
    seconds: float
    runs: int
    ratio: float
    gap: float
    gap_90: float


@dataclass(frozen=True)
class Benchmark:
    """`agreed`: how many of the `problems` every CVXPY solver solves, within both tolerances."""

    problems: int
    agreed: int
    methods: tuple[Timed, ...]


def problems(size: int, seed: int = 0) -> TaskBatch:
    """`size` LASSO problems, the n-th with σ_n on the way from 0.1 to 200."""
    low, high = SIGMAS
    sigmas = [low * (high / low) ** (n / max(size - 1, 1)) for n in range(size)]
    return TaskBatch.stack(
        [
            Lasso.normal(sigma).sample(generator(seed, purpose="bench optima", problem=n))
            for n, sigma in enumerate(sigmas)
        ]
    )


def bench_optima(
    size: int = 1280,
    runs: int = 5,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Benchmark:
    """Time every method `runs` times, CVXPY's loop once for each of its solvers.

    Problems are made before the clock runs, and are on `device` for the batched solver.
    """
    for argument, value in (("size", size), ("repeats", runs)):
        if value < 1:
            raise InvalidArgument(argument, value, "an integer ≥ 1")
    tasks = problems(size, seed)
    moved = tasks.to(device, torch.float64)
    with (progress or Progress()).task("optima", WARM_UP + 2 * runs + 1) as advance:
        for _ in range(WARM_UP):
            optima = certified_optima(moved)
            advance()
        batched = _median(lambda: certified_optima(moved), runs, advance)
        stacked = []
        for _ in range(runs):
            stacked.append(stacked_lasso(tasks, INTERIOR_POINT))
            advance()
        references = refer(tasks, optima)
        advance()
    last = _gaps(tasks, optima, stacked[-1].points)
    whole, alone = (
        statistics.median(getattr(one, name) for one in stacked)
        for name in ("seconds", "solver_seconds")
    )
    methods = [
        ("batched, with certificates", batched, runs, optima.relative_gap),
        ("one stacked CLARABEL problem", whole, runs, last),
        ("of which the solver alone", alone, runs, last),
    ]
    methods += [
        (f"loop with parameters, {found.solver}", found.seconds, 1, found.gap / optima.primal)
        for found in references
    ]
    return Benchmark(
        size,
        int(torch.stack([found.solved for found in references]).all(0).sum()),
        tuple(
            Timed(
                method,
                seconds,
                count,
                seconds / batched,
                gaps.max().item(),
                gaps.quantile(0.9).item(),
            )
            for method, seconds, count, gaps in methods
        ),
    )


def _median(call: Callable[[], CertifiedOptima], runs: int, advance: Callable[[], None]) -> float:
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - begun)
        advance()
    return statistics.median(seconds)


def _gaps(tasks: TaskBatch, optima: CertifiedOptima, points: Tensor) -> Tensor:
    """Relative gaps of points (N, d), proved from them alone."""
    primal, dual = solvers()[tasks.task_type].bounds(tasks, points)
    return (primal - dual) / optima.primal
