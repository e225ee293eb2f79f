"""‖∇³l‖ of Rosenbrock's chain: exact for one link, both ends for more."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.rosenbrock_third import third_norm

ROUNDING = 1e-13

LOOSEST = 1.6
"""upper / lower for d > 2: the largest seen, over 10⁵ boxes of random chains, is 1.54."""

fewer = settings(max_examples=settings.default.max_examples // 4)


def form(c: Tensor, x: Tensor, u: Tensor) -> Tensor:
    """∇³l(x)[u, u, u] = Σ 12c_k u_k² (2x_k u_k − u_{k+1}), for directions (n, d)."""
    v = u[:, :-1]
    return (12 * c * v**2 * (2 * x[:-1] * v - u[:, 1:])).sum(-1)


def lists(size: int, low: float, high: float) -> st.SearchStrategy[Tensor]:
    values = st.lists(st.floats(low, high), min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64))


@fewer
@given(st.floats(-5, 5), st.sampled_from([1e-3, 1.0, 100.0]))
def test_one_link_is_exact(x: float, c: float) -> None:
    """Against a fine grid of directions: the maximum is smooth, the grid's error quadratic."""
    point, steepness = torch.tensor([x, 0.3]).double(), torch.tensor([c]).double()
    angle = torch.linspace(0, math.pi, 4001, dtype=torch.float64)
    grid = form(steepness, point, torch.stack([angle.cos(), angle.sin()], -1)).abs().max()
    lower, upper = third_norm(steepness, IntervalTensor.exactly(point))
    assert upper <= lower * (1 + ROUNDING)
    assert lower.item() == pytest.approx(grid.item(), rel=1e-5)
    assert grid <= upper * (1 + ROUNDING)


def test_one_link_at_the_origin_in_closed_form() -> None:
    """sup 12 c u²v on the circle is 12c · 2/(3√3)."""
    ends = third_norm(
        torch.tensor([100.0]).double(), IntervalTensor.exactly(torch.zeros(2).double())
    )
    assert [end.item() for end in ends] == pytest.approx([800 / math.sqrt(3)] * 2, rel=ROUNDING)


@fewer
@given(st.integers(3, 6), st.data())
def test_no_direction_and_no_point_of_the_box_exceeds_the_upper_end(
    d: int, data: st.DataObject
) -> None:
    c = data.draw(lists(d - 1, 0.5, 100))
    box = IntervalTensor.about(data.draw(lists(d, -2, 2)), data.draw(st.sampled_from([0.0, 0.5])))
    lower, upper = third_norm(c, box)
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    u = torch.randn(2000, d, generator=generator, dtype=torch.float64)
    u = torch.cat([u, torch.eye(d, dtype=torch.float64)])
    u = u / u.norm(dim=1, keepdim=True)
    for x in (box.lower, box.upper, box.midpoint):
        assert form(c, x, u).abs().max() <= upper * (1 + ROUNDING)
        assert form(c, x, torch.eye(d).double()).abs().max() <= lower * (1 + ROUNDING)
    assert lower <= upper <= LOOSEST * lower


def test_the_lower_end_is_attained() -> None:
    """Two links at the origin, against sampled directions."""
    c = torch.ones(2, dtype=torch.float64)
    lower, upper = third_norm(c, IntervalTensor.exactly(torch.zeros(3).double()))
    u = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0)).double()
    sampled = form(c, torch.zeros(3).double(), u / u.norm(dim=1, keepdim=True)).max()
    assert lower.item() == pytest.approx(sampled.item(), rel=1e-2)
    assert sampled <= upper
