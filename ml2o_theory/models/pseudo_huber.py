"""ψ(u) = √(u² + ε²) and its derivatives up to the fourth, at balls and over intervals.

With w = |u| and tan θ = w/ε, so that cos θ = ε/ψ and sin θ = w/ψ:

    |ψ'| = sin θ,  ψ'' = cos²θ/ψ,  |ψ'''| = 3 sin θ cos²θ/ψ²,  |ψ''''| = 3 |4 − 5cos²θ| cos²θ/ψ³.

As functions of w ≥ 0: |ψ'| rises; ψ'' falls; |ψ'''| rises up to ε/2 and falls after; |ψ''''| falls
to 0 at ε/2, rises up to (√3/2)ε and falls after. So each supremum over an interval is a value at
one or two known points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import exact
from ml2o_theory.intervals.rounding import Mask, Values
from ml2o_theory.intervals.tensor import IntervalTensor, as_interval, stack


class _Angle(NamedTuple):
    """sin θ, cos θ and 1/ψ."""

    sin: IntervalTensor
    cos: IntervalTensor
    reciprocal: IntervalTensor


@dataclass(frozen=True)
class PseudoHuber:
    """ψ for one ε = `smoothing` > 0; entrywise."""

    smoothing: float

    def __post_init__(self) -> None:
        if not exact(self.smoothing) > 0:
            raise InvalidArgument("smoothing", self.smoothing, "a finite number > 0")

    def derivatives(self, u: arb) -> tuple[arb, arb, arb]:
        """ψ'(u), ψ''(u) and ψ'''(u)."""
        eps = exact(self.smoothing)
        # From the ends of |u|: over a ball about 0, u·u reaches below 0, and so may the hull of ψ.
        ends = (u.abs_lower(), u.abs_upper())
        near, far = (1 / (w * w + eps * eps).sqrt() for w in ends)
        reciprocal = near.union(far)
        slope, cos = u * reciprocal, eps * reciprocal
        second = cos * cos * reciprocal
        return slope, second, -3 * slope * second * reciprocal

    def first(self, u: IntervalTensor) -> IntervalTensor:
        """The range of ψ' over intervals: it increases."""
        ends = _both(u.lower, u.upper)
        size = self._at(ends.abs()).sin
        slopes = _where(ends.lower < 0, -size, size)
        return IntervalTensor(slopes.lower[0], slopes.upper[1])

    def second(self, u: IntervalTensor) -> IntervalTensor:
        """The range of ψ'' over intervals: it decreases in |u|."""
        ends = self._at(_both(u.magnitude(), u.mignitude()))
        bends = ends.cos.square() * ends.reciprocal
        return IntervalTensor(bends.lower[0], bends.upper[1])

    def third_supremum(self, u: IntervalTensor) -> IntervalTensor:
        """sup |ψ'''| over intervals, enclosed: it is attained at the |u| nearest to ε/2."""
        sin, cos, reciprocal = self._at(_nearest(as_interval(0.5) * self.smoothing, u))
        return sin * (cos * reciprocal).square() * 3.0

    def fourth_supremum(self, u: IntervalTensor) -> IntervalTensor:
        """sup |ψ⁗| over intervals, enclosed: at the smallest |u| or the one nearest to (√3/2)ε."""
        crest = as_interval(0.75).sqrt() * self.smoothing
        _, cos, reciprocal = self._at(stack([u.mignitude(), _nearest(crest, u)]))
        squared = cos.square()
        fourth = (4.0 - squared * 5.0) * squared * reciprocal.square() * reciprocal * 3.0
        size = fourth.abs()
        return IntervalTensor(size.lower.amax(0), size.upper.amax(0))

    def _at(self, w: IntervalTensor) -> _Angle:
        """At narrow intervals w ≥ 0, from the ratio of the smaller of w and ε to the larger."""
        eps = IntervalTensor.exactly(torch.full_like(w.lower, self.smoothing))
        flat = w.upper <= self.smoothing
        smaller, larger = _where(flat, w, eps), _where(flat, eps, w)
        ratio = smaller / larger
        long = (ratio.square() + 1.0).sqrt().reciprocal()
        short = ratio * long
        return _Angle(_where(flat, short, long), _where(flat, long, short), long / larger)


def _both(first: Values, second: Values) -> IntervalTensor:
    """Two exact tensors of one shape, (2, ...)."""
    return IntervalTensor.exactly(torch.stack([first, second]))


def _nearest(place: IntervalTensor, u: IntervalTensor) -> IntervalTensor:
    """The number nearest to `place` between the smallest and the largest |u|, enclosed."""
    low, high = u.mignitude(), u.magnitude()
    return IntervalTensor(place.lower.clamp(low, high), place.upper.clamp(low, high))


def _where(mask: Mask, a: IntervalTensor, b: IntervalTensor) -> IntervalTensor:
    return IntervalTensor(torch.where(mask, a.lower, b.lower), torch.where(mask, a.upper, b.upper))
