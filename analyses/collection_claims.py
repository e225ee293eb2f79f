"""The paper's claims, run by run: how many came out, and each one with every run's verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analyses.claims_page import agreement
from analyses.collection_runs import Run, first_of, from_run, holding, profiles, side_by_side
from analyses.rendering.blocks import Block, Cell, Estimate, Finding, RowTable, Section, Stack, Text
from ml2o_core.results import ClaimRow, ClaimVerdict, row_id

CENTRAL = row_id("claim", "m-l2o", "tl")
"""How the id of a claim ends that M-L2O reaches a lower loss than TL."""

Beside = Mapping[Any, Mapping[str, ClaimRow]]


def findings(runs: Sequence[Run]) -> list[Finding]:
    """How many claims came out how in each run, and how the central one did."""
    assessing = [run for run in runs if len(run.results.claims)]
    found = []
    for run in assessing:
        claims = list(run.results.claims)
        # The sentence leads to what was decided; where nothing was, to what was looked at.
        decided = [
            c for c in claims if c.verdict in (ClaimVerdict.REPRODUCED, ClaimVerdict.REVERSED)
        ]
        text = f"{run.title[:1].upper()}{run.title[1:]}: of {len(claims)} claims {counts(claims)}."
        found.append(Finding(text, tuple(row.id for row in decided or claims)))
    central = {
        run.title: claims
        for run in profiles(assessing)
        if (claims := [claim for claim in run.results.claims if _is_central(claim)])
    }
    if central:
        said = (f"in {run}, of {len(rows)} panels {counts(rows)}" for run, rows in central.items())
        found.append(
            Finding(
                "The central claim, that M-L2O reaches a lower loss than transfer learning (TL): "
                f"{'; '.join(said)}.",
                tuple(dict.fromkeys(row.id for rows in central.values() for row in rows)),
            )
        )
    return found


def section(runs: Sequence[Run]) -> Section:
    """A row for every claim; claims that no profile's run holds in a table of their own."""
    beside: Beside = side_by_side(runs, lambda run: run.results.claims, _key)
    named = {run.name for run in runs if run.is_profile}
    main = {key: rows for key, rows in beside.items() if named & set(rows)}
    apart = {key: rows for key, rows in beside.items() if key not in main}
    blocks: list[Block] = [
        Text(
            "Under each verdict is its effect, the mean over the training seeds of the paired "
            "difference of what the claim compares (the paper's score, unless it says otherwise; "
            "natural logarithms): it is negative where the claim comes out as the paper has it. "
            "The interval is that of the one comparison (95 %); the verdict is of the paired "
            "t-test after Holm's correction within the figure, so an interval without 0 can go "
            "with `undecided`. Below it is the number of training seeds in which it is as "
            "claimed. A dash: the run does not assess the claim."
        )
    ]
    if main:
        blocks.append(_table("Every claim of the paper, with what each run found.", runs, main))
    if apart:
        blocks.append(_table("Claims that only a sweep assesses.", runs, apart))
    if not beside:
        blocks.append(Text("No run of this collection assesses a claim."))
    return Section(tuple(blocks))


def counts(claims: Iterable[ClaimRow]) -> str:
    """`5 reproduced, 1 reversed, 34 undecided`; claims that are not assessed where there are."""
    found = Counter(claim.verdict for claim in claims)
    return ", ".join(
        f"{found[verdict]} {verdict}"
        for verdict in ClaimVerdict
        if found[verdict] or verdict is not ClaimVerdict.NOT_ASSESSED
    )


def _table(caption: str, runs: Sequence[Run], beside: Beside) -> RowTable:
    columns: dict[str, Cell] = {"claim": "claim", "source": "source"}
    for run in holding(runs, beside):
        columns[run.name] = from_run(beside, _key, run.name, _found)
    return RowTable.of(caption, first_of(beside), columns, whole=True)


def _key(row: ClaimRow) -> tuple[str, str, str]:
    """Ids of one claim are equal in every run; should its words differ, it is another claim."""
    return row.id, row.claim, row.source


def _found(row: ClaimRow) -> Stack:
    effect = () if row.effect is None else (Estimate.of(row, "effect"),)
    agreeing = agreement(row)
    return Stack((row.verdict, *effect, *(() if agreeing is None else (agreeing,))))


def _is_central(row: ClaimRow) -> bool:
    return row.id.endswith(f"/{CENTRAL}")
