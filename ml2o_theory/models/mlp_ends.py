"""Both ends of the tanh network's constants over boxes of z and φ.

`coordinatewise`: entry i of m depends on z_i alone, as n(z_i, φ), so

    L_zz = max_i |∂²n/∂z²(z_i)|,   L_zφ = max_i ‖∂_φ∂_z n(z_i)‖   (for either Jacobian of m),
    max_i ‖S_i‖ ≤ L_φφ ≤ √‖Σ_i S_i²‖ ≤ √(Σ_i ‖S_i‖²),   S_i = ∂²n/∂φ²(z_i),

and likewise for ∇³m: the largest where z enters, the root of the sum of squares for φ alone. The
first two are suprema over the union of d intervals.

`vector`: the network is one, and the norms are those of trilinear forms.

Upper ends hold on the box, by interval arithmetic on parts of it or by norm products; lower ends
are attained at a point of it. A large box is cut: coordinates most finely about 0, where tanh
bends.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import torch

from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_theory.intervals.norms import euclidean_above, euclidean_below
from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.subdivision import split
from ml2o_theory.intervals.supremum import cover_about_zero, refined_suprema
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.mlp_boxes import Network, Sweep
from ml2o_theory.models.mlp_layout import Layout
from ml2o_theory.models.mlp_norms import norm_products
from ml2o_theory.models.trilinear import form_above, form_below

Ends: TypeAlias = tuple[Values, Values]
"""lower ≤ sup over the box ≤ upper, (...)."""

MOST_PARTS = 16
"""Parts that a box is cut into at first."""

ROUNDS, KEPT, GAP = 6, 8, 0.05
"""Then at most so many rounds of cutting the worst parts, until the ends are so close."""

LARGEST_EIGENPROBLEM = 2**22
"""With more than this, p³ for every box, L_φφ is left to norm products: p × p matrices cost."""


@dataclass(frozen=True)
class MLPEnds:
    """Of one rule. Boxes: z (..., d), φ (p,) or (..., p), the leading axes broadcast."""

    rule: MLPRule
    layout: Layout
    effort: int

    @property
    def coordinatewise(self) -> bool:
        """Whether the points of the network are the coordinates of z."""
        return self.rule.scope == "coordinatewise"

    def jacobians(
        self, z: IntervalTensor, phi: IntervalTensor
    ) -> tuple[IntervalTensor, IntervalTensor]:
        """∇₁m (..., d, d) and ∇₂m (..., d, p): the hull over parts of the box."""
        network = self._network(phi)
        sweep = Sweep.of(network, self._cover(self._points(z, phi), network))
        in_points, in_phi = (
            IntervalTensor(part.lower.amin(0), part.upper.amax(0))
            for part in (sweep.in_points(), sweep.in_phi())
        )
        in_z = in_points.squeeze(-1).diag_embed() if self.coordinatewise else in_points
        return in_z, in_phi

    def by_intervals(self, z: IntervalTensor, phi: IntervalTensor) -> dict[str, Ends]:
        """Interval arithmetic; L_φφ is ∞ above for a large network or very many boxes."""
        points = self._points(z, phi)
        lower, upper = self._with_points(points, phi)
        return {
            "L_zz": (lower[..., 0], upper[..., 0]),
            "L_zphi": (lower[..., 1], upper[..., 1]),
            "L_phiphi": self._in_phi(points, phi),
        }

    def by_norm_products(self, z: IntervalTensor, phi: IntervalTensor) -> dict[str, Ends]:
        """Norm products, parts of the box apart; nothing is claimed below."""
        network = self._network(phi)
        cover = self._cover(self._points(z, phi), network)
        norms = norm_products(Sweep.of(network, cover))
        return {
            name: (torch.zeros_like(above), above)
            for name, above in (
                ("L_zz", self._largest(norms["20"])),
                ("L_zphi", self._largest(norms["11"])),
                ("L_phiphi", self._together(norms["02"])),
            )
        }

    def third(self, z: IntervalTensor, phi: IntervalTensor) -> Ends:
        """ρ_m: the largest block of ∇³m."""
        network, points = self._network(phi), self._points(z, phi)
        norms = norm_products(Sweep.of(network, self._cover(points, network)))
        above = torch.stack([self._largest(norms[name]) for name in ("30", "21", "12")]).amax(0)
        along = self._at_middle(points, phi).third_along_axes()
        return euclidean_below(along).amax(-1), above.maximum(self._together(norms["03"]))

    def _network(self, phi: IntervalTensor) -> Network:
        return Network.of(self.layout, phi, self.rule.output_scale)

    def _at_middle(self, points: IntervalTensor, phi: IntervalTensor) -> Sweep:
        """At one point of the box."""
        network = self._network(IntervalTensor.exactly(phi.midpoint))
        return Sweep.of(network, IntervalTensor.exactly(points.midpoint))

    def _points(self, z: IntervalTensor, phi: IntervalTensor) -> IntervalTensor:
        """The points at which the network is evaluated: (..., d, 1) or (..., 1, d)."""
        z = z.expand(*torch.broadcast_shapes(z.shape[:-1], phi.shape[:-1]), z.shape[-1])
        return z.unsqueeze(-1) if self.coordinatewise else z.unsqueeze(-2)

    def _cover(self, points: IntervalTensor, network: Network) -> IntervalTensor:
        """Parts of each box: (..., K, n) → (parts, ..., K, n); one, if the boxes are small."""
        steepest = network.weights[0].magnitude().max().item()
        # Over sums u that vary by less than this, tanh is nearly its Taylor polynomial.
        width = points.radius.max().item() * steepest * points.shape[-1]
        most = min(MOST_PARTS, self._affordable(points))
        parts = 1
        while parts * 2 <= most and width > 0.1 * parts:
            parts *= 2
        if self.coordinatewise:
            unit = 1 / min(max(steepest, 1e-100), 1e100)
            return cover_about_zero(points, parts, unit)
        return split(points, parts)

    def _affordable(self, points: IntervalTensor) -> int:
        """Parts of each of these boxes that the effort allows."""
        outputs = self.layout.layers[-1].outputs
        return self.effort // (math.prod(points.shape[:-1]) * outputs * self.layout.size)

    def _with_points(self, points: IntervalTensor, phi: IntervalTensor) -> Ends:
        """L_zz and L_zφ, (..., 2)."""
        network = self._network(phi)
        middle = self._network(IntervalTensor.exactly(phi.midpoint))

        def above(boxes: IntervalTensor) -> Values:
            blocks = Sweep.of(network, boxes.unsqueeze(-2)).second_with_points()
            return torch.stack([form_above(T) for T in blocks], -1)

        def below(point: IntervalTensor) -> Values:
            blocks = Sweep.of(middle, point.unsqueeze(-2)).second_with_points()
            return torch.stack([form_below(T) for T in blocks], -1)

        # Coordinatewise it is the supremum over the union of all coordinates' parts.
        cover = self._cover(points, network)
        boxes = IntervalTensor(
            *(end.movedim(-2, 1).flatten(0, 1) for end in (cover.lower, cover.upper))
        )
        rounds = ROUNDS if self.coordinatewise and self._affordable(points) >= 2 * KEPT else 0
        return refined_suprema(above, below, boxes, rounds=rounds, keep=KEPT, gap=GAP)

    def _in_phi(self, points: IntervalTensor, phi: IntervalTensor) -> Ends:
        at_middle = self._at_middle(points, phi)
        lower = at_middle.last_layers_below().amax(-1)
        if math.prod(lower.shape) * self.layout.size**3 > LARGEST_EIGENPROBLEM:
            return lower, torch.full_like(lower, math.inf)
        whole = Sweep.of(self._network(phi), points).second_in_phi()
        return lower.maximum(form_below(at_middle.second_in_phi())), form_above(whole)

    def _largest(self, norms: Values) -> Values:
        """The largest over parts and points: (parts, ..., K) → (...)."""
        return norms.amax(-1).amax(0)

    def _together(self, norms: Values) -> Values:
        """Norms of the derivatives in φ of all points at once: (parts, ..., K) → (...)."""
        return euclidean_above(IntervalTensor.exactly(norms.amax(0)))
