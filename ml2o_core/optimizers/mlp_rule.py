"""A small smooth rule: a tanh network from the gradient to the step."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, Literal, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params, State
from ml2o_core.tasks.base import Task


class MLPRule(MemorylessRule):
    """m(z, φ) = s · (W_k a_k + b_k), a_{j+1} = tanh(W_j a_j + b_j), a_0 = z: smooth in z and in φ.

    `coordinatewise` applies one network 1 → h → … → h → 1 to every coordinate of z; `vector` is one
    network d → h → … → h → d. φ is `weight_j` of shape (inputs, outputs) and `bias_j` of shape
    (outputs,) for j = 0 … depth.
    """

    name: ClassVar[str] = "mlp"
    scope: Literal["coordinatewise", "vector"] = Field(
        "coordinatewise", description="what one evaluation of the network sees"
    )
    dim: int | None = Field(
        None, ge=1, description="d of the tasks; needed for scope `vector`, and only then"
    )
    hidden: int = Field(20, ge=1, description="width h of the hidden layers")
    depth: int = Field(2, ge=1, description="number of hidden layers")
    output_scale: float = Field(0.01, gt=0, description="s")

    @model_validator(mode="after")
    def _dim_where_needed(self) -> Self:
        if (self.dim is None) != (self.scope == "coordinatewise"):
            allowed = "none for scope coordinatewise, the tasks' dimension for scope vector"
            raise InvalidArgument("dim", self.dim, allowed)
        return self

    @property
    def head(self) -> tuple[str, ...]:
        return (f"weight_{self.depth}", f"bias_{self.depth}")

    def init_params(self, generator: torch.Generator) -> Params:
        """Uniform on ±1/√inputs, layer by layer (PyTorch's initialisation of a linear layer)."""
        ends = self.dim or 1
        widths = [ends, *[self.hidden] * self.depth, ends]
        params: Params = {}
        for j, (inputs, outputs) in enumerate(pairwise(widths)):
            uniform = torch.rand(inputs + 1, outputs, generator=generator, dtype=torch.float64)
            drawn = (2 * uniform - 1) / inputs**0.5
            params |= {f"weight_{j}": drawn[1:].clone(), f"bias_{j}": drawn[0].clone()}
        return params

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        if self.dim not in (None, x.shape[-1]):
            raise InvalidArgument("dim", self.dim, f"{x.shape[-1]}, the dimension of the task")
        return {}

    def m(self, z: Float[Tensor, " d"], params: Params) -> Float[Tensor, " d"]:
        a = z if self.scope == "vector" else z.unsqueeze(-1)
        for j in range(self.depth):
            a = torch.tanh(a @ params[f"weight_{j}"] + params[f"bias_{j}"])
        out = a @ params[f"weight_{self.depth}"] + params[f"bias_{self.depth}"]
        return self.output_scale * (out if self.scope == "vector" else out.squeeze(-1))
