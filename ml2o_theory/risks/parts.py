r"""What a risk's jets over a box say about its derivatives there: ranges, and attained values.

With c the box's midpoint, h = φ − c, N the jet over the box and C the one at c, the mean value
theorem gives, for every φ of the box,

    ∇³g ∈ N_3        ∇²g ∈ N_2 ∩ (C_2 + N_3[h])        ∇g ∈ N_1 ∩ (C_1 + ∇²g h)
    g ∈ N_0 ∩ (C_0 + ∇g·h)

each with the range found before. N_2 has an excess of the order of the box's width, the mean value
form one of its square. ‖∇³g[v]‖ ≤ ‖N_3‖ for unit v, with N_3 as a matrix of p rows and p² columns.

Attained: ‖∇g(c)‖ and ‖∇²g(c)‖; λ_min(∇²g(c)) ≤ vᵀ∇²g(c)v / ‖v‖² for any v; and ‖∇³g(c)[v]‖ / ‖v‖.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_theory.arithmetic import norm, precision, squared_norm, to_tensor, vector
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.intervals.norms import eigenvalues_between, euclidean_above, spectral_above
from ml2o_theory.intervals.subdivision import halved
from ml2o_theory.intervals.tensor import IntervalTensor, stack
from ml2o_theory.models.conversion import enclose
from ml2o_theory.regions import Box
from ml2o_theory.risks.jets import Jet


@dataclass(frozen=True, eq=False)
class Part:
    """A box of parameters with the risk's ranges on it, and the jet at its midpoint.

    value (1,), gradient (p,), hessian (p, p) and third (p, p²) as intervals.
    """

    box: Box
    center: Jet
    value: IntervalTensor
    gradient: IntervalTensor
    hessian: IntervalTensor
    third: IntervalTensor

    @classmethod
    def of(cls, box: Box, center: Jet, whole: Jet) -> Self:
        """From the jets at the midpoint and over the box."""
        with precision():
            third = enclose(whole.third())
            hessian, middle = enclose(whole.hessian()), enclose(center.hessian())
            slope, slope_middle = (_row(jet.gradient()) for jet in (whole, center))
            size, size_middle = (_row((jet.value,)) for jet in (whole, center))
        p = slope.shape[0]
        h = box.interval - box.interval.midpoint
        if bool(third.is_finite().all()):
            bend = (third.reshape(p, p, p) * h.reshape(p, 1, 1)).sum(0)
            hessian = hessian.intersect(middle + bend)
        if bool(hessian.is_finite().all()):
            moved = (hessian @ h.unsqueeze(-1)).squeeze(-1)
            slope = slope.intersect(slope_middle + moved)
        if bool(slope.is_finite().all()):
            size = size.intersect(size_middle + (slope * h).sum(0, keepdim=True))
        return cls(box, center, size, slope, hessian, third)

    @property
    def point(self) -> tuple[float, ...]:
        """The midpoint."""
        return tuple(self.box.interval.midpoint.tolist())

    @cached_property
    def below(self) -> float:
        """A lower bound of λ_min(∇²g) on the box."""
        if not bool(self.hessian.is_finite().all()):
            return -torch.inf
        if self.hessian.shape == (1, 1):
            return self.hessian.lower.item()
        return eigenvalues_between(self.hessian)[0].item()

    @property
    def halves(self) -> list[Box]:
        """The two halves, along the widest side."""
        found = halved(self.box.interval[None])
        return [Box.of(found[0]), Box.of(found[1])]


@dataclass(frozen=True, eq=False)
class Attained:
    """What a risk attains at one point: lower ends of its suprema, an upper end of its infimum.

    slope ‖∇g‖, curvature ‖∇²g‖, bend ‖∇³g[v]‖/‖v‖, and least = vᵀ∇²g v/‖v‖² for v = `direction`.
    """

    point: tuple[float, ...]
    slope: arb
    curvature: arb
    bend: arb
    least: arb
    direction: tuple[float, ...]

    @property
    def suprema(self) -> tuple[arb, arb, arb]:
        """What lies below M_g, L_g and ρ_g."""
        return self.slope, self.curvature, self.bend

    @classmethod
    def of(cls, point: tuple[float, ...], jet: Jet) -> Self:
        """From the jet at the point; where it ends with order 2, `bend` is the trivial 0."""
        with precision():
            slope, H = norm(column(jet.gradient())), jet.hessian()
            v = vector(_eigenvector(enclose(H).midpoint, 0))
            least = (v.transpose() * H * v)[0, 0] / squared_norm(v)
            bend = _bend(jet) if jet.space.order >= 3 else arb(0)
            curvature = spectral_norm(H)[0]
        return cls(point, slope, curvature, bend, least, tuple(to_tensor(v).flatten().tolist()))


def _bend(jet: Jet) -> arb:
    """‖∇³g[u]‖ / ‖u‖ for the leading left singular vector u of ∇³g as a matrix (p, p²)."""
    third, p = jet.third(), jet.space.dim
    middle = enclose(third).midpoint
    u = vector(_eigenvector(middle @ middle.mT, -1))
    bent = arb_mat(p, p, (u.transpose() * third).entries())
    return spectral_norm(bent)[0] / norm(u)


def column(values: Sequence[arb]) -> arb_mat:
    """A column of the values."""
    return arb_mat(len(values), 1, list(values))


def _eigenvector(S: Float[Tensor, "p p"], place: int) -> Float[Tensor, " p"]:
    """A float eigenvector by place in rising order; where there are no finite numbers, any v."""
    if not bool(S.isfinite().all()):
        return torch.eye(S.shape[0], dtype=torch.float64)[0]
    return torch.linalg.eigh((S + S.mT) / 2).eigenvectors[:, place]


def _row(values: Sequence[arb]) -> IntervalTensor:
    """The values as an interval vector."""
    return enclose(column(values)).squeeze(1)


def largest_norm(each: Sequence[IntervalTensor]) -> float:
    """An upper bound of the norms of all: Euclidean for vectors, spectral for matrices."""
    if not all(bool(values.is_finite().all()) for values in each):
        return torch.inf
    together = stack(each, 0)
    if together.shape[1:].numel() == 1:
        return together.magnitude().max().item()
    above = euclidean_above(together) if together.ndim == 2 else spectral_above(together)
    return above.max().item()
