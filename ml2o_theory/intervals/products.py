"""Values products of interval matrices in midpoint–radius form, by plain float products.

With A = {K : |K − a| ≤ r}, B = {N : |N − b| ≤ s} entrywise, and ρ = sign(a) min(|a|, r),
σ = sign(b) min(|b|, s) (Rump, Fast interval matrix multiplication, Numer. Algorithms 61, 2012):

    |KN − (ab + ρσ)| ≤ |a|s + r(|b| + s) − |ρ||σ|                                          (1)

For one entry of each, this is the exact hull unless both contain 0, and then it is above it by a
factor below 1.5. Where A or B is a single matrix, ρσ = 0, and (1) is the exact hull.

Rounding. For n terms, in any order and with or without fused multiply-adds, the computed product
obeys |fl(ab) − ab| ≤ γ_n |a||b| + n·2⁻¹⁰²² (Higham, §3.5; the last term is underflow, generously),
and γ_n ≤ (n + 1)u for n ≤ 2²⁶. The radius is a product of nonnegative numbers and so has a small
relative error, which a factor 1 + 4(n + 4)u covers together with the few roundings around it.
"""

from __future__ import annotations

import math

from ml2o_theory.intervals.rounding import SMALLEST_NORMAL, UNIT, Values, check_length, down, up


def interval_product(
    a: Values, r: Values | None, b: Values, s: Values | None
) -> tuple[Values, Values]:
    """(lower, upper) ends of {KN : |K − a| ≤ r, |N − b| ≤ s}; shapes as in `torch.matmul`.

    A radius None is 0. Midpoints are finite, radii ≥ 0 or infinite.
    """
    n = a.shape[-1]
    check_length(n)
    relative = 4 * (n + 4) * UNIT
    size_b = b.abs()
    nonzero_a = a != 0 if r is None else (a != 0) | (r != 0)
    nonzero_b = b != 0 if s is None else (b != 0) | (s != 0)
    # With both, ab, ρσ and their sum are wrong by ≤ 2(n + 2)u|a||b|, as |ρ| ≤ |a| and |σ| ≤ |b|.
    error = (n + 1) * UNIT if r is None or s is None else 2 * (n + 2) * UNIT
    spread = error * size_b if s is None else s + error * size_b
    # Rounded up, so that a large |a| can't magnify an underflow in `error * size_b`.
    radius = a.abs() @ up(spread).masked_fill(~nonzero_b, 0.0)
    if r is not None:
        radius = radius + r @ (size_b if s is None else up(size_b + s))
    vanishes = radius == 0
    if bool(vanishes.any()):
        vanishes = nonzero_a.double() @ nonzero_b.double() == 0
    radius = up(radius * (1 + relative) + 16 * (n + 1) * SMALLEST_NORMAL)
    center = a @ b
    if r is not None and s is not None:
        rho, sigma = a.sign() * a.abs().minimum(r), b.sign() * size_b.minimum(s)
        center = center + rho @ sigma
        covered = rho.abs() @ sigma.abs()
        radius = up(radius - covered * (1 - relative)).where(covered.isfinite(), math.inf)
    # A sum that overflowed on the way may be finite in truth, on either side.
    radius = radius.where(center.isfinite(), math.inf)
    return (
        down(center - radius).masked_fill(vanishes, 0.0),
        up(center + radius).masked_fill(vanishes, 0.0),
    )


def nonnegative_product_above(a: Values, b: Values) -> Values:
    """An upper bound of ab for float matrices a, b ≥ 0, by one product; 0 where it vanishes.

    Without cancellation the computed product is at least (1 − γ_n) ab − n·2⁻¹⁰²².
    """
    n = a.shape[-1]
    check_length(n)
    product = a @ b
    bound = up(up(product * (1 + 2 * (n + 2) * UNIT)) + 2 * (n + 1) * SMALLEST_NORMAL)
    vanishes = product == 0
    if bool(vanishes.any()):
        vanishes = (a != 0).double() @ (b != 0).double() == 0
    return bound.masked_fill(vanishes, 0.0).masked_fill(product.isnan(), math.inf)
