"""The tanh network m(z, φ) = s · y, at points in ball arithmetic, over boxes with certificates.

The network is evaluated at K points at once, the rows of a matrix: `coordinatewise` at the d
coordinates of z, with one input and one output each; `vector` at the one point z, with d of both.
Either way the d entries of m are the pairs (point, output), and G_j = ∂m/∂u_j has d rows:

    u_j = a_j W_j + b_j,  a_{j+1} = tanh u_j,  a_0 = z,  m = s u_D,
    G_D = s [1] or sI,    G_j = G_{j+1} W_{j+1}ᵀ ⊙ tanh' u_j,
    ∇₁m = G_0 W_0ᵀ,       ∂m_i/∂b_j[c] = G_j[i, c],    ∂m_i/∂W_j[r, c] = a_j[i, r] G_j[i, c]

with the row of a_j and u_j that belongs to entry i of m.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from flint import arb, arb_mat
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import exact, identity
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.base import RuleModel, RuleStep
from ml2o_theory.models.mlp_ends import Ends, MLPEnds
from ml2o_theory.models.mlp_layout import Layout


class MLPModel(RuleModel):
    """The network in either scope, of any depth and width.

    `effort`: to how many numbers ∂m_i/∂φ_j at once boxes may be cut into parts; more is tighter.
    """

    of: ClassVar[type[MemorylessRule]] = MLPRule

    def __init__(self, rule: MLPRule, effort: int = 2**15) -> None:
        super().__init__(rule)
        self.layout = Layout.of(rule)
        self.ends = MLPEnds(rule, self.layout, effort)
        self.scale = exact(rule.output_scale)
        self.coordinatewise = rule.scope == "coordinatewise"

    def at(self, z: arb_mat, phi: arb_mat) -> RuleStep:
        layers, d = self._layers(phi), z.nrows()
        a, inputs, slopes = self._points(z), [], []
        for W, b in layers[:-1]:
            inputs.append(a)
            u = (a * W + _repeated(b, a.nrows())).entries()
            a = arb_mat(a.nrows(), W.ncols(), [_tanh(entry) for entry in u])
            slopes.append([_slope(entry) for entry in u] * (d // a.nrows()))
        inputs.append(a)
        W, b = layers[-1]
        value = self.scale * (a * W + _repeated(b, a.nrows()))
        G = self.scale * (arb_mat(d, 1, [1] * d) if self.coordinatewise else identity(d))
        gradients = [G.tolist()]
        for (W, _), slope in zip(layers[:0:-1], slopes[::-1], strict=True):
            G = _hadamard(G * W.transpose(), slope)
            gradients.insert(0, G.tolist())
        in_z = G * layers[0][0].transpose()
        return RuleStep(
            arb_mat(d, 1, value.entries()),
            _diagonal(in_z.entries()) if self.coordinatewise else in_z,
            self._in_phi([a.tolist() * (d // a.nrows()) for a in inputs], gradients, d),
        )

    def _in_phi(
        self, inputs: list[list[list[arb]]], gradients: list[list[list[arb]]], d: int
    ) -> arb_mat:
        """∇₂m (d, p) from the rows of a_j and G_j of each entry of m."""
        rows = []
        for i in range(d):
            row = [arb(0)] * self.layout.size
            for place, a, G in zip(self.layout.layers, inputs, gradients, strict=True):
                row[place.bias] = G[i]
                row[place.weight] = [v * g for v in a[i] for g in G[i]]
            rows.append(row)
        return arb_mat(rows)

    def second(
        self,
        z: arb_mat,
        phi: arb_mat,
        first: tuple[arb_mat, arb_mat],
        other: tuple[arb_mat, arb_mat],
    ) -> arb_mat:
        """Forward mode: the derivatives of u_j and a_j along `first`, along `other`, and both."""
        (dz, dphi), (ez, ephi) = first, other
        a, da, ea = self._points(z), self._points(dz), self._points(ez)
        rows = a.nrows()
        dea = arb_mat(rows, a.ncols())
        layers = zip(self._layers(phi), self._layers(dphi), self._layers(ephi), strict=True)
        for j, ((W, b), (dW, db), (eW, eb)) in enumerate(layers):
            u = a * W + _repeated(b, rows)
            du = da * W + a * dW + _repeated(db, rows)
            eu = ea * W + a * eW + _repeated(eb, rows)
            deu = dea * W + da * eW + ea * dW
            if j == len(self.layout.layers) - 1:
                break
            a = arb_mat(rows, W.ncols(), [_tanh(entry) for entry in u.entries()])
            slope = [_slope(entry) for entry in u.entries()]
            curvature = [-2 * t * w for t, w in zip(a.entries(), slope, strict=True)]
            dea = _hadamard(du, _hadamard(eu, curvature).entries()) + _hadamard(deu, slope)
            da, ea = _hadamard(du, slope), _hadamard(eu, slope)
        return self.scale * arb_mat(z.nrows(), 1, deu.entries())

    def jacobians_on(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        return self.ends.jacobians(z, phi)

    def certificates(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> dict[EndMethod, dict[str, Ends]]:
        """`second_norms_on` by the method that proves the upper ends."""
        return {
            EndMethod.INTERVAL_ARITHMETIC: self.ends.by_intervals(z, phi),
            EndMethod.NORM_PRODUCT: self.ends.by_norm_products(z, phi),
        }

    def second_norms_on(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """The larger lower end and the smaller upper end of all `certificates`."""
        found = list(self.certificates(z, phi).values())
        return {
            name: (
                torch.stack([ends[name][0] for ends in found]).amax(0),
                torch.stack([ends[name][1] for ends in found]).amin(0),
            )
            for name in found[0]
        }

    def third_norm_on(self, z: IntervalTensor, phi: IntervalTensor) -> tuple[Tensor, Tensor]:
        """Above by norm products; below by ∂³m/∂z_i³ alone."""
        return self.ends.third(z, phi)

    def _points(self, z: arb_mat) -> arb_mat:
        """z, or a direction in z, as one row a point: (d, 1) or (1, d)."""
        d = self.rule.dim or z.nrows()
        if z.nrows() != d:
            raise InvalidArgument("z", z.nrows(), f"{d} numbers, the rule's dimension")
        return z if self.coordinatewise else z.transpose()

    def _layers(self, phi: arb_mat) -> list[tuple[arb_mat, list[arb]]]:
        """(W_j, b_j) for j = 0 … depth, from φ or a direction in φ."""
        if phi.nrows() != self.layout.size:
            raise InvalidArgument("φ", phi.nrows(), f"{self.layout.size} numbers, as of the rule")
        numbers = phi.entries()
        return [
            (arb_mat(place.inputs, place.outputs, numbers[place.weight]), numbers[place.bias])
            for place in self.layout.layers
        ]


def _tanh(u: arb) -> arb:
    """tanh u from the ends, as it rises: arb's own is no bound for a wide ball."""
    return u.lower().tanh().union(u.upper().tanh())


def _slope(u: arb) -> arb:
    """tanh' u = sech² u, which falls in |u|: from the ends, with a small relative error."""
    high, low = u.abs_lower().sech(), u.abs_upper().sech()
    return (high * high).union(low * low)


def _hadamard(values: arb_mat, factors: list[arb]) -> arb_mat:
    """Entrywise product; the factors row by row."""
    products = [v * f for v, f in zip(values.entries(), factors, strict=True)]
    return arb_mat(values.nrows(), values.ncols(), products)


def _repeated(b: list[arb], rows: int) -> arb_mat:
    """The matrix whose rows are all b."""
    return arb_mat(rows, len(b), b * rows)


def _diagonal(entries: list[arb]) -> arb_mat:
    d = len(entries)
    return arb_mat(d, d, [entries[i] if i == j else 0 for i in range(d) for j in range(d)])
