"""A curve with its band over the training seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml2o_core.results import CurveRow
from ml2o_core.results.vocabulary import Scale
from ml2o_core.statistics import mean_band

LEVEL = 0.95


def seed_curve(values: np.ndarray, counted: np.ndarray | None = None, **columns: Any) -> CurveRow:
    """The mean of logarithms, (seeds, points), and its t-interval; one seed has no band.

    With `counted`, of the same shape, each point is the mean of its own seeds, and a point without
    any is left out. `columns` are the row's others: id, artefact, panel, method, quantity, step, x.
    """
    if counted is None:
        mean, lower, upper = mean_band(values, LEVEL)
    else:
        parts = [_point(at[kept]) for at, kept in zip(values.T, counted.T, strict=True)]
        mean, lower, upper = np.array(parts).T
    band = len(values) > 1
    return CurveRow(
        scale=Scale.LN,
        level=LEVEL,
        estimate=tuple(mean.tolist()),
        lower=tuple(lower.tolist()) if band else (),
        upper=tuple(upper.tolist()) if band else (),
        **columns,
    )


def level_line(value: float, points: int, **columns: Any) -> CurveRow:
    """A logarithm that is the same at all `points`, without a band; `columns` as above."""
    return CurveRow(
        scale=Scale.LN, step=tuple(range(points)), estimate=(value,) * points, **columns
    )


def _point(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, lower and upper end over the seeds of one point."""
    if not len(values):
        return np.nan, np.nan, np.nan
    mean, lower, upper = mean_band(values[:, None], LEVEL)
    return float(mean[0]), float(lower[0]), float(upper[0])
