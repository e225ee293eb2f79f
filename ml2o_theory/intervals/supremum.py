"""Suprema over boxes, by cutting the parts that decide them: branch and bound."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.subdivision import halved
from ml2o_theory.intervals.tensor import IntervalTensor


def refined_suprema(
    above: Callable[[IntervalTensor], Values],
    below: Callable[[IntervalTensor], Values],
    boxes: IntervalTensor,
    *,
    rounds: int,
    keep: int,
    gap: float,
) -> tuple[Values, Values]:
    """(lower, upper) ends of the suprema of F functions f ≥ 0 over a union of boxes (k, ..., d).

    `above` gives upper ends over each box: (k, ..., F), `below` lower ends at a point (..., d):
    (..., F). In each round the `keep` most promising boxes are halved, until everywhere
    lower ≥ (1 − gap)·upper, at most `rounds` times. The others stay with the upper ends they have.
    """
    values = above(boxes)
    lower, set_aside = torch.zeros_like(values[0]), torch.zeros_like(values[0])
    for remaining in range(rounds, -1, -1):
        upper = set_aside.maximum(values.amax(0))
        share = torch.where(lower < (1 - gap) * upper, values / upper, 0.0)
        order = share.nan_to_num(1.0).amax(-1).argsort(0, descending=True)
        best = _picked(boxes, order[:1])
        lower = lower.maximum(below(IntervalTensor.exactly(best.midpoint[0])))
        if remaining == 0 or bool((lower >= (1 - gap) * upper).all()):
            break
        if order.shape[0] > keep:
            left = order[keep:].unsqueeze(-1).expand(-1, *values.shape[1:])
            set_aside = set_aside.maximum(values.gather(0, left).amax(0))
        boxes = halved(_picked(boxes, order[:keep]))
        values = above(boxes)
    return lower, upper


def _picked(boxes: IntervalTensor, order: torch.Tensor) -> IntervalTensor:
    """The boxes of the given places, (m, ...) out of (k, ..., d): (m, ..., d)."""
    index = order.unsqueeze(-1).expand(-1, *boxes.shape[1:])
    return IntervalTensor(boxes.lower.gather(0, index), boxes.upper.gather(0, index))


def cover_about_zero(intervals: IntervalTensor, parts: int, unit: float) -> IntervalTensor:
    """Each interval in parts that are finest about 0: any shape (...) → (parts, ...).

    Equal in arsinh(x/unit): of equal length for |x| < `unit`, of equal ratio beyond. Infinite
    intervals are not cut.
    """
    low, high = intervals.lower, intervals.upper
    share = torch.arange(parts + 1, dtype=torch.float64).reshape(-1, *[1] * low.ndim) / parts
    place = torch.asinh(low / unit) * (1 - share) + torch.asinh(high / unit) * share
    cuts = (torch.sinh(place) * unit).nan_to_num(0.0)
    # Rounded cuts must neither leave the interval nor pass each other.
    cuts = cuts.clamp(low, high).cummax(0).values
    cuts = torch.cat([low[None], cuts[1:-1], high[None]])
    return IntervalTensor(cuts[:-1], cuts[1:])
