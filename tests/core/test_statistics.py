"""Intervals: known cases, coverage, and what they refuse to say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ml2o_core.errors import InvalidArgument
from ml2o_core.statistics import (
    clopper_pearson,
    mean_band,
    mean_interval,
    paired_difference,
    slope_interval,
    spearman,
)

ROUNDING = 1e-12
"""A few operations in float64 on numbers near 1."""


def test_interval_of_a_known_sample() -> None:
    """1, 2, 3: mean 2, standard error 1/√3, t_{0.975, 2} = 0.95 / √(2 · 0.975 · 0.025)."""
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0
    assert interval.upper - 2.0 == pytest.approx(0.95 / math.sqrt(0.04875 * 3), rel=1e-12)
    assert interval.upper - 2.0 == pytest.approx(2.0 - interval.lower, rel=1e-12)


def test_coverage_is_nominal() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(4000):
        interval = mean_interval(rng.normal(1.0, 2.0, size=5))
        hits += interval.lower <= 1.0 <= interval.upper
    # 4,000 trials at 0.95: standard deviation 0.0034; four of them.
    assert abs(hits / 4000 - 0.95) < 0.014


def test_pairing_removes_what_the_pairs_share() -> None:
    rng = np.random.default_rng(0)
    shared = rng.normal(0, 100, size=10)
    difference = paired_difference(shared + 1 + 1e-3 * rng.normal(size=10), shared)
    assert difference.lower < 1 < difference.upper
    assert difference.upper - difference.lower < 0.01
    half = paired_difference(shared + 1, np.zeros(10), 0.5)
    assert half == mean_interval(shared + 1, 0.5)
    assert half.upper < mean_interval(shared + 1).upper


def test_one_value_has_no_interval_and_bad_values_are_refused() -> None:
    single = mean_interval([3.0])
    assert (single.lower, single.mean, single.upper) == (-math.inf, 3.0, math.inf)
    for bad in ([], [1.0, math.nan]):
        with pytest.raises(InvalidArgument):
            mean_interval(bad)
    with pytest.raises(InvalidArgument, match="reference"):
        paired_difference([1.0, 2.0], [1.0])


def test_a_band_is_an_interval_at_each_step() -> None:
    samples = np.random.default_rng(0).normal(size=(4, 3))
    mean, lower, upper = mean_band(samples)
    for k in range(3):
        interval = mean_interval(samples[:, k])
        assert (mean[k], lower[k], upper[k]) == (interval.mean, interval.lower, interval.upper)


@pytest.mark.parametrize("trials", [1, 10, 200])
def test_without_a_failure_and_with_nothing_else_the_ends_are_exact(trials: int) -> None:
    """(1 − u)^n = (1 − level) / 2 at the upper end without a failure."""
    none, all_of_them = clopper_pearson(0, trials, 0.9), clopper_pearson(trials, trials, 0.9)
    assert (none.lower, none.mean) == (0, 0)
    assert none.upper == pytest.approx(1 - 0.05 ** (1 / trials), rel=ROUNDING)
    assert (all_of_them.upper, all_of_them.mean) == (1, 1)
    assert all_of_them.lower == pytest.approx(0.05 ** (1 / trials), rel=ROUNDING)


def coverage(interval, trials: int, p: float) -> float:  # type: ignore[no-untyped-def]
    """The exact probability that the interval holds p."""
    holds = [interval(k)[0] <= p <= interval(k)[1] for k in range(trials + 1)]
    return float(stats.binom.pmf(np.arange(trials + 1), trials, p)[holds].sum())


@pytest.mark.parametrize("trials", [5, 40])
@pytest.mark.parametrize("level", [0.5, 0.95, 1 - 1e-6])
def test_clopper_pearson_covers_at_least_at_its_level_and_the_normal_interval_does_not(
    trials: int, level: float
) -> None:
    def exact(failures: int) -> tuple[float, float]:
        found = clopper_pearson(failures, trials, level)
        return found.lower, found.upper

    def normal(failures: int) -> tuple[float, float]:
        share = failures / trials
        half = stats.norm.ppf(0.5 + level / 2) * math.sqrt(share * (1 - share) / trials)
        return share - half, share + half

    probabilities = np.linspace(0.01, 0.99, 99)
    assert min(coverage(exact, trials, p) for p in probabilities) >= level - ROUNDING
    assert min(coverage(normal, trials, p) for p in probabilities) < level - 0.1


@pytest.mark.parametrize(
    ("failures", "trials", "level"),
    [(-1, 5, 0.95), (6, 5, 0.95), (0, 0, 0.95), (1, 5, 1.0), (1, 5, 0.0)],
)
def test_a_share_that_is_none_is_refused(failures: int, trials: int, level: float) -> None:
    with pytest.raises(InvalidArgument):
        clopper_pearson(failures, trials, level)


def test_the_slope_of_a_power_is_its_exponent() -> None:
    x = np.log10(np.array([1e-3, 1e-2, 0.5, 7.0]))
    exact = slope_interval(x, 2 - 0.5 * x)
    assert exact.slope == pytest.approx(-0.5, rel=ROUNDING)
    assert exact.upper == pytest.approx(-0.5, rel=ROUNDING)
    assert (exact.count, exact.level) == (4, 0.95)


def test_the_slopes_interval_is_that_of_linear_regression() -> None:
    """Against scipy's slope and standard error, on a sample with scatter."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=12)
    y = 3 * x + rng.normal(size=12)
    found, reference = slope_interval(x, y, 0.9), stats.linregress(x, y)
    half = stats.t.ppf(0.95, 10) * reference.stderr
    assert found.slope == pytest.approx(reference.slope, rel=ROUNDING)
    assert found.lower == pytest.approx(reference.slope - half, rel=ROUNDING)
    assert found.upper == pytest.approx(reference.slope + half, rel=ROUNDING)


