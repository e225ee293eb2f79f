"""Intervals over replicates: of a mean, a paired difference, a proportion, a slope, a rank order.

A mean and a paired difference have Student's t, a proportion has Clopper and Pearson's exact
interval, a slope Student's t, and Spearman's ρ Fisher's z with Bonett and Wright's variance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy import stats

from ml2o_core.errors import InvalidArgument


@dataclass(frozen=True)
class MeanInterval:
    """A sample mean and its two-sided t-interval; unbounded when fewer than two values are left."""

    mean: float
    lower: float
    upper: float
    level: float
    count: int


def mean_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> MeanInterval:
    """Mean of independent `values` with a t-interval of confidence `level`.

    Values must be finite: drop and report masked replicates before.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or sample.size == 0 or not np.isfinite(sample).all():
        raise InvalidArgument("values", values, "at least one number, all of them finite")
    mean, lower, upper = (float(end[0]) for end in mean_band(sample[:, None], level))
    return MeanInterval(mean, lower, upper, level, int(sample.size))


def mean_band(
    samples: np.ndarray, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, lower and upper end of the t-interval over axis 0, for each entry of the other axes.

    Where a sample is not finite, so are its mean and ends; one sample gives unbounded intervals.
    """
    count = len(samples)
    mean = np.mean(samples, axis=0)
    if count == 1:
        return mean, mean - math.inf, mean + math.inf
    half = stats.t.ppf(0.5 + level / 2, count - 1) * np.std(samples, axis=0, ddof=1)
    half = half / math.sqrt(count)
    return mean, mean - half, mean + half


def paired_difference(
    values: Sequence[float] | np.ndarray,
    reference: Sequence[float] | np.ndarray,
    level: float = 0.95,
) -> MeanInterval:
    """Mean of `values − reference`, pair by pair; negative where `values` are lower."""
    first, second = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    if first.shape != second.shape:
        raise InvalidArgument(
            "reference", second.shape, f"as many values as there are: {first.shape}"
        )
    return mean_interval(first - second, level)


def clopper_pearson(failures: int, trials: int, level: float = 0.95) -> MeanInterval:
    """The share of failures in independent trials, with Clopper and Pearson's interval.

    Its coverage is at least `level` for every probability and every number of trials, because it
    inverts the binomial distribution itself. The ends are exactly 0 without a failure and exactly 1
    without a success.
    """
    if trials < 1:
        raise InvalidArgument("trials", trials, "at least 1")
    if not 0 <= failures <= trials:
        raise InvalidArgument("failures", failures, f"0 to the number of trials, {trials}")
    tail = _tail(level)
    successes = trials - failures
    lower = float(stats.beta.ppf(tail, failures, successes + 1)) if failures else 0.0
    upper = float(stats.beta.isf(tail, failures + 1, successes)) if successes else 1.0
    return MeanInterval(failures / trials, lower, upper, level, trials)


def _tail(level: float) -> float:
    """The probability left out at each end of a two-sided interval."""
    if not 0 < level < 1:
        raise InvalidArgument("level", level, "a confidence level between 0 and 1")
    return (1 - level) / 2


@dataclass(frozen=True)
class Slope:
    """A least-squares slope with its t-interval; None where the points do not determine it."""

    slope: float | None
    lower: float | None
    upper: float | None
    level: float
    count: int


def slope_interval(
    log_x: Sequence[float] | np.ndarray,
    log_y: Sequence[float] | np.ndarray,
    level: float = 0.95,
) -> Slope:
    """The slope b of the line log y = a + b log x by least squares, with its t-interval.

    With logarithms to one base, b is the exponent of y ∝ x^b. The interval takes the deviations
    from the line as independent and equally wide; two points have a slope and no interval.
    """
    x, y = _pairs(log_x, log_y)
    tail, count = _tail(level), len(x)
    if x.min() == x.max():
        return Slope(None, None, None, level, count)
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    slope = float(x @ y) / spread
    if count == 2:
        return Slope(slope, None, None, level, count)
    residual = y - slope * x
    variance = float(residual @ residual) / (count - 2)
    half = float(stats.t.isf(tail, count - 2)) * math.sqrt(variance / spread)
    return Slope(slope, slope - half, slope + half, level, count)


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's ρ with its interval and two-sided p-value; None where there is no such number."""

    rho: float | None
    lower: float | None
    upper: float | None
    p_value: float | None
    level: float
    count: int


EXACT = 8
"""Pairs up to which a rank correlation's p-value counts all permutations; 8! is 40,320."""


def spearman(
    x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray, level: float = 0.95
) -> RankCorrelation:
    """Spearman's rank correlation; ties share their mean rank.

    The p-value is that of the exact permutation test up to 8 pairs, and scipy's t-approximation
    beyond. The interval is Fisher's z with the variance (1 + ρ²/2) / (n − 3) of Bonett and Wright
    (2000). There is none below 4 pairs, where that variance is infinite, nor at ρ = ±1, where z is.
    """
    a, b = _pairs(x, y)
    tail, n = _tail(level), len(a)
    # Twice the rank, less its mean: whole numbers, so that permutations are compared exactly.
    u, v = (np.rint(2 * stats.rankdata(values)).astype(np.int64) - (n + 1) for values in (a, b))
    scale = math.sqrt(int(u @ u) * int(v @ v))
    if scale == 0:
        return RankCorrelation(None, None, None, None, level, n)
    rho = max(-1.0, min(1.0, int(u @ v) / scale))
    if n <= EXACT:
        products = v[np.array(list(permutations(range(n))))] @ u
        p_value = float((np.abs(products) >= abs(int(u @ v))).mean())
    else:
        p_value = float(stats.spearmanr(a, b).pvalue)
    if n < 4 or abs(rho) == 1:
        return RankCorrelation(rho, None, None, p_value, level, n)
    half = float(stats.norm.isf(tail)) * math.sqrt((1 + rho**2 / 2) / (n - 3))
    lower, upper = (math.tanh(math.atanh(rho) + side * half) for side in (-1, 1))
    return RankCorrelation(rho, lower, upper, p_value, level, n)


def _pairs(
    x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if first.ndim != 1 or first.shape != second.shape or len(first) < 2:
        raise InvalidArgument("pairs", (first.shape, second.shape), "two lists, two pairs or more")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InvalidArgument("pairs", "a number that is not finite", "finite numbers")
    return first, second
