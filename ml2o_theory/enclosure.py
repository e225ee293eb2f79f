"""[lower, upper]: what is known about one real number, and how each end is known.

Every constant, every observed quantity and every bound is an `Enclosure`. An end is proved
(`CERTIFICATES`), attained at some point by a search (`SEARCHES`), or absent (±∞, `trivial`). A
search can only give the inner end: the lower end of a supremum, the upper end of an infimum. The
constructor refuses everything else, so an estimate can't pass for a certificate. A number that the
user states (`STATED`) is neither, and makes everything that is computed from it stated too.

Each end carries its region: numbers that hold on different regions can't be combined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeAlias

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod, Interval
from ml2o_theory.arithmetic import INFINITY, decimal, exact, log10, precision

CERTIFICATES = frozenset(
    {
        EndMethod.CLOSED_FORM,
        EndMethod.INTERVAL_ARITHMETIC,
        EndMethod.NORM_PRODUCT,
        EndMethod.DUAL_CERTIFICATE,
    }
)
"""Methods that prove an end."""

SEARCHES = frozenset({EndMethod.SAMPLED, EndMethod.SEARCHED})
"""Methods that attain a value somewhere: an inner end of a supremum or infimum, never an outer."""


class Direction(StrEnum):
    """Which end."""

    LOWER = "lower"
    UPPER = "upper"


class Quantity(StrEnum):
    """What the number is: it decides which end a search can give."""

    VALUE = "value"
    SUPREMUM = "supremum"
    INFIMUM = "infimum"


class Norm(StrEnum):
    """The norm a number is measured in."""

    ABSOLUTE = "absolute value"
    EUCLIDEAN = "euclidean"
    SPECTRAL = "spectral"


Witness: TypeAlias = dict[str, tuple[float, ...]]
"""Points by name, from which a reader can recompute the value."""


@dataclass(frozen=True)
class End:
    """One end: an exact number (infinite when absent) and where it comes from."""

    value: arb
    direction: Direction
    method: EndMethod
    norm: Norm
    region: str
    seed: int | None = None
    witness: Witness | None = None

    def __post_init__(self) -> None:
        name = f"{self.direction} end"
        if self.value.is_nan() or not self.value.is_exact():
            raise InvalidArgument(name, self.value, "an exact number")
        outside = -INFINITY if self.direction is Direction.LOWER else INFINITY
        if self.value.is_finite() == (self.method is EndMethod.TRIVIAL):
            raise InvalidArgument(name, self.method, "`trivial` exactly when the end is infinite")
        if self.method is EndMethod.STATISTICAL:
            raise InvalidArgument(name, self.method, "a certificate or a search")
        if not self.value.is_finite() and self.value != outside:
            raise InvalidArgument(name, self.value, f"a finite number or {outside}")
        if self.method in SEARCHES and self.witness is None:
            raise InvalidArgument(name, self.method, "a search that names its witness")
        if self.method is EndMethod.SAMPLED and self.seed is None:
            raise InvalidArgument(name, self.method, "sampling that names its seed")

    @property
    def decimal(self) -> str:
        """In decimal, rounded away from the interval: still a true end."""
        return decimal(self.value, up=self.direction is Direction.UPPER)

    @property
    def log10(self) -> float | None:
        """log10 of the value to float accuracy, for figures; None for 0, negative and infinite."""
        return log10(self.value)


@dataclass(frozen=True)
class Enclosure:
    """lower ≤ the number ≤ upper. Use the named constructors; the checks are here."""

    lower: End
    upper: End
    of: Quantity

    def __post_init__(self) -> None:
        inner = {Quantity.SUPREMUM: self.lower, Quantity.INFIMUM: self.upper}.get(self.of)
        for end, direction in ((self.lower, Direction.LOWER), (self.upper, Direction.UPPER)):
            if end.direction is not direction:
                raise InvalidArgument("end", end.direction, direction.value)
            if end.method in SEARCHES and end is not inner:
                raise InvalidArgument(
                    f"{direction} end of a {self.of}", end.method, "a certificate"
                )
        if self.lower.region != self.upper.region:
            raise RegionMismatch(self.lower.region, self.upper.region)
        if not self.lower.value <= self.upper.value:
            shown = f"{self.lower.decimal} > {self.upper.decimal}"
            raise InvalidArgument("enclosure", shown, "lower ≤ upper")

    @classmethod
    def certified(
        cls,
        lower: arb,
        upper: arb,
        method: EndMethod,
        *,
        norm: Norm = Norm.ABSOLUTE,
        region: str,
        of: Quantity = Quantity.VALUE,
    ) -> Self:
        """Both ends proved by `method`. `lower` and `upper` may be balls: the outer sides count.

        An end that is not finite (or an overflow to NaN) becomes an absent end.
        """
        return cls(
            _outer(lower, Direction.LOWER, method, norm, region),
            _outer(upper, Direction.UPPER, method, norm, region),
            of,
        )

    @classmethod
    def exactly(
        cls, value: arb | float, method: EndMethod, *, norm: Norm = Norm.ABSOLUTE, region: str
    ) -> Self:
        """A number that is known exactly."""
        value = value if isinstance(value, arb) else exact(value)
        return cls.certified(value, value, method, norm=norm, region=region)

    @classmethod
    def stated(cls, value: arb, *, region: str) -> Self:
        """A number that the user gives, as the ball of its decimal text."""
        return cls.certified(value, value, EndMethod.STATED, region=region)

    @classmethod
    def supremum(
        cls,
        attained: arb,
        bound: arb,
        bound_by: EndMethod,
        *,
        witness: Witness,
        norm: Norm,
        region: str,
    ) -> Self:
        """A supremum that is at least the value `attained` at a witness, and at most `bound`."""
        below = End(
            attained.lower(), Direction.LOWER, EndMethod.SEARCHED, norm, region, witness=witness
        )
        return cls(below, _outer(bound, Direction.UPPER, bound_by, norm, region), Quantity.SUPREMUM)

    @classmethod
    def sampled_supremum(
        cls,
        attained: arb,
        *,
        seed: int,
        witness: Witness,
        norm: Norm,
        region: str,
        method: EndMethod = EndMethod.SAMPLED,
    ) -> Self:
        """The best of random points, or of a search from them: a lower end, and no upper end."""
        below = End(attained.lower(), Direction.LOWER, method, norm, region, seed, witness)
        return cls(
            below,
            End(INFINITY, Direction.UPPER, EndMethod.TRIVIAL, norm, region),
            Quantity.SUPREMUM,
        )

    @property
    def region(self) -> str:
        """The id of the region the number holds on."""
        return self.lower.region

    @property
    def is_stated(self) -> bool:
        """Whether it rests on what a user stated."""
        return EndMethod.STATED in (self.lower.method, self.upper.method)

    @property
    def is_bounded(self) -> bool:
        """Whether both ends are finite; both are then true ends, unless stated."""
        return self.lower.value.is_finite() and self.upper.value.is_finite()

    def contains(self, value: arb) -> bool:
        """Whether `value` (a ball as a whole) certainly lies in the interval."""
        return bool(self.lower.value <= value) and bool(value <= self.upper.value)

    @property
    def interval(self) -> Interval:
        """As results store it: two decimal numbers, rounded outward."""
        return Interval.between(self.lower.decimal, self.upper.decimal)

    def __str__(self) -> str:
        low = decimal(self.lower.value, up=False, digits=4)
        high = decimal(self.upper.value, up=True, digits=4)
        return f"[{low}, {high}]"


class RegionMismatch(InvalidArgument):
    """Numbers that hold on different regions (or for different samples) were combined."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__("region", second, f"the region of the other constants, {first}")


