"""Tensors of intervals: entrywise lower and upper ends, rounded outward by every operation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import torch
from jaxtyping import Num
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_theory.intervals.products import interval_product
from ml2o_theory.intervals.rounding import (
    LARGEST,
    Mask,
    Values,
    add_down,
    add_up,
    down,
    multiply_down,
    multiply_outward,
    multiply_up,
    sqrt_down,
    sqrt_up,
    sum_down,
    sum_up,
    up,
)

Numbers: TypeAlias = Num[Tensor, "..."]


@dataclass(frozen=True, eq=False)
class IntervalTensor:
    """{x : lower ≤ x ≤ upper} entrywise; both ends float64, of one shape.

    A NaN end becomes infinite. An end that overflowed to the wrong infinity (a lower end +∞)
    becomes the largest float. `InvalidArgument` for other dtypes, two shapes, or lower > upper.

    In operations a tensor or a number is taken as exact; shapes broadcast as in torch. Where both
    ends are one and the same tensor, the entries are known exactly, and products are cheaper.
    """

    lower: Values
    upper: Values

    def __post_init__(self) -> None:
        if self.lower.dtype != torch.float64 or self.upper.dtype != torch.float64:
            shown = f"{self.lower.dtype} and {self.upper.dtype}"
            raise InvalidArgument("ends", shown, "float64")
        if self.lower.shape != self.upper.shape:
            shown = f"{tuple(self.lower.shape)} and {tuple(self.upper.shape)}"
            raise InvalidArgument("ends", shown, "one shape")
        # False for NaN, for two equal infinities, and for lower > upper.
        if not bool((self.upper - self.lower >= 0).all()):
            self._repair()

    def _repair(self) -> None:
        lower = self.lower.nan_to_num(nan=-math.inf, posinf=LARGEST, neginf=-math.inf)
        upper = self.upper.nan_to_num(nan=math.inf, posinf=math.inf, neginf=-LARGEST)
        if not bool((lower <= upper).all()):
            worst = (lower - upper).nan_to_num(nan=-math.inf).argmax()
            shown = f"[{lower.flatten()[worst].item()}, {upper.flatten()[worst].item()}]"
            raise InvalidArgument("interval", shown, "lower ≤ upper")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @classmethod
    def exactly(cls, values: Numbers | float) -> Self:
        """Known exactly: [v, v]. ±∞ is a number of that sign beyond float64; NaN is any number.

        Floating dtypes only, as float64 holds each of their values.
        """
        if not isinstance(values, Tensor):
            values = _from_number(values)
        if not values.is_floating_point():
            raise InvalidArgument("values", values.dtype, "a floating dtype")
        values = values.detach().double()
        return cls(values, values)

    @classmethod
    def hull_of(cls, *members: IntervalTensor | Values) -> Self:
        """The smallest intervals that contain all members, entrywise; shapes broadcast."""
        if not members:
            raise InvalidArgument("members", "none", "at least one")
        intervals = [as_interval(member) for member in members]
        lower = torch.broadcast_tensors(*(interval.lower for interval in intervals))
        upper = torch.broadcast_tensors(*(interval.upper for interval in intervals))
        return cls(torch.stack(lower).amin(0), torch.stack(upper).amax(0))

    @classmethod
    def about(cls, center: Values, radius: Values | float) -> Self:
        """Contains {x : |x − center| ≤ radius}; radius ≥ 0 broadcasts."""
        middle, reach = cls.exactly(center), cls.exactly(radius)
        if bool((reach.upper < 0).any()):
            raise InvalidArgument("radius", float(reach.upper.min()), "≥ 0")
        lower, upper = add_down(middle.lower, -reach.upper), add_up(middle.upper, reach.upper)
        return cls(lower, upper)

    @property
    def shape(self) -> torch.Size:
        """The shape of each end."""
        return self.lower.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.lower.ndim

    @property
    def mT(self) -> Self:
        """The last two axes exchanged."""
        return self._each(lambda end: end.mT)

    @property
    def midpoint(self) -> Values:
        """A float inside each interval, near its middle; finite."""
        if self.is_exact:
            return self.lower
        middle = (0.5 * self.lower + 0.5 * self.upper).nan_to_num(0.0, LARGEST, -LARGEST)
        return middle.clamp(self.lower, self.upper)

    @property
    def radius(self) -> Values:
        """An upper bound of |x − midpoint| over the interval; 0 where it is one float."""
        middle = self.midpoint
        return add_up(self.upper, -middle).maximum(add_up(middle, -self.lower))

    @property
    def is_exact(self) -> bool:
        """Whether all entries are known exactly: both ends are one and the same tensor."""
        return self.lower is self.upper

    def _each(self, view: Callable[[Values], Values]) -> Self:
        """The same view of both ends. Not checked anew: what it shows is in `self`, or 0."""
        lower = view(self.lower)
        seen = object.__new__(type(self))
        object.__setattr__(seen, "lower", lower)
        object.__setattr__(seen, "upper", lower if self.is_exact else view(self.upper))
        return seen

    def __getitem__(self, index: Any) -> Self:
        return self._each(lambda end: end[index])

    def reshape(self, *shape: int) -> Self:
        """The same entries in another shape, as `Tensor.reshape`."""
        return self._each(lambda end: end.reshape(*shape))

    def unsqueeze(self, dim: int) -> Self:
        """With an axis of length 1 at `dim`."""
        return self._each(lambda end: end.unsqueeze(dim))

    def squeeze(self, dim: int) -> Self:
        """Without the axis `dim`, if its length is 1."""
        return self._each(lambda end: end.squeeze(dim))

    def expand(self, *shape: int) -> Self:
        """Repeated along axes of length 1, as `Tensor.expand`."""
        return self._each(lambda end: end.expand(*shape))

    def broadcast_to(self, shape: Sequence[int]) -> Self:
        """`expand` with the shape as one argument."""
        return self.expand(*shape)

    def diag_embed(self) -> Self:
        """The last axis becomes the diagonal of a square matrix."""
        return self._each(torch.diag_embed)

    def sum(self, dim: int | tuple[int, ...] | None = None, keepdim: bool = False) -> Self:
        """Sums over the axes `dim`, over all axes by default."""
        return type(self)(
            sum_down(self.lower, dim, keepdim=keepdim), sum_up(self.upper, dim, keepdim=keepdim)
        )

    def __neg__(self) -> Self:
        lower = -self.upper
        return type(self)(lower, lower if self.is_exact else -self.lower)

    def __add__(self, other: Operand) -> Self:
        other = as_interval(other)
        return type(self)(add_down(self.lower, other.lower), add_up(self.upper, other.upper))

    __radd__ = __add__

    def __sub__(self, other: Operand) -> Self:
        return self + (-as_interval(other))

    def __rsub__(self, other: Operand) -> Self:
        return -self + other

    def __mul__(self, other: Operand) -> Self:
        other = as_interval(other)
        if self.is_exact:
            return type(self)(*_scaled(other, self.lower))
        if other.is_exact:
            return type(self)(*_scaled(self, other.lower))
        a = torch.stack([self.lower, self.lower, self.upper, self.upper])
        b = torch.stack([other.lower, other.upper, other.lower, other.upper])
        # The corners are the leading axis: the shapes must broadcast behind it.
        rank = max(self.ndim, other.ndim)
        a = a.reshape(4, *[1] * (rank - self.ndim), *self.shape)
        b = b.reshape(4, *[1] * (rank - other.ndim), *other.shape)
        lower, upper = multiply_outward(a, b)
        return type(self)(lower.amin(0), upper.amax(0))

    __rmul__ = __mul__

    def __truediv__(self, other: Operand) -> Self:
        return self * as_interval(other).reciprocal()

    def __rtruediv__(self, other: Operand) -> Self:
        return self.reciprocal() * other

    def __matmul__(self, other: Operand) -> Self:
        """Matrix products of vectors, matrices and batches of them, as `torch.matmul`."""
        other = as_interval(other)
        a, b = (
            (factor.midpoint, None if factor.is_exact else factor.radius)
            for factor in (self, other)
        )
        return type(self)(*interval_product(*a, *b))

    def __rmatmul__(self, other: Operand) -> Self:
        return as_interval(other) @ self

    def square(self) -> Self:
        """x², tight: [0, …] where the interval contains 0."""
        near, far = self.mignitude(), self.magnitude()
        return type(self)(multiply_down(near, near), multiply_up(far, far))

    def abs(self) -> Self:
        """|x|."""
        return type(self)(self.mignitude(), self.magnitude())

    def reciprocal(self) -> Self:
        """1/x; unbounded on a side where x reaches 0, and [−∞, ∞] around it."""
        lower, upper = down(self.upper.reciprocal()), up(self.lower.reciprocal())
        if bool((self.lower > 0).all()):  # the usual case, for half the time
            return type(self)(lower.clamp(min=0.0), upper)
        lower = lower.where(self.upper != 0, -math.inf)
        upper = upper.where(self.lower != 0, math.inf)
        # 1/x keeps the sign of x: a quotient that underflowed doesn't cross 0.
        lower = lower.clamp(min=0.0).where(self.lower >= 0, lower)
        upper = upper.clamp(max=0.0).where(self.upper <= 0, upper)
        around = (self.lower < 0) & (self.upper > 0) | (self.lower == 0) & (self.upper == 0)
        return type(self)(lower.masked_fill(around, -math.inf), upper.masked_fill(around, math.inf))

    def sqrt(self) -> Self:
        """√x over the part of the interval that is ≥ 0; `InvalidArgument` where there is none."""
        if bool((self.upper < 0).any()):
            raise InvalidArgument("interval", float(self.upper.min()), "an upper end ≥ 0")
        return type(self)(sqrt_down(self.lower.clamp(min=0.0)), sqrt_up(self.upper))

    def magnitude(self) -> Values:
        """max |x|."""
        return self.lower.abs().maximum(self.upper.abs())

    def mignitude(self) -> Values:
        """min |x|."""
        return self.lower.maximum(-self.upper).clamp(min=0.0)

    def contains(self, values: Values) -> Mask:
        """Whether each value lies in its interval; shapes broadcast."""
        return (self.lower <= values) & (values <= self.upper)

    def intersect(self, other: IntervalTensor) -> Self:
        """What both contain; `InvalidArgument` where they are disjoint."""
        return type(self)(self.lower.maximum(other.lower), self.upper.minimum(other.upper))

    def is_finite(self) -> Mask:
        """Whether both ends are finite."""
        return self.lower.isfinite() & self.upper.isfinite()


Operand: TypeAlias = IntervalTensor | Values | float


def as_interval(value: Operand) -> IntervalTensor:
    """An interval as it is; a tensor or number as the interval that holds it alone."""
    return value if isinstance(value, IntervalTensor) else IntervalTensor.exactly(value)


def concatenate(members: Sequence[IntervalTensor | Values], dim: int = 0) -> IntervalTensor:
    """`torch.cat` of both ends."""
    return _joined(lambda ends: torch.cat(ends, dim), members)


def stack(members: Sequence[IntervalTensor | Values], dim: int = 0) -> IntervalTensor:
    """`torch.stack` of both ends."""
    return _joined(lambda ends: torch.stack(ends, dim), members)


def _joined(
    join: Callable[[list[Tensor]], Tensor], members: Sequence[IntervalTensor | Values]
) -> IntervalTensor:
    intervals = [as_interval(member) for member in members]
    lower = join([interval.lower for interval in intervals])
    if all(interval.is_exact for interval in intervals):
        return IntervalTensor(lower, lower)
    return IntervalTensor(lower, join([interval.upper for interval in intervals]))


def _scaled(interval: IntervalTensor, factor: Values) -> tuple[Values, Values]:
    """The ends of {xc : x in the interval} for an exact c."""
    positive = factor >= 0
    low = torch.where(positive, interval.lower, interval.upper)
    high = torch.where(positive, interval.upper, interval.lower)
    return multiply_down(low, factor), multiply_up(high, factor)


def _from_number(value: float) -> Values:
    if float(value) != value and not math.isnan(value):
        raise InvalidArgument("number", value, "a number that float64 holds")
    return torch.tensor(float(value), dtype=torch.float64)
