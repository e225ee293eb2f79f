r"""Population task differences in closed form, for random least-squares families.

A family draws A (r × d) and b independently; its population loss is f(x) = E ½‖Ax − b‖² + h(x) with
h the family's penalty (none, λ‖x‖₁, or its smoothing). All problems share one x, so

    ∇(f − h)(x) = Hx − c,    H = E[AᵀA],    c = E[A]ᵀ E[b],

and for two families with the same penalty the penalties cancel:

    Δ = sup_{x ∈ X} ‖(H_1 − H_2)x − (c_1 − c_2)‖  (a trust-region problem on a ball),
    Δ̃ = ‖H_1 − H_2‖.

Independent entries of mean m and variance v give E[AᵀA] = r(vI + m²11ᵀ); a mixture that picks one
component for the whole array averages E[A] and E[AᵀA] over its components.

These are differences of *populations*. They do not bound the Δ of two drawn batches, whose matrices
are random (and, for Gaussian entries, unbounded).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import torch
from flint import arb, arb_mat

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_core.tasks.distributions import Distribution, Fixed, Mixture, Normal, Uniform
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_theory.arithmetic import exact, identity, matrix, precision, vector
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.constants.trust_region import affine_norm_on_ball
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.regions import Ball

_DATA = {"rows", "matrix", "target", "start_distribution"}
"""The fields of a least-squares family that describe its data; the others describe h and d."""


@singledispatch
def mean(distribution: Distribution, rows: int, columns: int) -> arb_mat:
    """E[X] of an array X of shape (rows, columns)."""
    raise InvalidArgument("distribution", distribution.name, "uniform, normal, fixed, mixture")


@singledispatch
def gram(distribution: Distribution, rows: int, columns: int) -> arb_mat:
    """E[XᵀX] of an array X of shape (rows, columns)."""
    raise InvalidArgument("distribution", distribution.name, "uniform, normal, fixed, mixture")


def _constant(value: arb, rows: int, columns: int) -> arb_mat:
    return arb_mat(rows, columns, [value] * (rows * columns))


def _independent_gram(m: arb, variance: arb, rows: int, columns: int) -> arb_mat:
    """r(vI + m²11ᵀ)."""
    return rows * (variance * identity(columns) + _constant(m * m, columns, columns))


@mean.register
def _(distribution: Uniform, rows: int, columns: int) -> arb_mat:
    return _constant((exact(distribution.low) + exact(distribution.high)) / 2, rows, columns)


@gram.register
def _(distribution: Uniform, rows: int, columns: int) -> arb_mat:
    low, high = exact(distribution.low), exact(distribution.high)
    width = high - low
    return _independent_gram((low + high) / 2, width * width / 12, rows, columns)


@mean.register
def _(distribution: Normal, rows: int, columns: int) -> arb_mat:
    return _constant(exact(distribution.mean), rows, columns)


@gram.register
def _(distribution: Normal, rows: int, columns: int) -> arb_mat:
    sd = exact(distribution.sd)
    return _independent_gram(exact(distribution.mean), sd * sd, rows, columns)


@mean.register
def _(distribution: Fixed, rows: int, columns: int) -> arb_mat:
    return matrix(torch.tensor(distribution.values, dtype=torch.float64).reshape(rows, columns))


@gram.register
def _(distribution: Fixed, rows: int, columns: int) -> arb_mat:
    X = mean(distribution, rows, columns)
    return X.transpose() * X


@mean.register
def _(distribution: Mixture, rows: int, columns: int) -> arb_mat:
    parts = [mean(part, rows, columns) for part in distribution.components]
    return _average(distribution, parts)


@gram.register
def _(distribution: Mixture, rows: int, columns: int) -> arb_mat:
    parts = [gram(part, rows, columns) for part in distribution.components]
    return _average(distribution, parts)


def _average(mixture: Mixture, parts: list[arb_mat]) -> arb_mat:
    weights = [exact(w) for w in mixture.weights or (1.0,) * len(parts)]
    total = sum(weights, arb(0))
    return sum(
        (part * (weight / total) for part, weight in zip(parts, weights, strict=True)),
        arb_mat(parts[0].nrows(), parts[0].ncols()),
    )


@dataclass(frozen=True)
class PopulationDifference:
    """∇f_1(x) − ∇f_2(x) = Hx − c, with H of shape (d, d) and c of shape (d, 1) enclosed.

    `between` names the two families and is part of the region id of every number made from it.
    """

    H: arb_mat
    c: arb_mat
    between: str

    @classmethod
    def of(cls, first: LeastSquaresFamily, second: LeastSquaresFamily) -> PopulationDifference:
        """`InvalidArgument` unless both families have one dimension and one penalty."""
        if type(first) is not type(second):
            raise InvalidArgument("second", second.name, f"a family like the first, {first.name}")
        for name in type(first).model_fields:
            here, there = getattr(first, name), getattr(second, name)
            if name not in _DATA and here != there:
                raise InvalidArgument(name, there, f"that of the first family, {here}")
        with precision():
            (H, c), (K, k) = _population_gradient(first), _population_gradient(second)
            between = f"{first.model_dump_json()} − {second.model_dump_json()}"
            return cls(H - K, c - k, between)

    def gradient(self, ball: Ball) -> Enclosure:
        """Δ on `ball`; the witness is (x − center) / radius."""
        with precision():
            center = vector(torch.tensor(ball.center, dtype=torch.float64))
            found = affine_norm_on_ball(self.H, self.H * center - self.c, ball.radius)
            return Enclosure.supremum(
                found.lower,
                found.upper,
                found.upper_by,
                witness={"direction": tuple(found.direction.tolist())},
                norm=Norm.EUCLIDEAN,
                region=f"{ball}, population {self.between}",
            )

    def hessian(self, ball: Ball) -> Enclosure:
        """Δ̃, the same on every ball; `ball` is the region it is combined on."""
        with precision():
            lower, upper, v = spectral_norm(self.H)
            return Enclosure.supremum(
                lower,
                upper,
                EndMethod.DUAL_CERTIFICATE,
                witness={"v": tuple(v.tolist())},
                norm=Norm.SPECTRAL,
                region=f"{ball}, population {self.between}",
            )


def _population_gradient(family: LeastSquaresFamily) -> tuple[arb_mat, arb_mat]:
    """(H, c) of ∇(f − h)(x) = Hx − c."""
    rows, columns = family.rows, family.cols
    c = mean(family.matrix, rows, columns).transpose() * mean(family.target, rows, 1)
    return gram(family.matrix, rows, columns), c
