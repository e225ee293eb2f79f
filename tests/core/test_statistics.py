"""t-intervals: a known case, coverage, and pairing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ml2o_core.errors import InvalidArgument
from ml2o_core.statistics import mean_band, mean_interval, paired_difference


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
