r"""How each term of Theorem 1 depends on what its bound says it depends on: fitted exponents.

    optimization      √E‖φ̃_MK − φ̃_M*‖² against K, stochastic steps     −1/2 (Lemma 14)
    task difference   α‖∇ĝ¹ − ∇ĝ²‖(φ̃_M*) against α                      1
                      ‖∇ĝ¹ − ∇ĝ²‖(φ̂_*) against Δ_12 and Δ̃_12            1 (Proposition 1)
                      log10 of it against T                              at most 2 log10 Q
    sampling          √E‖φ̂_* − φ_*‖² against N                           −1/2 (Lemma 15)

A term is consistent with its bound if it decays at least as fast, up to `TOLERATED` in the
exponent: fits are over finitely many points, and a power law of the bound is one of the term in the
limit alone. An exponent of its own is claimed of the sampling error alone: a mean of N independent
gradients of variance σ² > 0 at φ_* moves the optimum by σ/(μ√N) to first order, so that −1/2 is
what it must be, and an interval that excludes −1/2 from either side would be a fault of ours or of
the theory's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from analyses.theorem1.settings import Theorem1Config, trial_of
from analyses.theorem1.statistics import Resampling
from ml2o_core.results import CurveRow, Level, RateRow, RateVerdict, Row, Scale, row_id
from ml2o_core.seeding import generator
from ml2o_core.statistics import slope_interval
from ml2o_theory.arithmetic import log10
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.draws import TrialPlan
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import ADAPTATION, TRAINING, Trial, as_vector

QUANTITY = "log10 of the term"

DISTANCES = tuple(10.0**-k for k in (6.0, 5.0, 4.0, 3.0))
"""How far population 2 is moved, for the slopes in Δ_12 and Δ̃_12."""

STEPS = tuple(10.0**-k for k in (4.0, 3.0, 2.0, 1.0, 0.0))
"""α, in units of its largest value."""

FIRST, DOUBLINGS = 4, 4
"""The fit's first K is FIRST · L_g/μ_G, and the last so many times twice as large.

While k < L_g/μ_G, the steps 1/(μ_G k) are longer than 1/L_g and throw φ across Φ: no rate yet.
"""

TOLERATED = 0.1
"""How far beyond the exponent, on the slow side, a slope's interval may reach."""

HORIZONS = (1, 2, 3, 5, 8, 12)


@dataclass(frozen=True)
class Points:
    """A term's size at several values of one quantity, both > 0."""

    term: str
    against: str
    setting: str
    x: Sequence[float]
    y: Sequence[float]
    predicted: float
    exactly: bool = False


def rows(artefact: str, config: Theorem1Config) -> Iterator[Row]:
    """A rate and a curve for each term, quantity and setting."""
    for name, plan in config.plans.items():
        trial, start = trial_of(plan, config.seed, name)
        again = Resampling(trial)
        yield from _told(artefact, _optimization(config, name, again))
        yield from _told(artefact, _sampling(config, name, again))
        yield from _told(artefact, _inner_step(name, trial, start))
        for points in _distances(config, name, plan):
            yield from _told(artefact, points)
    name, plan = next(iter(config.plans.items()))
    yield from horizon(artefact, config, name, plan)


def _optimization(config: Theorem1Config, name: str, again: Resampling) -> Points:
    """Root mean square over independent runs, each on its own sample."""
    draw = _draw(config, "rates in K", name)
    weights = again.samples(again.trial.size, config.size.runs, draw)
    alpha = again.alpha
    mu_G = again.constants.mu_G(alpha)
    first = int(np.ceil(FIRST * again.constants.L_g / mu_G))
    K = [first * 2**k for k in range(DOUBLINGS + 1)]
    found = again.training(weights, alpha).run(mu_G, K[-1], draw, K)
    target = again.meta_optima(weights, alpha)
    rms = [float(np.sqrt(((found[k] - target) ** 2).sum(1).mean())) for k in K]
    return Points("optimization", "K", name, K, rms, -0.5)


def _sampling(config: Theorem1Config, name: str, again: Resampling) -> Points:
    draw = _draw(config, "rates in N", name)
    # Of smaller samples some optima lie at Φ's ends.
    sizes = [4**k for k in range(3, 9)]
    rms = []
    for N in sizes:
        weights = again.samples(N, config.size.runs, draw)
        away = again.sample_optima(weights) - again.optimum
        rms.append(float(np.sqrt((away**2).sum(1).mean())))
    return Points("sampling", "N", name, sizes, rms, -0.5, exactly=True)


def _inner_step(name: str, trial: Trial, start: tuple[float, ...]) -> Points:
    """At the meta optimum of each α, which reading P moves with α."""
    values = []
    for share in STEPS:
        one = Trial(trial.populations, trial.draws, trial.phi, share * trial.alpha, trial.reading)
        seen = _seen(one, start)
        values.append(one.alpha * float(seen.distances["gap"].mid()))
    steps = [share * trial.alpha for share in STEPS]
    return Points("task difference", "alpha", name, steps, values, 1.0)


