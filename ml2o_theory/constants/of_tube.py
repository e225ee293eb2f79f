"""The constants of each step, on the sets that the proofs need and no more: level trajectory.

Write 1 for the first run and 2 for the other: x¹, z¹ = ∇l¹(x¹), … at step t, and a step of the
first is F¹(x) = x + m(∇l¹(x), φ). What the recursion multiplies comes from

    x¹⁺ − x²⁺ = [F¹(x¹) − F¹(x²)] + [m(∇l¹(x²), φ) − m(∇l²(x²), φ)] + [m(z², φ) − m(z², φ')]
    A¹ − A²   = ∇₁m(z¹, φ) (∇²l¹(x¹) − ∇²l²(x²)) + (∇₁m(z¹, φ) − ∇₁m(z², φ')) ∇²l²(x²)

and B¹ − B² likewise. Therefore

    Q, L, ρ, τ              suprema of the first task over the segment from x¹ to x²
    Δ, Δ̃, L_P               values at x²
    M_m1                    over the segments from ∇l¹(x²) and from z¹ to z²
    L_zz, L_zφ, L_φφ, ρ_m   over the segment from (z¹, φ) to (z², φ')
    M_m2                    at z², for φ to φ'; with one task for both runs also at z¹
    Q_P                     ‖A²‖ at x², by which the norm of J² grows
    M                       ‖∇f‖ at x¹

With one task for both runs, Q_P is Q: then P bounds the sensitivity of x_t to φ, and the norm of
either run's J, as Lemma 7 needs: ∇³l[J¹, J¹] − ∇³l[J², J²] is not bounded by J² alone. The two
iterates alone, without the segment, are not enough for Q, L and ρ.
"""

from __future__ import annotations

import torch

from ml2o_theory.comparisons import PIECES, Comparison
from ml2o_theory.constants.base import STEPWISE, TubeConstants
from ml2o_theory.constants.of_region import supremum
from ml2o_theory.constants.on_boxes import (
    Ends,
    euclidean,
    loop_ends,
    nodes,
    rule_ends,
    segments,
    spectral,
)
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate

POINTS = 3
"""Points of a segment at which lower ends are looked for: both ends and the middle."""


def tube_constants(comparison: Comparison) -> TubeConstants:
    """The constants of every step t = 0 … T of the comparison, on its tube."""
    region = comparison.tube
    ends = _ends(comparison)
    x = comparison.iterates[1].midpoint
    steps = [
        {
            symbol: supremum(
                symbol,
                ends[symbol].lower[t].item(),
                ends[symbol].upper[t].item(),
                {"t": (float(t),), "x²": tuple(x[t].tolist())},
                region.id,
            )
            for symbol in STEPWISE
        }
        for t in range(comparison.steps + 1)
    ]
    return TubeConstants(region, steps, comparison.distances(region))


def _ends(comparison: Comparison) -> dict[str, Ends]:
    """Both ends of every constant, for t = 0 … T."""
    rule, (first, other), (x1, x2) = comparison.rule, comparison.tasks, comparison.iterates
    z1, crossed, z2 = comparison.gradients
    # Of each step the covering boxes, with all φ between the two, then the points, with either φ.
    phis = _parameters(comparison)
    on_x = concatenate([segments(x1, x2, PIECES), *[nodes(x1, x2, POINTS)] * len(phis)], -2)
    ends = _over(loop_ends(first, rule, on_x, _beside(comparison, PIECES, POINTS)), PIECES)
    paths = [(crossed, z2), (z1, z2)]
    boxes, points = len(paths) * PIECES + 2, len(paths) * POINTS
    on_z = concatenate([segments(a, b, PIECES) for a, b in paths], -2)
    on_z = concatenate([on_z, z1.unsqueeze(-2), z2.unsqueeze(-2)], -2)
    on_z = concatenate([on_z, *[nodes(a, b, POINTS) for a, b in paths] * len(phis)], -2)
    at = rule_ends(rule, on_z, _beside(comparison, boxes, points))
    ends |= _over(at, boxes)
    # Places of z¹ and z² among the boxes, and among the points with each φ.
    of_boxes, of_points = [boxes - 2, boxes - 1], [-POINTS, -1]
    if other is not first:
        of_boxes, of_points = of_boxes[1:], of_points[1:]
    lower = at["M_m2"].lower[:, boxes:].unflatten(-1, (len(phis), points))
    ends["M_m2"] = Ends(
        lower[..., of_points].amax((-2, -1)), at["M_m2"].upper[:, of_boxes].amax(-1)
    )
    ends["Q"] = ends["Q_P"] = ends["Q_bar"]
    if other is not first:
        at_other = loop_ends(other, rule, x2, comparison.phi.expand(comparison.steps + 1, -1))
        ends["Q_P"], ends["L_P"] = at_other["Q_bar"], at_other["L"]
    else:
        ends["L_P"] = spectral(other.hessian_on(x2))
    gradient, hessian = comparison.apart_at_other
    ends["M"], ends["Delta"] = euclidean(z1), euclidean(gradient)
    ends["Delta_tilde"] = spectral(hessian)
    return ends


def _over(ends: dict[str, Ends], boxes: int) -> dict[str, Ends]:
    """The supremum for each step, from the `boxes` that cover its set and the points after them."""
    return {
        symbol: Ends(each.lower[:, boxes:].amax(-1), each.upper[:, :boxes].amax(-1))
        for symbol, each in ends.items()
    }


def _parameters(comparison: Comparison) -> list[IntervalTensor]:
    """φ and, where it is another, φ', each of shape (p,)."""
    first, other = (part.phi for part in comparison.instance.runs(comparison.between))
    different = [first] if torch.equal(first, other) else [first, other]
    return [IntervalTensor.exactly(phi) for phi in different]


def _beside(comparison: Comparison, boxes: int, points: int) -> IntervalTensor:
    """Φ for each of the boxes, then φ and φ' for each of the points: (T + 1, …, p)."""
    parts = [comparison.phi.expand(boxes, -1)]
    parts += [phi.expand(points, -1) for phi in _parameters(comparison)]
    both = concatenate(parts, 0)
    return both.expand(comparison.steps + 1, -1, -1)
