"""The allowance for rounding is one: the exact value, from rationals, is never below."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import grad

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.constants import rounding
from ml2o_theory.constants.rounding import rounded_down

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 0.1, 1e8]), st.floats(-4, 4))
PRECISE = 1e-10
"""Of a result of size 1 from a few hundred operations: 1e-16 each, and sums of absolute values."""


def rational(value: float) -> fmpq:
    return fmpq(*value.as_integer_ratio())


def vectors(n: int) -> st.SearchStrategy[Tensor]:
    return st.lists(ENTRIES, min_size=n, max_size=n).map(
        lambda v: torch.tensor(v, dtype=torch.float64)
    )


@given(vectors(6), vectors(3), vectors(2))
def test_a_polynomial_and_its_derivative_against_exact_rationals(
    a: Tensor, x: Tensor, b: Tensor
) -> None:
    """½‖Ax − b‖² and its derivative along x, with A (2, 3): cancellation where Ax is near b."""
    A = a.reshape(2, 3)

    def fit(y: Tensor) -> Tensor:
        r = A @ y - b
        return r @ r / 2

    residual = [
        sum((rational(A[i, j].item()) * rational(x[j].item()) for j in range(3)), fmpq(0))
        - rational(b[i].item())
        for i in range(2)
    ]
    moved = [residual[i] + rational(b[i].item()) for i in range(2)]
    value = sum((r * r for r in residual), fmpq(0)) / 2
    slope = sum((r * m for r, m in zip(residual, moved, strict=True)), fmpq(0))
    with precision(500):
        assert rounded_down(fit, x) <= arb(value)
        assert rounded_down(lambda y: (grad(fit)(y) * y).sum(), x) <= arb(slope)
        assert rounded_down(lambda y: -fit(y), x) <= arb(-value)


@given(vectors(5))
def test_a_running_sum_against_exact_rationals(x: Tensor) -> None:
    """Every entry of it, and the derivative of its square along x: what cancels is allowed for."""
    entries = [rational(value) for value in x.tolist()]
    sums = [sum(entries[: k + 1], fmpq(0)) for k in range(5)]
    square = sum((s * s for s in sums), fmpq(0))
    with precision(500):
        for k in range(5):
            assert rounded_down(lambda y, k=k: y.cumsum(0)[k], x) <= arb(sums[k])
            assert rounded_down(lambda y, k=k: -y.cumsum(0)[k], x) <= arb(-sums[k])
        slope = lambda y: (grad(lambda w: (w.cumsum(0) ** 2).sum())(y) * y).sum()  # noqa: E731
        below = rounded_down(slope, x)
        assert below <= arb(2 * square)
        assert arb(2 * square) - below <= PRECISE * (1 + 25 * x.norm().item() ** 2)


@given(vectors(6), vectors(2))
def test_a_vector_times_a_matrix_against_exact_rationals(a: Tensor, v: Tensor) -> None:
    """v @ A, which PyTorch ends by reshaping a result in place, alone and differentiated."""
    A = a.reshape(2, 3)
    true = [
        sum((rational(v[i].item()) * rational(A[i, j].item()) for i in range(2)), fmpq(0))
        for j in range(3)
    ]
    square = sum((t * t for t in true), fmpq(0))
    with precision(500):
        for j in range(3):
            assert rounded_down(lambda u, j=j: (u @ A)[j], v) <= arb(true[j])
        below = rounded_down(lambda u: (grad(lambda w: ((w @ A) ** 2).sum())(u) * u).sum(), v)
        assert below <= arb(2 * square)
        assert arb(2 * square) - below <= PRECISE * (1 + (a.norm() * v.norm()).item() ** 2)


@given(st.floats(-3, 3), st.floats(0.1, 5))
def test_transcendental_functions_against_arb(u: float, scale: float) -> None:
    """tanh, exp, hypot, and what autodiff makes of them: 1 − tanh² loses digits for large u."""
    x, s = torch.tensor(u, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64)
    with precision(200):
        t, a, c = exact(u), exact(scale), (exact(u) * exact(scale)).tanh()
        cases: list[tuple[Callable[[Tensor], Tensor], arb]] = [
            (lambda y: torch.tanh(s * y), c),
            (grad(lambda y: torch.tanh(s * y)), a * (1 - c * c)),
            (grad(grad(lambda y: torch.tanh(s * y))), -2 * a * a * c * (1 - c * c)),
            (lambda y: torch.exp(-s * y) - 1, (-a * t).exp() - 1),
            (lambda y: torch.hypot(y, s), (t * t + a * a).sqrt()),
        ]
        for function, true in cases:
            below = rounded_down(function, x)
            assert below <= true
            assert true - below <= PRECISE * (1 + abs(true) + a * a)


def test_cancellation_is_allowed_for() -> None:
    """(1 + 2⁻³⁰)² − 1 − 2⁻²⁹ = 2⁻⁶⁰ is lost, and 0.1 + 0.2 − 0.3 comes out too large."""
    one = torch.tensor(1 + 2.0**-30, dtype=torch.float64)
    assert rounded_down(lambda y: y * y - 1 - 2.0**-29, one) <= arb(2) ** -60
    tenth = torch.tensor(0.1, dtype=torch.float64)
    value = (tenth + 0.2 - 0.3).item()
    below = rounded_down(lambda y: y + 0.2 - 0.3, tenth)
    with precision():
        assert value > float((exact(0.1) + exact(0.2) - exact(0.3)).mid()) > 0
        assert below <= exact(0.1) + exact(0.2) - exact(0.3)


def test_without_the_allowance_the_test_above_would_fail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: the float64 value itself is above the exact one."""
    monkeypatch.setattr(rounding, "_allowance", lambda tape, value: 0.0)
    below = rounded_down(lambda y: y + 0.2 - 0.3, torch.tensor(0.1, dtype=torch.float64))
    with precision():
        assert below > exact(0.1) + exact(0.2) - exact(0.3)


