"""Lemma 15: its probability by enumeration of all samples of small populations, exactly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import SeparableRisk, length, subtract
from ml2o_theory.statements.lemma15 import Lemma15
from ml2o_theory.statements.lemma15_sharper import Lemma15Sharper

from ..trials import box_trial, every_sample

Risk = tuple[fmpq, fmpq]
"""½ c (φ − m)²: the center m and the curvature c."""

QUARTERS = st.integers(0, 8).map(lambda k: fmpq(k, 4))
CURVATURES = st.sampled_from([fmpq(1, 2), fmpq(1), fmpq(3)])
POPULATIONS = st.lists(st.tuples(QUARTERS, CURVATURES), min_size=2, max_size=3)
DELTAS = st.integers(1, 64).map(lambda k: fmpq(k, 64))


def minimiser(risks: Sequence[Risk], weights: Sequence[int]) -> fmpq:
    total = sum((w * c for w, (_, c) in zip(weights, risks, strict=True)), fmpq(0))
    return sum((w * c * m for w, (m, c) in zip(weights, risks, strict=True)), fmpq(0)) / total


def failures(
    risks: Sequence[Risk], N: int, bound: Callable[[Sequence[int]], arb]
) -> tuple[fmpq, fmpq]:
    """The probability that ‖φ̂_* − φ_*‖ > bound: of what is certain, and of what is possible."""
    optimum, certain, possible = minimiser(risks, [1] * len(risks)), fmpq(0), fmpq(0)
    for draws, probability in every_sample(len(risks), N):
        error = abs(arb(minimiser(risks, draws) - optimum))
        allowed = bound(draws)
        certain += probability if error > allowed else 0
        possible += 0 if error <= allowed else probability
    return certain, possible


def constants(risks: Sequence[Risk]) -> tuple[fmpq, fmpq]:
    """M_g of every sample on the hull of the centers, and μ of every mean of samples."""
    low, high = min(m for m, _ in risks), max(m for m, _ in risks)
    return max(c * max(m - low, high - m) for m, c in risks), min(c for _, c in risks)


@settings(max_examples=200)
@given(POPULATIONS, st.integers(1, 6), DELTAS)
def test_it_fails_with_at_most_the_probability_it_says(
    risks: list[Risk], N: int, delta: fmpq
) -> None:
    M, mu = constants(risks)
    known = {"M_g1": arb(M), "mu": arb(mu), "N": arb(N), "delta": arb(delta)}
    assert failures(risks, N, lambda _: Lemma15().formula(known))[1] <= delta


@settings(max_examples=8)
@given(st.data(), st.integers(2, 4), DELTAS)
def test_it_holds_for_risks_of_several_steps(data: st.DataObject, N: int, delta: fmpq) -> None:
    """T = 3, enclosed minimisers, and μ over all samples: one task alone is flat somewhere."""
    centers = data.draw(st.lists(st.integers(9, 15).map(lambda k: k / 8), min_size=2, max_size=3))
    tasks = [[(center, 1.0)] for center in centers]
    trial = box_trial([tasks] * 3, (1,) * len(tasks), 0.0, 3)
    whole, box = trial.population[0], Box((1.0,), (2.0,))
    parts = [whole.weighted(draws) for draws, _ in every_sample(len(tasks), N)]
    with precision():
        M = max((g.on(box, "Φ").M_g.upper.value for g in whole.samples), key=float)
        mu = min((g.on(box, "Φ").mu.lower.value for g in parts), key=float)
        if not mu > 0:
            return
        bound = Lemma15().formula({"M_g1": M, "mu": mu, "N": exact(N), "delta": arb(delta)})
    assert fail(whole, parts, box, bound, N) <= delta


def fail(whole: SeparableRisk, parts: list[SeparableRisk], box: Box, bound: arb, N: int) -> fmpq:
    probabilities = [p for _, p in every_sample(len(whole.weights), N)]
    with precision(BITS):
        errors = [length(subtract(g.minimiser(box), whole.minimiser(box))) for g in parts]
    pairs = zip(errors, probabilities, strict=True)
    return sum((p for error, p in pairs if not error <= bound), fmpq(0))


TWO: list[Risk] = [(fmpq(0), fmpq(1)), (fmpq(2), fmpq(1))]
"""Centers 0 and 2: φ_* = 1, M_g = 2 on [0, 2] and μ = 1."""


def test_it_is_slack_where_the_error_is_largest() -> None:
    """One draw of two is always 1 away; at δ = 1 the bound is √8 · 2. M_g on Φ doubles it."""
    known = {"M_g1": arb(2), "mu": arb(1), "N": arb(1), "delta": arb(1)}
    assert Lemma15().formula(known).overlaps(arb(32).sqrt())
    assert failures(TWO, 1, lambda _: Lemma15().formula(known))[1] == 0


def test_it_is_the_sharper_one_but_for_the_root_of_eight() -> None:
    known = {"M_g1": arb(2), "mu": arb(3), "mu_hat": arb(3), "N": arb(5), "delta": arb(0.25)}
    ratio = Lemma15().formula(known) / Lemma15Sharper().formula(known)
    assert ratio.overlaps(arb(8).sqrt())


@pytest.mark.parametrize(
    ("defect", "N", "delta"),
    [
        # Six times too small: 0.94 where every single draw is 1 away.
        (("root(8 / (", "root(arb(2) / 9 / ("), 1, 0.98),
        # As if N samples told as much as N² do, and nearly all of δ were used.
        (("root(8 / (", "root(8 / 36 / (c['N'] * "), 2, 0.4),
        (('c["M_g1"] / c["mu"]', 'c["M_g1"] / c["mu"] / 6'), 1, 0.98),
    ],
)
def test_a_smaller_constant_fails_more_often(
    defect: tuple[str, str], N: int, delta: float, mutated: Callable[..., Any]
) -> None:
    known = {"M_g1": arb(2), "mu": arb(1), "N": arb(N), "delta": arb(delta)}
    planted = mutated(Lemma15.formula, *defect)
    planted.__globals__["arb"] = arb
    assert failures(TWO, N, lambda _: planted(Lemma15(), known))[0] > arb(delta).fmpq()


def test_a_convexity_that_some_sample_lacks_is_not_enough() -> None:
    """Curvatures 4 and 1/64, N = 1, δ = 0.49: with μ = 4 the flat task is outside, one of two."""
    risks = [(fmpq(0), fmpq(4)), (fmpq(8), fmpq(1, 64))]
    M, mu = constants([(m, c) for m, c in risks[1:]] + [(fmpq(0), fmpq(1, 64))])
    known = {"M_g1": arb(M), "mu": arb(4), "N": arb(1), "delta": arb(0.49)}
    assert failures(risks, 1, lambda _: Lemma15().formula(known))[0] == fmpq(1, 2)
    assert mu == fmpq(1, 64)
