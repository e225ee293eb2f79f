"""Theorem 1 on random trials: one record for each check, stage and event of a trial.

A trial trains a gain rule with full-batch Algorithm 1 (and, for the statements in probability, with
stochastic steps), adapts it and tests it, where every assumption is certified. The records are
flat, so that a piece of them is a data frame; `analyses.theorem1.trial_rows` gathers them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from flint import arb

from analyses.theorem1.pipeline import Pipeline
from analyses.theorem1.shrink import shrink, violates, written
from ml2o_core.results import CheckVerdict, Level
from ml2o_core.seeding import generator
from ml2o_theory.arithmetic import float_below, log10, precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.atoms import StochasticMetaTraining
from ml2o_theory.generalization.bounds import LEVELS
from ml2o_theory.generalization.draws import TrialDistribution, TrialPlan, draw_trial
from ml2o_theory.generalization.trial import Trial, as_vector
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.statements.theorem1_probability import Theorem1Probability
from ml2o_theory.verdict import StatementCheck

DELTAS = (0.05, 0.1, 0.5)
"""Probabilities of failure, for the statements in probability."""

STOCHASTIC_EPOCHS = 200
"""K of the stochastic meta-training."""

SOUND = frozenset({CheckVerdict.HOLDS, CheckVerdict.ATTAINED})


def trial_records(
    distribution: TrialDistribution, seed: int, indices: Sequence[int]
) -> pd.DataFrame:
    """The records of some trials, in their order."""
    records: list[dict[str, Any]] = []
    for index in indices:
        trial, plan, start = draw_trial(distribution, seed, index)
        about = _about(index, trial, plan)
        records += [{**about, **record} for record in _records(trial, plan, start, seed, index)]
    return pd.DataFrame.from_records(records)


def _about(index: int, trial: Trial, plan: TrialPlan) -> dict[str, Any]:
    return {
        "trial": index,
        "rule": f"{plan.shape} gain",
        "reading": plan.reading.value,
        "d": trial.populations.x0.numel(),
        "n": trial.populations.size,
        "N": trial.size,
        "T": trial.steps,
        "K": plan.epochs,
        "alpha": trial.alpha,
        "bold": plan.bold,
    }


def _records(
    trial: Trial, plan: TrialPlan, start: tuple[float, ...], seed: int, index: int
) -> Iterator[dict[str, Any]]:
    pipeline = Pipeline(trial, start, plan.epochs)
    seen, bounds = pipeline.seen, pipeline.bounds
    for check in bounds.checks(seen, plan.epochs, pipeline.step):
        assert check.observed is not None
        assert check.bound is not None
        yield {
            "kind": "check",
            "name": check.statement,
            "level": check.level.value,
            "verdict": check.verdict.value,
            "vacuity": check.vacuity.value,
            "reason": check.reason,
            "intervals": None if check.verdict in SOUND else _intervals(check),
            "counterexample": _counterexample(pipeline, check),
            "observed": float(check.observed.upper.value),
            "bound": check.bound.upper.log10,
            # Both rounded to make the quotient larger.
            "quotient": _difference(check.bound.upper.log10, check.observed.lower.log10),
        }
    for symbol, distance in seen.distances.items():
        yield {"kind": "distance", "name": symbol, "observed": float(distance.mid())}
    for name, value in pipeline.stages().items():
        yield {"kind": "stage", "name": name, "bound": log10(value)}
    terms = bounds.terms(seen, Level.RISK)
    values = {symbol: terms[symbol].upper.value for symbol in Theorem1().constants}
    with precision():
        for name, value in Theorem1().terms(values).items():
            share = value / sum(Theorem1().terms(values).values(), arb(0))
            yield {"kind": "term", "name": name, "observed": float(share.mid())}
    yield from _in_probability(pipeline, plan, seed, index)


def _counterexample(pipeline: Pipeline, check: StatementCheck) -> str | None:
    """For a violated check, the smallest pipeline that still violates it, in full."""
    if check.verdict is not CheckVerdict.VIOLATED:
        return None
    return written(shrink(pipeline, violates(check.statement, check.level.value)))


def _intervals(check: StatementCheck) -> str:
    """Both intervals, for a check that is told in full."""
    numbers = [number for number in (check.observed, check.bound) if number is not None]
    return json.dumps([number.interval.model_dump(mode="json") for number in numbers])


def _in_probability(
    pipeline: Pipeline, plan: TrialPlan, seed: int, index: int
) -> Iterator[dict[str, Any]]:
    """Whether a stochastic run's error exceeds the bound that holds with probability 1 − δ.

    For samples that were drawn independently, in reading E, where μ_G > 0 and every μ > 0 are
    certain.
    """
    trial, bounds = pipeline.trial, pipeline.bounds
    if plan.reading is not Reading.E or not plan.independent:
        return
    terms = bounds.terms(pipeline.seen, Level.RISK)
    known = bounds.in_probability(terms, DELTAS[0], STOCHASTIC_EPOCHS, Level.RISK)
    if known is None:
        return
    stream = generator(seed, purpose="stochastic meta-training", index=index)
    draw = np.random.default_rng(stream.initial_seed())
    run = StochasticMetaTraining.of(trial, 1)
    mu_G = float_below(known["mu_G"].lower.value)
    phi = run.run(mu_G, STOCHASTIC_EPOCHS, draw)[STOCHASTIC_EPOCHS][0]
    error = pipeline.seen.error(as_vector(tuple(phi.tolist())))
    for level in LEVELS:
        at_level = bounds.terms(pipeline.seen, level)
        for delta in DELTAS:
            given = bounds.in_probability(at_level, delta, STOCHASTIC_EPOCHS, level)
            if given is None:
                continue
            bound = Theorem1Probability().bound(given).lower.value
            yield {
                "kind": "event",
                "name": f"delta={delta:g}",
                "level": level.value,
                "verdict": "failed" if error > bound else "held",
                "vacuity": "vacuous" if bound >= pipeline.seen.span else "informative",
                "observed": float(error.upper()),
                "bound": log10(bound),
                "quotient": _difference(log10(bound), log10(error.upper())),
            }


def _difference(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first - second
