"""Lemmas 14 and 15 and Theorem 1, in probability and in expectation: what many runs show.

For each setting, samples are drawn independently, each gets its own stochastic meta-training, is
adapted and tested. The constants are certified for every sample that can be drawn. All intervals of
the section hold together at `CONFIDENCE` (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from flint import arb

from analyses.theorem1.settings import Theorem1Config, trial_of
from analyses.theorem1.statistics import Resampling
from ml2o_core.results import Interval, Level, Row
from ml2o_core.seeding import generator
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import exact, float_below
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.trial import ADAPTATION, Trial
from ml2o_theory.statements.base import Statement
from ml2o_theory.statements.lemma14 import Lemma14
from ml2o_theory.statements.lemma15 import Lemma15
from ml2o_theory.statements.lemma15_sharper import Lemma15Sharper
from ml2o_theory.statements.theorem1_probability import Theorem1Probability
from ml2o_theory.statistical import StatisticalCheck

CONFIDENCE = 0.99


def rows(artefact: str, config: Theorem1Config) -> Iterator[Row]:
    """The checks of every setting."""
    m = multiplicity(config)
    for name, plan in config.plans.items():
        trial, _ = trial_of(plan, config.seed, name)
        for N in config.size.samples:
            yield from _setting(artefact, config, name, trial, N, m)


def multiplicity(config: Theorem1Config) -> int:
    """How many checks share the level."""
    in_E = sum(plan.reading is Reading.E for plan in config.plans.values())
    of_samples = 2 * len(config.deltas) * len(config.plans)
    of_runs = len(config.plans) + len(config.deltas) * in_E
    return len(config.size.samples) * (of_samples + of_runs)


def _setting(
    artefact: str, config: Theorem1Config, name: str, trial: Trial, N: int, m: int
) -> Iterator[Row]:
    stream = generator(config.seed, purpose="coverage", name=name, N=N)
    draw = np.random.default_rng(stream.initial_seed())
    again, runs, K = Resampling(trial), config.size.runs, config.size.epochs
    alpha, c = again.alpha, again.constants
    weights = again.samples(N, runs, draw)
    away = np.linalg.norm(again.sample_optima(weights) - again.optimum, axis=1)

    def about(statement: Statement, part: str) -> dict[str, Any]:
        return {
            "confidence": CONFIDENCE,
            "multiplicity": m,
            "statement": statement.number,
            "tasks": f"{name}; {trial.populations.size} tasks, N = {N}{part}",
            "rule": f"{trial.populations.shape} gain",
            "region": f"Φ': {trial.reach}",
            "T": trial.steps,
            "graph": GraphMode.FULL,
            "level": Level.RISK,
        }

    mu_hat = again.convexities(weights)
    for delta in config.deltas:
        given = {"M_g1": c.M_g, "mu": c.mu, "N": N, "delta": delta}
        bound = _value(Lemma15(), given)
        sharper = _value(Lemma15Sharper(), {**given, "mu_hat": 1.0}) / mu_hat
        for statement, failed in ((Lemma15(), away > bound), (Lemma15Sharper(), away > sharper)):
            check = StatisticalCheck.failure_rate(
                int(failed.sum()), runs, delta, **about(statement, f", δ = {delta:g}")
            )
            yield check.row(artefact, "coverage", statement.number, name, f"N={N}", f"d={delta:g}")

    mu_G = c.mu_G(alpha)
    phi = again.training(weights, alpha).run(mu_G, K, draw)[K]
    squared = ((phi - again.meta_optima(weights, alpha)) ** 2).sum(1)
    limit = _value(Lemma14(), {"B": c.B(alpha), "mu_G": mu_G, "K": K})
    check = StatisticalCheck.expectation(
        squared, Interval.point(limit), **about(Lemma14(), f", K = {K}")
    )
    yield check.row(artefact, "coverage", "Lemma 14", name, f"N={N}")
    if trial.reading is Reading.E:
        errors = again.errors(phi, weights, alpha)
        for delta in config.deltas:
            bound = theorem_bound(again, alpha, N, K, delta)
            check = StatisticalCheck.failure_rate(
                int((errors > bound).sum()),
                runs,
                delta,
                **about(Theorem1Probability(), f", K = {K}, δ = {delta:g}"),
            )
            yield check.row(artefact, "coverage", "Theorem 1", name, f"N={N}", f"d={delta:g}")


def theorem_bound(again: Resampling, alpha: float, N: int, K: int, delta: float) -> float:
    """Theorem 1 in probability, from constants of every sample, rounded down."""
    values = theorem_constants(again, alpha, N, K, delta)
    return float_below(Theorem1Probability().formula(values))


def theorem_constants(
    again: Resampling, alpha: float, N: int, K: int, delta: float
) -> dict[str, arb]:
    """Those of Theorem 1 in probability, for every sample; δ is split evenly."""
    trial, c = again.trial, again.constants
    known = TrialBounds.of(trial)
    samples = trial.population[ADAPTATION].samples
    adapted = [g.on(trial.reach, known.region).L_g.upper.value for g in samples]
    gap = known.gap(Level.CLOSED_LOOP).upper.value
    tested = known.tested(Level.RISK).M_g.upper.value
    apart = float(np.linalg.norm(again.optimum - again.tested_optimum))
    return {
        "M_g": tested,
        "L_g": max(adapted, key=float),
        "alpha": exact(alpha),
        "B": exact(c.B(alpha)),
        "gap": gap,
        "M_g1": exact(c.M_g),
        "delta_13": exact(apart),
        "mu_G": exact(c.mu_G(alpha)),
        "mu": exact(c.mu),
        "K": exact(K),
        "N": exact(N),
        "delta_a": exact(delta / 2),
        "delta_b": exact(delta / 2),
    }


def _value(statement: Lemma14 | Lemma15 | Lemma15Sharper, given: dict[str, float]) -> float:
    """The formula in numbers."""
    return float_below(arb(statement.formula({s: exact(v) for s, v in given.items()})))
