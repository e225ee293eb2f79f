"""How the sweep over σ is shown, and its answer in words: from the stored rows alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from analyses.claims_page import claim_table
from analyses.rendering.blocks import (
    Block,
    Cell,
    Estimate,
    Finding,
    LineFigure,
    Role,
    RowTable,
    Text,
)
from analyses.theorem1.differences_rows import ADVANTAGE, ML2O, PART, SERIES, TL
from ml2o_core.results import (
    ClaimVerdict,
    ConstantRow,
    CorrelationRow,
    Interval,
    Results,
    Row,
    Score,
    ScoreRow,
)

PAPER = Score.MIN_LN_MEAN_OBJECTIVE

SYMBOLS = {
    "Delta_12": r"$\Delta_{12}$",
    "Delta_tilde_12": r"$\tilde\Delta_{12}$",
    "Delta_23": r"$\Delta_{23}$",
    "Delta_tilde_23": r"$\tilde\Delta_{23}$",
}

SHORT = {ML2O: "M-L2O", TL: "TL", ADVANTAGE: "M-L2O − TL"}
"""Headings of columns."""

R = TypeVar("R", bound=Row)


def blocks(results: Results) -> list[Block]:
    """The part of the page, without a title of its own."""
    scores, constants = _of(results.scores), _of(results.constants)
    lines = [row for row in constants if row.symbol == "Delta_12"]
    columns: dict[str, Cell] = {"adaptation tasks": "subject"}
    columns |= {heading: _beside(constants, symbol) for symbol, heading in SYMBOLS.items()}
    columns |= {f"{SHORT[label]}, score": _score_beside(scores, label) for label in (ML2O, TL)}
    columns |= {"on": "region"}
    found: list[Block] = [
        Text(
            "Task differences and performance. As in the paper's Figure 4, the adaptation tasks' "
            r"$\sigma$ varies while training and test tasks stay. $\Delta_{12}$ and "
            r"$\tilde\Delta_{12}$ (training, adaptation) enter Theorem 1, $\Delta_{23}$ and "
            r"$\tilde\Delta_{23}$ (adaptation, test) Eq. 8. “Population”: of the mean losses, in "
            "closed form. “Drawn”: of the tasks that the runs see, in pairs, the mean of the "
            "pairs' suprema. The first do not bound the second."
        ),
        RowTable.of(
            "The task differences, beside the paper's score (natural logarithm, lower is better), "
            "its mean over the training seeds. Intervals and the other scores are below.",
            lines,
            columns,
        ),
    ]
    correlated: dict[str, Cell] = {
        "task difference": "quantity",
        "score": lambda row: row.score.removeprefix(f"{ML2O}: "),
    }
    correlated |= {SHORT[label]: _rho(results, label) for label in SERIES}
    correlated |= {"σ's": "points", "p (M-L2O)": "p_value", "note": "reason"}
    curves = tuple(_of(results.curves))
    if curves:
        found.append(
            LineFigure(
                id=f"{curves[0].artefact}-{PART}",
                caption=r"Scores against $\sigma$ of the adaptation tasks; lower is better. "
                r"Suboptimality is $f - f^*$, distance $\| x - x^* \|$, both after the last step. "
                "Bands are 95 % intervals over the training seeds.",
                description="Scores of M-L2O and transfer learning against the standard deviation "
                "of the adaptation tasks' matrices.",
                x_label="σ of the adaptation tasks",
                y_label="score (natural logarithm)",
                curves=curves,
                roles={ML2O: Role.LEARNED, TL: Role.LEARNED},
                y_range="own",
            )
        )
    found += [
        RowTable.of(
            "Spearman's rank correlation over the σ's: the task difference with the mean score. "
            "Positive: the larger the difference, the worse the method (for the last column, the "
            "smaller M-L2O's advantage). The σ's are few, chosen, and share their random numbers: "
            "intervals and p-values say how surprising their order would be if nothing linked "
            "the two, no more.",
            [row for row in _of(results.correlations) if row.score.startswith(f"{ML2O}: ")],
            correlated,
        ),
        claim_table(
            "What the theory would have one expect.", _of(results.claims), "rank correlation"
        ),
        RowTable.of(
            "All scores, and their paired differences.",
            scores,
            {
                "tasks": "distribution",
                "method": lambda row: ADVANTAGE if row.reference else row.method,
                "score": "score",
                "step": "step",
                "mean and 95 % interval": Estimate.of,
                "seeds": "repeats",
                "masked": "masked",
                "note": "reason",
            },
        ),
        RowTable.of(
            "How the parameters came about.",
            _of(results.fits),
            {"method": "method", "stage": "stage", "how": "how", "windows": "windows"},
        ),
    ]
    return found


def findings(results: Results) -> list[Finding]:
    """Does the theory's quantity predict what happens?"""
    claims = _of(results.claims)
    correlations = _of(results.correlations)
    found = [_answer(row.id, row.claim, row.verdict, row.effect) for row in claims]
    best = {label: _best(_of(results.scores), label) for label in (ML2O, TL)}
    least = _least(_of(results.constants))
    if all(best.values()) and least:
        said = "; ".join(f"{label} at σ = {row.sigma:g}" for label, row in best.items() if row)
        nearest = ", ".join(f"{name} at σ = {sigma:g}" for name, (sigma, _) in least.items())
        found.append(
            Finding(
                f"Over the adaptation tasks, the paper's score is lowest for {said}; the "
                f"population difference is smallest for {nearest}.",
                (*(row.id for row in best.values() if row), *(id for _, id in least.values())),
            )
        )
    alike = _ranked_alike(correlations)
    if alike:
        found.append(
            Finding(
                "Δ̃ of the populations ranks the σ's exactly as Δ does, so that no rank "
                "correlation can tell which of the two matters.",
                alike,
            )
        )
    return found


