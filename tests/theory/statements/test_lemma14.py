"""Lemma 14: the recursion in exact numbers, runs in the mean, and a biased gradient."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod, Level
from ml2o_theory.arithmetic import exact
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.generalization.atoms import Array, StochasticMetaTraining
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.trial import Trial
from ml2o_theory.statements.lemma14 import Lemma14

from ..trials import line_trial

UNIT = fmpq(1)


def bound(K: int, B: fmpq = UNIT, mu_G: fmpq = UNIT) -> fmpq:
    return Lemma14().formula({"B": B, "mu_G": mu_G, "K": fmpq(K)})


def after(k: int, a: fmpq, ratio2: fmpq = UNIT) -> fmpq:
    """What the derivation allows a_{k+1} to be at most: (1 − 2/k) a_k + (B/μ_G)²/k²."""
    return (1 - fmpq(2, k)) * a + ratio2 / (k * k)


FRACTIONS = st.fractions(0, 1, max_denominator=16).map(lambda v: fmpq(v.numerator, v.denominator))
SIZES = st.integers(1, 40).map(lambda k: fmpq(k, 8))


@settings(max_examples=200)
@given(FRACTIONS, st.lists(FRACTIONS, min_size=1, max_size=12), SIZES, SIZES)
def test_whatever_obeys_the_recursion_obeys_the_bound(
    start: fmpq, shares: list[fmpq], B: fmpq, mu_G: fmpq
) -> None:
    """From any a_1 for which a_2 ≥ 0, each a_{k+1} any share of what is allowed."""
    ratio2 = (B / mu_G) ** 2
    a = start * ratio2
    for k, share in enumerate(shares, start=1):
        a = share * after(k, a, ratio2)
        assert 0 <= a <= bound(k, B, mu_G)


def test_one_step_from_the_optimum_attains_it() -> None:
    """Φ = [−1, 1], ½φ² and gradients ±1 at φ = 0: both runs end 1 away, and B²/(μ_G² 1) = 1."""
    for gradient in (-1, 1):
        assert (0 - fmpq(gradient)) ** 2 == bound(1)
    # There the gradient is ±1 itself, with E‖·‖² = 1 again: a_3 = (1 − 1/2)² under the bound ½.
    assert (1 - fmpq(1, 2)) ** 2 < bound(2) == fmpq(1, 2)


def test_no_smaller_constant_follows_from_the_recursion() -> None:
    """From a_1 = 0, k a_{k+1} → 1; Rakhlin's 4 is four times what is needed."""
    a = fmpq(0)
    for k in range(1, 401):
        a = after(k, a)
        assert a <= bound(k)
    assert a > fmpq(97, 100) * bound(400)
    assert bound(400, B=fmpq(2)) == 4 * bound(400)


def test_steps_a_quarter_as_long_do_not_have_it() -> None:
    """Steps 1/(4μ_G k) forget the start too slowly, even without noise: a_k ~ k^(−1/2)."""
    a = fmpq(1)
    for k in range(1, 31):
        a *= (1 - fmpq(1, 4 * k)) ** 2
    assert a > 2 * bound(30)


TRIAL = line_trial(*[[(1.0, 1.0), (1.25, 4.0)]] * 3, phi=(0.875, 1.375), alpha=0.15)
"""φ̂_* = 1.2; the mean of each task's own meta risk has another optimum, closer to 1."""

STEPS = (1, 4, 16, 64)


def constants(trial: Trial) -> tuple[float, float]:
    """B and μ_G, certified."""
    known = TrialBounds.of(trial).in_probability({}, 0.5, 1, Level.RISK)
    assert known is not None
    return float(known["B"].upper.value), float(known["mu_G"].lower.value)


def mean_square(phi: Array, optimum: float) -> tuple[float, float]:
    """The mean of |φ − φ̃_M*|² over runs, and four standard errors."""
    squares = ((phi - optimum) ** 2).sum(-1)
    return squares.mean(), 4 * squares.std() / np.sqrt(len(squares))


def test_stochastic_runs_stay_below_it_in_the_mean() -> None:
    B, mu_G = constants(TRIAL)
    training = StochasticMetaTraining.of(TRIAL, 2000)
    found = training.run(mu_G, STEPS[-1], np.random.default_rng(14), STEPS)
    means = []
    for K in STEPS:
        mean, error = mean_square(found[K], 1.2)
        assert mean + error <= float(Lemma14().formula({"B": B, "mu_G": mu_G, "K": K}))
        means.append(mean)
    # It decays as fast as the bound: 64 times from the first step to the last, at least 16.
    assert means[-1] < means[0] / 16


def test_one_task_inside_and_outside_is_biased_and_leaves_it() -> None:
    """Its mean gradient is that of E g_n(T̂_n(φ)), whose minimiser the runs go to instead."""
    B, mu_G = constants(TRIAL)
    atoms = StochasticMetaTraining.of(TRIAL, 1).atoms
    generator, runs, K = np.random.default_rng(15), 100, 6000
    phi = np.full((runs, 1), 1.0)
    for k in range(1, K + 1):
        task = generator.integers(2, size=runs)
        slope = atoms.slopes_of(task, phi)
        bend = 1 - TRIAL.alpha * atoms.curvatures(phi)[np.arange(runs), task]
        step = bend * atoms.slopes_of(task, phi - TRIAL.alpha * slope) / (mu_G * k)
        phi = np.clip(phi - step, 0.875, 1.375)
    mean, error = mean_square(phi, 1.2)
    assert mean - error > float(Lemma14().formula({"B": B, "mu_G": mu_G, "K": K}))
    weights = np.array([1 * (1 - 0.15) ** 2, 4 * (1 - 0.6) ** 2])
    assert phi.mean() == pytest.approx(weights @ [1, 1.25] / weights.sum(), abs=0.01)


def between(low: float, high: float) -> Enclosure:
    return Enclosure.certified(exact(low), exact(high), EndMethod.CLOSED_FORM, region="Φ")


def test_each_end_uses_the_ends_of_the_constants() -> None:
    found = Lemma14().bound({"B": between(1, 2), "mu_G": between(0.5, 4), "K": between(2, 2)})
    assert (found.lower.value, found.upper.value) == (arb(1) / 32, arb(8))


def test_a_convexity_that_is_not_certain_bounds_nothing() -> None:
    known = {"B": between(1, 2), "mu_G": between(-0.5, 4), "K": between(2, 2)}
    assert not Lemma14().bound(known).is_bounded
    assert Lemma14().bound(known).lower.value == arb(1) / 32
    with pytest.raises(InvalidArgument, match=r"^mu_G: got"):
        Lemma14().bound(known | {"mu_G": between(-1, 0)})


def test_an_end_below_zero_of_a_number_that_is_not_stays_a_true_end() -> None:
    """B² of the lower end −1 would be 1, above the B = 0 that is possible."""
    found = Lemma14().bound({"B": between(-1, 1), "mu_G": between(1, 1), "K": between(1, 1)})
    assert (found.lower.value, found.upper.value) == (0, 1)
