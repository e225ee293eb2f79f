"""Intervals over replicates: Student's t for a mean, and for a mean of paired differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
