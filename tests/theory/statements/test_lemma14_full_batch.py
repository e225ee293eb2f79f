"""Lemma 14 for full batches: attained by a quadratic meta risk, for any number of steps."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.results import CheckVerdict, Level
from ml2o_theory.arithmetic import exact, float_below, precision
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.descent import descend
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import Trial, as_vector
from ml2o_theory.statements.lemma14_full_batch import Lemma14FullBatch
from ml2o_theory.statements.risk import power
from ml2o_theory.verdict import StatementCheck

from ..trials import box_trial, line_trial


def descended(trial: Trial, start: float, epochs: int) -> StatementCheck:
    """After `epochs` steps 1/L_G on the meta risk."""
    bounds, phi = TrialBounds.of(trial), as_vector((start,) * len(trial.phi.lower))
    with precision():
        step = float_below(1 / bounds.meta_smoothness(Level.RISK).upper.value)
    end = descend(trial.meta_gradient, phi, exact(step), trial.phi, epochs)[-1]
    seen = Observed(trial, phi, end, end)
    name = Lemma14FullBatch().number
    return next(c for c in bounds.checks(seen, epochs, step) if c.statement == name)


@pytest.mark.parametrize("epochs", [1, 5, 40])
def test_one_task_and_one_step_attain_it(epochs: int) -> None:
    """G'' = (1 − αc)² c is constant: every step is a contraction by just 1 − μ_G/L_G."""
    one = [(1.25, 2.0)]
    trial = line_trial(one, one, one, phi=(0.5, 2), alpha=0.125)
    found = descended(trial, 2.0, epochs)
    assert found.verdict is CheckVerdict.ATTAINED
    # Lemma 7's L_G = (1 + αc)² c, without the use of convexity; μ_G = (1 − αc)² c.
    factor = 1 - (0.75 / 1.25) ** 2
    assert found.observed is not None
    assert float(found.observed.upper.value) == pytest.approx(0.75 * factor**epochs, rel=1e-12)


def test_two_curvatures_leave_slack() -> None:
    """The flat direction alone attains it: here the start is far in the steep one too."""
    tasks = [[[(1.25, 0.5), (1.25, 2.0)]]] * 3
    found = descended(box_trial(tasks, (1,), 0.125, 1), 2.0, 5)
    assert found.verdict is CheckVerdict.HOLDS
    assert found.ratio is not None
    assert float(found.ratio.upper.value) < 0.95


def test_a_step_beyond_what_is_smooth_leaves_it() -> None:
    """Steps 2.2/L on curvatures ½ and 2 (α = 0): the steep direction grows by 1.2 a step."""
    tasks = [[[(1.25, 0.5), (1.25, 2.0)]]] * 3
    trial = box_trial(tasks, (1,), 0.0, 1)
    for step, fine in ((1 / 2, True), (2.2 / 2, False)):
        start = as_vector((1.3, 1.3))
        run = descend(trial.meta_gradient, start, exact(step), trial.phi, 4)
        seen = Observed(trial, start, run[-1], run[-1])
        known = {"mu_G": arb(0.5), "L_G": arb(2), "K": arb(4), "d_0": seen.distances["d_0"]}
        allowed = Lemma14FullBatch().formula(known)
        assert bool(seen.distances["d_K"] <= allowed) is fine
        assert bool(seen.distances["d_K"] > allowed) is not fine


SIZES = st.integers(1, 16).map(lambda k: fmpq(k, 4))


@settings(max_examples=200)
@given(SIZES, SIZES, st.integers(0, 12), st.integers(-16, 16), st.integers(1, 16))
def test_every_quadratic_between_the_two_curvatures_obeys_it(
    one: fmpq, other: fmpq, K: int, start: int, share: int
) -> None:
    """φ_{k+1} − φ* = (1 − h/L)(φ_k − φ*), clipped to [−2, 2], for any μ ≤ h ≤ L: exact."""
    mu, L = min(one, other), max(one, other)
    h = mu + (L - mu) * fmpq(share, 16)
    phi = first = fmpq(start, 8)
    for _ in range(K):
        phi = max(fmpq(-2), min(fmpq(2), phi - h * phi / L))
    allowed = Lemma14FullBatch().formula(
        {"mu_G": mu, "L_G": L, "K": K, "d_0": max(first, -first)}  # type: ignore[dict-item]
    )
    assert max(phi, -phi) <= allowed


def test_no_steps_leave_the_start_where_it_is() -> None:
    known = {"mu_G": arb(1), "L_G": arb(3), "K": arb(0), "d_0": arb(0.5)}
    assert Lemma14FullBatch().formula(known) == arb(0.5)


def test_a_contraction_to_one_point_is_no_rounding_error_below_zero() -> None:
    """μ_G = L_G, known to 128 bits: 1 − μ_G/L_G is a ball about 0."""
    third = arb(1) / 3
    for K in (1, 3):
        bound = Lemma14FullBatch().formula(
            {"mu_G": third, "L_G": third, "K": arb(K), "d_0": arb(1)}
        )
        assert bound.is_finite()
        assert bound.contains(arb(0))
        assert bound < 2.0**-40


def test_a_number_of_steps_of_more_digits_than_bits() -> None:
    """(1 − 1/2)^K is 0 for any practical purpose, and (1 − 1)^K is 0."""
    with precision():
        steps = arb("1e60")
        assert steps.unique_fmpz() is None
        assert abs(power(arb(0.5), steps)) < arb(10) ** -1000
        assert power(arb(0), steps) == 0


def test_nothing_is_claimed_where_the_meta_risk_may_be_flat() -> None:
    """α beyond Lemma 7's: μ_G ≤ 0, and no check is made."""
    tasks = [(1.25, 1.0), (1.75, 1.0)]
    trial = line_trial(tasks, tasks, tasks, phi=(0.5, 2.5), alpha=0.05, steps=3)
    assert TrialBounds.of(trial).meta(Level.RISK) is None
    assert TrialBounds.of(replace(trial, alpha=0.0)).meta(Level.RISK) is not None
    with pytest.raises(StopIteration):
        descended(trial, 2.0, 1)
