"""The rows of the results tables. A row's class is its table's schema: type, unit, meaning.

Every row has an `id`, unique in a run, that a sentence of the report can point to. When the meaning
of a column changes, or a column comes or goes, its table's `version` goes up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.number import Interval, Number
from ml2o_core.results.vocabulary import (
    AssumptionVerdict,
    CheckKind,
    CheckVerdict,
    ClaimVerdict,
    EndMethod,
    Level,
    Scale,
    Score,
    Vacuity,
)
from ml2o_core.spec import Spec

_ID = re.compile(r"[a-z0-9][a-z0-9.=_/-]*")

ATTAINED_WIDTH = Number.of("1e-6")
"""How narrow the ratio's interval must be for ATTAINED."""


def row_id(*parts: object) -> str:
    """A row id: `row_id("figure2", "M-L2O", "σ=50")` is "figure2/m-l2o/sigma=50"."""
    names = (str(part).lower().replace("σ", "sigma").replace("φ", "phi") for part in parts)
    tight = (re.sub(r"\s*=\s*", "=", name) for name in names)
    return "/".join(re.sub(r"[^a-z0-9.=_-]+", "-", name).strip("-") for name in tight)


def column(description: str, *, unit: str | None = None, **options: Any) -> Any:
    """A column: its meaning, its unit if it has one, and pydantic's field options."""
    return Field(description=description, json_schema_extra={"unit": unit}, **options)


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


End = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""An end of an interval; ±∞ becomes None."""


class Row(Spec):
    """One row. `table` names its table, `version` is the schema's."""

    table: ClassVar[str]
    version: ClassVar[int] = 1

    id: str = column("what sentences and links point to; unique in a run")
    artefact: str = column("the artefact that the row belongs to")

    @field_validator("id")
    @classmethod
    def _linkable(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise InvalidArgument("id", value, "lower-case letters, digits and . = _ / - (row_id)")
        return value

    def records(self) -> Iterable[dict[str, Any]]:
        """The row as flat records for a data frame: one, unless a row holds a whole series."""
        yield flatten(self)


def flatten(row: Row) -> dict[str, Any]:
    """Scalars as they are; a number x as x, x_decimal, x_log10; an interval as two numbers."""
    flat: dict[str, Any] = {}
    for name in type(row).model_fields:
        flat |= _cells(name, getattr(row, name), type(row).model_fields[name].annotation)
    return flat


def record_columns(row_type: type[Row]) -> list[str]:
    """The columns of a data frame of such rows."""
    fields = row_type.model_fields.items()
    return [column for name, field in fields for column in _cells(name, None, field.annotation)]


def _cells(name: str, value: Any, annotation: Any) -> dict[str, Any]:
    if _mentions(annotation, Interval):
        lower, upper = (value.lower, value.upper) if value is not None else (None, None)
        return _cells(f"{name}_lower", lower, Number) | _cells(f"{name}_upper", upper, Number)
    if _mentions(annotation, Number):
        return {
            name: None if value is None else float(value),
            f"{name}_decimal": None if value is None else value.decimal,
            f"{name}_log10": None if value is None else value.log10,
        }
    if isinstance(value, tuple):
        return {name: " ".join(map(str, value))}
    return {name: str(value) if hasattr(value, "value") else value}


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or kind in getattr(annotation, "__args__", ())


class AssumptionRow(Row):
    """Whether an assumption holds, on which region, and why."""

    table: ClassVar[str] = "assumptions"
    version: ClassVar[int] = 2

    assumption: str = column("the assumption in the paper's numbering, with its reading (A2:E)")
    subject: str = column("the tasks and the rule it is about")
    region: str = column("where: X, Φ, Z, or the drawn batch")
    verdict: AssumptionVerdict = column("holds, refuted (with a witness) or open")
    reason: str = column("why, in one sentence")
    witness: str | None = column("the point or pair that refutes it", default=None)
    evidence: tuple[str, ...] = column("ids of the rows of `constants` behind it", default=())

    @model_validator(mode="after")
    def _refuted_with_witness(self) -> Self:
        if self.verdict is AssumptionVerdict.REFUTED and not self.witness:
            raise InvalidArgument("witness", self.witness, "a witness, because it is refuted")
        return self


class ConstantRow(Row):
    """A constant of the theory as an interval, with what each end rests on."""

    table: ClassVar[str] = "constants"

    symbol: str = column("the constant in ASCII: M, L, rho, M_m1, Delta, Delta~, …")
    subject: str = column("the tasks and the rule it belongs to")
    value: Interval = column("the constant")
    lower_method: EndMethod = column("what the lower end rests on")
    upper_method: EndMethod = column("what the upper end rests on")
    norm: str = column("the norm it is taken in")
    region: str = column("where: X, Φ, Z, or the drawn batch")
    seed: int | None = column("seed of the samples, if there are any", default=None)
    witness: str | None = column("the point where the lower end is observed", default=None)


class CheckRow(Row):
    """One statement held against one observation."""

    table: ClassVar[str] = "checks"

    statement: str = column("the statement in the paper's numbering")
    kind: CheckKind = column("what the check quantifies over")
    level: Level = column("rung of the ladder of bounds", default=Level.UNIFORM)
    tasks: str = column("the tasks, in words")
    rule: str = column("the update rule")
    region: str = column("where the constants hold")
    T: int = column("unrolled iterations", unit="iterations", ge=0)
    graph: str = column("what is differentiated: none, detached or full")
    constants: tuple[str, ...] = column("ids of the rows of `constants` that enter", default=())
    assumptions: tuple[str, ...] = column("ids of the rows of `assumptions` needed", default=())
    observed: Interval | None = column("the observed value; none if it could not be computed")
    bound: Interval | None = column("the statement's bound; none if it could not be computed")
    ratio: Interval | None = column("observed / bound", default=None)
    verdict: CheckVerdict = column("the outcome")
    vacuity: Vacuity = column("against the trivial bound", default=Vacuity.NOT_DECLARED)
    trials: int | None = column("points tried by the search", default=None, ge=1)
    search: str | None = column("the search that was used", default=None)
    reason: str = column("why; needed unless the verdict is HOLDS or ATTAINED", default="")

    @property
    def inequality(self) -> str:
        """Whether observed ≤ bound came out, whatever the verdict: held, failed or undecided."""
        if self.observed is None or self.bound is None:
            return "undecided"
        if self.observed.upper <= self.bound.lower:
            return "held"
        return "failed" if self.observed.lower > self.bound.upper else "undecided"

    @model_validator(mode="after")
    def _verdict_follows_from_the_numbers(self) -> Self:
        verdict = self.verdict
        if verdict is CheckVerdict.HOLDS and self.inequality != "held":
            raise InvalidArgument(
                "verdict", str(verdict), "HOLDS only if observed.upper ≤ bound.lower"
            )
        if verdict is CheckVerdict.VIOLATED and (
            self.inequality != "failed" or self.bound is None or not self.bound.upper.is_finite
        ):
            raise InvalidArgument(
                "verdict", str(verdict), "VIOLATED only if observed.lower > bound.upper, finite"
            )
        if verdict is CheckVerdict.ATTAINED and not _attained(self.ratio):
            raise InvalidArgument(
                "verdict", str(verdict), "ATTAINED only if the ratio contains 1, narrower than 1e-6"
            )
        if verdict is CheckVerdict.NO_VIOLATION_FOUND and not (self.trials and self.search):
            raise InvalidArgument("trials", self.trials, "the number of trials, and the search")
        if verdict not in {CheckVerdict.HOLDS, CheckVerdict.ATTAINED} and not self.reason:
            raise InvalidArgument("reason", self.reason, f"a reason for {verdict}")
        return self


def _attained(ratio: Interval | None) -> bool:
    if ratio is None or not ratio.lower <= Number.of(1) <= ratio.upper:
        return False
    return float(ratio.upper) - float(ratio.lower) < float(ATTAINED_WIDTH)


class LoosenessRow(Row):
    """How far a statement's bound is above what is observed, over many random instances.

    The quantiles are of log10(bound / observed), with both rounded to make it larger.
    """

    table: ClassVar[str] = "looseness"

    statement: str = column("the statement in the paper's numbering")
    level: Level = column("rung of the ladder of bounds")
    tasks: str = column("how the tasks were drawn")
    rule: str = column("how the update rule was drawn")
    checks: int = column("instance checks", ge=0)
    holds: int = column("checks that came out HOLDS", ge=0)
    attained: int = column("checks that came out ATTAINED", ge=0)
    violated: int = column("checks that came out VIOLATED", ge=0)
    undecided: int = column("checks with any other verdict; the table of checks has them", ge=0)
    vacuous: int = column("checks whose bound is no better than the trivial one", ge=0)
    measured: int = column("checks that have a quotient: observed above 0, bound finite", ge=0)
    median: float | None = column("median of log10(bound / observed)")
    quantile95: float | None = column("95 % quantile of log10(bound / observed)")
    largest: float | None = column("the largest log10(bound / observed)")


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


class ClaimRow(Row):
    """A claim of the paper."""

    table: ClassVar[str] = "claims"

    claim: str = column("the claim, in words")
    source: str = column("where the paper makes it")
    profile: str = column("the settings it is assessed under: paper, released or matched")
    effect: float | None = column("effect size, in the unit of its score", default=None)
    lower: End = column("lower end of the effect's interval; none if unbounded", default=None)
    upper: End = column("upper end of the effect's interval; none if unbounded", default=None)
    level: float = column("confidence level of the interval", default=0.95, gt=0, lt=1)
    p_value: float | None = column("of the paired t-test", default=None, ge=0, le=1)
    p_adjusted: float | None = column("after Holm's correction in its figure", default=None)
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


def _series(values: Any) -> tuple[Any, ...]:
    return tuple(map(_finite_or_none, values))


def _band(values: Any) -> tuple[Any, ...]:
    series = _series(values)
    return () if all(value is None for value in series) else series


Series = Annotated[tuple[float | None, ...], BeforeValidator(_series)]
Band = Annotated[tuple[float | None, ...], BeforeValidator(_band)]


class CurveRow(Row):
    """One curve: a value at each step, with a pointwise interval where there is one.

    A step without a finite number (diverged, undefined) holds None: NaN and ±∞ become None.
    """

    table: ClassVar[str] = "curves"

    panel: str = column("the panel of the figure")
    method: str = column("the method, or what the curve shows")
    quantity: str = column("what is on the vertical axis")
    scale: Scale = column("in what the values are stored", default=Scale.LINEAR)
    level: float | None = column("confidence level of the band", default=None, gt=0, lt=1)
    step: tuple[int, ...] = column("position on the horizontal axis", min_length=1)
    estimate: Series = column("the value")
    lower: Band = column("lower end of the band; empty without one", default=())
    upper: Band = column("upper end of the band; empty without one", default=())

    @model_validator(mode="after")
    def _one_value_a_step(self) -> Self:
        band = ("lower", "upper") if self.lower or self.upper else ()
        for name in ("estimate", *band):
            series = getattr(self, name)
            if len(series) != len(self.step):
                raise InvalidArgument(
                    name, len(series), f"as many values as steps, {len(self.step)}"
                )
        return self

    def records(self) -> Iterable[dict[str, Any]]:
        """One record a step."""
        fixed = {
            name: value
            for name, value in flatten(self).items()
            if name not in {"step", "estimate", "lower", "upper"}
        }
        none = (None,) * len(self.step)
        for step, estimate, lower, upper in zip(
            self.step, self.estimate, self.lower or none, self.upper or none, strict=True
        ):
            yield fixed | {"step": step, "estimate": estimate, "lower": lower, "upper": upper}


ROW_TYPES: dict[str, type[Row]] = {
    row_type.table: row_type
    for row_type in (
        AssumptionRow,
        ConstantRow,
        CheckRow,
        LoosenessRow,
        OptimumRow,
        ClaimRow,
        ScoreRow,
        FitRow,
        CurveRow,
    )
}
"""Every table, by name."""
