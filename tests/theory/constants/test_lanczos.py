"""Extreme eigenvalues and singular vectors: against known spectra, small and large."""

from __future__ import annotations

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_theory.constants.lanczos import extreme_eigenvalues, leading_right_vector

CLOSE = 1e-10
"""ARPACK runs to machine precision relative to the norm."""


def with_spectrum(values: Tensor, seed: int = 0) -> Tensor:
    d = values.numel()
    Q = torch.linalg.qr(torch.randn(d, d, generator=generator(seed), dtype=torch.float64))[0]
    return Q @ torch.diag(values) @ Q.mT


@example(values=[0.0], padding=100)
@given(values=st.lists(st.floats(-5, 5), min_size=1, max_size=6), padding=st.sampled_from([0, 100]))
def test_both_ends_of_a_known_spectrum(values: list[float], padding: int) -> None:
    """Dense below 64 dimensions, Lanczos above; indefinite, repeated and zero eigenvalues."""
    middle = torch.full((padding,), sum(values) / len(values), dtype=torch.float64)
    spectrum = torch.cat([torch.tensor(values, dtype=torch.float64), middle])
    H = with_spectrum(spectrum)
    low, high = extreme_eigenvalues(lambda v: H @ v, spectrum.numel(), 300, generator(1))
    assert low.value == pytest.approx(spectrum.min().item(), abs=CLOSE)
    assert high.value == pytest.approx(spectrum.max().item(), abs=CLOSE)
    for pair in (low, high):
        assert pair.residual <= 1e-6
        assert pair.vector.norm().item() == pytest.approx(1)


def test_a_hessian_is_never_formed_in_high_dimension() -> None:
    """2,000 dimensions, by products alone: far fewer of them than there are columns."""
    scales = torch.linspace(1, 2, 2000, dtype=torch.float64)
    scales[0], scales[-1] = -1.0, 4.0
    products = 0

    def matvec(v: Tensor) -> Tensor:
        nonlocal products
        products += 1
        return scales * v

    low, high = extreme_eigenvalues(matvec, 2000, 1000, generator(0))
    assert low.value == pytest.approx(-1, rel=1e-12)
    assert high.value == pytest.approx(4, rel=1e-12)
    assert products < 100


def test_stopped_early_it_says_so() -> None:
    """The Rayleigh quotient is inside the spectrum, and the residual shows that it is no end."""
    scales = torch.linspace(1, 2, 2000, dtype=torch.float64)
    low, high = extreme_eigenvalues(lambda v: scales * v, 2000, 1, generator(0))
    assert 1 < low.value < 1.1
    assert 1.9 < high.value < 2
    assert min(low.residual, high.residual) > 1e-6


@pytest.mark.parametrize(("d", "steps"), [(0, 5), (5, 0)])
def test_nothing_is_not_a_problem_size(d: int, steps: int) -> None:
    with pytest.raises(InvalidArgument):
        extreme_eigenvalues(lambda v: v, d, steps, generator(0))


@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (7, 3), (90, 120)])
def test_the_leading_right_vector_attains_the_norm(shape: tuple[int, int]) -> None:
    K = torch.randn(shape, generator=generator(2), dtype=torch.float64)
    start = torch.randn(shape[1], generator=generator(3), dtype=torch.float64)
    v = leading_right_vector(lambda u: K @ u, lambda u: K.mT @ (K @ u), start)
    assert (K @ v).norm().item() == pytest.approx(torch.linalg.matrix_norm(K, 2).item(), rel=1e-12)


def test_a_start_in_the_kernel_is_no_answer() -> None:
    """The norm is found although the guess says nothing of it; of the zero matrix it is 0."""
    K, start = torch.zeros(100, 100, dtype=torch.float64), torch.zeros(100, dtype=torch.float64)
    start[0] = 1.0
    for norm in (0.0, 3.0):
        K[1, 2] = norm
        v = leading_right_vector(lambda u: K @ u, lambda u: K.mT @ (K @ u), start)
        assert v.norm().item() == pytest.approx(1)
        assert (K @ v).norm().item() == pytest.approx(norm, rel=1e-12)
