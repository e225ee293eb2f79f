"""Products of interval matrices contain every product, and are nearly the hull of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_theory.arithmetic import precision
from ml2o_theory.intervals import products
from ml2o_theory.intervals.products import interval_product, nonnegative_product_above
from ml2o_theory.intervals.rounding import UNIT
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate

EXACT_BITS = 4400


def exact_product(a: Tensor, b: Tensor) -> list[arb]:
    with precision(EXACT_BITS):
        factors = [arb_mat([[arb(v) for v in row] for row in x.tolist()]) for x in (a, b)]
        return (factors[0] * factors[1]).entries()


@given(a=..., b=..., c=..., data=st.data())
def test_a_product_contains_the_products_of_points(
    a: IntervalTensor,
    b: IntervalTensor,
    c: IntervalTensor,
    data: st.DataObject,
    inside: Any,
    encloses: Any,
) -> None:
    left, right = concatenate([a, b]).reshape(2, 3), concatenate([b, c]).reshape(3, 2)
    K, N = data.draw(inside(left)), data.draw(inside(right))
    for first, second in [(left, right), (K, right), (left, N)]:
        assert encloses(first @ second, exact_product(K, N))
    assert encloses(IntervalTensor.exactly(K) @ N, exact_product(K, N))
    # A vector is a matrix of one row or column.
    assert encloses(left @ right[:, 0], exact_product(K, N[:, :1]))
    assert encloses(left[0] @ right, exact_product(K[:1], N))
    assert encloses((left[0] @ right[:, 0])[None], exact_product(K[:1], N[:, :1]))


def random_matrices(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


@pytest.fixture(scope="module")
def cancelling() -> tuple[Tensor, Tensor]:
    """Products whose entries are 1e−16 of what they are sums of."""
    half, other = random_matrices(4, 300), random_matrices(300, 4, seed=1)
    a = torch.cat([half, -half * (1 + 1e-15)], -1)
    return a, torch.cat([other, other], -2)


def test_cancellation(cancelling: tuple[Tensor, Tensor], mutated: Any, encloses: Any) -> None:
    a, b = cancelling
    found = IntervalTensor.exactly(a) @ b
    assert encloses(found, exact_product(a, b))
    careless = mutated(interval_product, "(n + 1) * UNIT if r is None", "0.0 if r is None")
    assert not encloses(IntervalTensor(*careless(a, None, b, None)), exact_product(a, b))
    # For n terms the classical bound is (n + 1)u|a||b|.
    assert bool((found.radius <= 1.0001 * 601 * UNIT * (a.abs() @ b.abs())).all())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("radius + r @", "radius + 0 * r @"),
        ("up(size_b + s)", "size_b"),
        ("s + error * size_b", "0 * s + error * size_b"),
        ("- covered * (1 - relative)", "- 2 * covered"),
        ("center + rho @ sigma", "center"),
    ],
)
def test_a_dropped_term_is_seen_at_the_corners(
    old: str, new: str, mutated: Any, encloses: Any
) -> None:
    a, b = random_matrices(3, 3), random_matrices(3, 3, seed=1)
    r, s = random_matrices(3, 3, seed=2).abs(), random_matrices(3, 3, seed=3).abs()
    careful, careless = (
        interval_product(a, r, b, s),
        mutated(interval_product, old, new)(a, r, b, s),
    )
    seen = False
    for k in range(64):
        K = a + r * random_matrices(3, 3, seed=10 + k).sign() * (1 - 1e-12)
        N = b + s * (K.mT @ random_matrices(3, 3, seed=100 + k)).sign() * (1 - 1e-12)
        assert encloses(IntervalTensor(*careful), exact_product(K, N))
        if bool((careless[0] > careless[1]).any()):
            seen = True
        else:
            seen = seen or not encloses(IntervalTensor(*careless), exact_product(K, N))
    assert seen


POINTS = st.floats(-8, 8)


@given(ends=st.tuples(*[POINTS] * 4))
def test_one_entry_is_the_hull_unless_both_contain_zero(ends: tuple[float, ...]) -> None:
    lower, upper = (
        torch.tensor([[f(ends[:2])], [f(ends[2:])]], dtype=torch.float64) for f in (min, max)
    )
    a, b = (IntervalTensor(lower[k : k + 1], upper[k : k + 1]) for k in (0, 1))
    hull, found = a * b, a @ b
    assert bool((found.lower <= hull.lower).all() and (found.upper >= hull.upper).all())
    both = a.contains(torch.zeros(())) & b.contains(torch.zeros(()))
    factor = torch.where(both, 1.5, 1.0)
    size = a.magnitude() * b.magnitude()
    excess = (found.upper - found.lower) - factor * (hull.upper - hull.lower)
    assert bool((excess <= 100 * UNIT * size + 1e-300).all())


def test_with_one_exact_factor_a_product_is_the_hull() -> None:
    W, x, r = random_matrices(5, 7), random_matrices(7), random_matrices(7, seed=1).abs()
    found = W @ IntervalTensor.about(x, r)
    upper = (W.clamp(min=0) @ (x + r)) + (W.clamp(max=0) @ (x - r))
    lower = (W.clamp(min=0) @ (x - r)) + (W.clamp(max=0) @ (x + r))
    torch.testing.assert_close(found.upper, upper, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found.lower, lower, rtol=1e-13, atol=1e-13)


def test_batches_broadcast() -> None:
    a = IntervalTensor.about(random_matrices(6, 1, 2, 3), 0.1)
    b = IntervalTensor.about(random_matrices(5, 3, 4, seed=1), 0.1)
    found = a @ b
    assert found.shape == (6, 5, 2, 4)
    alone = a[4, 0] @ b[2]
    torch.testing.assert_close(found.lower[4, 2], alone.lower, rtol=1e-13, atol=1e-13)


def test_zeros_stay_zeros_and_underflow_is_covered(encloses: Any) -> None:
    zero, block = torch.zeros(2, 2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    found = IntervalTensor.exactly(zero) @ IntervalTensor.about(block, 1.0)
    assert bool((found.magnitude() == 0).all())
    assert bool((IntervalTensor.exactly(block) @ block).magnitude()[0, 1] == 0)
    tiny = torch.full((2, 2), 1e-200, dtype=torch.float64)
    assert encloses(tiny @ IntervalTensor.exactly(tiny), exact_product(tiny, tiny))
    # gamma·|b| underflows, and |a| would magnify what it lost.
    large, small = (
        torch.full(shape, value, dtype=torch.float64)
        for shape, value in [((1, 3), 1e300), ((3, 1), 3e-300)]
    )
    assert encloses(large @ IntervalTensor.exactly(small), exact_product(large, small))


def test_overflow_and_absent_ends_leave_the_whole_line() -> None:
    huge = IntervalTensor.exactly(
        torch.tensor([[1e308, 1e308, -1e308, -1e308]], dtype=torch.float64)
    )
    ones = torch.ones(4, 1, dtype=torch.float64)
    found = huge @ (10 * ones)
    assert (found.lower.item(), found.upper.item()) == (-math.inf, math.inf)
    unbounded = IntervalTensor(ones[:1], ones[:1] * math.inf)
    found = unbounded @ ones[:1]
    assert (found.lower.item(), found.upper.item()) == (-math.inf, math.inf)


def is_above(bound: Tensor, a: Tensor, b: Tensor) -> bool:
    return all(
        arb(above) >= exact
        for above, exact in zip(bound.flatten().tolist(), exact_product(a, b), strict=True)
    )


@given(st.integers(1, 30), st.integers(0, 2**32), st.sampled_from([1.0, 1e-170, 1e150, 0.0]))
def test_the_bound_of_a_nonnegative_product_is_above_it(n: int, seed: int, scale: float) -> None:
    a, b = random_matrices(3, n, seed=seed).abs(), scale * random_matrices(n, 2, seed=seed).abs()
    bound = nonnegative_product_above(a, b)
    assert is_above(bound, a, b)
    assert bool((bound <= a @ b * (1 + 1e-12) + 1e-300).all())
    if scale == 0:
        assert not bound.any()


def test_a_bound_without_its_allowance_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of many terms round in either direction: what is computed is not above what is exact."""
    a, b = random_matrices(20, 200).abs(), random_matrices(200, 20, seed=1).abs()
    assert is_above(nonnegative_product_above(a, b), a, b)
    monkeypatch.setattr(products, "UNIT", -UNIT)
    assert not is_above(nonnegative_product_above(a, b), a, b)