def _outer(value: arb, direction: Direction, method: EndMethod, norm: Norm, region: str) -> End:
    with precision():
        end = value.lower() if direction is Direction.LOWER else value.upper()
    if end.is_finite():
        return End(end, direction, method, norm, region)
    outside = -INFINITY if direction is Direction.LOWER else INFINITY
    return End(outside, direction, EndMethod.TRIVIAL, norm, region)


def maximum(first: Enclosure, second: Enclosure) -> Enclosure:
    """The larger of two numbers on one region; each end keeps its own provenance."""
    if first.region != second.region:
        raise RegionMismatch(first.region, second.region)
    lower = first.lower if first.lower.value >= second.lower.value else second.lower
    upper = first.upper if first.upper.value >= second.upper.value else second.upper
    return Enclosure(lower, upper, first.of)


def minimum(first: Enclosure, second: Enclosure) -> Enclosure:
    """The smaller of two numbers on one region; each end keeps its own provenance."""
    if first.region != second.region:
        raise RegionMismatch(first.region, second.region)
    lower = first.lower if first.lower.value <= second.lower.value else second.lower
    upper = first.upper if first.upper.value <= second.upper.value else second.upper
    return Enclosure(lower, upper, first.of)


def intersection(first: Enclosure, second: Enclosure) -> Enclosure:
    """One number on one region that is known in two ways: the better end of each.

    `InvalidArgument` if the two have no number in common: then one of them is wrong.
    """
    if first.region != second.region:
        raise RegionMismatch(first.region, second.region)
    lower = second.lower if second.lower.value > first.lower.value else first.lower
    upper = second.upper if second.upper.value < first.upper.value else first.upper
    return Enclosure(lower, upper, second.of if first.of is Quantity.VALUE else first.of)


def evaluate_increasing(
    formula: Callable[[Mapping[str, arb]], arb],
    arguments: Mapping[str, Enclosure],
    *,
    norm: Norm = Norm.ABSOLUTE,
) -> Enclosure:
    """formula(arguments), for a formula that increases in each argument: evaluated at both ends.

    The lower end stays true when a lower end was only sampled, because the formula increases. All
    arguments must hold on one region (`RegionMismatch`).
    """
    regions = [argument.region for argument in arguments.values()]
    for region in regions:
        if region != regions[0]:
            raise RegionMismatch(regions[0], region)
    low = formula({name: argument.lower.value for name, argument in arguments.items()})
    high = formula({name: argument.upper.value for name, argument in arguments.items()})
    method = _computed_from(*arguments.values())
    return Enclosure.certified(low, high, method, norm=norm, region=regions[0])


def _computed_from(*numbers: Enclosure) -> EndMethod:
    """A formula is no better than what is put in."""
    stated = any(number.is_stated for number in numbers)
    return EndMethod.STATED if stated else EndMethod.CLOSED_FORM


def quotient(numerator: Enclosure, denominator: Enclosure) -> Enclosure | None:
    """numerator / denominator for nonnegative numbers; None when the denominator is exactly 0."""
    if numerator.region != denominator.region:
        raise RegionMismatch(numerator.region, denominator.region)
    if not denominator.upper.value > 0:
        return None
    low = numerator.lower.value / denominator.upper.value
    high = INFINITY
    if denominator.lower.value > 0:
        high = numerator.upper.value / denominator.lower.value
    method = _computed_from(numerator, denominator)
    return Enclosure.certified(low, high, method, region=numerator.region)
