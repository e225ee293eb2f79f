"""A curve with its band over the training seeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from ml2o_core.results import CurveRow
from ml2o_core.results.vocabulary import Scale
from ml2o_core.statistics import mean_band

LEVEL = 0.95


def seed_curve(values: np.ndarray, **columns: Any) -> CurveRow:
    """The mean of logarithms, (seeds, points), and its t-interval; one seed has no band.

    `columns` are the row's others: id, artefact, panel, method, quantity, step and x.
    """
    mean, lower, upper = mean_band(values, LEVEL)
    band = len(values) > 1
    return CurveRow(
        scale=Scale.LN,
        level=LEVEL,
        estimate=tuple(mean.tolist()),
        lower=tuple(lower.tolist()) if band else (),
        upper=tuple(upper.tolist()) if band else (),
        **columns,
    )
