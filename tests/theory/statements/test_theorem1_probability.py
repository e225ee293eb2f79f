"""Theorem 1 in probability: over all samples and all runs of small trials, exactly."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.results import Level
from ml2o_theory.generalization.atoms import StochasticMetaTraining
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.trial import Trial, as_vector
from ml2o_theory.statements.lemma14 import Lemma14
from ml2o_theory.statements.lemma15 import Lemma15
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.statements.theorem1_probability import Theorem1Probability

from ..trials import every_sample, line_trial, observed

SIZES = st.integers(1, 64).map(lambda k: arb(k) / 16)
VALUES = st.fixed_dictionaries(dict.fromkeys(Theorem1Probability().constants, SIZES))


@settings(max_examples=200)
@given(VALUES)
def test_it_is_theorem_1_with_the_lemmas_put_in(c: dict[str, arb]) -> None:
    """Markov's inequality: ‖φ_MK − φ̃_M*‖² is at most Lemma 14's mean divided by δ_a."""
    d_K = (Lemma14().formula(c) / c["delta_a"]).sqrt()
    d_N = Lemma15().formula(c | {"delta": c["delta_b"]})
    expected = Theorem1().formula(c | {"d_K": d_K, "d_N": d_N})
    assert Theorem1Probability().formula(c).overlaps(expected)


TASKS = [(1.0, 1.0), (1.5, 2.0)]
MOVED = [(1.25, 1.0), (1.5, 1.0)]


def trial(draws: tuple[int, ...], alpha: float = 0.05) -> Trial:
    return line_trial(TASKS, MOVED, MOVED, phi=(0.75, 1.75), alpha=alpha, draws=draws)


def exceeded(
    formula: Callable[[RiskStatement, dict[str, arb]], arb], N: int, K: int, delta: float
) -> fmpq:
    """The probability that E_M is above the bound, over all samples and all runs from φ_0 = 0.75.

    The constants, too, are those of the sample that was drawn.
    """
    total = fmpq(0)
    for draws, chance in every_sample(2, N):
        one = trial(draws)
        bounds = TrialBounds.of(one)
        for tasks in itertools.product(range(2), repeat=K):
            weights = [fmpq(draws[task], N) for task in tasks]
            probability = chance * np.prod(weights)
            if not probability:
                continue
            known = bounds.in_probability({}, delta, K, Level.RISK)
            assert known is not None
            training = StochasticMetaTraining.of(one, 1)
            phi = np.array([[0.75]])
            for k, task in enumerate(tasks, start=1):
                step = training.gradient(phi, np.array([task]))
                phi = phi - step / (float(known["mu_G"].lower.value) * k)
                phi = np.clip(phi, training.lower, training.upper)
            seen = observed(one, as_vector((float(phi[0, 0]),)))
            every = bounds.terms(seen, Level.RISK) | known
            values = {s: every[s].upper.value for s in Theorem1Probability().constants}
            total += (
                probability if seen.error(seen.meta) > formula(Theorem1Probability(), values) else 0
            )
    return total


def test_over_all_samples_and_runs_it_fails_as_rarely_as_it_says() -> None:
    for delta in (0.05, 0.5, 0.9):
        assert exceeded(Theorem1Probability.formula, 2, 2, delta) <= arb(delta).fmpq()


def test_it_is_slack() -> None:
    """Markov's and the triangle inequality: even δ = 0.9 leaves no run above."""
    assert exceeded(Theorem1Probability.formula, 1, 1, 0.9) == 0


@pytest.mark.parametrize("share", [10**6, 1])
def test_a_bound_many_times_smaller_fails(share: int, mutated: Callable[..., Any]) -> None:
    planted = mutated(Theorem1Probability.formula, 'c["M_g"] * sum', f'c["M_g"] / {share} * sum')
    found = exceeded(planted, 1, 1, 0.5)
    assert (found > fmpq(1, 2)) is (share > 1)


PERFECT = {"B": arb(1), "K": arb("1e60"), "mu_G": arb(1), "delta_a": arb(0.2)}
"""K → ∞: training ends at φ̃_M*, and Lemma 14's term vanishes."""

FLAWS = {
    "sampling": ('{**c, "d_K": d_K, "d_N": d_N}', '{**c, "d_K": d_K, "d_N": 0 * d_N}'),
    "task difference": ("Theorem1().terms({**c,", "Theorem1().terms({**c, 'gap': 0,"),
    "δ_13": ("Theorem1().terms({**c,", "Theorem1().terms({**c, 'delta_13': 0,"),
    "optimization": ('"d_K": d_K', '"d_K": 0 * d_K'),
}


@pytest.mark.parametrize("term", FLAWS)
def test_without_one_of_its_terms_it_fails_too_often(
    term: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trials of Theorem 1 in which one term is alone, with the same data whatever was drawn.

    But for the sampling: a sample of one task alone has probability ½, more than δ_a + δ_b.
    """
    from .test_theorem1 import ALONE

    seen, _ = ALONE[term]
    distances = {name: value.upper() for name, value in seen.distances.items()}
    known = {
        **{"M_g": arb(2), "L_g": arb(1), "alpha": arb(seen.trial.alpha)},
        **{"gap": distances["gap"], "delta_13": distances["delta_13"], **PERFECT},
        # M_g¹ ≥ μ ‖φ̂_* − φ_*‖ wherever φ_* is a minimiser.
        **{"M_g1": distances["d_N"], "mu": arb(1), "N": arb(1), "delta_b": arb(0.25)},
    }
    if term == "optimization":
        # One step that ends as far from φ̃_M* as B/μ_G allows.
        known |= {"K": arb(1), "B": distances["d_K"] / 2}
    error = seen.error(seen.meta)
    assert error <= Theorem1Probability().formula(known)
    planted = mutated(Theorem1Probability.terms, *FLAWS[term])
    monkeypatch.setattr(Theorem1Probability, "terms", planted)
    assert error > Theorem1Probability().formula(known)


def test_nothing_is_claimed_without_lemma_14s_convexity() -> None:
    one = line_trial(TASKS, MOVED, MOVED, phi=(0.75, 1.75), alpha=0.05, steps=3)
    assert TrialBounds.of(one).in_probability({}, 0.5, 1, Level.RISK) is None
    assert TrialBounds.of(replace(trial((1, 1)), alpha=10.0)).meta(Level.RISK) is None
