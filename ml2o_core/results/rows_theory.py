"""The rows of the theory: assumptions, constants, statements held against observations."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.number import Interval, Number
from ml2o_core.results.row import Row, column
from ml2o_core.results.vocabulary import (
    AssumptionVerdict,
    CheckKind,
    CheckVerdict,
    EndMethod,
    Level,
    Vacuity,
)

ATTAINED_WIDTH = Number.of("1e-6")
"""How narrow the ratio's interval must be for ATTAINED."""


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
    version: ClassVar[int] = 2
    oldest: ClassVar[int | None] = 1

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
    trials: int | None = column(
        "points tried by the search, or draws of the sample", default=None, ge=1
    )
    search: str | None = column("the search, or how the interval was made", default=None)
    confidence: float | None = column(
        "level of a statistical check's confidence interval, before the correction",
        default=None,
        gt=0,
        lt=1,
    )
    multiplicity: int | None = column(
        "statistical checks that share the level (Bonferroni)", default=None, ge=1
    )
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

    @model_validator(mode="after")
    def _a_level_exactly_where_it_is_statistical(self) -> Self:
        statistical = self.kind is CheckKind.STATISTICAL
        for name in ("confidence", "multiplicity"):
            value = getattr(self, name)
            if (value is not None) != statistical:
                allowed = "a number" if statistical else "none"
                raise InvalidArgument(name, value, f"{allowed} for a check that is {self.kind}")
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
