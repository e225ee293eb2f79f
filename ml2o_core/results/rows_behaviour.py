"""The rows on how a bound behaves: where it loses, how its terms scale, what it predicts."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.number import Interval
from ml2o_core.results.row import End, Row, column
from ml2o_core.results.vocabulary import RateVerdict


class StageRow(Row):
    """One step on the way from an observed value to a bound.

    The stages of a `setting`, by `position`, run from what is observed (0) to the final bound; each
    replaces a part of the one before by something larger, and `loss` says how much larger.
    """

    table: ClassVar[str] = "stages"

    setting: str = column("the instance or the group of instances")
    position: int = column("place on the way: 0 is the observed value", ge=0)
    stage: str = column("what the value is, or which inequality was used last")
    value: Interval = column("the value at this stage")
    loss: End = column(
        "log10 of this value over the previous one's; none at the first, and where it is infinite",
        unit="orders of magnitude",
        default=None,
    )
    how: str = column("how the value was obtained")
    share: float | None = column(
        "share of the final bound, where the stage is a term of it", default=None, ge=0, le=1
    )


class RateRow(Row):
    """How a term depends on one quantity, all else fixed: the slope between their logarithms."""

    table: ClassVar[str] = "rates"

    term: str = column("the term whose size is observed")
    against: str = column("the quantity that is varied")
    setting: str = column("the tasks, the rule, and what is held fixed")
    predicted: float | None = column("exponent of the bound; none if it has none", default=None)
    slope: float | None = column("fitted exponent; none without a fit", default=None)
    lower: End = column("lower end of the slope's interval; none if unbounded", default=None)
    upper: End = column("upper end of the slope's interval; none if unbounded", default=None)
    level: float = column("confidence level of the interval", default=0.95, gt=0, lt=1)
    points: int = column("points that entered the fit", ge=0)
    verdict: RateVerdict = column("the outcome")
    reason: str = column("why; needed unless the verdict is consistent", default="")

    @model_validator(mode="after")
    def _verdict_follows_from_the_numbers(self) -> Self:
        verdict = self.verdict
        if (verdict is RateVerdict.NOT_PREDICTED) != (self.predicted is None):
            raise InvalidArgument(
                "verdict", str(verdict), "`not predicted` exactly without a predicted exponent"
            )
        if verdict is RateVerdict.CONSISTENT and self.slope is None:
            raise InvalidArgument("slope", self.slope, "a fitted slope, because it is consistent")
        if verdict is RateVerdict.INCONSISTENT and not self._apart:
            raise InvalidArgument(
                "verdict", str(verdict), "inconsistent only if the interval excludes the prediction"
            )
        if verdict is not RateVerdict.CONSISTENT and not self.reason:
            raise InvalidArgument("reason", self.reason, f"a reason for {verdict}")
        return self

    @property
    def _apart(self) -> bool:
        """Whether the slope's interval lies on one side of the predicted exponent."""
        if self.predicted is None or self.slope is None:
            return False
        above = self.lower is not None and self.lower > self.predicted
        return above or (self.upper is not None and self.upper < self.predicted)


class CorrelationRow(Row):
    """Spearman's rank correlation of a quantity of the theory with what is scored."""

    table: ClassVar[str] = "correlations"

    quantity: str = column("the quantity of the theory")
    score: str = column("the score")
    setting: str = column("what the points are, and what is held fixed")
    rho: float | None = column("Spearman's ρ; none if one of them is constant", ge=-1, le=1)
    lower: End = column("lower end of its interval; none without one", default=None)
    upper: End = column("upper end of its interval; none without one", default=None)
    level: float = column("confidence level of the interval", default=0.95, gt=0, lt=1)
    p_value: float | None = column("two-sided, of no association", default=None, ge=0, le=1)
    points: int = column("pairs that entered", ge=0)
    reason: str = column("why there is no ρ, no interval, or points are missing", default="")

    @model_validator(mode="after")
    def _missing_for_a_reason(self) -> Self:
        if self.rho is None and not self.reason:
            raise InvalidArgument("reason", self.reason, "a reason, because there is no ρ")
        return self
