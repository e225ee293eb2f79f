"""How the task differences of a comparison are shown: beside the scores, and their correlations."""

from __future__ import annotations

from collections.abc import Callable

from analyses.rendering.blocks import Block, Cell, Estimate, RowTable
from analyses.seed_scores import PAPER
from analyses.task_differences import SYMBOLS
from ml2o_core.methods import METHODS
from ml2o_core.results import ConstantRow, Interval, Results

SYMBOL_HEADINGS = {
    "Delta_12": r"$\Delta_{12}$",
    "Delta_tilde_12": r"$\tilde\Delta_{12}$",
    "Delta_23": r"$\Delta_{23}$",
    "Delta_tilde_23": r"$\tilde\Delta_{23}$",
}


def task_difference_tables(results: Results) -> tuple[Block, ...]:
    """How far apart training, adaptation and test are, beside the scores; and the correlations."""
    if not len(results.constants):
        return ()
    by_panel = {(row.subject, row.symbol): row for row in results.constants}
    absolute = {
        (r.distribution, r.method): r
        for r in results.scores.where(score=PAPER)
        if r.reference is None and r.mean is not None
    }
    methods = [m.label for m in METHODS.values() if any(k[1] == m.label for k in absolute)]

    def difference(symbol: str) -> Callable[[ConstantRow], Interval | None]:
        def cell(row: ConstantRow) -> Interval | None:
            other = by_panel.get((row.subject, symbol))
            return None if other is None else other.value

        return cell

    def score(method: str) -> Callable[[ConstantRow], Estimate | None]:
        def cell(row: ConstantRow) -> Estimate | None:
            other = absolute.get((row.subject, method))
            return None if other is None else Estimate.of(other)

        return cell

    columns: dict[str, Cell] = {"tasks": "subject"}
    columns |= {SYMBOL_HEADINGS[symbol]: difference(symbol) for symbol in SYMBOLS}
    columns |= {method: score(method) for method in methods}
    beside = RowTable.of(
        "The task differences of A4 beside the paper's score: 12 between training and adaptation, "
        "23 between adaptation and test; those of the populations on the unit ball about 0, in "
        "closed form. They do not bound the differences of drawn batches.",
        results.constants.where(symbol=SYMBOLS[0]),
        columns,
    )
    if not len(results.correlations):
        return (beside,)
    return (
        beside,
        RowTable.of(
            "Spearman's rank correlation of the task differences with the scores over these "
            "panels: 1 where the score rises with the difference. Where the test tasks change from "
            "panel to panel as well, their optima change too, and the score with them.",
            results.correlations,
            {
                "task difference": lambda row: SYMBOL_HEADINGS[row.quantity],
                "score": "score",
                "mean ρ and 95 % interval": lambda row: Estimate.of(row, "rho"),
                "over": "setting",
                "note": "reason",
            },
        ),
    )
