"""Draws and projections lie in their set, and `inside` leaves no doubt about it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_theory.arithmetic import exact, norm, precision, vector
from ml2o_theory.constants.points import BoxPoints, point_set
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.regions import Ball, Box, ParameterInterval, Tube

RADII = st.one_of(st.sampled_from([0.0, 1e-300, 1e-9, 1.0, 1e80]), st.floats(1e-6, 1e6))
ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1e8, 1e-200]), st.floats(-10, 10))


def vectors(d: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.lists(ENTRIES, min_size=d, max_size=d).map(tuple)


@given(st.data(), st.integers(1, 4), RADII)
def test_points_of_a_ball_are_in_it_exactly(data: st.DataObject, d: int, radius: float) -> None:
    ball = Ball(data.draw(vectors(d)), exact(radius))
    points = point_set(ball)
    center = torch.tensor(ball.center, dtype=torch.float64)
    outside = torch.tensor([data.draw(vectors(d))], dtype=torch.float64)
    drawn = torch.cat([points.sample(9, generator(0)), points.project(outside)])
    for x in drawn:
        kept = points.inside(x)
        with precision():
            assert norm(vector(kept) - vector(center)) <= ball.radius
        # A few roundings of the radius, and of the center, are all that it takes.
        assert (kept - x).norm() <= 1e-12 * (radius + center.norm())


def test_a_ball_is_filled_to_its_border_and_near_its_center() -> None:
    points = point_set(Ball((0.0,) * 10, exact(2.0)))
    lengths = points.sample(900, generator(0)).norm(dim=1)
    assert lengths.max() == pytest.approx(2.0)
    assert lengths.min() < 1e-3
    assert ((lengths < 1.9) & (lengths > 1.0)).sum() > 100


def test_projecting_leaves_the_inside_alone_and_is_nearest() -> None:
    points = point_set(Ball((1.0, 0.0), exact(1.0)))
    inside, outside = torch.tensor([[1.5, 0.2], [4.0, 4.0]], dtype=torch.float64)
    assert torch.equal(points.project(inside), inside)
    expected = torch.tensor([1 + 0.6, 0.8], dtype=torch.float64)
    assert torch.allclose(points.project(outside), expected, rtol=1e-15, atol=0)


@given(st.data(), st.integers(1, 4))
def test_points_of_a_box_are_in_it_exactly(data: st.DataObject, d: int) -> None:
    one, two = data.draw(vectors(d)), data.draw(vectors(d))
    box = Box(tuple(map(min, one, two)), tuple(map(max, one, two)))
    points = point_set(box)
    x = torch.tensor(data.draw(vectors(d)), dtype=torch.float64)
    for point in (*points.sample(9, generator(0)), points.inside(x)):
        assert point in box


def test_a_box_is_searched_at_its_corners_too() -> None:
    drawn = point_set(Box((-1.0, 2.0), (1.0, 2.5))).sample(60, generator(1))
    corners = {tuple(x) for x in drawn.tolist() if x[0] in (-1, 1) and x[1] in (2, 2.5)}
    assert len(corners) == 4


def tube_of(*boxes: tuple[list[float], list[float]]) -> Tube:
    ends = (torch.tensor([[box[k]] for box in boxes], dtype=torch.float64) for k in (0, 1))
    return Tube(IntervalTensor(*ends), "for the test")


def in_tube(tube: Tube, x: Tensor) -> bool:
    return bool(((tube.cover.lower <= x) & (x <= tube.cover.upper)).all(dim=-1).any())


def test_points_of_a_tube_are_in_one_of_its_boxes() -> None:
    tube = tube_of(([0.0, 0.0], [1.0, 1.0]), ([5.0, 5.0], [5.5, 6.0]))
    points = point_set(tube)
    drawn = points.sample(60, generator(0))
    assert all(in_tube(tube, x) for x in drawn)
    assert 10 < (drawn[:, 0] > 3).sum() < 50
    outside = torch.tensor([[3.1, 0.5], [3.1, 9.0], [0.5, 0.25]], dtype=torch.float64)
    nearest = torch.tensor([[1.0, 0.5], [5.0, 6.0], [0.5, 0.25]], dtype=torch.float64)
    assert torch.equal(points.project(outside), nearest)
    assert torch.equal(points.project(outside.reshape(3, 1, 2)), nearest.reshape(3, 1, 2))


def test_parameters_of_an_interval() -> None:
    points = point_set(ParameterInterval(-1.0, 3.0))
    assert isinstance(points, BoxPoints)
    drawn = points.sample(30, generator(0))
    assert drawn.shape == (30, 1)
    assert (drawn.min().item(), drawn.max().item()) == (-1.0, 3.0)


def test_a_set_of_another_kind_is_refused_and_the_kinds_are_named() -> None:
    with pytest.raises(InvalidArgument, match=r"Ball, Box, Tube, ParameterInterval"):
        point_set("everywhere")