def _distances(config: Theorem1Config, name: str, plan: TrialPlan) -> Iterator[Points]:
    """The gap of the gradients as population 2 moves away from 1 along a line."""
    gaps, deltas, hessians = [], [], []
    for apart in DISTANCES:
        moved = plan.with_changes(apart=(apart, plan.apart[1]), reading=Reading.E)
        trial, start = trial_of(moved, config.seed, name)
        apart_by = TrialBounds.of(trial).constants.differences(TRAINING, ADAPTATION)
        gaps.append(float(_seen(trial, start).distances["gap"].mid()))
        deltas.append(float(apart_by["Delta"].upper.value))
        hessians.append(float(apart_by["Delta_tilde"].upper.value))
    yield Points("task difference", "Delta_12", name, deltas, gaps, 1.0)
    yield Points("task difference", "Delta~_12", name, hessians, gaps, 1.0)


def horizon(artefact: str, config: Theorem1Config, name: str, plan: TrialPlan) -> Iterator[Row]:
    """Proposition 1's warning: the gap and its bounds as T grows."""
    observed: list[float] = []
    bounds: dict[Level, list[float]] = {Level.CLOSED_LOOP: [], Level.UNIFORM: []}
    growth = []
    for T in HORIZONS:
        trial, start = trial_of(
            plan.with_changes(T=T, d=4, spread=0.6, margin=0.02), config.seed, name
        )
        known = TrialBounds.of(trial)
        observed.append(log10(_seen(trial, start).distances["gap"]) or float("nan"))
        for level, values in bounds.items():
            values.append(log10(known.gap(level).upper.value) or float("nan"))
        pair = known.constants.pair
        growth.append(1 + float(pair["M_m1"].upper.value) * float(pair["L"].upper.value))
    predicted = 2 * float(np.log10(max(growth)))
    fit = slope_interval(HORIZONS, observed)
    assert fit.slope is not None
    below = fit.upper is not None and fit.upper <= predicted
    yield RateRow(
        id=row_id(artefact, "rates", "gap", "T"),
        artefact=artefact,
        term="task difference: log10 of the gap, per step",
        against="T",
        setting=name.replace("T = 1", "T varied, d = 4"),
        predicted=predicted,
        slope=fit.slope,
        lower=fit.lower,
        upper=fit.upper,
        points=len(HORIZONS),
        verdict=RateVerdict.CONSISTENT if below else RateVerdict.UNDECIDED,
        reason="at most 2 log10 Q a step is allowed, with Q of the uniform level",
    )
    curves = {"observed gap": observed} | {
        f"Proposition 1, {level.value}": values for level, values in bounds.items()
    }
    for label, values in curves.items():
        yield CurveRow(
            id=row_id(artefact, "horizon", label),
            artefact=artefact,
            panel="gap of the gradients against T",
            method=label,
            quantity="log10 of the gap at the meta optimum",
            scale=Scale.LOG10,
            step=HORIZONS,
            estimate=tuple(values),
        )


def _told(artefact: str, points: Points) -> Iterator[Row]:
    """The fitted exponent with its verdict, and the points."""
    log_x, log_y = np.log10(points.x), np.log10(points.y)
    fit = slope_interval(log_x, log_y)
    name = row_id(artefact, "rates", points.term, points.against, points.setting)
    verdict, reason = _verdict(points, fit.lower, fit.upper)
    yield RateRow(
        id=name,
        artefact=artefact,
        term=points.term,
        against=points.against,
        setting=points.setting,
        predicted=points.predicted,
        slope=fit.slope,
        lower=fit.lower,
        upper=fit.upper,
        points=fit.count,
        verdict=verdict,
        reason=reason,
    )
    yield CurveRow(
        id=f"{name}/curve",
        artefact=artefact,
        panel=f"{points.term} against {points.against}",
        method=points.setting,
        quantity=QUANTITY,
        scale=Scale.LOG10,
        step=tuple(range(len(points.x))),
        x=tuple(float(value) for value in points.x),
        estimate=tuple(log_y.tolist()),
    )


def _verdict(points: Points, lower: float | None, upper: float | None) -> tuple[RateVerdict, str]:
    """Decay at least as fast as the bound's, with an interval that ends within `TOLERATED`."""
    if lower is None or upper is None:
        return RateVerdict.UNDECIDED, "too few points"
    decays = points.predicted < 0
    slow_end = upper - points.predicted if decays else points.predicted - lower
    excluded = lower > points.predicted if decays else upper < points.predicted
    if points.exactly and (excluded or upper < points.predicted) and upper - lower < TOLERATED:
        near = max(abs(end - points.predicted) for end in (lower, upper)) <= TOLERATED
        if not near:
            return RateVerdict.INCONSISTENT, "the exponent itself is predicted, and excluded"
    if slow_end <= TOLERATED:
        return RateVerdict.CONSISTENT, ""
    if excluded:
        return RateVerdict.INCONSISTENT, "the interval is on the slow side of the exponent"
    return RateVerdict.UNDECIDED, f"the interval reaches {slow_end:.2g} beyond the exponent"


def _seen(trial: Trial, start: tuple[float, ...]) -> Observed:
    here = as_vector(start)
    return Observed(trial, here, here, here)


def _draw(config: Theorem1Config, purpose: str, name: str) -> np.random.Generator:
    return np.random.default_rng(generator(config.seed, purpose=purpose, name=name).initial_seed())
