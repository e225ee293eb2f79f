"""Trials by hand on a line, where every number is known; random ones; samples, all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from flint import arb, fmpq
from hypothesis import strategies as st

from ml2o_core.results import EndMethod, Level
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, float_below, precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.descent import descend
from ml2o_theory.generalization.draws import TrialDistribution, TrialPlan, draw_trial
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import (
    ADAPTATION,
    TESTING,
    Populations,
    Trial,
    as_vector,
)
from ml2o_theory.regions import Box
from ml2o_theory.risks.separable import Vector
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.verdict import StatementCheck

Center = tuple[float, float]
"""Where a task's risk has its minimum, and its curvature there."""

SMALL = TrialDistribution(
    dims=(1, 2), sizes=(2, 3), samples=(2, 4), horizons=(1, 2, 3), epochs=(1, 3)
)
"""Trials that cost a few milliseconds; every kind occurs."""


def on_a_line(center: float, curvature: float) -> QuadraticTask:
    """One step from x_0 = 0 on it has the risk ½ curvature (φ − center)²; exact at center 1."""
    a, b = 1 / math.sqrt(center), math.sqrt(curvature) * center
    return QuadraticTask(
        torch.tensor([[a]], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
    )


def line_trial(
    first: Sequence[Center],
    second: Sequence[Center],
    third: Sequence[Center],
    *,
    phi: tuple[float, float],
    alpha: float,
    draws: tuple[int, ...] | None = None,
    reading: Reading = Reading.E,
    steps: int = 1,
) -> Trial:
    """Three populations of tasks on a line; every task is drawn once unless `draws` is given."""
    tasks = tuple(tuple(on_a_line(*task) for task in tasks) for tasks in (first, second, third))
    populations = Populations("scalar", tasks, torch.zeros(1, dtype=torch.float64), steps)
    box = Box((phi[0],), (phi[1],))
    return Trial(populations, draws or (1,) * len(first), box, alpha, reading)


def observed(
    trial: Trial, meta: float | Vector, transfer: float | Vector | None = None
) -> Observed:
    """What the trial shows if training ended at `meta`, and transfer learning at `transfer`."""
    ends = [
        as_vector((end,)) if isinstance(end, float) else end for end in (meta, transfer or meta)
    ]
    return Observed(trial, ends[0], *ends)


def check(statement: RiskStatement, seen: Observed, level: Level = Level.RISK) -> StatementCheck:
    """The check of one statement at one level."""
    return next(
        check
        for check in TrialBounds.of(seen.trial).checks(seen, 1, 1.0)
        if (check.statement, check.level) == (statement.number, level)
    )


def terms(seen: Observed) -> dict[str, Enclosure]:
    """Every constant that the trial's statements need, M_g³ and L_ĝ² from the risks on Φ'."""
    trial = seen.trial

    def known(value: arb) -> Enclosure:
        low = value.lower().max(arb(0))
        return Enclosure.certified(low, value, EndMethod.INTERVAL_ARITHMETIC, region="Φ'")

    return {
        **{symbol: known(value) for symbol, value in seen.distances.items()},
        "M_g": trial.population[TESTING].on(trial.reach, "Φ'").M_g,
        "L_g": trial.empirical[ADAPTATION].on(trial.reach, "Φ'").L_g,
        "alpha": known(exact(trial.alpha)),
    }


def trained(trial: Trial, plan: TrialPlan, start: tuple[float, ...]) -> tuple[Observed, float]:
    """After `plan.epochs` full-batch steps of both methods; and the meta steps' size."""
    bounds, phi = TrialBounds.of(trial), as_vector(start)
    with precision():
        sizes = [
            float_below(1 / L.upper.value)
            for L in (bounds.meta_smoothness(Level.RISK), bounds.training(Level.RISK).L_g)
        ]
    meta, transfer = (
        descend(gradient, phi, exact(size), trial.phi, plan.epochs)[-1]
        for gradient, size in zip(
            (trial.meta_gradient, trial.empirical[0].gradient), sizes, strict=True
        )
    )
    return Observed(trial, phi, meta, transfer), sizes[0]


def random_trial(index: int) -> tuple[Observed, TrialPlan, float]:
    """Trial number `index` of `SMALL`, trained; its plan, and the meta steps' size."""
    trial, plan, start = draw_trial(SMALL, 0, index)
    seen, size = trained(trial, plan, start)
    return seen, plan, size


def box_trial(
    tasks: Sequence[Sequence[Sequence[Center]]],
    draws: tuple[int, ...],
    alpha: float,
    steps: int,
    reading: Reading = Reading.E,
) -> Trial:
    """Three populations on a box: `tasks` has a center for each entry of φ, all in Φ = [1, 2]^p."""
    p = len(tasks[0][0])

    def task(centers: Sequence[Center]) -> QuadraticTask:
        parts = [on_a_line(*center) for center in centers]
        return QuadraticTask(
            torch.diag(torch.cat([part.A[0] for part in parts])),
            torch.cat([part.b for part in parts]),
        )

    populations = Populations(
        "diagonal",
        tuple(tuple(map(task, population)) for population in tasks),
        torch.zeros(p, dtype=torch.float64),
        steps,
    )
    return Trial(populations, draws, Box((1.0,) * p, (2.0,) * p), alpha, reading)


CENTERS = st.tuples(st.integers(9, 15).map(lambda k: k / 8), st.sampled_from([0.25, 1.0, 2.0]))
SHARES = st.integers(0, 8).map(lambda k: k / 8)


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    """For `seen_at`: p ≤ 2 entries, n ≤ 3 tasks and T ≤ 3, with both results anywhere in Φ.

    Corners: equal populations, samples that are the population, α = 0, results at optima.
    """
    p, n = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    one = st.lists(st.lists(CENTERS, min_size=p, max_size=p), min_size=n, max_size=n)
    first = draw(one)
    steps, reading = draw(st.integers(1, 3)), draw(st.sampled_from([Reading.E, Reading.P]))
    # Up to 1/4 and to 1/4^T on Φ: αL_ĝ < 1, as reading P needs; reading E may have any α.
    larger = reading is Reading.E and draw(st.booleans())
    return {
        "tasks": [first, *(first if draw(st.booleans()) else draw(one) for _ in range(2))],
        "draws": tuple(draw(st.lists(st.integers(0, 2), min_size=n, max_size=n).filter(any))),
        "alpha": draw(SHARES) / (4.0 * 4.0**steps) * (64 if larger else 1),
        "steps": steps,
        "reading": reading,
        "ends": [draw(st.tuples(*[SHARES] * p)) for _ in range(2)],
    }


def seen_at(ends: Sequence[Sequence[float]], **trial: Any) -> Observed:
    """What a trial on the box [1, 2]^p shows if its results are at these shares of Φ's sides."""
    meta, transfer = (as_vector(tuple(1 + share for share in end)) for end in ends)
    return Observed(box_trial(**trial), meta, meta, transfer)


def every_sample(n: int, N: int) -> Iterator[tuple[tuple[int, ...], fmpq]]:
    """How often each of n tasks can be drawn in N independent draws, with the probability."""
    for draws in itertools.product(range(N + 1), repeat=n):
        if sum(draws) == N:
            ways = math.factorial(N) // math.prod(math.factorial(k) for k in draws)
            yield draws, fmpq(ways, n**N)
