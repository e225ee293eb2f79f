"""The records of the random trials as rows: verdicts and looseness, stages, terms, events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from analyses.theorem1.trials import DELTAS
from ml2o_core.results import (
    CheckKind,
    CheckRow,
    CheckVerdict,
    Interval,
    Level,
    LoosenessRow,
    Row,
    StageRow,
    Vacuity,
    row_id,
)
from ml2o_core.unroll import GraphMode
from ml2o_theory.statistical import StatisticalCheck

MEDIAN = "random trials (medians)"
"""The setting of the stages over all trials."""

TASKS = "random quadratic tasks, three populations"

CONFIDENCE = 0.99

LEVELS = {level.value: level for level in Level}
VERDICTS = {verdict.value: verdict for verdict in CheckVerdict}


def rows(artefact: str, records: pd.DataFrame) -> Iterator[Row]:
    """All rows that the trials give."""
    yield from looseness(artefact, records)
    yield from undecided(artefact, records)
    yield from stages(artefact, records)
    yield from events(artefact, records)


def looseness(artefact: str, records: pd.DataFrame) -> Iterator[LoosenessRow]:
    """Verdicts and log10(bound/observed) of each statement, level and rule."""
    checks = records[records["kind"] == "check"]
    for (name, level, rule), group in checks.groupby(["name", "level", "rule"], sort=True):
        counts = group["verdict"].value_counts()
        holds, attained, violated = (
            int(counts.get(verdict.value, 0))
            for verdict in (CheckVerdict.HOLDS, CheckVerdict.ATTAINED, CheckVerdict.VIOLATED)
        )
        quotients = group["quotient"].dropna()
        some = len(quotients) > 0
        yield LoosenessRow(
            id=row_id(artefact, "trials", name, level, rule),
            artefact=artefact,
            statement=name,
            level=LEVELS[level],
            tasks=TASKS,
            rule=rule,
            checks=len(group),
            holds=holds,
            attained=attained,
            violated=violated,
            undecided=len(group) - holds - attained - violated,
            vacuous=int((group["vacuity"] == Vacuity.VACUOUS.value).sum()),
            measured=len(quotients),
            median=float(quotients.median()) if some else None,
            quantile95=float(quotients.quantile(0.95)) if some else None,
            largest=float(quotients.max()) if some else None,
        )


def undecided(artefact: str, records: pd.DataFrame) -> Iterator[CheckRow]:
    """A row for each check that is neither HOLDS nor ATTAINED."""
    checks = records[records["kind"] == "check"]
    sound = {CheckVerdict.HOLDS.value, CheckVerdict.ATTAINED.value}
    for record in checks[~checks["verdict"].isin(sound)].to_dict("records"):
        observed, bound = json.loads(record["intervals"])
        yield CheckRow(
            id=row_id(artefact, "trial", record["trial"], record["name"], record["level"]),
            artefact=artefact,
            statement=record["name"],
            kind=CheckKind.INSTANCE,
            level=LEVELS[record["level"]],
            tasks=f"trial {record['trial']}",
            rule=record["rule"],
            region="the trial's own",
            T=record["T"],
            graph=GraphMode.FULL.value,
            observed=observed,
            bound=bound,
            verdict=VERDICTS[record["verdict"]],
            reason=_reason(record),
        )


def _reason(record: dict[str, Any]) -> str:
    """With the smallest counter-example, where the check is violated."""
    reason, found = record["reason"], record["counterexample"]
    # Stored and read again, "none" is a NaN.
    return f"{reason}; counter-example: {found}" if isinstance(found, str) else str(reason)


def stages(artefact: str, records: pd.DataFrame) -> Iterator[StageRow]:
    """The median of each stage's log10, over the trials in reading E with an error above 0."""
    chosen = records[(records["kind"] == "stage") & (records["reading"] == "E")]
    names = list(dict.fromkeys(chosen["name"]))
    table = chosen.pivot(index="trial", columns="name", values="bound")[names].dropna()
    previous = None
    for position, name in enumerate(names):
        value = float(table[name].median())
        number = Decimal(10) ** Decimal(repr(value))
        yield StageRow(
            id=row_id(artefact, "stages", "trials", position),
            artefact=artefact,
            setting=MEDIAN,
            position=position,
            stage=name,
            value=Interval.between(number, number),
            loss=None if previous is None else value - previous,
            how=f"median of certified upper ends over {len(table)} trials in reading E",
        )
        previous = value


def events(artefact: str, records: pd.DataFrame) -> Iterator[CheckRow]:
    """Theorem 1 in probability: the share of trials whose error exceeds its bound.

    Trials are independent and each fails with probability at most δ, whatever its distribution.
    """
    chosen = records[records["kind"] == "event"]
    groups = list(chosen.groupby(["level", "name"], sort=True))
    for (level, name), group in groups:
        delta = next(delta for delta in DELTAS if name == f"delta={delta:g}")
        check = StatisticalCheck.failure_rate(
            int((group["verdict"] == "failed").sum()),
            len(group),
            delta,
            confidence=CONFIDENCE,
            multiplicity=len(groups),
            statement="Theorem 1 (in probability)",
            tasks=f"{len(group)} random trials, each with its own stochastic meta-training",
            rule="gain",
            region="each trial's own",
            T=int(group["T"].max()),
            graph=GraphMode.FULL,
            level=LEVELS[level],
        )
        yield check.row(artefact, "events", level, name)


def counts(rows: Sequence[LoosenessRow]) -> dict[str, int]:
    """How many checks came out how."""
    return {
        "checks": sum(row.checks for row in rows),
        "holds": sum(row.holds for row in rows),
        "attained": sum(row.attained for row in rows),
        "violated": sum(row.violated for row in rows),
        "undecided": sum(row.undecided for row in rows),
    }


def own(rows: Iterable[Row], prefix: str) -> list[Any]:
    """The rows whose id begins with theorem1/`prefix`."""
    return [row for row in rows if row.id.startswith(f"theorem1/{prefix}")]
