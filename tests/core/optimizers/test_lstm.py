"""The LSTM cell: equal to torch.nn.LSTMCell, with right first and second derivatives."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.optimizers.lstm import lstm_cell
from ml2o_core.seeding import generator


def random_arguments(
    seed: int,
    rows: int,
    n: int,
    hidden: int,
    dtype: torch.dtype = torch.float64,
    scale: float = 1.0,
) -> list[Tensor]:
    """f, h, c, w_input, w_hidden, bias."""
    g = generator(seed, purpose="cell")
    shapes = [(rows, n), (rows, hidden), (rows, hidden)]
    shapes += [(n, 4 * hidden), (hidden, 4 * hidden), (4 * hidden,)]
    return [scale * torch.randn(s, generator=g, dtype=torch.float64).to(dtype) for s in shapes]


def torch_cell(arguments: list[Tensor]) -> tuple[Tensor, Tensor]:
    f, h, c, w_input, w_hidden, bias = arguments
    cell = torch.nn.LSTMCell(w_input.shape[0], w_hidden.shape[0], dtype=f.dtype)
    weights = {"weight_ih": w_input.mT, "weight_hh": w_hidden.mT, "bias_ih": bias}
    cell.load_state_dict(weights | {"bias_hh": torch.zeros_like(bias)})
    with torch.no_grad():
        h, c = cell(f, (h, c))
    return h, c


@given(
    seed=st.integers(0, 2**32),
    rows=st.integers(1, 4),
    n=st.integers(1, 4),
    hidden=st.integers(1, 20),
    scale=st.sampled_from([0.1, 1.0, 30.0]),
    dtype=st.sampled_from([torch.float64, torch.float32]),
)
def test_it_is_the_cell_of_torch(
    seed: int, rows: int, n: int, hidden: int, scale: float, dtype: torch.dtype
) -> None:
    arguments = random_arguments(seed, rows, n, hidden, dtype, scale)
    ours, theirs = lstm_cell(*arguments), torch_cell(arguments)
    # The gates' sums are taken in another order: n + hidden terms of size scale².
    rounding = 4 * torch.finfo(dtype).eps * (1 + (n + hidden) * scale**2) * max(1, scale)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=rounding)


@pytest.mark.parametrize("order", [(1, 0, 2, 3), (0, 1, 3, 2), (2, 1, 0, 3)])
def test_another_order_of_the_gates_is_another_cell(order: tuple[int, ...]) -> None:
    f, h, c, *weights = random_arguments(0, 3, 2, 5)
    shuffled = [
        torch.cat([w.chunk(4, dim=-1)[gate] for gate in order], dim=-1).contiguous()
        for w in weights
    ]
    (ours, _), (theirs, _) = lstm_cell(f, h, c, *weights), torch_cell([f, h, c, *shuffled])
    assert (ours - theirs).abs().max() > 1e-2


def test_saturated_gates_keep_or_replace_the_memory() -> None:
    """Forget gate open and input gate shut: c stays; the other way round: c = tanh(g)."""
    one = torch.ones(1, dtype=torch.float64)
    c = 0.7 * one
    no_input, no_hidden = torch.zeros(1, 4).double(), torch.zeros(1, 4).double()
    for bias, expected in (([-800, 800, 3, 0], c), ([800, -800, 3, 0], torch.tanh(3 * one))):
        h, kept = lstm_cell(one, one, c, no_input, no_hidden, torch.tensor(bias).double())
        assert torch.equal(kept, expected)
        assert torch.equal(h, torch.tanh(expected) / 2)


def test_first_and_second_derivatives_are_finite_differences() -> None:
    leaves = [v.requires_grad_() for v in random_arguments(0, 2, 2, 2)]
    assert torch.autograd.gradcheck(lstm_cell, leaves)
    assert torch.autograd.gradgradcheck(lstm_cell, leaves)