def _answer(id: str, claim: str, verdict: ClaimVerdict, rho: float | None) -> Finding:
    number = "none can be computed" if rho is None else f"the rank correlation is {rho:+.2f}"
    said = {
        ClaimVerdict.REPRODUCED: "The theory's quantity predicts what happens",
        ClaimVerdict.REVERSED: "The opposite of what the theory's quantity suggests happens",
        ClaimVerdict.UNDECIDED: "Whether the theory's quantity predicts what happens is undecided",
        ClaimVerdict.NOT_ASSESSED: "Not assessed in this run",
    }[verdict]
    return Finding(f"{said}: “{claim}” ({number}).", (id,))


def _best(rows: Iterable[ScoreRow], label: str) -> ScoreRow | None:
    """The σ at which a method's mean score is lowest."""
    scored = [
        (row.mean, row)
        for row in rows
        if row.method == label
        and row.score is PAPER
        and row.reference is None
        and row.mean is not None
    ]
    return min(scored, key=lambda pair: pair[0])[1] if scored else None


def _least(rows: Sequence[ConstantRow]) -> dict[str, tuple[float, str]]:
    """The σ at which each population Δ is smallest, and the row of its line in the table."""
    found: dict[str, tuple[float, str]] = {}
    for symbol in ("Delta_12", "Delta_23"):
        own = [r for r in rows if r.symbol == symbol and r.subject.startswith("population")]
        if own:
            row = min(own, key=lambda r: float(r.value.upper))
            line = next(r for r in rows if (r.symbol, r.subject) == ("Delta_12", row.subject))
            found[SYMBOLS[symbol]] = (float(row.subject.rpartition("= ")[2]), line.id)
    return found


def _ranked_alike(rows: Iterable[CorrelationRow]) -> tuple[str, ...]:
    """Rows of Δ and Δ̃ of the populations, if both correlate the same with everything."""
    rho = {(row.quantity, row.score): row for row in rows if row.quantity.startswith("population")}
    ids: list[str] = []
    for (quantity, score), row in rho.items():
        if "tilde" in quantity:
            continue
        other = rho[quantity.replace("Delta_", "Delta_tilde_"), score]
        if other.rho != row.rho:
            return ()
        if score == f"{ML2O}: {PAPER.value}":
            ids += [row.id, other.id]
    return tuple(ids)


def _beside(rows: Iterable[ConstantRow], symbol: str) -> Cell:
    values = {row.subject: row.value for row in rows if row.symbol == symbol}

    def cell(row: ConstantRow) -> Interval:
        return values[row.subject]

    return cell


def _score_beside(rows: Iterable[ScoreRow], label: str) -> Cell:
    """The mean of the paper's score of a method at the σ of a task difference's row."""
    means = {
        f"{row.sigma:g}": row.mean
        for row in rows
        if row.method == label and row.score is PAPER and row.reference is None
    }

    def cell(row: ConstantRow) -> float | None:
        return means[row.subject.rpartition("= ")[2]]

    return cell


def _rho(results: Results, label: str) -> Callable[[CorrelationRow], Estimate | None]:
    """ρ of a method's score, in the row of M-L2O's."""
    rows = {(row.quantity, row.score): row for row in _of(results.correlations)}

    def cell(row: CorrelationRow) -> Estimate | None:
        other = rows[row.quantity, f"{label}: {row.score.removeprefix(f'{ML2O}: ')}"]
        return None if other.rho is None else Estimate.of(other, "rho")

    return cell


def _of(rows: Iterable[R]) -> list[R]:
    """The rows of this part."""
    return [row for row in rows if row.id.split("/")[1] == PART]
