"""The tanh network over boxes: its derivatives in interval arithmetic.

Notation of `mlp`: the network at K points, a box each. What belongs to a point has shape
(..., K, ·), what belongs to an entry of m (..., d, ·); K is d or 1, so that the two broadcast. With
q_j = (∂m/∂a_{j+1}) ⊙ tanh'' u_j, derivatives along one coordinate of the points (dots) obey

    u̇_j = ȧ_j W_j,   ȧ_{j+1} = tanh' u_j ⊙ u̇_j,   Ġ_j = Ġ_{j+1} W_{j+1}ᵀ ⊙ tanh' u_j + q_j ⊙ u̇_j,
    ∂ṁ/∂W_j[r, c] = ȧ_j[r] G_j[c] + a_j[r] Ġ_j[c],   ∂ṁ/∂b_j = Ġ_j,   ∂ṁ/∂(point) = Ġ_0 W_0ᵀ   (1)

and with A_j and U_j the Jacobians of a_j and u_j in φ,

    ∂²m/∂φ² = Σ_j U_jᵀ diag(q_j) U_j + C + Cᵀ,   C[W_j[r, c], ·] = G_j[c] A_j[r, ·], else 0:    (2)

tanh bends the sums, and a_j W_j is bilinear. The norms of ∇²m do not depend on the order of the
parameters; in it they are layer by layer, each time W_j row by row and then b_j.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from ml2o_theory.intervals.functions import tanh, tanh_1, tanh_2, tanh_3
from ml2o_theory.intervals.norms import euclidean_above, euclidean_below, spectral_above
from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate
from ml2o_theory.models.mlp_layout import Layout


@dataclass(frozen=True)
class Network:
    """W_j (..., n, h) and b_j (..., 1, h) in boxes; `scale` is s."""

    layout: Layout
    weights: list[IntervalTensor]
    biases: list[IntervalTensor]
    scale: float

    @classmethod
    def of(cls, layout: Layout, phi: IntervalTensor, scale: float) -> Network:
        """From boxes (..., p) of φ."""
        batch = phi.shape[:-1]
        weights = [
            phi[..., at.weight].reshape(*batch, at.inputs, at.outputs) for at in layout.layers
        ]
        biases = [phi[..., at.bias].unsqueeze(-2) for at in layout.layers]
        return cls(layout, weights, biases, scale)

    @cached_property
    def norms(self) -> list[Values]:
        """Upper bounds of ‖W_j‖ (spectral), (..., 1)."""
        return [
            (
                euclidean_above(W.reshape(*W.shape[:-2], -1))
                if 1 in W.shape[-2:]
                else spectral_above(W)
            ).unsqueeze(-1)
            for W in self.weights
        ]


@dataclass(frozen=True)
class Sweep:
    """The network at boxes of points: a_j (..., K, n_j) for all layers, u_j for the hidden ones.

    The leading axes of the points must be at least those of φ.
    """

    network: Network
    inputs: list[IntervalTensor]
    sums: list[IntervalTensor]

    @classmethod
    def of(cls, network: Network, points: IntervalTensor) -> Sweep:
        """Forward, from points (..., K, n)."""
        inputs, sums = [points], []
        for W, b in zip(network.weights[:-1], network.biases[:-1], strict=True):
            sums.append(inputs[-1] @ W + b)
            inputs.append(tanh(sums[-1]))
        return cls(network, inputs, sums)

    @cached_property
    def rows(self) -> torch.Size:
        """(..., d): the pairs (point, output); either the points or the outputs are one."""
        *batch, points, _ = self.inputs[0].shape
        return torch.Size([*batch, points * self.network.layout.layers[-1].outputs])

    @cached_property
    def slopes(self) -> list[IntervalTensor]:
        """tanh' u_j, (..., K, h_j)."""
        return [tanh_1(u) for u in self.sums]

    @cached_property
    def backward(self) -> tuple[list[IntervalTensor], list[IntervalTensor]]:
        """∂m/∂a_{j+1} for the hidden layers, and G_j = ∂m/∂u_j for all: (..., d, h_j)."""
        outputs = self.network.layout.layers[-1].outputs
        unit = self.network.scale * torch.eye(outputs, dtype=torch.float64)
        in_inputs: list[IntervalTensor] = []
        in_sums = [IntervalTensor.exactly(unit).expand(*self.rows, outputs)]
        for W, slope in zip(self.network.weights[:0:-1], self.slopes[::-1], strict=True):
            in_inputs.insert(0, in_sums[0] @ W.mT)
            in_sums.insert(0, in_inputs[0] * slope)
        return in_inputs, in_sums

    def in_points(self) -> IntervalTensor:
        """∂m/∂(its point), (..., d, n)."""
        return self.backward[1][0] @ self.network.weights[0].mT

    def in_phi(self) -> IntervalTensor:
        """∇₂m, (..., d, p), in φ's own order."""
        blocks = {}
        layers = zip(self.network.layout.layers, self.inputs, self.backward[1], strict=True)
        for place, a, G in layers:
            products = a.unsqueeze(-1) * G.unsqueeze(-2)
            blocks[place.weight.start] = products.reshape(*self.rows, -1)
            blocks[place.bias.start] = G
        return concatenate([blocks[start] for start in sorted(blocks)], -1)

    def second_with_points(self) -> tuple[IntervalTensor, IntervalTensor]:
        """∇²m in the point twice, (..., d, n, n), and in point and φ, (..., d, n, p): by (1)."""
        n = self.inputs[0].shape[-1]
        moved = [IntervalTensor.exactly(torch.eye(n, dtype=torch.float64)).unsqueeze(0)]
        moved_sums = []
        for W, slope in zip(self.network.weights[:-1], self.slopes, strict=True):
            moved_sums.append(moved[-1] @ W.unsqueeze(-3))
            moved.append(moved_sums[-1] * slope.unsqueeze(-2))
        in_inputs, in_sums = self.backward
        zeros = torch.zeros(1, n, in_sums[-1].shape[-1], dtype=torch.float64)
        bent = [IntervalTensor.exactly(zeros)]
        for j in reversed(range(len(self.sums))):
            passed = bent[0] @ self.network.weights[j + 1].mT.unsqueeze(-3)
            q = (in_inputs[j] * tanh_2(self.sums[j])).unsqueeze(-2)
            bent.insert(0, passed * self.slopes[j].unsqueeze(-2) + moved_sums[j] * q)
        blocks = []
        for a, da, G, dG in zip(self.inputs, moved, in_sums, bent, strict=True):
            products = da.unsqueeze(-1) * G.unsqueeze(-2).unsqueeze(-2)
            products = products + a.unsqueeze(-2).unsqueeze(-1) * dG.unsqueeze(-2)
            blocks += [
                products.reshape(*self.rows, n, -1),
                dG.expand(*self.rows, n, dG.shape[-1]),
            ]
        return bent[0] @ self.network.weights[0].mT.unsqueeze(-3), concatenate(blocks, -1)

    @cached_property
    def tangents(self) -> tuple[list[IntervalTensor], IntervalTensor]:
        """A_j (..., K, n_j, p) for all layers, and all U_j of the hidden ones in one stack."""
        points, n = self.inputs[0].shape[:-1], self.inputs[0].shape[-1]
        zeros = torch.zeros(n, self.network.layout.size, dtype=torch.float64)
        in_phi, stacked, own = [IntervalTensor.exactly(zeros).expand(*points, *zeros.shape)], [], 0
        layers = zip(self.network.weights[:-1], self.inputs, self.slopes, strict=False)
        for W, a, slope in layers:
            inputs, outputs = W.shape[-2:]
            unit = torch.eye(outputs, dtype=torch.float64)
            # ∂u_c / ∂W[r, c'] = a_r δ_cc', and ∂u_c / ∂b_c' = δ_cc'
            in_weights = (a.unsqueeze(-1).unsqueeze(-3) * unit.unsqueeze(-2)).reshape(
                *points, outputs, inputs * outputs
            )
            in_biases = IntervalTensor.exactly(unit).expand(*points, outputs, outputs)
            passed = W.mT.unsqueeze(-3) @ in_phi[-1]
            end = own + (inputs + 1) * outputs
            stacked.append(
                concatenate([passed[..., :own], in_weights, in_biases, passed[..., end:]], -1)
            )
            in_phi.append(slope.unsqueeze(-1) * stacked[-1])
            own = end
        return in_phi, concatenate(stacked, -2)

    def second_in_phi(self) -> IntervalTensor:
        """∇²m in φ twice, (..., d, p, p): by (2)."""
        in_phi, stacked = self.tangents
        in_inputs, in_sums = self.backward
        q = [g * tanh_2(u) for g, u in zip(in_inputs, self.sums, strict=True)]
        blocks = []
        for A, G in zip(in_phi, in_sums, strict=True):
            p, h = A.shape[-1], G.shape[-1]
            products = A.unsqueeze(-2) * G.unsqueeze(-1).unsqueeze(-3)
            zeros = IntervalTensor.exactly(torch.zeros(h, p, dtype=torch.float64))
            blocks += [products.reshape(*self.rows, -1, p), zeros.expand(*self.rows, h, p)]
        C = concatenate(blocks, -2)
        return (stacked.mT * concatenate(q, -1).unsqueeze(-2)) @ stacked + C + C.mT

    def last_layers_below(self) -> Values:
        """A lower bound (..., K) of the norm of ∇²m in φ twice, at points and parameters.

        With one direction on W_D, for one output, and the other on W_{D−1} and b_{D−1}:
        ∇²m = s Σ_r δW_D[r] tanh'(u_{D−1})_r (a_{D−1} · δW_{D−1}[:, r] + δb_{D−1}[r]), whose norm is
        s max_r tanh'(u_{D−1})_r √(‖a_{D−1}‖² + 1).
        """
        size = (IntervalTensor.exactly(euclidean_below(self.inputs[-2])).square() + 1.0).sqrt()
        steepest = IntervalTensor.exactly(self.slopes[-1].lower.amax(-1))
        return (steepest * size * self.network.scale).lower

    def third_along_axes(self) -> IntervalTensor:
        """∂³m/∂z_i³ for each axis i of the points: the rows (..., d) of vectors (..., outputs)."""
        n = self.inputs[0].shape[-1]
        first = IntervalTensor.exactly(torch.eye(n, dtype=torch.float64))
        second = third = IntervalTensor.exactly(torch.zeros(n, n, dtype=torch.float64))
        for W, u, slope in zip(self.network.weights[:-1], self.sums, self.slopes, strict=True):
            u_1, u_2, u_3 = first @ W, second @ W, third @ W
            bend = tanh_2(u)
            first, second, third = (
                slope * u_1,
                slope * u_2 + bend * u_1.square(),
                slope * u_3 + bend * u_1 * u_2 * 3.0 + tanh_3(u) * u_1.square() * u_1,
            )
        return third @ self.network.weights[-1] * self.network.scale
