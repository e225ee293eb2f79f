"""The supremum of a function over a box, by cutting the parts that decide it: branch and bound."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ml2o_theory.intervals.rounding import Values
from ml2o_theory.intervals.subdivision import halved
from ml2o_theory.intervals.tensor import IntervalTensor

Ends = tuple[Values, Values]


def refined_supremum(
    ends: Callable[[IntervalTensor], Ends],
    boxes: IntervalTensor,
    *,
    rounds: int,
    keep: int,
    gap: float,
) -> Ends:
    """(lower, upper) ends of sup f over the union of boxes (parts, ..., d): two tensors (...).

    `ends` gives, for boxes (k, ..., d), both ends of sup f over each, (k, ...): the lower one is
    attained in the box. In each round the `keep` boxes with the largest upper ends are halved,
    until lower ≥ (1 − gap)·upper everywhere, at most `rounds` times. Boxes that are not kept stay
    in the answer with the upper ends they have.
    """
    below, above = ends(boxes)
    lower, set_aside = below.amax(0), torch.full_like(above[0], -torch.inf)
    for _ in range(rounds):
        upper = set_aside.maximum(above.amax(0))
        if bool((lower >= (1 - gap) * upper).all()):
            break
        if above.shape[0] > keep:
            order = above.argsort(0, descending=True)
            set_aside = set_aside.maximum(above.gather(0, order[keep : keep + 1])[0])
            index = order[:keep].unsqueeze(-1).expand(-1, *boxes.shape[1:])
            boxes = IntervalTensor(boxes.lower.gather(0, index), boxes.upper.gather(0, index))
        boxes = halved(boxes)
        below, above = ends(boxes)
        lower = lower.maximum(below.amax(0))
    return lower, set_aside.maximum(above.amax(0))


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
