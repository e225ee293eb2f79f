r"""A descent in a box, in float64: it finds where a minimiser might be, and certifies nothing.

Levenberg and Marquardt: φ ← Π(φ − (∇²g + λI)⁻¹∇g) over the entries that are free (not at an end
that −∇g points across), with λ lowered after a step that lowers g and raised after another.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_theory.intervals.tensor import IntervalTensor

ITERATIONS = 60
"""Evaluations, at most."""

SMALL = 1e-12
"""A free gradient that is this small, relative to the curvature and the box, ends the search."""

ROUNDING = 1e-15
"""A decrease that is predicted to be smaller, relative to g, is not seen in g."""

Jet2 = tuple[float, Tensor, Tensor]
"""g, ∇g and ∇²g."""


def lowest(at: Callable[[Tensor], Jet2], box: IntervalTensor) -> Float[Tensor, " p"]:
    """Where the descent from the middle of the box ends."""
    phi, damping = box.midpoint, 0.0
    value, slope, H = at(phi)
    for _ in range(ITERATIONS):
        free = ~(((phi <= box.lower) & (slope > 0)) | ((phi >= box.upper) & (slope < 0)))
        scale = H.abs().max().item()
        size = (box.upper - box.lower).max().item()
        if not free.any() or slope[free].abs().max().item() <= SMALL * scale * size:
            break
        inner = H[free][:, free]
        least = torch.linalg.eigvalsh((inner + inner.mT) / 2)[0].item()
        shift = max(damping, 1e-3 * scale - least if least <= 0 else 0.0)
        step = torch.zeros_like(phi)
        step[free] = torch.linalg.solve(
            inner + shift * torch.eye(inner.shape[0], dtype=torch.float64), slope[free]
        )
        moved = (phi - step).clamp(box.lower, box.upper)
        if (slope @ step).item() <= ROUNDING * abs(value):
            # g cannot tell the two points apart any more, but its gradient can.
            return moved
        found = at(moved)
        if found[0] < value:
            phi, (value, slope, H), damping = moved, found, damping / 4
        elif torch.equal(moved, phi) or damping > 1e6 * scale:
            break
        else:
            damping = max(4 * damping, 1e-3 * scale)
    return phi
