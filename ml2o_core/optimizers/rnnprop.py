"""RNNprop: an LSTM on scale-free features of the gradient, one coordinate at a time.

Source: Lv, Jiang and Li, "Learning gradient descent: better generalization and longer horizons",
ICML 2017; the settings are those of the M-L2O paper's experiments and of its released code.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor
from torch.nn.functional import elu

from ml2o_core.optimizers.base import Observation, Params, State, UpdateRule
from ml2o_core.optimizers.lstm import lstm_cell
from ml2o_core.optimizers.moments import bias_correction, root, running_mean
from ml2o_core.tasks.base import Task


class RNNprop(UpdateRule):
    """d = s · tanh(linear(LSTM(features(∇l)))), the same φ for every coordinate.

    The defaults are the paper's rule; `projection=True, layers=2` is the released code's. φ is

        projection_weight (2, H), projection_bias (H,)                         with a projection
        lstm<k>_input (n, 4H), lstm<k>_hidden (H, 4H), lstm<k>_bias (4H,)      for layer k
        output_weight (H, 1), output_bias (1,)

    with n = 2 in the first layer without a projection and n = H otherwise. The state is m and v of
    shape (d,), the step counter t of shape (), and hidden<k>, cell<k> of shape (d, H).
    """

    name: ClassVar[str] = "rnnprop"
    hidden: int = Field(20, ge=1, description="hidden units H of each LSTM layer")
    layers: int = Field(1, ge=1, description="number of LSTM layers")
    projection: bool = Field(False, description="project the features to H by a linear map and ELU")
    beta1: float = Field(0.95, ge=0, lt=1, description="decay β₁ of the gradient's average")
    beta2: float = Field(0.95, ge=0, lt=1, description="decay β₂ of the squared gradient's average")
    output_scale: float = Field(0.01, gt=0, description="s, the largest step of a coordinate")
    epsilon: float = Field(1e-8, gt=0, description="ε in g / (√v̂ + ε)")
    forget_bias: float = Field(1.0, description="added to the initial bias of the forget gate")

    @property
    def head(self) -> tuple[str, ...]:
        return ("output_weight", "output_bias")

    def init_params(self, generator: torch.Generator) -> Params:
        """Uniform on ±1/√H, PyTorch's initialisation of an LSTM, plus the forget gate's bias."""
        H = self.hidden
        shapes: dict[str, tuple[int, ...]] = {}
        if self.projection:
            shapes |= {"projection_weight": (2, H), "projection_bias": (H,)}
        for k in range(self.layers):
            n = H if self.projection or k > 0 else 2
            shapes |= {f"lstm{k}_input": (n, 4 * H), f"lstm{k}_hidden": (H, 4 * H)}
            shapes |= {f"lstm{k}_bias": (4 * H,)}
        shapes |= {"output_weight": (H, 1), "output_bias": (1,)}

        def draw(shape: tuple[int, ...]) -> Tensor:
            return (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1) / H**0.5

        params = {name: draw(shape) for name, shape in shapes.items()}
        for k in range(self.layers):
            params[f"lstm{k}_bias"][H : 2 * H] += self.forget_bias
        return params

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        state = {"m": torch.zeros_like(x), "v": torch.zeros_like(x), "t": x.new_zeros(())}
        for k in range(self.layers):
            state[f"hidden{k}"] = x.new_zeros((*x.shape, self.hidden))
            state[f"cell{k}"] = x.new_zeros((*x.shape, self.hidden))
        return state

    def features(
        self, gradient: Float[Tensor, " d"], state: State
    ) -> tuple[Float[Tensor, "d 2"], State]:
        """[g, m̂] / (√v̂ + ε), invariant under scaling of all gradients up to ε; and m, v, t.

        m̂ and v̂ are the bias-corrected moments after this gradient. At the first step both features
        are g / (|g| + ε); their slope at g = 0 is 1/ε there, and moderate after large gradients.
        """
        t = state["t"] + 1
        m = running_mean(state["m"], gradient, self.beta1)
        v = running_mean(state["v"], gradient**2, self.beta2)
        m_hat = m / bias_correction(self.beta1, t)
        v_hat = v / bias_correction(self.beta2, t)
        size = root(v_hat) + self.epsilon
        return torch.stack([gradient / size, m_hat / size], dim=-1), {"m": m, "v": v, "t": t}

    def update(
        self, z: Observation, state: State, params: Params
    ) -> tuple[Float[Tensor, " d"], State]:
        f, moments = self.features(z["gradient"], state)
        if self.projection:
            f = elu(f @ params["projection_weight"] + params["projection_bias"])
        memory: State = {}
        for k in range(self.layers):
            h, c = lstm_cell(
                f,
                state[f"hidden{k}"],
                state[f"cell{k}"],
                params[f"lstm{k}_input"],
                params[f"lstm{k}_hidden"],
                params[f"lstm{k}_bias"],
            )
            memory |= {f"hidden{k}": h, f"cell{k}": c}
            f = h
        out = (f @ params["output_weight"] + params["output_bias"]).squeeze(-1)
        return self.output_scale * torch.tanh(out), moments | memory
