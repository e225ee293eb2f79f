r"""Projected descent, full batch: what Algorithm 1 and transfer learning do in a trial.

    φ_{k+1} = Π_Φ(φ_k − η ∇F(φ_k)),   k = 0 … K − 1,

with F the meta risk (M-L2O) or ĝ¹ (transfer learning) and η = 1/L_F. In 512 bits, rounded to
midpoints: the iterates are those of exact arithmetic to about 2⁻⁵⁰⁰, far below any bound they are
held against.
"""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from ml2o_theory.arithmetic import precision
from ml2o_theory.generalization.trial import middles
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import Vector, sides


def descend(
    gradient: Callable[[Vector], Vector], start: Vector, step: arb, box: Box, epochs: int
) -> list[Vector]:
    """φ_0 … φ_K for K = `epochs`, each exact."""
    run = [start]
    with precision(BITS):
        for _ in range(epochs):
            moved = [p - step * slope for p, slope in zip(run[-1], gradient(run[-1]), strict=True)]
            run.append(project(middles(tuple(moved)), box))
    return run


def project(phi: Vector, box: Box) -> Vector:
    """The nearest point of the box."""
    ends = zip(phi, sides(box), strict=True)
    return tuple(p.max(low).min(high) for p, (low, high) in ends)
