"""What is left out cannot be seen: every series stays within the tolerance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.rendering.thinning import kept_points

VALUES = st.floats(-100, 100)


@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=60), st.floats(1e-3, 10))
def test_the_connections_stay_within_the_tolerance(
    pairs: list[tuple[float, float]], tolerance: float
) -> None:
    x = [step**1.5 for step in range(len(pairs))]
    series = np.array(pairs).T
    kept = kept_points(x, series.tolist(), tolerance)
    assert kept == sorted(set(kept))
    assert {0, len(x) - 1} <= set(kept)
    for values in series:
        drawn = np.interp(x, [x[at] for at in kept], values[kept])
        # 1e-9: rounding of the interpolation, of values up to 100.
        assert np.abs(drawn - values).max() <= tolerance + 1e-9


def test_a_straight_band_is_its_corners_and_a_corner_of_one_edge_is_kept() -> None:
    x, straight = list(range(500)), [0.01 * step for step in range(500)]
    bent = [abs(step - 200.0) for step in range(500)]
    assert kept_points(x, [straight, straight], 1e-9) == [0, 499]
    assert kept_points(x, [straight, bent], 1e-9) == [0, 200, 499]


def test_a_gap_stays_where_it_is() -> None:
    values = [0.0] * 5 + [math.nan] * 2 + [0.0] * 5
    assert kept_points(range(12), [values], 0.1) == [0, 4, 5, 6, 7, 11]
    assert kept_points([3], [[math.nan]], 0.1) == [0]


@pytest.mark.parametrize("tolerance", [0.05, 5.0])
def test_noise_is_thinned_only_as_far_as_the_tolerance_allows(tolerance: float) -> None:
    noise = np.random.default_rng(0).normal(size=500)
    kept = kept_points(range(500), [noise.tolist()], tolerance)
    assert (len(kept) > 400) == (tolerance < 1)
