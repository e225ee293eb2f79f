"""Exhibits: points from which a reader recomputes, digit by digit, why an assumption fails.

An exhibit holds points with float entries (hence exact), what was computed there, and the number
that all comes to, in ball arithmetic. An assumption of the form "there is a constant C with …"
needs more than one: a `Sequence` gives, for every C, an exhibit that exceeds it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch
from flint import arb, arb_mat

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import decimal, norm, precision, vector
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Witness

_LAST = 2000
"""Where a search along a sequence ends: beyond, float64 has no points left."""

_SHOWN = 17
"""Digits of a computed number in a text: those that tell two float64 numbers apart."""


@dataclass(frozen=True)
class Exhibit:
    """`quantity` (in words or LaTeX-free symbols) comes to `value` at `points`.

    `computed` are the numbers in between, such as the gradients at the points: matrices by name.
    """

    points: Witness
    computed: Mapping[str, arb_mat]
    quantity: str
    value: arb

    def __str__(self) -> str:
        """Every digit of the points, 17 of what was computed there, the value rounded down."""
        points = [
            f"{name} = {_listed(map(repr, entries))}" for name, entries in self.points.items()
        ]
        computed = [
            f"{name} ≈ {_listed(_digits(v) for v in matrix.entries())}"
            for name, matrix in self.computed.items()
        ]
        low = decimal(self.value, up=False, digits=_SHOWN) if self.value.is_finite() else "-inf"
        high = decimal(self.value, up=True, digits=_SHOWN) if self.value.is_finite() else "inf"
        shown = f"= {low}" if low == high else f"in [{low}, {high}]"
        return "; ".join([*points, *computed, f"{self.quantity} {shown}"])


def ratio_of_pair(
    name: str, F: Callable[[arb_mat], arb_mat], x: Witness, *, moved: str = "x"
) -> Exhibit:
    """‖F(x) − F(y)‖ / ‖x − y‖ for the two points of `x`, spectral norm if F gives a matrix.

    `name` is F's; `moved` names the argument. F takes a column (d, 1).
    """
    (first, p), (second, q) = x.items()
    with precision():
        u, v = column(p), column(q)
        at_u, at_v = F(u), F(v)
        apart = norm(u - v)
        if not apart > 0:
            raise InvalidArgument(moved, x, "two different points")
        value = size(at_u - at_v) / apart
    computed = {f"{name}({first})": at_u, f"{name}({second})": at_v}
    quantity = f"‖{name}({first}) − {name}({second})‖ / ‖{first} − {second}‖"
    return Exhibit(x, computed, quantity, value)


def norm_at_point(name: str, F: Callable[[arb_mat], arb_mat], point: Witness) -> Exhibit:
    """‖F(x)‖ at the one point of `point`."""
    ((label, x),) = point.items()
    with precision():
        at = F(column(x))
        return Exhibit(point, {f"{name}({label})": at}, f"‖{name}({label})‖", size(at))


def size(values: arb_mat) -> arb:
    """Euclidean norm of a column, spectral norm of a matrix: a ball around both ends."""
    if values.ncols() == 1:
        return norm(values)
    lower, upper, _ = spectral_norm(values)
    return lower.union(upper)


def column(x: tuple[float, ...]) -> arb_mat:
    """The point as a column (d, 1), without rounding."""
    return vector(torch.tensor(x, dtype=torch.float64))


def scalar(value: arb) -> arb_mat:
    """A number as a column of one entry."""
    return arb_mat(1, 1, [value])


@dataclass(frozen=True)
class Sequence:
    """Exhibits number 0, 1, 2, …, whose values grow without bound, or fall to 0 (`falls`).

    `because` is the inequality that proves it, in one sentence.
    """

    at: Callable[[int], Exhibit]
    because: str
    falls: bool = False

    def beyond(self, constant: float) -> Exhibit:
        """An exhibit certainly above `constant` (below it if the sequence `falls`).

        This is the refutation: whatever constant is claimed, here are the points that break it.
        """
        for k in range(_LAST):
            exhibit = self.at(k)
            passed = exhibit.value < constant if self.falls else exhibit.value > constant
            if passed:
                return exhibit
        raise InvalidArgument("constant", constant, "one that float64 points can exceed")


def _listed(entries: Iterable[str]) -> str:
    return f"[{', '.join(entries)}]"


def _digits(value: arb) -> str:
    return repr(float(value.mid()))
