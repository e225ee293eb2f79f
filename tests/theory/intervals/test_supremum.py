"""Branch and bound finds suprema that one evaluation misses, and covers leave no gap."""

from __future__ import annotations

import pytest
import torch

from ml2o_theory.intervals.supremum import cover_about_zero, refined_suprema
from ml2o_theory.intervals.tensor import IntervalTensor


def ends(values: IntervalTensor) -> torch.Tensor:
    """Of |x − x²| and |x|, with the dependence on x lost."""
    x = values[..., 0]
    return torch.stack([(x - x.square()).magnitude(), x.magnitude()], -1)


def at(point: IntervalTensor) -> torch.Tensor:
    x = point[..., 0]
    return torch.stack([(x - x.square()).mignitude(), x.mignitude()], -1)


def test_it_closes_on_the_supremum() -> None:
    """x − x² over [0, 1] is at most 1/4; over the whole box the interval says 1."""
    box = IntervalTensor(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    rough = refined_suprema(ends, at, box, rounds=0, keep=2, gap=0.01)
    lower, upper = refined_suprema(ends, at, box, rounds=30, keep=16, gap=0.01)
    assert rough[1].tolist() == pytest.approx([1, 1], abs=1e-12)
    assert 0.25 <= upper[0] <= 0.26
    assert 0.24 <= lower[0] <= 0.25 + 1e-12
    assert 1 <= upper[1] <= 1 + 1e-12
    assert 0.99 <= lower[1] <= 1


def test_what_is_set_aside_still_counts() -> None:
    """One round that keeps one of four boxes: the other three keep the ends they have."""
    edges = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0], dtype=torch.float64)
    boxes = IntervalTensor(edges[:-1, None], edges[1:, None])
    _, upper = refined_suprema(ends, at, boxes, rounds=1, keep=1, gap=0.0)
    others = ends(boxes).topk(2, dim=0).values[1]
    assert (upper >= others).all()
    assert upper[0] >= 0.25


@pytest.mark.parametrize("width", [0.0, 1e-3, 1.0, 1e6])
def test_a_cover_leaves_no_gap_and_is_finest_about_zero(width: float) -> None:
    whole = IntervalTensor.about(torch.tensor([0.1, -5.0], dtype=torch.float64), width)
    parts = cover_about_zero(whole, 16, 1.0)
    assert torch.equal(parts.lower[0], whole.lower)
    assert torch.equal(parts.upper[-1], whole.upper)
    assert torch.equal(parts.upper[:-1], parts.lower[1:])
    if width == 1e6:
        lengths = (parts.upper - parts.lower)[:, 0]
        assert lengths.min() < 10
        assert lengths.max() > 1e5


def test_an_infinite_interval_is_covered() -> None:
    ends = torch.tensor([torch.inf], dtype=torch.float64)
    parts = cover_about_zero(IntervalTensor(-ends, ends), 4, 1.0)
    assert parts.lower.min() == -torch.inf
    assert parts.upper.max() == torch.inf
