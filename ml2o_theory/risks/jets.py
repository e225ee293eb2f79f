r"""Taylor arithmetic in several variables: all derivatives of a function up to an order, in balls.

A jet is f's Taylor polynomial at φ, with the coefficients f_a = ∂^a f(φ)/a! for multi-indices a of
at most `order`. Sums and products of functions give sums and (cut) products of jets; with
h = u − u(φ), which has no constant term,

    f(u) = Σ_{k ≤ order} f^(k)(u(φ))/k! · h^k + (terms of higher order).

Every operation is inclusion isotonic. So a jet whose variables are balls, φ_k ∈ [φ_k ± r_k], holds
the coefficients at every φ of the box: the enclosure of f and of its derivatives over the box. Its
excess over their ranges is of the order of the box's width, and so falls with it.

Coefficients that are exactly 0 are left out, so that constants and variables cost what they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import factorial, prod
from typing import Self

from flint import arb, arb_mat

Index = tuple[int, ...]
"""A multi-index: how often f is differentiated in each variable."""


@dataclass(frozen=True, eq=False)
class JetSpace:
    """The multi-indices of `dim` variables up to `order`, and their places.

    products[j]: for each place k whose index may be added to that of j, k and the sum's place.
    """

    dim: int
    order: int
    indices: tuple[Index, ...]
    places: Mapping[Index, int]
    products: tuple[tuple[tuple[int, int], ...], ...]

    @classmethod
    @cache
    def of(cls, dim: int, order: int) -> Self:
        """The space of all jets in `dim` variables up to `order`."""
        every = product(range(order + 1), repeat=dim)
        indices = tuple(sorted((a for a in every if sum(a) <= order), key=sum))
        places = {a: k for k, a in enumerate(indices)}
        table = []
        for a in indices:
            sums = (tuple(p + q for p, q in zip(a, b, strict=True)) for b in indices)
            table.append(tuple((k, places[c]) for k, c in enumerate(sums) if c in places))
        return cls(dim, order, indices, places, tuple(table))

    def constant(self, value: arb) -> Jet:
        """The function that is `value` everywhere."""
        return Jet(self, {0: value})

    def variables(self, at: Sequence[arb]) -> list[Jet]:
        """The coordinates of φ, for φ in the balls `at`."""
        unit = [tuple(int(j == k) for j in range(self.dim)) for k in range(self.dim)]
        slopes = [{self.places[e]: arb(1)} if self.order else {} for e in unit]
        return [Jet(self, {0: value, **slope}) for value, slope in zip(at, slopes, strict=True)]


@dataclass(frozen=True, eq=False, slots=True)
class Jet:
    """Taylor coefficients, by place in `space`; those that are missing are 0."""

    space: JetSpace
    c: dict[int, arb]

    def __add__(self, other: Jet) -> Jet:
        found = dict(self.c)
        for k, value in other.c.items():
            found[k] = found[k] + value if k in found else value
        return Jet(self.space, found)

    def __sub__(self, other: Jet) -> Jet:
        return self + other.times(arb(-1))

    def __mul__(self, other: Jet) -> Jet:
        found: dict[int, arb] = {}
        for j, a in self.c.items():
            for k, place in self.space.products[j]:
                if k in other.c:
                    term = a * other.c[k]
                    found[place] = found[place] + term if place in found else term
        return Jet(self.space, found)

    def times(self, factor: arb) -> Jet:
        """By a number."""
        return Jet(self.space, {k: factor * value for k, value in self.c.items()})

    def plus(self, number: arb) -> Jet:
        """With a number added."""
        return Jet(self.space, {**self.c, 0: self.value + number})

    @property
    def value(self) -> arb:
        """f(φ)."""
        return self.c.get(0, arb(0))

    def square(self) -> Jet:
        """f²; its value is a square, never below 0."""
        found, low, high = self * self, self.value.abs_lower(), self.value.abs_upper()
        return Jet(self.space, {**found.c, 0: (low * low).union(high * high)})

    def through(self, outer: Sequence[arb]) -> Jet:
        """F∘f from the Taylor coefficients F^(k)(f(φ))/k! of F, k = 0 … order."""
        if len(outer) <= self.space.order:
            raise ValueError("a Taylor coefficient for each order")
        h = Jet(self.space, {k: value for k, value in self.c.items() if k})
        found = self.space.constant(outer[self.space.order])
        for coefficient in reversed(outer[: self.space.order]):
            found = (h * found).plus(coefficient)
        return found

    def derivative(self, variables: Iterable[int]) -> arb:
        """∂f in the given variables, one after the other: (0, 0, 2) is ∂³f/∂φ_0²∂φ_2."""
        at = list(variables)
        index = tuple(at.count(k) for k in range(self.space.dim))
        return prod(map(factorial, index)) * self.c.get(self.space.places[index], arb(0))

    def gradient(self) -> tuple[arb, ...]:
        """∇f."""
        return tuple(self.derivative([j]) for j in range(self.space.dim))

    def hessian(self) -> arb_mat:
        """∇²f, (p, p)."""
        p = self.space.dim
        return arb_mat(p, p, [self.derivative([j, k]) for j in range(p) for k in range(p)])

    def third(self) -> arb_mat:
        """∇³f with two indices in one: entry (i, jp + k) is ∂³f/∂φ_i∂φ_j∂φ_k, (p, p²)."""
        p = range(self.space.dim)
        entries = [self.derivative([i, j, k]) for i in p for j in p for k in p]
        return arb_mat(self.space.dim, self.space.dim**2, entries)


def mean(jets: Sequence[Jet], weights: Sequence[int]) -> Jet:
    """Σ_n w_n f_n / Σ_n w_n, for weights that are not all 0."""
    found: dict[int, arb] = {}
    for jet, weight in zip(jets, weights, strict=True):
        for k, value in jet.c.items() if weight else ():
            found[k] = found.get(k, arb(0)) + weight * value
    total = sum(weights)
    return Jet(jets[0].space, {k: value / total for k, value in found.items()})
