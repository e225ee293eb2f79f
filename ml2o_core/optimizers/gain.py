"""The linear gain m(z, φ) = −φz: the rule for which the theory's assumptions can hold."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params, State
from ml2o_core.tasks.base import Task


class LinearGain(MemorylessRule):
    """m(z, φ) = −φz, gradient descent whose step size is φ.

    φ is `{"gain": …}` of shape () for `scalar`, (d,) for `diagonal` (−φ⊙z), (d, d) for `full`
    (−Φz). The constants of A3 are exact: M_m1 = sup‖Φ‖ (spectral), M_m2 = sup‖z‖ (sup max_k |z_k|
    for `diagonal`), L_m = 1, ρ_m = 0.
    """

    name: ClassVar[str] = "gain"
    shape: Literal["scalar", "diagonal", "full"] = Field("scalar", description="shape of φ")
    dim: int | None = Field(
        None, ge=1, description="d of the tasks; needed for a diagonal or full gain, and only then"
    )
    scale: float = Field(0.01, gt=0, description="φ_0 is drawn uniformly from (0, scale)")

    @model_validator(mode="after")
    def _dim_where_needed(self) -> Self:
        if (self.dim is None) != (self.shape == "scalar"):
            allowed = "none for a scalar gain, the tasks' dimension for a diagonal or full one"
            raise InvalidArgument("dim", self.dim, allowed)
        return self

    def init_params(self, generator: torch.Generator) -> Params:
        """Positive gains, hence a descent direction; the full gain starts as a diagonal one."""
        size = () if self.dim is None else (self.dim,)
        gain = self.scale * torch.rand(size, generator=generator, dtype=torch.float64)
        return {"gain": torch.diag(gain) if self.shape == "full" else gain}

    def init_state(self, task: Task, x: Float[Tensor, " d"]) -> State:
        if self.dim not in (None, x.shape[-1]):
            raise InvalidArgument("dim", self.dim, f"{x.shape[-1]}, the dimension of the task")
        return {}

    def m(self, z: Float[Tensor, " d"], params: Params) -> Float[Tensor, " d"]:
        gain = params["gain"]
        return -(gain @ z) if self.shape == "full" else -gain * z
