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
    M_m2                    at z², for φ to φ'
    Q_P                     ‖A²‖ at x², by which the norm of J² grows
    M                       ‖∇f‖ at x¹

With one task for both runs, Q_P is Q: then P bounds the sensitivity of x_t to φ, and the norm of
either run's J. The two iterates alone, without the segment, are not enough for Q, L and ρ.
"""

from __future__ import annotations

from ml2o_theory.comparisons import PIECES, Comparison
from ml2o_theory.constants.base import STEPWISE, TubeConstants
from ml2o_theory.constants.of_region import supremum
from ml2o_theory.constants.on_boxes import (
    Ends,
    closed_loop_ends,
    euclidean,
    nodes,
    over,
    rule_ends,
    segments,
    spectral,
    task_ends,
)
from ml2o_theory.intervals.tensor import concatenate

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
    rule, phi, first_phi = comparison.rule, comparison.phi, comparison.first_phi
    first, other = comparison.tasks
    x1, x2 = comparison.iterates
    on_x, between_x = segments(x1, x2, PIECES), nodes(x1, x2, POINTS)
    z1, z12, z2 = comparison.gradients
    on_z = concatenate([segments(z, z2, PIECES) for z in (z12, z1)], -2)
    between_z = concatenate([nodes(z, z2, POINTS) for z in (z12, z1)], -2)
    gradient, hessian = comparison.apart_at_other
    ends = _over(task_ends(first, on_x), task_ends(first, between_x))
    ends |= _over(rule_ends(rule, on_z, phi), rule_ends(rule, between_z, first_phi))
    loop = closed_loop_ends(first, rule, between_x, first_phi)
    ends["Q"] = over(closed_loop_ends(first, rule, on_x, phi), loop)
    ends["Q_P"] = ends["Q"]
    if other is not first:
        ends["Q_P"] = closed_loop_ends(other, rule, x2, phi)
    ends["M"] = euclidean(z1)
    ends["M_m2"] = rule_ends(rule, z2, phi)["M_m2"]
    ends["L_P"] = spectral(other.hessian_on(x2))
    ends["Delta"], ends["Delta_tilde"] = euclidean(gradient), spectral(hessian)
    return ends


def _over(covers: dict[str, Ends], points: dict[str, Ends]) -> dict[str, Ends]:
    return {symbol: over(ends, points[symbol]) for symbol, ends in covers.items()}
