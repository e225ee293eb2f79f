"""A statement in probability or in expectation, held against a sample: never a certificate.

Lemmas 14 and 15 and Theorem 1 speak of a mean over tasks, or of an event that happens with
probability at least 1 − δ. No number of draws proves or refutes such a statement; a confidence
interval of what was drawn is held against what the statement allows:

    VIOLATED       observed.lower > claimed.upper, finite, all hypotheses certified;
    HOLDS          observed.upper ≤ claimed.lower;
    INCONCLUSIVE   anything else, with the reason.

NOT_APPLICABLE comes before them where an assumption is refuted. HOLDS and VIOLATED are wrong with
the probability that the level leaves, so the level is part of the check. Where m checks share it,
each is made at 1 − (1 − level) / m (Bonferroni), and then all m hold together at the level.

The numbers here are stored intervals, not `Enclosure`s: what rests on a sample cannot enter a
computation that certifies.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, Self

import numpy as np

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import (
    CheckKind,
    CheckRow,
    CheckVerdict,
    Interval,
    Level,
    Number,
    Vacuity,
    row_id,
)
from ml2o_core.statistics import clopper_pearson, mean_interval
from ml2o_core.unroll import GraphMode

DIGITS = 30
"""Significant digits of a ratio."""


def corrected(level: float, multiplicity: int) -> float:
    """The level of each of `multiplicity` intervals that hold together at `level` (Bonferroni)."""
    if not 0 < level < 1:
        raise InvalidArgument("level", level, "a confidence level between 0 and 1")
    if multiplicity < 1:
        raise InvalidArgument("multiplicity", multiplicity, "at least 1")
    return 1 - (1 - level) / multiplicity


def runs_to_decide(delta: float, confidence: float, multiplicity: int = 1) -> int:
    """The fewest trials after which no failure at all shows that the rate is at most δ.

    Clopper and Pearson's upper end is then 1 − tail^(1/n), with half of what the level leaves in
    its tail.
    """
    if not 0 < delta < 1:
        raise InvalidArgument("delta", delta, "a probability between 0 and 1")
    tail = (1 - corrected(confidence, multiplicity)) / 2
    return math.ceil(math.log(tail) / math.log1p(-delta))


@dataclass(frozen=True)
class StatisticalCheck:
    """A statement, the confidence interval of what was drawn for it, and what it claims.

    `region` says in words where the constants hold, `how` how the interval was made. `confidence`
    is the level before the correction, `multiplicity` the number of checks that share it, `trials`
    the number of draws. `constants` are the ids of the rows that enter; `trivial` is the bound that
    the statement declares as saying nothing. `refuted` (an assumption that fails, with its witness)
    and `uncertified` (a hypothesis or a constant that is not proved) are sentences, None where
    there is nothing to say.
    """

    statement: str
    tasks: str
    rule: str
    region: str
    T: int
    graph: GraphMode
    claimed: Interval
    observed: Interval
    confidence: float
    multiplicity: int
    trials: int
    how: str
    constants: tuple[str, ...] = ()
    level: Level = Level.UNIFORM
    trivial: Interval | None = None
    refuted: str | None = None
    uncertified: str | None = None

    def __post_init__(self) -> None:
        corrected(self.confidence, self.multiplicity)
        if self.trials < 1:
            raise InvalidArgument("trials", self.trials, "at least 1")

    @classmethod
    def failure_rate(
        cls,
        failures: int,
        trials: int,
        delta: float,
        *,
        confidence: float = 0.95,
        multiplicity: int = 1,
        **about: Any,
    ) -> Self:
        """That an event fails with probability at most δ, after `failures` in independent `trials`.

        `about` are the other fields: statement, tasks, rule, region, T, graph, …
        """
        if not 0 <= delta <= 1:
            raise InvalidArgument("delta", delta, "a probability")
        found = clopper_pearson(failures, trials, corrected(confidence, multiplicity))
        return cls(
            claimed=Interval.point(delta),
            observed=Interval.between(found.lower, found.upper),
            confidence=confidence,
            multiplicity=multiplicity,
            trials=trials,
            how=f"Clopper–Pearson, {failures} of {trials} failed" + _shared(multiplicity),
            **{"trivial": Interval.point(1)} | about,
        )

    @classmethod
    def expectation(
        cls,
        samples: Sequence[float] | np.ndarray,
        claimed: Interval,
        *,
        confidence: float = 0.95,
        multiplicity: int = 1,
        **about: Any,
    ) -> Self:
        """That a mean is at most what is `claimed`, after independent `samples`.

        Student's interval is exact for normal samples and an approximation for others. `about` are
        the other fields: statement, tasks, rule, region, T, graph, …
        """
        found = mean_interval(samples, corrected(confidence, multiplicity))
        return cls(
            claimed=claimed,
            observed=Interval.between(found.lower, found.upper),
            confidence=confidence,
            multiplicity=multiplicity,
            trials=found.count,
            how=f"Student's t for the mean of {found.count} samples, which is exact if they are "
            "normal" + _shared(multiplicity),
            **about,
        )

    @property
    def verdict(self) -> CheckVerdict:
        """The outcome, as in the module's docstring."""
        return self._decision[0]

    @property
    def reason(self) -> str:
        """Why; empty for HOLDS."""
        return self._decision[1]

    @property
    def ratio(self) -> Interval | None:
        """observed / claimed, rounded outward; None where the claim is not above 0."""
        if not (self.observed.lower >= Number.of(0) and self.claimed.upper.is_finite):
            return None
        if not self.claimed.lower > Number.of(0):
            return None
        low = _quotient(self.observed.lower, self.claimed.upper, ROUND_FLOOR)
        return Interval.between(low, _quotient(self.observed.upper, self.claimed.lower))

    @property
    def vacuity(self) -> Vacuity:
        """VACUOUS when even the claim's lower end is no better than the trivial bound."""
        if self.trivial is None:
            return Vacuity.NOT_DECLARED
        vacuous = self.trivial.upper <= self.claimed.lower
        return Vacuity.VACUOUS if vacuous else Vacuity.INFORMATIVE

    @property
    def _decision(self) -> tuple[CheckVerdict, str]:
        observed, claimed = self.observed, self.claimed
        if self.refuted is not None:
            return CheckVerdict.NOT_APPLICABLE, f"{self.refuted}; {self._said}"
        if observed.upper <= claimed.lower:
            return CheckVerdict.HOLDS, ""
        above = observed.lower > claimed.upper and claimed.upper.is_finite
        if above and self.uncertified is None:
            return CheckVerdict.VIOLATED, self._said
        if above:
            return CheckVerdict.INCONCLUSIVE, f"{self._said}, but {self.uncertified}"
        if not claimed.upper.is_finite:
            return CheckVerdict.INCONCLUSIVE, f"{self._said}: the bound has no finite upper end"
        return CheckVerdict.INCONCLUSIVE, f"{self._said}: the intervals overlap"

    @property
    def _said(self) -> str:
        return f"observed {_text(self.observed)}, claimed {_text(self.claimed)} ({self.how})"

    def row(self, artefact: str, *parts: object) -> CheckRow:
        """The row of the table `checks`, with the id made of `artefact` and `parts`."""
        return CheckRow(
            id=row_id(artefact, *parts),
            artefact=artefact,
            statement=self.statement,
            kind=CheckKind.STATISTICAL,
            level=self.level,
            tasks=self.tasks,
            rule=self.rule,
            region=self.region,
            T=self.T,
            graph=self.graph.value,
            constants=self.constants,
            observed=self.observed,
            bound=self.claimed,
            ratio=self.ratio,
            verdict=self.verdict,
            vacuity=self.vacuity,
            trials=self.trials,
            search=self.how,
            confidence=self.confidence,
            multiplicity=self.multiplicity,
            reason=self.reason,
        )


def _shared(multiplicity: int) -> str:
    return f", corrected for {multiplicity} checks" if multiplicity > 1 else ""


def _quotient(numerator: Number, denominator: Number, rounding: str = ROUND_CEILING) -> Decimal:
    context = Context(prec=DIGITS, rounding=rounding)
    return context.divide(Decimal(numerator.decimal), Decimal(denominator.decimal))


def _text(interval: Interval) -> str:
    low, high = (f"{Decimal(end.decimal):.4g}" for end in (interval.lower, interval.upper))
    return low if low == high else f"[{low}, {high}]"
