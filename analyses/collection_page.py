"""The joined page of a collection: what was claimed, what was found, profile by profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from analyses import collection_claims, collection_scores
from analyses.artefact import Artefact
from analyses.collection import NotRun
from analyses.collection_runs import (
    Run,
    first_of,
    from_run,
    holding,
    page_link,
    profiles,
    run_row,
    side_by_side,
)
from analyses.publish import by_reason, facts, words
from analyses.rendering import page
from analyses.rendering.blocks import (
    Block,
    Bullets,
    Cell,
    Estimate,
    Heading,
    RowTable,
    Section,
    Text,
)
from analyses.task_differences_page import SYMBOL_HEADINGS
from ml2o_core.results import ClaimVerdict, CorrelationRow, Results, Row, row_id
from ml2o_core.results.row import column

TITLE = "M-L2O: what was claimed and what was found, profile by profile"
LEAD = (
    "M-L2O (ICLR 2023) says that an update rule which is meta-trained to be adapted does better on "
    "tasks unlike its training tasks than one that is trained plainly and then adapted (transfer "
    "learning, TL) or not adapted (direct transfer, DT). Its experiments were run again here; a "
    "profile says whose settings were used where the sources disagree: those of the paper, those "
    "of the authors' released code, or matched ones, with as many gradient evaluations for every "
    "method. Everything on this page is read from the stored results of the runs below, whose own "
    "pages show the figures."
)
REASONS = ("training", "training-length", "meta-gradients", "alpha-sweep", "adaptation-steps")
"""The artefacts that look for reasons."""


class NotRunRow(Row):
    """Something that was not run; made for the joined page and not stored."""

    table: ClassVar[str] = "not_run"

    what: str = column("what is missing")
    run: str = column("from which run; empty for all of them")
    why: str = column("why")
    cost: str = column("what it would take, as measured; empty where nothing was")


def page_of(results: Mapping[str, Results], not_run: Sequence[NotRun]) -> str:
    """The joined page, as HTML; the runs are by name, in the order in which they are shown."""
    runs = [Run(name, found) for name, found in results.items()]
    printed = collection_scores.table1_section(runs)
    days = sorted({run.provenance.started[:10] for run in runs})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return page.html(
        page.Page(
            title=TITLE,
            subtitle=f"Runs: {', '.join(results)}; {when}.",
            lead=LEAD,
            notes=(),
            summary=collection_claims.findings(runs),
            parts=[
                page.Part("runs", "The runs", "What was run", _runs_section(runs)),
                page.Part(
                    "claims",
                    "The claims, profile by profile",
                    "What was claimed",
                    collection_claims.section(runs),
                ),
                page.Part(
                    "central",
                    "How much of M-L2O's advantage over TL survives matched training?",
                    "The central question",
                    collection_scores.central_section(runs),
                ),
                *(
                    [page.Part("printed", "Table 1 beside the paper's numbers", "Scores", printed)]
                    if printed
                    else []
                ),
                page.Part("reasons", "The reasons we can show", "Why", reasons(runs)),
                page.Part("not-run", "What was not run", "Left out", _missing(runs, not_run)),
            ],
            vocabularies=[
                ("Verdict on a claim of the paper", words(ClaimVerdict)),
                ("Scores", words(collection_scores.SCORES)),
            ],
            provenance=page.Facts(
                "Provenance", {run.name: facts(run.results.provenance) for run in runs}
            ),
            configuration=(),
        )
    )


def _runs_section(runs: Sequence[Run]) -> Section:
    return Section(
        (
            RowTable.of(
                "Every run, with a link to its own page. K and the replicates are those of its "
                "meta-trainings; the machines are under Provenance. The seconds are those of the "
                "last call: trainings and panels that an earlier one had kept are not in them.",
                [run_row(run) for run in runs],
                {
                    "run": page_link,
                    "profile": "profile",
                    "preset": "preset",
                    "K": "windows",
                    "replicates": "replicates",
                    "trained on": "trained_on",
                    "tested on": "device",
                    "date": "started",
                    "seconds": lambda row: round(row.seconds),
                    "artefacts": "artefacts",
                },
            ),
        )
    )


def reasons(runs: Sequence[Run]) -> Section:
    """What the runs' own artefacts find about the reasons, with links to where it is shown."""
    blocks: list[Block] = []
    for name in REASONS:
        said = [
            f"{run.link(run.name, name)}: {run.moved(finding.text)}"
            for run in runs
            if name in run.provenance.seconds
            for finding in Artefact.lookup(name)().findings(run.results.of(name))
        ]
        if said:
            blocks += [Heading(Artefact.lookup(name).title), Bullets(tuple(said))]
    blocks += _ranked(runs)
    return Section(tuple(blocks) or (Text("No run of this collection looks for reasons."),))


def _ranked(runs: Sequence[Run]) -> list[Block]:
    """Whether the task differences of the theory rank the scores, run by run."""

    def of_figures(run: Run) -> list[CorrelationRow]:
        return [row for row in run.results.correlations if row.quantity in SYMBOL_HEADINGS]

    beside = side_by_side(profiles(runs), of_figures, lambda row: row.id)
    if not beside:
        return []
    columns: dict[str, Cell] = {
        "figure": lambda row: Artefact.lookup(row.artefact).title,
        "task difference": lambda row: SYMBOL_HEADINGS[row.quantity],
        "score": "score",
    }
    for run in holding(runs, beside):
        columns[run.name] = from_run(
            beside, lambda row: row.id, run.name, lambda row: Estimate.of(row, "rho")
        )
    return [
        Heading("Do the task differences rank the scores?"),
        RowTable.of(
            "Spearman's rank correlation of the task differences of A4 (populations) with the "
            "scores, over the panels of a figure: the mean over the training seeds, with its 95 % "
            "interval. It is 1 where the score rises with the difference, as Theorem 1's bound "
            "does. In Figure 4 the test tasks are the same throughout; in Table 1 they change with "
            "σ as well, and their optima with them.",
            first_of(beside),
            columns,
            whole=True,
        ),
    ]


def _missing(runs: Sequence[Run], not_run: Sequence[NotRun]) -> Section:
    """What the runs left out, a row for each reason, and what the collection left out."""
    found = [(entry.what, "", entry.why, entry.cost) for entry in not_run]
    for run in runs:
        for why, names in by_reason(run.provenance.not_run).items():
            found.append((", ".join(names), run.name, why, ""))
    if not found:
        return Section((Text("Nothing was left out."),))
    rows = [
        NotRunRow(
            id=row_id("not-run", number),
            artefact="collection",
            what=what,
            run=run_name,
            why=why,
            cost=cost,
        )
        for number, (what, run_name, why, cost) in enumerate(found, start=1)
    ]
    columns = {"what": "what", "run": "run", "why": "why", "cost, as measured": "cost"}
    return Section((RowTable.of("What is missing, and why.", rows, columns),))
