"""Boxes split into smaller ones: the supremum over a box is the largest over its parts.

The parts cover the box, and neighbours share a face. Where the cuts lie decides only how wide the
parts are: enclosures over all the parts together enclose the supremum over the box, and the excess
of interval arithmetic shrinks with the parts' width.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ml2o_core.errors import InvalidArgument
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate


def split(box: IntervalTensor, parts: int) -> IntervalTensor:
    """`parts` boxes that cover one box: (..., d) → (parts, ..., d).

    Each box is halved along its widest coordinate, all boxes in turn, until there are enough.
    `parts` is a power of 2.
    """
    if parts < 1 or parts & (parts - 1):
        raise InvalidArgument("parts", parts, "a power of 2")
    boxes = box[None]
    while boxes.shape[0] < parts:
        boxes = halved(boxes)
    return boxes


def halved(boxes: IntervalTensor) -> IntervalTensor:
    """Each box cut in two along its own widest coordinate: (k, ..., d) → (2k, ..., d)."""
    middle = boxes.midpoint
    widest = torch.nn.functional.one_hot(boxes.radius.argmax(-1), boxes.shape[-1]).bool()
    left = IntervalTensor(boxes.lower, torch.where(widest, middle, boxes.upper))
    right = IntervalTensor(torch.where(widest, middle, boxes.lower), boxes.upper)
    return concatenate([left, right])


def grid(box: IntervalTensor, parts: Sequence[int]) -> IntervalTensor:
    """parts[i] equal parts of coordinate i, all combined: (..., d) → (∏ parts, ..., d)."""
    if len(parts) != box.shape[-1] or min(parts) < 1:
        raise InvalidArgument("parts", parts, f"{box.shape[-1]} integers ≥ 1")
    if not bool(box.is_finite().all()):
        raise InvalidArgument("box", "an infinite end", "finite ends")
    boxes = box[None]
    for coordinate, count in enumerate(parts):
        share = torch.arange(count + 1, dtype=torch.float64, device=box.lower.device) / count
        low, high = boxes.lower[..., coordinate], boxes.upper[..., coordinate]
        share = share.reshape(-1, *[1] * low.ndim)
        # Rounded cuts must neither leave the box nor pass each other.
        cuts = (low * (1 - share) + high * share).clamp(low, high).cummax(0).values
        cuts = torch.cat([low[None], cuts[1:-1], high[None]])
        lower = boxes.lower.expand(count, *boxes.shape).clone()
        upper = boxes.upper.expand(count, *boxes.shape).clone()
        lower[..., coordinate], upper[..., coordinate] = cuts[:-1], cuts[1:]
        boxes = IntervalTensor(lower.flatten(0, 1), upper.flatten(0, 1))
    return boxes