def test_the_slopes_coverage_is_nominal() -> None:
    rng = np.random.default_rng(1)
    x = np.arange(6.0)
    hits = 0
    for _ in range(4000):
        found = slope_interval(x, 0.5 * x + rng.normal(size=6))
        assert found.lower is not None
        assert found.upper is not None
        hits += found.lower <= 0.5 <= found.upper
    # As in test_coverage_is_nominal: four standard deviations of 4,000 trials.
    assert abs(hits / 4000 - 0.95) < 0.014


def test_points_that_do_not_determine_a_slope_have_none() -> None:
    assert slope_interval([0.1] * 3, [1.0, 2.0, 3.0]).slope is None
    two = slope_interval([0.0, 1.0], [1.0, 3.0])
    assert (two.slope, two.lower, two.upper) == (2.0, None, None)
    for bad in (([1.0], [1.0]), ([1.0, 2.0], [1.0]), ([1.0, math.nan], [1.0, 2.0])):
        with pytest.raises(InvalidArgument, match="pairs"):
            slope_interval(*bad)
        with pytest.raises(InvalidArgument, match="pairs"):
            spearman(*bad)


@pytest.mark.parametrize(
    ("y", "rho", "p_value"),
    [
        ([1, 2, 3], 1, 2 / 6),
        ([4, 3, 2, 1], -1, 2 / 24),
        ([1, 2, 3, 5, 4], 0.9, 10 / 120),
        ([1, 2, 3, 4, 5, 7, 8, 6], 1 - 6 * 6 / 504, None),
        ([1, 1, 1, 1], None, None),
    ],
)
def test_rank_correlations_of_known_orders(
    y: list[float], rho: float | None, p_value: float | None
) -> None:
    """Beside 1, 2, …; of the 120 orders of five, 4 + 1 have ρ ≥ 0.9, and as many ρ ≤ −0.9."""
    found = spearman(list(range(len(y))), y)
    assert found.rho == (rho if rho is None else pytest.approx(rho, rel=ROUNDING))
    if rho is None or p_value is not None:
        assert found.p_value == p_value


def test_the_exact_p_value_is_the_tables() -> None:
    """Eight pairs: |ρ| ≥ 0.738 has probability 0.0458 (Kendall's tables), the t value differs."""
    y = [1, 2, 3, 5, 6, 8, 7, 4]
    found = spearman(range(8), y)
    assert found.rho == pytest.approx(31 / 42, rel=ROUNDING)
    assert found.p_value == pytest.approx(0.0458, abs=5e-5)
    assert abs(float(stats.spearmanr(range(8), y).pvalue) - found.p_value) > 0.005


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=12))
def test_ties_are_scipys_and_signs_and_order_do_not_matter(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    found = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert found.rho is found.p_value is None
        return
    assert found.rho == pytest.approx(stats.spearmanr(x, y).statistic, abs=ROUNDING)
    turned = spearman(x[::-1] ** 3, -y[::-1])
    assert turned.rho == pytest.approx(-found.rho, abs=ROUNDING)
    assert turned.p_value == pytest.approx(found.p_value, rel=1e-9)


def test_the_interval_is_bonett_and_wrights() -> None:
    """z ± 1.96 √((1 + ρ²/2) / (n − 3)); Fisher's own variance 1 / (n − 3) would be too narrow."""
    x = np.arange(10.0)
    y = np.array([0, 3, 1, 2, 6, 4, 5, 9, 7, 8.0])
    found = spearman(x, y)
    assert found.rho is not None
    z, width = math.atanh(found.rho), 1.959964 * math.sqrt((1 + found.rho**2 / 2) / 7)
    assert found.lower == pytest.approx(math.tanh(z - width), abs=1e-6)
    assert found.upper == pytest.approx(math.tanh(z + width), abs=1e-6)
    assert found.lower < math.tanh(z - 1.959964 / math.sqrt(7)) - 0.01


def test_there_is_no_interval_below_four_pairs_nor_around_a_perfect_order() -> None:
    assert spearman([1, 2, 3], [1, 3, 2]).lower is None
    assert spearman(range(4), [1, 3, 2, 4]).lower is not None
    perfect = spearman(range(9), range(9))
    assert (perfect.rho, perfect.lower, perfect.upper) == (1, None, None)
    assert perfect.p_value == pytest.approx(0, abs=1e-12)
