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
    mean = float(sample.mean())
    if sample.size == 1:
        return MeanInterval(mean, -math.inf, math.inf, level, 1)
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    half = float(stats.t.ppf(0.5 + level / 2, sample.size - 1)) * error
    return MeanInterval(mean, mean - half, mean + half, level, int(sample.size))


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
