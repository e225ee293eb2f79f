"""M-L2O against the others, run by run, and Table 1 beside what the paper prints."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from analyses.collection_runs import (
    Run,
    first_of,
    from_run,
    holding,
    profiles,
    short_title,
    side_by_side,
)
from analyses.rendering.blocks import Block, Bullets, Cell, Estimate, RowTable, Section, Text
from analyses.seed_scores import PAPER
from analyses.settings import Profile
from analyses.table1 import Table1
from ml2o_core.methods import METHODS
from ml2o_core.results import ScoreRow
from ml2o_core.results.vocabulary import Score
from ml2o_theory.printed import TABLE_1, TABLE_1_SIGMAS

SUBOPTIMALITY = Score.MIN_LN_MEAN_SUBOPTIMALITY
SCORES = {
    PAPER: "the paper's score, the minimum over the steps of ln (mean objective)",
    SUBOPTIMALITY: "the minimum over the steps of ln (mean of f − f*)",
}
SHORT = {PAPER: "the paper's score", SUBOPTIMALITY: "the score of f − f*"}

TO_TL = [(METHODS[name].label, METHODS["tl"].label) for name in ("m-l2o", "m-l2o-first-order")]
DIFFERENCES = [*TO_TL, (METHODS["m-l2o"].label, METHODS["dt"].label)]

DIFFERS = {
    Profile.PAPER: "M-L2O and TL are trained on the same batches, for the same number of windows. "
    "A window of M-L2O evaluates the gradient twice, so it spends more.",
    Profile.RELEASED: "as the authors' released code: M-L2O and TL are trained on different "
    "distributions, M-L2O's tasks are fresh where TL's are frozen, and M-L2O's meta-gradient "
    "is first order, taken on the next window. Adaptation takes 50 steps in place of 5.",
    Profile.MATCHED: "the same batches, and as many gradient evaluations: TL and DT get twice the "
    "windows. What is left of M-L2O's advantage here is not due to a larger budget.",
}


def central_section(runs: Sequence[Run]) -> Section:
    """What differs between the profiles, what the intervals say, and the paired differences."""
    runs = profiles(runs)
    rows = {score: side_by_side(runs, partial(_differences, score), _id) for score in SCORES}
    if not any(rows.values()):
        return Section((Text("No run of this collection compares M-L2O with TL or DT."),))
    shown = [run.name for run in runs if run.is_profile]
    blocks: list[Block] = []
    if shown:
        blocks += [
            Text("What differs between the profiles:"),
            Bullets(tuple(f"{name}: {DIFFERS[Profile(name)]}" for name in shown)),
        ]
    blocks += [
        Text(
            "Below 0 is better for M-L2O. A comparison that two figures share (Figure 2's panels "
            "are those of Table 1 at σ = 50 and 100) counts once here, and has its row in both."
        ),
        Bullets(tuple(sentences(runs))),
    ]
    for score, beside in rows.items():
        columns: dict[str, Cell] = {
            "figure": lambda row: short_title(row.artefact),
            "panel": "distribution",
            "difference": lambda row: f"{row.method} − {row.reference}",
        }
        for run in holding(runs, beside):
            columns[run.name] = from_run(beside, _id, run.name, _estimate)
        caption = f"Paired differences of {SCORES[score]}: mean over the seeds, 95 % interval."
        blocks.append(RowTable.of(caption, first_of(beside), columns, whole=True))
    return Section(tuple(blocks))


def sentences(runs: Sequence[Run]) -> list[str]:
    """Where the intervals of the differences to TL lie, and what the matched profile leaves."""
    found = []
    for run in runs:
        for pair in TO_TL:
            by_score = {score: _once(run, score, pair) for score in SCORES}
            some = {score: rows for score, rows in by_score.items() if rows}
            said = [f"by {SHORT[score]}: {_where(rows)}" for score, rows in some.items()]
            if said:
                found.append(f"{run.name}: {pair[0]} − TL, {'; '.join(said)}.")
    by_name = {run.name: run for run in runs}
    if matched := by_name.get(Profile.MATCHED):
        for other in (Profile.PAPER, Profile.RELEASED):
            if other in by_name:
                found += _survival(by_name[other], matched)
    return found


def _survival(run: Run, matched: Run) -> list[str]:
    """Of the comparisons in which M-L2O is better than TL, those that matched training leaves."""
    found, in_both = [], False
    for score in SCORES:
        there = {row.id: row for row in _of(matched, score, TO_TL[0])}
        both = [row for row in _once(run, score, TO_TL[0]) if row.id in there]
        better = [row for row in both if _side(row) < 0]
        in_both |= bool(both)
        if better:
            kept = sum(_side(there[row.id]) < 0 for row in better)
            found.append(
                f"By {SHORT[score]}, M-L2O is better than TL in {len(better)} of {len(both)} "
                f"comparisons under {run.name}; under {matched.name} it still is in {kept} of them."
            )
    if in_both and not found:
        found.append(
            f"By neither score does a comparison under {run.name} show M-L2O to be better than TL: "
            f"there is no advantage of which {matched.name} training could leave a part."
        )
    return found


def _where(rows: Sequence[ScoreRow]) -> str:
    sides = [_side(row) for row in rows]
    below, containing, above = (sides.count(side) for side in (-1, 0, 1))
    return (
        f"{below} of {len(rows)} intervals lie below 0, {containing} contain 0, {above} lie above 0"
    )


def _once(run: Run, score: Score, pair: tuple[str, str]) -> list[ScoreRow]:
    """The differences of a pair, each comparison once.

    Figures that share a comparison hold the same numbers to the last digit.
    """
    once: dict[tuple[object, ...], ScoreRow] = {}
    for row in _of(run, score, pair):
        once.setdefault((row.family, row.mean, row.lower, row.upper), row)
    return list(once.values())


def _of(run: Run, score: Score, pair: tuple[str, str]) -> list[ScoreRow]:
    """The differences of a pair that have a value."""
    found = _differences(score, run)
    return [r for r in found if (r.method, r.reference) == pair and r.mean is not None]


def _side(row: ScoreRow) -> int:
    """On which side of 0 the interval lies: −1, 1, or 0 where it contains 0 or has no end there."""
    if row.upper is not None and row.upper < 0:
        return -1
    return 1 if row.lower is not None and row.lower > 0 else 0


def _differences(score: Score, run: Run) -> Iterable[ScoreRow]:
    found = run.results.scores.where(score=score)
    return (row for row in found if (row.method, row.reference) in DIFFERENCES)


def table1_section(runs: Sequence[Run]) -> Section | None:
    """Every score of Table 1 beside the printed one; None where no run holds the table."""
    beside = side_by_side(runs, _scores, _place)
    if not beside:
        return None
    rows = sorted(first_of(beside), key=_order)
    columns: dict[str, Cell] = {"σ": "sigma", "method": "method", "the paper prints": _printed}
    for run in holding(runs, beside):
        columns[run.name] = from_run(beside, _place, run.name, _estimate)
    caption = "The paper's score on LASSO: what is printed, and each run's mean and 95 % interval."
    return Section((RowTable.of(caption, rows, columns, whole=True),))


def _scores(run: Run) -> Iterable[ScoreRow]:
    labels = {method.label for method in METHODS.values()}
    found = run.results.of(Table1.name).scores.where(score=PAPER, reference=None)
    return (row for row in found if row.method in labels)


def _place(row: ScoreRow) -> tuple[float | None, str]:
    return row.sigma, row.method


def _order(row: ScoreRow) -> tuple[float, int]:
    labels = [method.label for method in METHODS.values()]
    return row.sigma or 0.0, labels.index(row.method)


def _printed(row: ScoreRow) -> Estimate | None:
    if row.method not in TABLE_1 or row.sigma not in TABLE_1_SIGMAS:
        return None
    return Estimate(TABLE_1[row.method][TABLE_1_SIGMAS.index(row.sigma)], None, None)


def _id(row: ScoreRow) -> str:
    return row.id


def _estimate(row: ScoreRow) -> Estimate | None:
    return None if row.mean is None else Estimate.of(row)
