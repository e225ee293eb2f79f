"""Numbers and balls as intervals: rounded outward or inward, by a float or two."""

from __future__ import annotations

import math

import torch
from flint import arb
from hypothesis import given
from hypothesis import strategies as st

from ml2o_theory.arithmetic import exact, matrix, precision
from ml2o_theory.models.conversion import box_around, coordinates_within, enclose
from ml2o_theory.regions import Ball

RADII = st.sampled_from(["0", "1e-400", "1e-17", "0.1", "3", "1e300", "1e6000"])


def ball(center: list[float], radius: str) -> Ball:
    with precision():
        return Ball(tuple(center), arb(radius).lower().max(arb(0)))


@given(st.lists(st.floats(-9, 9), min_size=1, max_size=3), RADII)
def test_a_box_holds_the_ball_and_its_coordinates_are_those_of_the_ball(
    center: list[float], radius: str
) -> None:
    within_radius = ball(center, radius)
    box, inside = box_around(within_radius), coordinates_within(within_radius)
    with precision(30_000):
        for k, c in enumerate(center):
            low, high = exact(c) - within_radius.radius, exact(c) + within_radius.radius
            assert bool(arb(box.lower[k].item()) <= low)
            assert bool(high <= arb(box.upper[k].item()))
            assert bool(low <= inside.lower[k].item())
            assert bool(exact(inside.upper[k].item()) <= high)
            # Two roundings outward, and two inward, are at most four floats apart.
            upper, lower = inside.upper[k].item(), inside.lower[k].item()
            for _ in range(4):
                upper, lower = math.nextafter(upper, math.inf), math.nextafter(lower, -math.inf)
            assert box.upper[k].item() <= upper
            assert lower <= box.lower[k].item()


def test_a_matrix_keeps_its_shape_and_its_floats() -> None:
    with precision():
        values = torch.tensor([[1.0, -2.5, 3.0]], dtype=torch.float64)
        found = enclose(matrix(values))
        third = enclose(matrix(values) / 3)
    assert torch.equal(found.lower, values)
    assert torch.equal(found.upper, values)
    assert bool((third.lower * 3 <= values).all())
    assert third.contains(values / 3).all()
    assert bool((third.upper > third.lower)[:, :2].all())
