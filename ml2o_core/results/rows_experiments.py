"""The rows of the experiments: optima, claims, scores, fits, curves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from pydantic import model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.number import Interval
from ml2o_core.results.row import Band, End, Row, Series, column, flatten
from ml2o_core.results.vocabulary import ClaimVerdict, PrintedVerdict, Scale, Score

ROUNDING = 1e-9
"""What the order of a sum of losses changes of its logarithm, many times over."""


class OptimumRow(Row):
    """A certified optimum: f* lies between `value.lower` (dual) and `value.upper` (primal)."""

    table: ClassVar[str] = "optima"

    family: str = column("the task family")
    distribution: str = column("the distribution that the problems come from")
    sigma: float | None = column("its standard deviation of A, if it has one", default=None)
    problem: str = column("index of the problem, or the mean over how many")
    value: Interval = column("[dual bound, primal value] of f*")
    gap: float | None = column("primal − dual; none without a dual bound", default=None)
    solver: str = column("the solver")
    reference: float | None = column("CVXPY's value", default=None)
    reference_solver: str | None = column("CVXPY's solver", default=None)
    point: tuple[float, ...] | None = column("the primal point x", default=None)


class OptimaRow(Row):
    """The optima of many batches of one distribution: how they spread, how well they are known.

    A batch's mean optimum is what its mean objective can reach; logarithms are natural.
    """

    table: ClassVar[str] = "optima_by_distribution"

    family: str = column("the task family")
    distribution: str = column("the distribution of its problems")
    sigma: float | None = column("its standard deviation of A, if it has one", default=None)
    batches: int = column("batches", ge=1)
    problems: int = column("problems in a batch", ge=1)
    median: float = column("median of f* over all problems")
    quantile05: float = column("5 % quantile of f*")
    quantile95: float = column("95 % quantile of f*")
    mean_ln: float | None = column(
        "mean over the batches of ln (mean of f* in the batch); none where f* = 0 up to rounding",
        default=None,
    )
    sd_ln: float | None = column("its standard deviation over the batches", default=None, ge=0)
    worst: float | None = column(
        "share of the mean of f* that its largest 5 % carry", default=None, ge=0, le=1
    )
    gap: float = column("largest gap over f*, or over f at 0 where f* = 0", ge=0)
    gap90: float = column("90 % quantile of the same", ge=0)
    open: int = column("problems whose gap is open", ge=0)
    distance: float | None = column(
        "largest proved distance of a point from the minimiser; none where it is unbounded",
        default=None,
        ge=0,
    )
    seconds: float = column("seconds for all problems, bounds included", unit="s", ge=0)
    solver: str = column("the solvers")
    referred: int = column("problems that CVXPY solved too", ge=0)
    agreed: int = column("of them those on which each of its solvers agrees", ge=0)
    reference_seconds: float | None = column(
        "seconds of its fastest solver for as many problems", unit="s", default=None, ge=0
    )
    reference_solver: str | None = column("its solvers", default=None)
    reason: str = column("why CVXPY was not asked, or something is missing", default="")


class PrintedRow(Row):
    """A printed score beside the optima that it cannot go below: the batch means of f*."""

    table: ClassVar[str] = "printed"

    source: str = column("where it is printed")
    method: str = column("the method")
    sigma: float = column("standard deviation of A")
    printed: float = column("the score as printed, ln mean objective")
    optimum: float = column("mean over the batches of ln (mean of f*)")
    lower: float = column("2.5 % quantile over the batches")
    upper: float = column("97.5 % quantile over the batches")
    batches: int = column("batches", ge=1)
    width: float = column("largest width of a batch's certified interval", ge=0)
    below: int = column("batches whose optimum is certainly above the printed score", ge=0)
    share: float = column("their share", ge=0, le=1)
    share_lower: float = column("lower end of its interval", ge=0, le=1)
    share_upper: float = column("upper end of its interval", ge=0, le=1)
    level: float = column("confidence level of that interval", default=0.95, gt=0, lt=1)
    verdict: PrintedVerdict = column("the outcome")


class ClaimRow(Row):
    """A claim of the paper."""

    table: ClassVar[str] = "claims"
    version: ClassVar[int] = 2
    oldest: ClassVar[int | None] = 1

    claim: str = column("the claim, in words")
    source: str = column("where the paper makes it")
    profile: str = column("the settings it is assessed under: paper, released or matched")
    effect: float | None = column("effect size, in the unit of its score", default=None)
    lower: End = column("lower end of the effect's interval; none if unbounded", default=None)
    upper: End = column("upper end of the effect's interval; none if unbounded", default=None)
    level: float = column("confidence level of the interval", default=0.95, gt=0, lt=1)
    p_value: float | None = column("of the paired t-test", default=None, ge=0, le=1)
    p_adjusted: float | None = column("after Holm's correction in its figure", default=None)
    seeds: int | None = column("training seeds that were paired", default=None, ge=0)
    agreeing: int | None = column("of them those in which it is as claimed", default=None, ge=0)
    verdict: ClaimVerdict = column("the outcome")
    reason: str = column("why, in one sentence")


class ScoreRow(Row):
    """A method's score, or its paired difference to a reference method."""

    table: ClassVar[str] = "scores"

    family: str = column("the task family of the test problems")
    distribution: str = column("their distribution, in words")
    sigma: float | None = column("standard deviation of A, if it has one", default=None)
    method: str = column("the method")
    score: Score = column("what is measured")
    step: int | None = column("the step; none for a minimum over the steps", default=None, ge=0)
    reference: str | None = column("score of `method` minus that of this one", default=None)
    mean: float | None = column("mean over the repeats", unit="that of the score")
    lower: End = column("lower end of its interval; none if unbounded", default=None)
    upper: End = column("upper end of its interval; none if unbounded", default=None)
    level: float = column("confidence level of the interval", default=0.95, gt=0, lt=1)
    repeats: int = column("repeats that entered", ge=0)
    masked: int = column("repeats left out because they diverged", default=0, ge=0)
    reason: str = column("why there is no mean, or no interval", default="")


