"""A table cell as HTML, by the type of its value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from analyses.rendering import numerals
from analyses.rendering.blocks import Cell, Estimate
from ml2o_core.results import (
    AssumptionVerdict,
    CheckVerdict,
    ClaimVerdict,
    Interval,
    Number,
    Row,
)
from ml2o_core.results.vocabulary import Vacuity, Word

_GOOD = {
    CheckVerdict.ATTAINED,
    CheckVerdict.HOLDS,
    ClaimVerdict.REPRODUCED,
    AssumptionVerdict.HOLDS,
}
_BAD = {
    CheckVerdict.VIOLATED,
    CheckVerdict.SOLVER_FAILED,
    ClaimVerdict.REVERSED,
    AssumptionVerdict.REFUTED,
}
_SYMBOLS = {"good": "✓", "bad": "✗", "open": "○"}


def value_of(row: Row, cell: Cell) -> Any:
    """What a column of a table block shows of a row."""
    return getattr(row, cell) if isinstance(cell, str) else cell(row)


def is_numeric(value: Any) -> bool:
    """Whether the cell is a number, to be aligned to the right."""
    return isinstance(value, (int, float, Number, Interval, Estimate))


def cell(value: Any, linked: Callable[[str], object]) -> Markup:
    """The value as HTML. `linked` hears of the row ids that the cell links to."""
    match value:
        case None | "" | ():
            return numerals.NONE
        case CheckVerdict() | ClaimVerdict() | AssumptionVerdict():
            return badge(value)
        case Vacuity.VACUOUS:
            return Markup('<span class="badge open" title="{}">vacuous</span>').format(
                value.meaning
            )
        case Interval():
            return numerals.interval(value)
        case Estimate():
            return numerals.estimate(value)
        case Number() | int() | float():
            return numerals.numeral(value)
        case tuple():
            return Markup(", ").join(_row_link(id, linked) for id in value)
        case _:
            return escape(value)


def badge(verdict: Word) -> Markup:
    """A verdict as text with a symbol and a colour; its meaning on hovering."""
    tone = "good" if verdict in _GOOD else "bad" if verdict in _BAD else "open"
    text = verdict.value.replace("_", " ").lower()
    return Markup('<span class="badge {}" title="{}">{} {}</span>').format(
        tone, verdict.meaning, _SYMBOLS[tone], text
    )


def _row_link(id: str, linked: Callable[[str], object]) -> Markup:
    linked(id)
    return Markup('<a href="#{}">{}</a>').format(id, id.rsplit("/", 1)[-1])
