"""Lemma 15, sharper: Chebyshev's inequality is attained by three equal weights and by two coins."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_theory.statements.lemma15_sharper import Lemma15Sharper

from .test_lemma15 import DELTAS, POPULATIONS, TWO, Risk, failures, minimiser


def second_moment(risks: Sequence[Risk]) -> fmpq:
    """E‖∇g(φ_*; ζ)‖²."""
    optimum = minimiser(risks, [1] * len(risks))
    total = sum(((c * (optimum - m)) ** 2 for m, c in risks), fmpq(0))
    return total / len(risks)


def bound(
    risks: Sequence[Risk], N: int, delta: fmpq, formula: Callable[..., arb] | None = None
) -> Callable[[Sequence[int]], arb]:
    """With μ̂ of the sample that was drawn."""
    M = arb(second_moment(risks)).sqrt()

    def at(draws: Sequence[int]) -> arb:
        mu_hat = sum((w * c for w, (_, c) in zip(draws, risks, strict=True)), fmpq(0)) / N
        known = {"M_g1": M, "mu_hat": arb(mu_hat), "N": arb(N), "delta": arb(delta)}
        return (formula or Lemma15Sharper.formula)(Lemma15Sharper(), known)

    return at


@settings(max_examples=200)
@given(POPULATIONS, st.integers(1, 6), DELTAS)
def test_it_fails_with_at_most_the_probability_it_says(
    risks: list[Risk], N: int, delta: fmpq
) -> None:
    """The bound itself is attained by some: what is certain counts."""
    assert failures(risks, N, bound(risks, N, delta))[0] <= delta


THREE: list[Risk] = [(fmpq(0), fmpq(1)), (fmpq(1), fmpq(1)), (fmpq(2), fmpq(1))]
"""∇g(φ_*; ζ) = 1, 0 and −1 with equal weights: E‖·‖² = 2/3."""

TIGHT = {
    "one of three tasks": (THREE, 1, fmpq(2, 3)),
    "two draws of two tasks": (TWO, 2, fmpq(1, 2)),
}
"""Where Chebyshev's inequality is an equality at this δ."""


@pytest.mark.parametrize("case", TIGHT)
def test_the_probability_cannot_be_smaller(case: str) -> None:
    """Just above that δ the bound is just below the largest error, which has probability δ."""
    risks, N, delta = TIGHT[case]
    above = delta * fmpq(1001, 1000)
    certain, possible = failures(risks, N, bound(risks, N, above))
    assert certain == possible == delta > fmpq(998, 1000) * above
    assert failures(risks, N, bound(risks, N, delta * fmpq(999, 1000)))[1] == 0


def test_it_is_slack_for_many_draws_of_many() -> None:
    """Six draws: 2/64 of the samples have one task alone, and an error that δ = 1/6 may have."""
    assert failures(TWO, 6, bound(TWO, 6, fmpq(1, 8)))[1] == 0
    assert failures(TWO, 6, bound(TWO, 6, fmpq(1, 5)))[0] == fmpq(2, 64)


@pytest.mark.parametrize(
    "defect",
    [
        ('c["M_g1"] / ', 'c["M_g1"] / 2 / '),
        ('c["delta"] * c["N"]', 'c["delta"] * c["N"] * 4'),
        ('root(c["delta"] * c["N"])', '(2 * root(root(c["delta"] * c["N"])))'),
    ],
)
def test_a_smaller_constant_fails_more_often(
    defect: tuple[str, str], mutated: Callable[..., Any]
) -> None:
    """Two draws: an error of 1 has probability ½, and half the bound lets δ = 0.13 have it."""
    delta = fmpq(13, 100)
    assert failures(TWO, 2, bound(TWO, 2, delta))[1] == 0
    planted = mutated(Lemma15Sharper.formula, *defect)
    assert failures(TWO, 2, bound(TWO, 2, delta, planted))[0] == fmpq(1, 2) > delta


def test_the_convexity_is_that_of_the_sample() -> None:
    """With the population's μ the flat task's error is outside: ½, which is more than 0.49."""
    risks = [(fmpq(0), fmpq(4)), (fmpq(8), fmpq(1, 4))]
    assert failures(risks, 1, bound(risks, 1, fmpq(49, 100)))[0] == 0
    known = {"M_g1": arb(second_moment(risks)).sqrt(), "N": arb(1), "delta": arb(0.49)}
    wrong = Lemma15Sharper().formula(known | {"mu_hat": arb(4.25) / 2})
    assert failures(risks, 1, lambda _: wrong)[0] == fmpq(1, 2)
