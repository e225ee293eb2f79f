"""Norms of trilinear forms between their ends, and equal to them where these are exact."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.seeding import generator
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.trilinear import form_above, form_below


@settings(max_examples=settings.default.max_examples // 5)
@given(
    st.integers(0, 2**32),
    st.tuples(*[st.integers(1, 3)] * 3),
    st.sampled_from([0.0, 1e-200, 1.0, 1e150]),
)
def test_no_direction_passes_the_upper_end(
    seed: int, shape: tuple[int, int, int], size: float
) -> None:
    g = generator(seed)
    T = torch.randn(shape, generator=g, dtype=torch.float64)
    form = IntervalTensor.exactly(size * T)
    lower, upper = form_below(form), form_above(form)
    assert 0 <= lower <= upper
    x, y = (
        torch.nn.functional.normalize(torch.randn(100, n, generator=g).double(), dim=-1)
        for n in shape[1:]
    )
    images = torch.einsum("rnk,sn,sk->sr", T, x, y).norm(dim=-1) * size
    assert images.max() <= upper * (1 + 1e-12)
    assert size == 0 or lower >= 0.1 * images.max()


def test_parallel_matrices_and_a_single_row_are_exact() -> None:
    S = torch.tensor([[2.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    weights = torch.tensor([3.0, -4.0], dtype=torch.float64)
    parallel = IntervalTensor.exactly(weights[:, None, None] * S)
    row = IntervalTensor.exactly(torch.tensor([[[3.0, 4.0]]], dtype=torch.float64))
    norm = 5 * torch.linalg.matrix_norm(S, 2).item()
    for form, expected in ((parallel, norm), (row, 5.0)):
        assert form_above(form).item() == pytest.approx(expected, rel=1e-12)
        assert form_below(form).item() == pytest.approx(expected, rel=1e-6)
        assert form_below(form) <= expected <= form_above(form) * (1 + 1e-15)