@pytest.mark.parametrize("power", [-530, -537, -540])
def test_underflow_that_is_magnified_later_is_allowed_for(power: int) -> None:
    """x² is below the smallest normal number, inexact or 0, and then it is magnified."""
    x, magnified = torch.tensor(1.25 * 2.0**power, dtype=torch.float64), 2.0**1020

    def square(y: Tensor) -> Tensor:
        return y * y * magnified

    def product(y: Tensor) -> Tensor:
        return torch.stack([y, y]) @ torch.stack([y, -2 * y]) * magnified

    with precision():
        true = exact(x.item()) ** 2 * arb(2) ** 1020
        assert rounded_down(square, x) <= true
        assert rounded_down(lambda y: -square(y), x) <= -true
        assert rounded_down(product, x) <= -true
        assert rounded_down(lambda y: -product(y), x) <= true
        assert true - rounded_down(square, x) <= arb(2) ** -50


def test_an_exact_function_has_no_allowance() -> None:
    x = torch.tensor([3.0, -5.0], dtype=torch.float64)
    assert rounded_down(lambda y: y.abs().max(), x) == 5
    assert rounded_down(lambda y: torch.where(y > 0, y, -y)[1], x) == 5


def test_the_allowance_is_of_the_size_of_the_error() -> None:
    """A sum of n numbers of size 1: at most n² u, and not far more."""
    x = torch.rand(100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    below = rounded_down(torch.sum, x)
    with precision():
        true = sum((exact(v) for v in x.tolist()), arb(0))
        assert 0 <= true - below <= 1e-11


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (torch.special.bessel_j0, "operation"),
        (lambda y: y.clone().add_(1.0), "operation"),
        (lambda y: y.squeeze_(), "operation"),
        (lambda y: torch.add(y, y, alpha=3), "operation"),
        (lambda y: y.float().double(), "dtype"),
    ],
)
def test_what_is_not_known_is_refused(function: Callable[[Tensor], Tensor], name: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        rounded_down(function, torch.tensor(0.5, dtype=torch.float64))


def test_a_function_that_changes_between_calls_is_refused() -> None:
    state = torch.zeros((), dtype=torch.float64)

    def drifting(y: Tensor) -> Tensor:
        shifted = y + state
        state.data = torch.tensor(math.pi, dtype=torch.float64)
        return shifted * 2

    with pytest.raises(InvalidArgument, match="the same every time"):
        rounded_down(drifting, torch.tensor(0.5, dtype=torch.float64))
