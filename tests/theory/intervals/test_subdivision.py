"""The parts cover the box, and the excess of a range shrinks with them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_theory.intervals.functions import tanh, tanh_1
from ml2o_theory.intervals.subdivision import grid, halved, split
from ml2o_theory.intervals.tensor import IntervalTensor


@given(box=..., data=st.data())
def test_every_point_lies_in_a_part_and_every_part_in_the_box(
    box: IntervalTensor, data: st.DataObject, inside: Any
) -> None:
    x = data.draw(inside(box))
    boxes = [split(box, 8)]
    if bool(box.is_finite().all()):
        boxes.append(grid(box, [3, 1, 4]))
    for parts in boxes:
        assert bool(parts.contains(x).all(-1).any())
        assert bool((parts.lower >= box.lower).all() and (parts.upper <= box.upper).all())


def test_splitting_halves_the_widest_coordinate() -> None:
    box = IntervalTensor(torch.zeros(2).double(), torch.tensor([4.0, 1.0]).double())
    parts = split(box, 4)
    assert parts.shape == (4, 2)
    assert sorted(parts.lower[:, 0].tolist()) == [0.0, 1.0, 2.0, 3.0]
    assert bool((parts.upper - parts.lower == 1).all())
    assert torch.equal(split(box, 1)[0].upper, box.upper)


def test_a_grid_has_equal_parts_in_all_combinations() -> None:
    box = IntervalTensor(torch.tensor([0.0, -1.0]).double(), torch.tensor([3.0, 1.0]).double())
    parts = grid(box, [3, 2])
    assert sorted(map(tuple, parts.lower.tolist())) == [(i, j) for i in (0, 1, 2) for j in (-1, 0)]
    torch.testing.assert_close(parts.upper - parts.lower, torch.ones(6, 2).double())


def test_each_box_of_a_batch_is_split_where_it_is_widest() -> None:
    lower = torch.zeros(1, 2, 2, dtype=torch.float64)
    upper = torch.tensor([[[2.0, 1.0], [1.0, 2.0]]], dtype=torch.float64)
    parts = halved(IntervalTensor(lower, upper))
    assert parts.upper[0].tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert parts.lower[1].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_the_supremum_over_parts_converges() -> None:
    """u tanh'(u) − tanh(u)/2 has range [−½, …] on [0, 3]; one box overestimates it."""
    box = IntervalTensor(torch.zeros(1).double(), 3 * torch.ones(1).double())
    points = torch.linspace(0, 3, 100_001, dtype=torch.float64)
    true = (points * (1 - points.tanh() ** 2) - points.tanh() / 2).max().item()
    excess = []
    for parts in (1, 16, 256, 4096):
        u = split(box, parts)
        found = (u * tanh_1(u) - tanh(u) * 0.5).upper.max().item()
        assert found >= true
        excess.append(found - true)
    assert excess[0] > 1
    # A natural extension converges linearly: each 16-fold refinement gains at least 8.
    assert all(later <= earlier / 8 for earlier, later in pairwise(excess))


def test_refusals() -> None:
    box = IntervalTensor(torch.zeros(2).double(), torch.ones(2).double())
    with pytest.raises(InvalidArgument, match="power of 2"):
        split(box, 3)
    with pytest.raises(InvalidArgument, match="2 integers"):
        grid(box, [2])
    with pytest.raises(InvalidArgument, match="finite"):
        grid(IntervalTensor(box.lower, box.upper * math.inf), [2, 2])
