"""What directed rounding rests on: torch rounds as IEEE 754 says, and keeps subnormal numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_theory.intervals.rounding import (
    add_down,
    add_up,
    down,
    multiply_by_power_of_two,
    power_of_two_near,
    sqrt_down,
    sqrt_up,
    up,
)

CORNERS = [0.0, 5e-324, 2.0**-1022, 2.0**-900, 1.0, torch.finfo(torch.float64).max]


def floats(seed: int) -> Tensor:
    """Long enough for every vector path, with subnormal numbers and products that underflow."""
    generator = torch.Generator().manual_seed(seed)
    sign = torch.randn(5000, dtype=torch.float64, generator=generator)
    exponent = torch.rand(5000, dtype=torch.float64, generator=generator) * 1400 - 740
    return sign * exponent.clamp(max=700).exp()


@pytest.mark.parametrize("layout", ["contiguous", "strided", "short"])
@pytest.mark.parametrize(
    ("operation", "exact"),
    [
        (lambda x, y: x + y, lambda x, y: x + y),
        (lambda x, y: x - y, lambda x, y: x - y),
        (lambda x, y: x * y, lambda x, y: x * y),
        (lambda x, _: x.reciprocal(), lambda x, _: 1 / x if x else math.inf),
        (lambda x, _: down(x), lambda x, _: math.nextafter(x, -math.inf)),
        (lambda x, _: up(x), lambda x, _: math.nextafter(x, math.inf)),
    ],
    ids=["+", "-", "*", "1/x", "down", "up"],
)
def test_torch_rounds_to_nearest(
    operation: Callable[[Tensor, Tensor], Tensor],
    exact: Callable[[float, float], float],
    layout: str,
) -> None:
    x, y = floats(0), floats(1)
    assert bool(((x.abs() < 2.0**-1022) & (x != 0)).any())
    if layout == "short":
        found = torch.cat([operation(p, q) for p, q in zip(x.split(3), y.split(3), strict=True)])
    elif layout == "strided":
        found = operation(x.repeat_interleave(3)[::3], y.repeat_interleave(3)[::3])
    else:
        found = operation(x, y)
    # Python's own floats are IEEE 754 doubles.
    assert found.tolist() == [exact(p, q) for p, q in zip(x.tolist(), y.tolist(), strict=True)]


@given(x=st.floats(allow_nan=False, allow_infinity=False))
def test_a_power_of_two_near(x: float) -> None:
    value = torch.tensor(x, dtype=torch.float64)
    scale = power_of_two_near(value)
    assert math.frexp(scale.item())[0] == 0.5
    assert scale * (1 / scale) == 1
    if 2.0**-990 < abs(x) < 2.0**990:
        assert 0.5 <= abs(x) / scale.item() < 1
    scaled = (multiply_by_power_of_two(value, 1 / scale, rounded) for rounded in (down, up))
    below, above = (bound.item() for bound in scaled)
    assert below <= above
    if abs(x) > 2.0**-1022:
        # Exact: undone without a trace.
        assert below == above
        assert below * scale.item() == x


def test_a_scaling_that_underflows_is_rounded() -> None:
    odd = torch.tensor(3.0, dtype=torch.float64)
    tiny = torch.tensor(5e-324, dtype=torch.float64)
    half = torch.tensor(0.5, dtype=torch.float64)
    assert multiply_by_power_of_two(odd * tiny, half, down) <= tiny
    assert multiply_by_power_of_two(odd * tiny, half, up) >= 2 * tiny
    assert multiply_by_power_of_two(tiny, half, up) == tiny
    assert multiply_by_power_of_two(0 * tiny, half, up) == 0


def test_sums_with_zero_are_exact_and_others_are_not() -> None:
    x = torch.tensor([0.1, 0.0, 0.3], dtype=torch.float64)
    y = torch.tensor([0.0, 0.1, -0.3], dtype=torch.float64)
    assert torch.equal(add_down(x, y), add_up(x, y))
    assert bool((add_down(x + 1, x + 2) < add_up(x + 1, x + 2)).all())


@pytest.mark.parametrize("error", [0.0, 1e-9, -1e-9])
def test_roots_are_proved_by_their_squares(error: float, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.cat([floats(2).abs(), torch.tensor(CORNERS, dtype=torch.float64)])
    root = torch.Tensor.sqrt
    # The bounds must not trust the library's root, only be as tight as it is good.
    monkeypatch.setattr(torch.Tensor, "sqrt", lambda z: root(z) * (1 + error))
    below, above = sqrt_down(x), sqrt_up(x)
    for square, low, high in zip(x.tolist(), below.tolist(), above.tolist(), strict=True):
        assert Fraction(low) ** 2 <= square
        assert high == math.inf or Fraction(high) ** 2 >= square
    if error == 0:
        assert bool((above - below <= 8 * 2.0**-52 * above).all())
    assert sqrt_up(torch.tensor(math.inf, dtype=torch.float64)) == math.inf


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_neighbours_are_found_on_the_tensors_own_device() -> None:
    x = torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
    for rounded in (down, up):
        assert torch.equal(rounded(x.cuda()).cpu(), rounded(x))
