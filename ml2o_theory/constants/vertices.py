"""sup ‖g‖ over a box for a vector field g that is nearly affine, from its values at the corners.

With c the box's midpoint, ḡ(x) = g(c) + K(x − c) and K the midpoint of an enclosure of ∇g over the
box, the mean value theorem gives ‖g(x) − ḡ(x)‖ ≤ e = ‖rad ∇g‖ · r for r half the diagonal. ‖ḡ‖ is
convex, so its supremum is at a corner v, where ‖ḡ(v)‖ ≤ ‖g(v)‖ + e. Therefore

    max_v ‖g(v)‖ ≤ sup ‖g‖ ≤ max_v ‖g(v)‖ + 2e.

For a quadratic task e is a rounding error, and the two ends meet.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_theory.intervals.norms import euclidean_above, spectral_above
from ml2o_theory.intervals.tensor import IntervalTensor

MOST_DIMS = 6
"""Boxes of more dimensions have too many corners: 2^d."""


def corners(box: IntervalTensor) -> Float[Tensor, "n d"]:
    """The 2^d corners of a box (d,); none of them where d > `MOST_DIMS`."""
    d = box.shape[0]
    if d > MOST_DIMS:
        return torch.empty(0, d, dtype=torch.float64)
    high = (torch.arange(2**d).unsqueeze(1) >> torch.arange(d)) % 2 == 1
    return torch.where(high, box.upper, box.lower)


def supremum_above(
    at_corners: IntervalTensor, derivative: IntervalTensor, box: IntervalTensor
) -> float:
    """max_v ‖g(v)‖ + 2e, rounded up, from g at the corners (n, d) and ∇g over the box (d, d)."""
    spread = IntervalTensor.exactly(derivative.radius)
    half = IntervalTensor.exactly(box.radius)
    e = IntervalTensor.exactly(spectral_above(spread)) * IntervalTensor.exactly(
        euclidean_above(half)
    )
    most = IntervalTensor.exactly(euclidean_above(at_corners).amax())
    return float((most + e + e).upper)
