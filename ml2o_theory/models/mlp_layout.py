"""Where each weight and bias of the tanh network sits in the vector φ."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Self

from ml2o_core.optimizers.mlp_rule import MLPRule


@dataclass(frozen=True)
class Placement:
    """Layer j: its number of inputs and outputs, and the places in φ of W_j row by row and b_j."""

    inputs: int
    outputs: int
    weight: slice
    bias: slice


@dataclass(frozen=True)
class Layout:
    """The layers 0 … depth, and p, the length of φ."""

    layers: tuple[Placement, ...]
    size: int

    @classmethod
    def of(cls, rule: MLPRule) -> Self:
        """The tensors of φ one after the other in the order of their names, as `flat_params`."""
        ends = rule.dim or 1
        widths = list(pairwise([ends, *[rule.hidden] * rule.depth, ends]))
        shapes: dict[str, tuple[int, ...]] = {}
        for j, (inputs, outputs) in enumerate(widths):
            shapes |= {f"weight_{j}": (inputs, outputs), f"bias_{j}": (outputs,)}
        places, size = {}, 0
        for name in sorted(shapes):
            places[name] = slice(size, size + prod(shapes[name]))
            size = places[name].stop
        layers = [
            Placement(inputs, outputs, places[f"weight_{j}"], places[f"bias_{j}"])
            for j, (inputs, outputs) in enumerate(widths)
        ]
        return cls(tuple(layers), size)