class SeedRow(Row):
    """The score of a method by training seed: what a mean hides."""

    table: ClassVar[str] = "seeds"

    family: str = column("the task family of the test problems")
    distribution: str = column("their distribution, in words")
    sigma: float | None = column("standard deviation of A, if it has one", default=None)
    method: str = column("the method")
    score: Score = column("what is measured: a minimum over the steps, 0 among them")
    values: Series = column("by training seed; none where it diverged", min_length=1)
    start: Series = column("the same of x_0 alone", min_length=1)

    @model_validator(mode="after")
    def _a_start_for_every_seed(self) -> Self:
        if len(self.start) != len(self.values) or None in self.start:
            raise InvalidArgument("start", self.start, f"{len(self.values)} finite numbers")
        return self

    @property
    def counted(self) -> list[float]:
        """The values of the seeds that did not diverge."""
        return [value for value in self.values if value is not None]

    @property
    def never_below(self) -> int:
        """Seeds whose score is that of the start: no step was better than x_0."""
        pairs = zip(self.values, self.start, strict=True)
        return sum(
            value >= start - ROUNDING
            for value, start in pairs
            if value is not None and start is not None
        )


class FitRow(Row):
    """How a method's parameters came about: a meta-training, an adaptation, a tuned step."""

    table: ClassVar[str] = "fits"

    method: str = column("the methods that use these parameters")
    stage: str = column("meta-training, adaptation or step size, and for which tasks")
    how: str = column("the procedure")
    windows: int | None = column("windows, one parameter update each", default=None, ge=1)
    chosen: tuple[float, ...] = column("the chosen step of each repeat", default=())
    repeats: int = column("training seeds", ge=1)
    diverged: int = column("repeats that diverged and are masked", default=0, ge=0)
    clipped_share: float | None = column(
        "share of the gradients that were clipped", default=None, ge=0, le=1
    )


SERIES = ("step", "x", "estimate", "lower", "upper")
"""The columns of a curve that hold one value a step."""


class CurveRow(Row):
    """One curve: a value at each step, with a pointwise interval where there is one.

    A step without a finite number (diverged, undefined) holds None: NaN and ±∞ become None. Where
    the curve is over a real quantity (α, Δ), `x` holds it, and the steps only count the points.
    """

    table: ClassVar[str] = "curves"
    version: ClassVar[int] = 2
    oldest: ClassVar[int | None] = 1

    panel: str = column("the panel of the figure")
    method: str = column("the method, or what the curve shows")
    quantity: str = column("what is on the vertical axis")
    scale: Scale = column("in what the values are stored", default=Scale.LINEAR)
    level: float | None = column("confidence level of the band", default=None, gt=0, lt=1)
    step: tuple[int, ...] = column("position on the horizontal axis", min_length=1)
    x: Band = column("position on the horizontal axis where it is not the step", default=())
    estimate: Series = column("the value")
    lower: Band = column("lower end of the band; empty without one", default=())
    upper: Band = column("upper end of the band; empty without one", default=())

    @model_validator(mode="after")
    def _one_value_a_step(self) -> Self:
        if None in self.x:
            raise InvalidArgument("x", self.x, "finite numbers")
        position = ("x",) if self.x else ()
        band = ("lower", "upper") if self.lower or self.upper else ()
        for name in ("estimate", *position, *band):
            series = getattr(self, name)
            if len(series) != len(self.step):
                raise InvalidArgument(
                    name, len(series), f"as many values as steps, {len(self.step)}"
                )
        return self

    @property
    def positions(self) -> tuple[float, ...]:
        """Where the values stand on the horizontal axis: `x` where it is given, or the steps."""
        return tuple(at for at in self.x if at is not None) or self.step

    def records(self) -> Iterable[dict[str, Any]]:
        """One record a step."""
        flat = flatten(self)
        none = (None,) * len(self.step)
        columns = {name: getattr(self, name) or none for name in SERIES}
        for values in zip(*columns.values(), strict=True):
            yield flat | dict(zip(columns, values, strict=True))
