"""Fitted exponents: which come out consistent; and the statistics against certified numbers."""

from __future__ import annotations

import numpy as np
import pytest

from analyses.settings import RunSettings
from analyses.theorem1.coverage import multiplicity, rows
from analyses.theorem1.rates import DOUBLINGS, FIRST, TOLERATED, Points, _optimization, _verdict
from analyses.theorem1.settings import PLANS, Size, configuration, trial_of
from analyses.theorem1.statistics import Resampling
from ml2o_core.results import RateVerdict
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import TESTING, TRAINING, as_vector

CONSISTENT, INCONSISTENT, UNDECIDED = (
    RateVerdict.CONSISTENT,
    RateVerdict.INCONSISTENT,
    RateVerdict.UNDECIDED,
)


def points(predicted: float, *, exactly: bool = False) -> Points:
    return Points("term", "K", "setting", [1, 2], [1, 2], predicted, exactly)


@pytest.mark.parametrize(
    ("predicted", "interval", "verdict"),
    [
        (-0.5, (-0.52, -0.48), CONSISTENT),
        (-0.5, (-0.95, -0.85), CONSISTENT),
        (-0.5, (-0.3, -0.2), INCONSISTENT),
        (-0.5, (-0.7, -0.3), UNDECIDED),
        (1.0, (0.98, 1.02), CONSISTENT),
        (1.0, (1.8, 2.0), CONSISTENT),
        (1.0, (0.3, 0.5), INCONSISTENT),
        (1.0, (0.5, 1.5), UNDECIDED),
        (1.0, (None, None), UNDECIDED),
    ],
)
def test_a_term_that_decays_faster_is_consistent_a_slower_one_is_not(
    predicted: float, interval: tuple[float | None, float | None], verdict: RateVerdict
) -> None:
    assert _verdict(points(predicted), *interval)[0] is verdict


def test_an_exponent_that_is_predicted_itself_may_not_be_missed_on_either_side() -> None:
    exact = points(-0.5, exactly=True)
    assert _verdict(exact, -0.52, -0.48)[0] is CONSISTENT
    assert _verdict(exact, -0.95, -0.9)[0] is INCONSISTENT
    assert _verdict(exact, -0.5 + TOLERATED + 0.01, -0.38)[0] is INCONSISTENT


@pytest.mark.parametrize("name", PLANS)
def test_resampled_optima_are_the_certified_ones(name: str) -> None:
    trial, start = trial_of(PLANS[name], 0, name)
    again, seen = Resampling(trial), Observed(trial, *[as_vector(start)] * 3)
    weights = np.array([trial.draws]) / trial.size
    pairs = [
        (again.sample_optima(weights)[0], seen.sample_optimum[TRAINING]),
        (again.meta_optima(weights, trial.alpha)[0], seen.meta_optimum(TRAINING)),
        (again.optimum, seen.optimum[TRAINING]),
        (again.tested_optimum, seen.optimum[TESTING]),
    ]
    for found, certified in pairs:
        assert found == pytest.approx([float(p.mid()) for p in certified], abs=1e-12)
    phi = np.array([start])
    error = float(seen.error(as_vector(start)).mid())
    assert again.errors(phi, weights, trial.alpha)[0] == pytest.approx(error, rel=1e-9)


def test_every_check_of_the_coverage_is_counted_in_the_correction() -> None:
    size = Size(trials=1, chunk=1, runs=20, epochs=8, samples=(4, 8), plans=2)
    config = configuration(RunSettings()).with_changes(
        size=size, plans=dict(list(PLANS.items())[:2])
    )
    found = list(rows("theorem1", config))
    assert len(found) == multiplicity(config)
    assert {row.multiplicity for row in found} == {len(found)}  # type: ignore[attr-defined]


def test_the_fit_in_k_begins_where_steps_are_short() -> None:
    """At k = FIRST · L_g/μ_G and later, 1/(μ_G k) is at most 1/(FIRST · L_g)."""
    config = configuration(RunSettings())
    name, plan = next(iter(config.plans.items()))
    again = Resampling(trial_of(plan, config.seed, name)[0])
    found = _optimization(config, name, again)
    steps = 1 / (again.constants.mu_G(again.alpha) * np.array(found.x))
    assert (steps <= 1 / (FIRST * again.constants.L_g)).all()
    assert len(found.x) == DOUBLINGS + 1
