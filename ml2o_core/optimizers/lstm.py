"""The LSTM cell as plain matrix code: it maps (`vmap`) and has second derivatives.

`torch.nn.LSTMCell` computes the same but cannot be mapped, and cuDNN's has no double backward.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def lstm_cell(
    f: Float[Tensor, "*rows n"],
    h: Float[Tensor, "*rows H"],
    c: Float[Tensor, "*rows H"],
    w_input: Float[Tensor, "n 4*H"],
    w_hidden: Float[Tensor, "H 4*H"],
    bias: Float[Tensor, " 4*H"],
) -> tuple[Float[Tensor, "*rows H"], Float[Tensor, "*rows H"]]:
    """One step of the cell on inputs `f`, from hidden state `h` and cell state `c`; returns (h, c).

    The four blocks of columns are the gates i, f, g, o, in `torch.nn.LSTMCell`'s order; its weights
    are ours transposed, and its two biases add up to `bias`.
    """
    # Separate products are as fast as one product of concatenated inputs, and as every fusion of
    # the gates' sigmoids, for first and for second derivatives.
    gate_i, gate_f, gate_g, gate_o = (f @ w_input + h @ w_hidden + bias).chunk(4, dim=-1)
    c = torch.sigmoid(gate_f) * c + torch.sigmoid(gate_i) * torch.tanh(gate_g)
    h = torch.sigmoid(gate_o) * torch.tanh(c)
    return h, c
