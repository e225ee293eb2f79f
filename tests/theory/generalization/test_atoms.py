"""The float64 risks are the certified ones, and stochastic meta-gradients are unbiased."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.atoms import Atoms, StochasticMetaTraining
from ml2o_theory.generalization.trial import Trial, as_vector

from ..trials import SMALL, draw_trial

INDICES = st.integers(0, 10**4)


def inside(trial: Trial, share: float) -> np.ndarray:
    low, high = np.asarray(trial.phi.lower), np.asarray(trial.phi.upper)
    return low + share * (high - low)


@settings(max_examples=25)
@given(INDICES, st.integers(0, 8))
def test_atoms_are_the_certified_risks(index: int, share: int) -> None:
    trial, _, _ = draw_trial(SMALL, 2, index)
    phi = inside(trial, share / 8)
    for i in range(3):
        atoms, risk = Atoms.of(trial, i), trial.population[i]
        slopes, bends = atoms.slopes(phi), atoms.curvatures(phi)
        for n, g in enumerate(risk.samples):
            certified = [float(v) for v in g.gradient(as_vector(tuple(phi.tolist())))]
            assert slopes[n].tolist() == pytest.approx(certified, rel=1e-9, abs=1e-9)
            curvatures = [
                float(part.curvature(exact(p)))
                for part, p in zip(g.coordinates, phi.tolist(), strict=True)
            ]
            assert bends[n].tolist() == pytest.approx(curvatures, rel=1e-9, abs=1e-9)
        runs = np.stack([phi, phi])
        task = np.array([0, len(slopes) - 1])
        assert atoms.slopes_of(task, runs) == pytest.approx(slopes[task], rel=1e-12, abs=1e-12)
        excess = float(atoms.excess(phi, inside(trial, 0.5)))
        values = [
            float(risk.value(as_vector(tuple(at.tolist())))) for at in (phi, inside(trial, 0.5))
        ]
        assert excess == pytest.approx(values[0] - values[1], rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(INDICES)
def test_minimisers_are_the_certified_ones(index: int) -> None:
    trial, _, _ = draw_trial(SMALL, 3, index)
    atoms, n = Atoms.of(trial, 0), trial.populations.size
    weights = np.array([[1.0] * n, trial.draws])
    found = atoms.minimisers(weights, np.asarray(trial.phi.lower), np.asarray(trial.phi.upper))
    for at, risk in zip(found, (trial.population[0], trial.empirical[0]), strict=True):
        certified = [float(p) for p in risk.minimiser(trial.phi)]
        # Flat minima of T = 3 leave a third of the digits.
        assert at.tolist() == pytest.approx(certified, abs=1e-4)


@settings(max_examples=25)
@given(INDICES, st.sampled_from([Reading.E, Reading.P]), st.integers(0, 8))
def test_the_mean_of_the_stochastic_gradients_is_the_meta_gradient(
    index: int, reading: Reading, share: int
) -> None:
    """Over the tasks outside, each with its probability: by enumeration."""
    trial, _, _ = draw_trial(SMALL, 4, index)
    trial = replace(trial, reading=reading)
    n, phi = trial.populations.size, inside(trial, share / 8)
    training = StochasticMetaTraining.of(trial, n)
    gradients = training.gradient(np.tile(phi, (n, 1)), np.arange(n))
    mean = training.outside[0] @ gradients
    expected = [float(v) for v in trial.meta_gradient(as_vector(tuple(phi.tolist())))]
    assert mean.tolist() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_with_the_sample_in_one_task_inside_and_outside_it_is_not() -> None:
    trial = next(
        one
        for index in range(50)
        if (one := draw_trial(SMALL, 4, index)[0]).reading is Reading.E
        and min(one.draws) > 0
        and one.alpha > 0.05
    )
    n, phi = trial.populations.size, inside(trial, 0.9)
    training = StochasticMetaTraining.of(trial, n)
    biased = replace(training, inside=np.eye(n))
    gradients = biased.gradient(np.tile(phi, (n, 1)), np.arange(n))
    mean = training.outside[0] @ gradients
    expected = np.array([float(v) for v in trial.meta_gradient(as_vector(tuple(phi.tolist())))])
    assert np.abs(mean - expected).max() > 1e-4 * np.abs(expected).max()


def test_runs_stay_in_phi_are_recorded_and_the_same_for_the_same_stream() -> None:
    trial, _, _ = draw_trial(SMALL, 4, 0)
    training = StochasticMetaTraining.of(trial, 50)
    found = training.run(0.01, 7, np.random.default_rng(0), (1, 3))
    again = training.run(0.01, 7, np.random.default_rng(0), (1, 3))
    assert set(found) == {1, 3, 7}
    for k, phi in found.items():
        assert (phi == again[k]).all()
        assert (phi >= training.lower).all()
        assert (phi <= training.upper).all()
    # Steps of 100 times what is stable throw some run against the wall.
    assert ((found[1] == training.lower) | (found[1] == training.upper)).any()


def test_the_tasks_are_drawn_with_their_probabilities() -> None:
    """Weights 3 : 1 on a line where each task's gradient tells it."""
    from ..trials import line_trial

    tasks = [(1.0, 1.0), (1.0, 4.0)]
    trial = line_trial(tasks, tasks, tasks, phi=(0.5, 2.0), alpha=0.0, draws=(3, 1))
    training = StochasticMetaTraining.of(trial, 4000)
    phi = training.run(8.0, 1, np.random.default_rng(1))[1]
    start = 0.5 + 1.5 * np.random.default_rng(1).random((4000, 1))
    steep = np.isclose((phi - 1) / (start - 1), 1 - 4 / 8)
    # Four standard errors of a share of ¼.
    assert abs(steep.mean() - 0.25) < 4 * (0.25 * 0.75 / 4000) ** 0.5
