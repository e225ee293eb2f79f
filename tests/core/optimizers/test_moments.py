"""Running moments: the bias correction keeps its digits, the root its derivatives."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.optimizers.moments import bias_correction, root, running_mean


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(decay=st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.999]), t=st.integers(1, 1000))
def test_bias_correction_is_exact_to_rounding(dtype: torch.dtype, decay: float, t: int) -> None:
    exact = float(1 - Fraction(decay) ** t)
    ours = float(bias_correction(decay, torch.tensor(float(t), dtype=dtype)))
    assert abs(ours - exact) <= 8 * torch.finfo(dtype).eps * exact


def test_the_plain_formula_would_lose_digits() -> None:
    plain = 1 - torch.tensor(0.999, dtype=torch.float32) ** 1
    assert abs(plain.item() - 0.001) > 1e-5 * 0.001


@given(value=st.one_of(st.just(0.0), st.floats(1e-6, 1e6)), decay=st.floats(0, 0.99))
def test_a_constant_is_its_own_corrected_mean(value: float, decay: float) -> None:
    g = torch.tensor([value, -value], dtype=torch.float64)
    mean = torch.zeros_like(g)
    for t in range(1, 6):
        mean = running_mean(mean, g, decay)
        corrected = mean / bias_correction(decay, torch.tensor(float(t), dtype=torch.float64))
        torch.testing.assert_close(corrected, g, rtol=1e-13, atol=0)


def test_root() -> None:
    v = torch.tensor([0.0, 4.0, 9.0], dtype=torch.float64, requires_grad=True)
    assert root(v).tolist() == [0.0, 2.0, 3.0]
    (slope,) = torch.autograd.grad(root(v).sum(), v)
    assert slope.tolist() == [0.0, 1 / 4, 1 / 6]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("exponent", range(-40, 13, 2))
def test_normalised_gradient_of_any_size(dtype: torch.dtype, exponent: int) -> None:
    """g/(√(g²) + ε): first and second derivative finite and right, where g² underflows as well.

    With k = √0.05, f(g) = g/(k|g| + ε) has f' = ε/(k|g| + ε)² and f'' = −2kε/(k|g| + ε)³, g > 0.
    """
    eps, k = 1e-8, 0.05**0.5
    g = torch.tensor([10.0**exponent], dtype=dtype, requires_grad=True)
    f = g / (root(0.05 * g**2) + eps)
    (first,) = torch.autograd.grad(f.sum(), g, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), g)
    size = k * g.item() + eps
    rounding = 64 * torch.finfo(dtype).eps
    # f' is the difference of two terms of size 1/size, f'' of terms of size 1/(g·size).
    assert abs(first.item() - eps / size**2) <= rounding / size
    assert second.isfinite().all()
    if g.item() > eps:
        assert abs(second.item() + 2 * k * eps / size**3) <= rounding / (g.item() * size)
