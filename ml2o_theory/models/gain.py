"""The linear gain m(z, φ) = −φz, bilinear in (z, φ): every constant is a closed form.

∇²m is the same everywhere, and ∇²m[(δz, δφ), (δz', δφ')] = −(δφ·δz' + δφ'·δz) in the product of the
gain's shape, so ∇₁m does not depend on z, ∇₂m not on φ, and the one remaining constant is
L_zφ = sup ‖δφ·δz‖ over unit δz and δφ:

    scalar    |δφ| ‖δz‖ = 1
    diagonal  ‖δφ ⊙ δz‖ ≤ max_k |δφ_k| ‖δz‖ ≤ ‖δφ‖ ‖δz‖ = 1, attained by δφ = δz = e_1
    full      ‖δΦ δz‖ ≤ ‖δΦ‖_F ‖δz‖ = 1, attained by δΦ = e_1 e_1ᵀ, δz = e_1
"""

from __future__ import annotations

from typing import ClassVar

import torch
from flint import arb, arb_mat
from torch import Tensor

from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.base import RuleModel, RuleStep


class GainModel(RuleModel):
    """−φz, −φ⊙z or −Φz. φ has p = 1, d or d² numbers, a full Φ row by row."""

    of: ClassVar[type[MemorylessRule]] = LinearGain

    def at(self, z: arb_mat, phi: arb_mat) -> RuleStep:
        gain = self._matrix(phi, z.nrows())
        return RuleStep(-(gain * z), -gain, -self._in_phi(z))

    def second(
        self,
        z: arb_mat,
        phi: arb_mat,
        first: tuple[arb_mat, arb_mat],
        other: tuple[arb_mat, arb_mat],
    ) -> arb_mat:
        d = z.nrows()
        return -(self._matrix(first[1], d) * other[0] + self._matrix(other[1], d) * first[0])

    def _matrix(self, phi: arb_mat, d: int) -> arb_mat:
        """The d × d matrix by which φ multiplies z."""
        if self.rule.shape == "full":
            return arb_mat(d, d, phi.entries())
        gains = phi.entries() if self.rule.shape == "diagonal" else d * phi.entries()
        return arb_mat(d, d, [gains[i] if i == j else 0 for i in range(d) for j in range(d)])

    def _in_phi(self, z: arb_mat) -> arb_mat:
        """∂(φz)/∂φ, (d, p)."""
        if self.rule.shape == "scalar":
            return z
        d, numbers = z.nrows(), z.entries()
        if self.rule.shape == "diagonal":
            return self._matrix(z, d)
        # ∂(Φz)_i / ∂Φ_rc = δ_ir z_c
        rows = [[v if i == r else arb(0) for r in range(d) for v in numbers] for i in range(d)]
        return arb_mat(rows)

    def jacobians_on(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        d = z.shape[-1]
        eye = torch.eye(d, dtype=torch.float64)
        batch = torch.broadcast_shapes(z.shape[:-1], phi.shape[:-1])
        match self.rule.shape:
            case "scalar":
                gain, in_phi = phi.unsqueeze(-1) * eye, z.unsqueeze(-1)
            case "diagonal":
                gain, in_phi = phi.diag_embed(), z.diag_embed()
            case _:
                gain = phi.reshape(*phi.shape[:-1], d, d)
                # (..., i, r, c): δ_ir z_c
                per_row = z.unsqueeze(-2).unsqueeze(-2) * eye.unsqueeze(-1)
                in_phi = per_row.reshape(*z.shape[:-1], d, d * d)
        return -gain.expand(*batch, d, d), -in_phi.expand(*batch, *in_phi.shape[-2:])

    def second_norms_on(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> dict[str, tuple[Tensor, Tensor]]:
        zero, one = self._constant(0.0, z, phi), self._constant(1.0, z, phi)
        return {"L_zz": (zero, zero), "L_zphi": (one, one), "L_phiphi": (zero, zero)}

    def third_norm_on(self, z: IntervalTensor, phi: IntervalTensor) -> tuple[Tensor, Tensor]:
        zero = self._constant(0.0, z, phi)
        return zero, zero

    def _constant(self, value: float, z: IntervalTensor, phi: IntervalTensor) -> Tensor:
        batch = torch.broadcast_shapes(z.shape[:-1], phi.shape[:-1])
        return torch.full(batch, value, dtype=torch.float64)
