"""Which points of a drawn series can be left out without anyone seeing it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np


def kept_points(
    x: Sequence[float], series: Sequence[Sequence[float]], tolerance: float
) -> list[int]:
    """Positions in `x` whose straight connections stay within `tolerance` of every series.

    Ramer, Douglas and Peucker's method, with distances along the values' axis and for all series at
    once, so that the two edges of a band keep the same positions. Both ends are kept; a position
    without a finite value is kept with its neighbours, so that a gap stays where it is.
    """
    at, values = np.asarray(x, dtype=float), np.asarray(series, dtype=float)
    gaps = np.flatnonzero(~np.isfinite(values).all(axis=0))
    borders = {0, len(at) - 1, *gaps, *(gaps - 1), *(gaps + 1)} & set(range(len(at)))
    kept = {int(position) for position in borders}
    spans = list(itertools.pairwise(sorted(kept)))
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        share = (at[first + 1 : last] - at[first]) / (at[last] - at[first])
        begin, end = values[:, [first]], values[:, [last]]
        apart = np.abs(values[:, first + 1 : last] - begin - share * (end - begin)).max(axis=0)
        farthest = int(apart.argmax())
        if apart[farthest] > tolerance:
            middle = first + 1 + farthest
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return sorted(kept)
