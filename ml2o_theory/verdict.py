"""One statement held against one observation: evidence goes in, the verdict follows.

A verdict cannot be set: it is derived from the enclosures of what was observed and of what the
statement allows, in this order:

1. NOT_APPLICABLE      an assumption is refuted (which, and the witness);
2. SOLVER_FAILED       a number that the check needs could not be computed;
3. VIOLATED            observed.lower > bound.upper, finite, all hypotheses certified;
4. ATTAINED            the ratio's interval contains 1 and is narrower than 1e-6;
5. HOLDS               observed.upper ≤ bound.lower;
6. NO_VIOLATION_FOUND  a search over a region, without a certified end above the supremum;
7. INCONCLUSIVE        the intervals overlap, or a number or hypothesis is not certified.

Every verdict but ATTAINED and HOLDS has a reason. A check speaks of its instances or of its search;
it proves nothing beyond them. `vacuity` stands beside the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, CheckRow, CheckVerdict, Level, Number, Vacuity, row_id
from ml2o_core.results.rows import ATTAINED_WIDTH
from ml2o_core.unroll import GraphMode
from ml2o_theory.enclosure import Enclosure, RegionMismatch, quotient
from ml2o_theory.regions import Region


class _Inequality(Enum):
    """How observed ≤ bound came out, whatever the verdict."""

    HELD = "held"
    FAILED = "failed"
    UNDECIDED = "is undecided"


@dataclass(frozen=True)
class RegionSearch:
    """How a uniform check looked for a violation: the number of points and the method, in words."""

    trials: int
    method: str


@dataclass(frozen=True)
class StatementCheck:
    """A statement, what was observed for it, and what it allows.

    `statement` is the number in the paper; `tasks` and `rule` say in words what was run;
    `constants` are the symbols used, whose ids are those of `region`. `trivial` is the bound that
    the statement declares as saying nothing. `refuted` (an assumption that fails, with its
    witness), `failure` (a number that could not be computed) and `uncertified` (a hypothesis or
    side condition that is neither proved nor refuted) are sentences, None where there is nothing
    to say.
    """

    statement: str
    kind: CheckKind
    tasks: str
    rule: str
    region: Region
    T: int
    graph: GraphMode
    constants: tuple[str, ...]
    observed: Enclosure | None
    bound: Enclosure | None
    trivial: Enclosure | None = None
    level: Level = Level.UNIFORM
    refuted: str | None = None
    failure: str | None = None
    uncertified: str | None = None
    search: RegionSearch | None = None

    def __post_init__(self) -> None:
        incomplete = self.observed is None or self.bound is None
        if incomplete and self.failure is None and self.refuted is None:
            raise InvalidArgument("failure", None, "why there is no observation or no bound")
        for number in (self.observed, self.bound, self.trivial):
            if number is not None and number.region != self.region.id:
                raise RegionMismatch(self.region.id, number.region)
            if number is not None and number.is_stated:
                raise InvalidArgument("bound", str(number), "numbers that are proved or searched")
        if self.observed is not None and not self.observed.is_bounded:
            if self.kind is CheckKind.INSTANCE:
                raise InvalidArgument("observed", self.observed, "two finite ends for an instance")
            if self.search is None:
                raise InvalidArgument("search", None, "trials and method, without an upper end")

    @cached_property
    def ratio(self) -> Enclosure | None:
        """observed / bound; None without numbers, and where the bound is exactly 0."""
        if self.observed is None or self.bound is None:
            return None
        return quotient(self.observed, self.bound)

    @property
    def verdict(self) -> CheckVerdict:
        """The outcome, in the order of the module's docstring."""
        return self._decision[0]

    @property
    def reason(self) -> str:
        """Why; empty for ATTAINED and HOLDS."""
        return self._decision[1]

    @property
    def vacuity(self) -> Vacuity:
        """VACUOUS when even the bound's lower end is no better than the trivial bound."""
        if self.bound is None or self.trivial is None:
            return Vacuity.NOT_DECLARED
        vacuous = self.trivial.upper.value <= self.bound.lower.value
        return Vacuity.VACUOUS if vacuous else Vacuity.INFORMATIVE

    @cached_property
    def _decision(self) -> tuple[CheckVerdict, str]:
        observed, bound = self.observed, self.bound
        if self.refuted is not None:
            return (
                CheckVerdict.NOT_APPLICABLE,
                f"{self.refuted}; the inequality {self._inequality.value} all the same",
            )
        if observed is None or bound is None or self.failure is not None:
            return CheckVerdict.SOLVER_FAILED, str(self.failure)
        if self._inequality is _Inequality.FAILED and self.uncertified is None:
            return CheckVerdict.VIOLATED, f"observed {observed}, allowed {bound}"
        if self._attained:
            return CheckVerdict.ATTAINED, ""
        if self._inequality is _Inequality.HELD:
            return CheckVerdict.HOLDS, ""
        not_above = observed.interval.lower <= bound.interval.lower
        if self.search is not None and not observed.is_bounded and not_above:
            return (
                CheckVerdict.NO_VIOLATION_FOUND,
                f"{self.search.trials} trials, {self.search.method}; "
                "the supremum has no certified upper end",
            )
        return CheckVerdict.INCONCLUSIVE, self._undecided(observed, bound)

    @cached_property
    def _inequality(self) -> _Inequality:
        """Decided on the decimals that are stored, so that a row always agrees with its verdict."""
        if self.observed is None or self.bound is None:
            return _Inequality.UNDECIDED
        observed, bound = self.observed.interval, self.bound.interval
        if observed.upper <= bound.lower:
            return _Inequality.HELD
        # Nothing is above an infinite end, so a bound without an upper end never fails.
        return _Inequality.FAILED if observed.lower > bound.upper else _Inequality.UNDECIDED

    @property
    def _attained(self) -> bool:
        if self.ratio is None:
            return False
        lower, upper = self.ratio.interval.lower, self.ratio.interval.upper
        narrow = float(upper) - float(lower) < float(ATTAINED_WIDTH)
        return narrow and lower <= Number.of(1) <= upper

    def _undecided(self, observed: Enclosure, bound: Enclosure) -> str:
        if self._inequality is _Inequality.FAILED:
            return f"observed {observed} above the bound {bound}, but {self.uncertified}"
        if not bound.is_bounded:
            return f"observed {observed}, allowed {bound}: a constant has no certified upper end"
        return f"observed {observed} and allowed {bound} overlap"

    def row(self, artefact: str, *parts: object) -> CheckRow:
        """The row of the table `checks`, with the id made of `artefact` and `parts`."""
        numbers: dict[str, Any] = {
            name: None if value is None else value.interval
            for name, value in [
                ("observed", self.observed),
                ("bound", self.bound),
                ("ratio", self.ratio),
            ]
        }
        return CheckRow(
            id=row_id(artefact, *parts),
            artefact=artefact,
            statement=self.statement,
            kind=self.kind,
            level=self.level,
            tasks=self.tasks,
            rule=self.rule,
            region=str(self.region),
            T=self.T,
            graph=self.graph.value,
            constants=tuple(row_id(artefact, self.region.id, name) for name in self.constants),
            verdict=self.verdict,
            vacuity=self.vacuity,
            trials=None if self.search is None else self.search.trials,
            search=None if self.search is None else self.search.method,
            reason=self.reason,
            **numbers,
        )
