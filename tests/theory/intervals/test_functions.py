"""Ranges of tanh, its derivatives, exp and powers, against arb."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
import torch
from flint import arb
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_theory.arithmetic import precision
from ml2o_theory.intervals import functions
from ml2o_theory.intervals.functions import exp, power, tanh, tanh_1, tanh_2, tanh_3
from ml2o_theory.intervals.tensor import IntervalTensor

BITS = 300

Range: TypeAlias = Callable[[IntervalTensor], IntervalTensor]


def exact_slope(u: arb) -> arb:
    # 1 − t² would lose all digits for large |u|.
    q = (-2 * abs(u)).exp()
    return 4 * q / (1 + q) ** 2


EXACT: dict[Range, Callable[[arb], arb]] = {
    tanh: lambda u: u.tanh(),
    tanh_1: exact_slope,
    tanh_2: lambda u: -2 * u.tanh() * exact_slope(u),
    tanh_3: lambda u: (6 * u.tanh() * u.tanh() - 2) * exact_slope(u),
    exp: lambda u: u.exp(),
}
RANGES = pytest.mark.parametrize("function", EXACT, ids=lambda f: f.__name__)
CRITICAL = [math.atanh(1 / math.sqrt(3)), math.atanh(math.sqrt(2 / 3)), 0.0]
PLACES = [c * sign + shift for c in CRITICAL for sign in (1, -1) for shift in (0, 1e-16, -1e-16)]
ARGUMENTS = st.one_of(
    st.sampled_from([*PLACES, 5e-324, 1e-310, 18.7, 22.0, 354.0, 372.6, 700.0, -745.0, 1e9]),
    st.floats(-3, 3),
    st.floats(-1e3, 1e3),
    st.floats(-1e9, 1e9),
)


def between(lower: float, upper: float) -> IntervalTensor:
    return IntervalTensor(*torch.tensor([[lower], [upper]], dtype=torch.float64))


def dense() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    uniform = torch.rand(4, 700, dtype=torch.float64, generator=generator) * 2 - 1
    small = uniform[0].sign() * torch.exp(-740 * uniform[0].abs())
    special = torch.tensor(
        [0.0, -0.0, 5e-324, 1e-310, 2.0**-1022, 1e-8, 19.1, 1e9], dtype=torch.float64
    )
    return torch.cat([uniform[1], 25 * uniform[2], 700 * uniform[3], small, special])


@RANGES
def test_at_points_a_range_contains_the_value_and_little_else(function: Any, encloses: Any) -> None:
    u = dense()
    found = function(IntervalTensor.exactly(u))
    with precision(BITS):
        exact = [EXACT[function](arb(v)) for v in u.tolist()]
        assert encloses(found, exact)
        size = torch.tensor([abs(float(v.mid())) for v in exact], dtype=torch.float64)
    # 6t² − 2 cancels at its zeros: there the error is relative to 1, not to the value.
    size = 2.0 if function is tanh_3 else size
    assert bool((found.upper - found.lower <= 50 * 2.0**-52 * size + 2.0**-1018).all())


@pytest.mark.parametrize("function", [torch.tanh, torch.exp], ids=["tanh", "exp"])
def test_torch_is_well_within_the_error_that_is_allowed(function: Any) -> None:
    u = dense()
    u = torch.cat([u, -u])
    exact = EXACT[tanh if function is torch.tanh else exp]
    # Contiguous, strided and short tensors may take different code paths.
    values = [function(u), function(u.repeat_interleave(2)[::2])]
    values.append(torch.cat([function(v) for v in u.split(1)]))
    worst = 0.0
    with precision(BITS):
        for v, *found in zip(u.tolist(), *(x.tolist() for x in values), strict=True):
            true = exact(arb(v))
            for value in filter(math.isfinite, found):
                # The smallest normal number is allowed besides.
                error = max(abs(true - arb(value)) - arb(2.0**-1022), arb(0))
                worst = max(worst, float(error.upper()) / math.ulp(value))
    assert 0.3 < worst <= functions.ALLOWANCE / 2


@RANGES
@given(ends=st.tuples(ARGUMENTS, ARGUMENTS), share=st.floats(0, 1), data=st.data())
def test_a_range_contains_the_values_between(
    function: Any, ends: tuple[float, float], share: float, data: st.DataObject, encloses: Any
) -> None:
    # Hypothesis takes [0, −0] for empty.
    low, high = sorted(end + 0.0 for end in ends)
    points = [low, high, data.draw(st.floats(low, high)), low * (1 - share) + high * share]
    points += [c for c in PLACES if low <= c <= high]
    points = [min(max(p, low), high) for p in points]
    box = between(low, high).expand(len(points))
    with precision(BITS):
        assert encloses(function(box), [EXACT[function](arb(p)) for p in points])


@RANGES
@given(ends=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_a_range_is_attained(function: Any, ends: tuple[float, float]) -> None:
    low, high = sorted(ends)
    points = [low, high, *(c for place in CRITICAL for c in (place, -place) if low <= c <= high)]
    with precision(BITS):
        values = [float(EXACT[function](arb(p)).mid()) for p in points]
    found = function(between(low, high))
    scale = max(map(abs, values)) + 1.0
    assert min(values) - found.lower.item() <= 1e-14 * scale
    assert found.upper.item() - max(values) <= 1e-14 * scale


def test_the_whole_line() -> None:
    line = between(-math.inf, math.inf)
    crest = 4 / (3 * math.sqrt(3))
    for function, lower, upper in [
        (tanh, -1, 1),
        (tanh_1, 0, 1),
        (tanh_2, -crest, crest),
        (tanh_3, -2, 2 / 3),
        (exp, 0, math.inf),
    ]:
        found = function(line)
        assert found.lower.item() == pytest.approx(lower, abs=1e-14)
        assert found.upper.item() == pytest.approx(upper, abs=1e-14)
    assert exp(IntervalTensor.exactly(1e308)).lower > 1e308
    assert exp(IntervalTensor.exactly(-1e308)).upper < 1e-307
    assert tanh_3(IntervalTensor.exactly(-1e308)).magnitude() < 1e-300


@pytest.mark.parametrize("name", ["tanh_2", "tanh_3"])
def test_without_the_critical_points_a_range_is_wrong(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = between(-2.0, 2.0)
    careful = getattr(functions, name)(box)
    monkeypatch.setattr(functions, "_with_extrema", lambda u, at_ends, extrema: _hull(at_ends))
    careless = getattr(functions, name)(box)
    assert careless.upper - careless.lower < 0.5 * (careful.upper - careful.lower)


def _hull(at_ends: IntervalTensor) -> IntervalTensor:
    return IntervalTensor(at_ends.lower.amin(0), at_ends.upper.amax(0))


def test_without_its_allowance_tanh_is_wrong(
    monkeypatch: pytest.MonkeyPatch, encloses: Any
) -> None:
    u = dense()
    monkeypatch.setattr(functions, "_error", torch.zeros_like)
    with precision(BITS):
        exact = [arb(v).tanh() for v in u.tolist()]
    assert not encloses(tanh(IntervalTensor.exactly(u)), exact)


@pytest.mark.parametrize("n", [-3, -2, 0, 1, 4])
@given(a=..., data=st.data())
def test_powers(n: int, a: IntervalTensor, data: st.DataObject, inside: Any, encloses: Any) -> None:
    x = data.draw(inside(a))
    if n < 0 and bool((x == 0).any()):
        x = a.magnitude().clamp(max=1e308).where(a.upper > 0, a.lower.clamp(min=-1e308))
    if n < 0 and bool((x == 0).any()):
        return
    with precision(5000):
        values = [arb(1)] * x.numel()
        for _ in range(abs(n)):
            values = [v * arb(p) for v, p in zip(values, x.tolist(), strict=True)]
        assert encloses(power(a, n), [1 / v if n < 0 else v for v in values])


def test_powers_are_tight() -> None:
    around = between(-2.0, 1.0)
    assert power(around, 4).lower.item() == 0
    assert power(around, 4).upper.item() == pytest.approx(16, rel=1e-14)
    assert power(around, 3).lower.item() == pytest.approx(-8, rel=1e-14)
    assert power(around, 3).upper.item() == pytest.approx(1, rel=1e-14)
    assert torch.equal(power(around, 1).lower, around.lower)
    assert power(around, -2).upper.item() == math.inf
