"""Every operation contains the exact results, is tight to the ulp, and never says NaN."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from flint import arb
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import precision
from ml2o_theory.intervals import rounding
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate, stack

EXACT_BITS = 4400
INF = math.inf


def tensor(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def interval(lower: float, upper: float) -> IntervalTensor:
    return IntervalTensor(tensor(lower), tensor(upper))


def exactly(values: Tensor) -> list[arb]:
    return [arb(v) for v in values.flatten().tolist()]


def width_in_ulps(found: IntervalTensor) -> float:
    size = found.magnitude()
    ulp = rounding.up(size) - size
    return float(((found.upper - found.lower) / ulp).max())


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv]


@pytest.mark.parametrize("operation", BINARY)
@given(a=..., b=..., data=st.data())
def test_an_operation_contains_what_it_does_to_points(
    operation: Callable[..., Any],
    a: IntervalTensor,
    b: IntervalTensor,
    data: st.DataObject,
    inside: Any,
    encloses: Any,
) -> None:
    x, y = data.draw(inside(a)), data.draw(inside(b))
    assume(operation is not operator.truediv or bool((y != 0).all()))
    with precision(EXACT_BITS):
        exact = [operation(p, q) for p, q in zip(exactly(x), exactly(y), strict=True)]
    for first, second in [(a, b), (a, y), (x, b)]:
        found = operation(first, second)
        assert encloses(found, exact)
        assert isinstance(found, IntervalTensor)
    number = y[0].item()
    with precision(EXACT_BITS):
        exact = [operation(p, arb(number)) for p in exactly(x)]
        reflected = [operation(arb(number), p) for p in exactly(x)]
    if operation is not operator.truediv or number != 0:
        assert encloses(operation(a, number), exact)
    if operation is not operator.truediv or bool((x != 0).all()):
        assert encloses(operation(number, a), reflected)


@given(a=..., data=st.data())
def test_functions_of_one_interval_contain_their_values(
    a: IntervalTensor, data: st.DataObject, inside: Any, encloses: Any
) -> None:
    x = data.draw(inside(a))
    with precision(EXACT_BITS):
        points = exactly(x)
        assert encloses(-a, [-p for p in points])
        assert encloses(a.square(), [p * p for p in points])
        assert encloses(a.abs(), [abs(p) for p in points])
        assert encloses(a.sum()[None], [sum(points, arb(0))])
        assert encloses(a.sum(0, keepdim=True), [sum(points, arb(0))])
        assert bool((a.mignitude() <= x.abs()).all() and (x.abs() <= a.magnitude()).all())
        assert bool(a.contains(x).all())
        # Finite radii reach both ends from the midpoint.
        for middle, radius, low, high in zip(
            exactly(a.midpoint), a.radius.tolist(), a.lower.tolist(), a.upper.tolist(), strict=True
        ):
            assert middle - arb(radius) <= arb(low)
            assert arb(high) <= middle + arb(radius)
    assert bool(a.contains(a.midpoint).all())
    if bool((x != 0).all()):
        with precision(EXACT_BITS):
            assert encloses(a.reciprocal(), [1 / p for p in points])
    if bool((x >= 0).all()):
        with precision(EXACT_BITS):
            assert encloses(a.sqrt(), [p.sqrt() for p in points])


@given(a=..., b=..., data=st.data())
def test_hulls_and_intersections(
    a: IntervalTensor, b: IntervalTensor, data: st.DataObject, inside: Any
) -> None:
    x, y = data.draw(inside(a)), data.draw(inside(b))
    hull = IntervalTensor.hull_of(a, b, x)
    assert bool(hull.contains(x).all() and hull.contains(y).all())
    assert torch.equal(hull.lower, a.lower.minimum(b.lower))
    assert torch.equal(hull.upper, a.upper.maximum(b.upper))
    both = hull.intersect(a)
    assert torch.equal(both.lower, a.lower)
    assert torch.equal(both.upper, a.upper)


@given(a=..., radius=st.sampled_from([0.0, 5e-324, 1e-20, 1.0, 1e308, INF]))
def test_a_ball_contains_its_ends(a: IntervalTensor, radius: float, encloses: Any) -> None:
    center = a.midpoint
    ball = IntervalTensor.about(center, radius)
    if math.isfinite(radius):
        with precision(EXACT_BITS):
            assert encloses(ball, [p - arb(radius) for p in exactly(center)])
            assert encloses(ball, [p + arb(radius) for p in exactly(center)])
    else:
        assert bool((ball.lower == -INF).all() and (ball.upper == INF).all())
    if radius == 0:
        assert torch.equal(ball.lower, center)
        assert torch.equal(ball.upper, center)


NORMAL = st.floats(1e-100, 1e100)


@given(x=NORMAL, y=NORMAL)
def test_degenerate_operations_are_two_ulps_wide_at_most(x: float, y: float) -> None:
    a, b = IntervalTensor.exactly(x), IntervalTensor.exactly(y)
    for found in (a + b, a - b, a * b, a.square(), a.reciprocal()):
        # Next to a power of 2 the ulp below is half the one above.
        assert width_in_ulps(found) <= 2
    assert width_in_ulps(a.sqrt()) <= 8
    # The reciprocal is one ulp off on each side, and its ulps may be twice as large.
    assert width_in_ulps(a / b) <= 6


@given(ends=st.tuples(*[st.floats(-1e100, 1e100)] * 4))
def test_products_are_the_hull_of_the_corners(ends: tuple[float, ...]) -> None:
    a, b = interval(*sorted(ends[:2])), interval(*sorted(ends[2:]))
    corners = [p * q for p in sorted(ends[:2]) for q in sorted(ends[2:])]
    found = a * b
    assert math.nextafter(min(corners), -INF) <= found.lower.item() <= min(corners)
    assert max(corners) <= found.upper.item() <= math.nextafter(max(corners), INF)


def test_what_vanishes_stays_exactly_zero() -> None:
    a, anything = IntervalTensor.exactly(tensor(0.1, -3.0)), interval(-INF, INF)
    zero = IntervalTensor.exactly(0.0)
    for found in (a - a, a * 0.0, anything * zero, zero * anything, 0.0 * a, zero.square()):
        assert bool((found.lower == 0).all() and (found.upper == 0).all())
    assert zero.sqrt().upper == 0
    assert (anything * 0.0).is_finite().all()
    assert zero.expand(7).sum().upper == 0


def test_a_square_and_a_product_of_nonnegative_numbers_are_nonnegative() -> None:
    a = interval(0.0, 2.0)
    assert (a * a).lower == 0
    assert (interval(-1.0, 2.0).square()).lower == 0
    assert (interval(-1.0, 2.0) * interval(-1.0, 2.0)).lower < -1.9
    assert (interval(1e-200, 1.0) * interval(1e-200, 1.0)).lower >= -5e-324


@pytest.mark.parametrize(
    ("operand", "lower", "upper"),
    [
        (interval(-1.0, 1.0), -INF, INF),
        (interval(0.0, 0.0), -INF, INF),
        (interval(0.0, 2.0), math.nextafter(0.5, 0), INF),
        (interval(-2.0, -0.0), -INF, math.nextafter(-0.5, 0)),
        (interval(1.0, INF), 0.0, math.nextafter(1.0, 2)),
        (interval(-INF, -1.0), math.nextafter(-1.0, -2), 0.0),
    ],
)
def test_reciprocals_at_zero_and_infinity(
    operand: IntervalTensor, lower: float, upper: float
) -> None:
    found = operand.reciprocal()
    assert (found.lower.item(), found.upper.item()) == (lower, upper)


def test_overflow_gives_an_absent_end() -> None:
    huge = IntervalTensor.exactly(1e308)
    for found in (huge + huge, huge * huge, huge * 10.0, huge.square(), huge.expand(3).sum()):
        assert found.upper.item() == INF
    assert (huge + huge).lower.item() == torch.finfo(torch.float64).max
    # The partial sums may overflow though the sum does not: nothing is known.
    undone = IntervalTensor.exactly(tensor(1e308, 1e308, -1e308, -1e308)).sum()
    assert undone.contains(torch.zeros(()))


def test_nan_becomes_the_whole_line_and_wrong_infinities_are_repaired() -> None:
    nan = torch.full((2,), math.nan, dtype=torch.float64)
    for found in (IntervalTensor(nan, nan), IntervalTensor.exactly(nan), nan * interval(1.0, 2.0)):
        assert bool((found.lower == -INF).all() and (found.upper == INF).all())
    beyond = IntervalTensor.exactly(tensor(INF, -INF, 1.0))
    largest = torch.finfo(torch.float64).max
    assert beyond.lower.tolist() == [largest, -INF, 1.0]
    assert beyond.upper.tolist() == [INF, -largest, 1.0]
    assert beyond.is_finite().tolist() == [False, False, True]


def test_refusals() -> None:
    one = tensor(1.0)
    with pytest.raises(InvalidArgument, match="float64"):
        IntervalTensor(one.float(), one.float())
    with pytest.raises(InvalidArgument, match="one shape"):
        IntervalTensor(one, one.expand(2))
    with pytest.raises(InvalidArgument, match=r"\[2.0, 1.0\]"):
        interval(2.0, 1.0)
    with pytest.raises(InvalidArgument, match=r"\[2.0, 1.0\]"):
        IntervalTensor(tensor(math.nan, 2.0), tensor(math.nan, 1.0))
    with pytest.raises(InvalidArgument, match="floating"):
        IntervalTensor.exactly(torch.tensor([1]))
    with pytest.raises(InvalidArgument, match="float64 holds"):
        IntervalTensor.exactly(2**53 + 1)
    with pytest.raises(InvalidArgument, match="radius"):
        IntervalTensor.about(one, -1.0)
    with pytest.raises(InvalidArgument, match="≥ 0"):
        interval(-2.0, -1.0).sqrt()
    with pytest.raises(InvalidArgument, match="at least one"):
        IntervalTensor.hull_of()
    with pytest.raises(InvalidArgument, match="lower ≤ upper"):
        interval(0.0, 1.0).intersect(interval(2.0, 3.0))
    with pytest.raises(InvalidArgument, match="terms"):
        rounding.sum_up(one.expand(rounding.LONGEST_SUM + 1), 0)


VIEWS: list[Callable[[Any], Any]] = [
    lambda x: x.mT,
    lambda x: x[0],
    lambda x: x[..., 1:, None],
    lambda x: x.reshape(3, -1),
    lambda x: x.unsqueeze(1),
    lambda x: x[:1].squeeze(0),
    lambda x: x[:1].expand(5, -1, -1),
    lambda x: x[:1].broadcast_to((5, 3, 4)),
    lambda x: x.diag_embed() if isinstance(x, IntervalTensor) else torch.diag_embed(x),
]


@pytest.mark.parametrize("view", VIEWS)
def test_views_act_on_both_ends(view: Callable[[Any], Any]) -> None:
    lower = torch.randn(2, 3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = view(IntervalTensor(lower, lower + 1))
    assert torch.equal(found.lower, view(lower))
    assert torch.equal(found.upper, view(lower + 1))
    assert found.shape == view(lower).shape
    assert found.ndim == view(lower).ndim
    assert view(IntervalTensor.exactly(lower)).is_exact


def test_joining() -> None:
    a, b = interval(0.0, 1.0), tensor(5.0)
    assert torch.equal(concatenate([a, b]).upper, tensor(1.0, 5.0))
    assert stack([a, b], dim=-1).shape == (1, 2)
    assert stack([b, b]).is_exact
    assert not concatenate([a, b]).is_exact


def cancelling() -> Tensor:
    """Sums of 6000 numbers that cancel down to 1e−17 of their size."""
    generator = torch.Generator().manual_seed(1)
    half = torch.randn(5, 2000, dtype=torch.float64, generator=generator)
    values = torch.cat([half * 1e8, -half * 1e8, half * 1e-9], -1)
    return values[:, torch.randperm(6000, generator=generator)]


def test_sums_of_many_numbers_with_cancellation(mutated: Any, encloses: Any) -> None:
    values = cancelling()
    found = IntervalTensor.exactly(values).sum(-1)
    careless = mutated(rounding.sum_up, "terms * UNIT * size", "0.0 * size")
    without = IntervalTensor(-careless(-values, -1), careless(values, -1))
    with precision(EXACT_BITS):
        exact = [sum((arb(v) for v in row), arb(0)) for row in values.tolist()]
    assert encloses(found, exact)
    assert not encloses(without, exact)
    assert bool((found.radius <= 6001 * 2.0**-53 * values.abs().sum(-1)).all())


@contextmanager
def rounding_to_nearest(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(torch, "nextafter", lambda x, _: x)
        yield


@pytest.mark.parametrize("operation", BINARY)
def test_without_outward_rounding_an_end_is_wrong(
    operation: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, encloses: Any
) -> None:
    x, y = tensor(0.1, 0.7), tensor(0.3, 3e-17)
    a, b = IntervalTensor.exactly(x), IntervalTensor.exactly(y)
    with precision(EXACT_BITS):
        exact = [operation(p, q) for p, q in zip(exactly(x), exactly(y), strict=True)]
    assert encloses(operation(a, b), exact)
    with rounding_to_nearest(monkeypatch):
        assert not encloses(operation(a, b), exact)
