"""The cells of a table as HTML, by the type of their value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from markupsafe import Markup, escape

from analyses.rendering import numerals
from analyses.rendering.blocks import Cell, Estimate, Stack, Text
from analyses.rendering.inline import inline
from ml2o_core.results import (
    AssumptionVerdict,
    CheckVerdict,
    ClaimVerdict,
    Interval,
    Number,
    ParityVerdict,
    RateVerdict,
    Row,
)
from ml2o_core.results.vocabulary import Vacuity, Word

_GOOD = {
    CheckVerdict.ATTAINED,
    CheckVerdict.HOLDS,
    ClaimVerdict.REPRODUCED,
    AssumptionVerdict.HOLDS,
    RateVerdict.CONSISTENT,
    ParityVerdict.AGREES,
    ParityVerdict.IDENTICAL,
}
_BAD = {
    CheckVerdict.VIOLATED,
    CheckVerdict.SOLVER_FAILED,
    ClaimVerdict.REVERSED,
    AssumptionVerdict.REFUTED,
    RateVerdict.INCONSISTENT,
    ParityVerdict.DIFFERS,
}
_SHORT = 24
"""Characters that a table cell holds without a line break."""

_SYMBOLS = {"good": "✓", "bad": "✗", "open": "○"}


def value_of(row: Row, cell: Cell) -> Any:
    """What a column of a table block shows of a row."""
    return getattr(row, cell) if isinstance(cell, str) else cell(row)


def layout(column: Sequence[Any], shown: Iterable[Markup]) -> str:
    """How a column is set: a `number` to the right, `short` words on one line, `long` text wide."""
    given = [value for value in column if value is not None]
    if given and all(isinstance(v, (int, float, Number, Interval, Estimate)) for v in given):
        return "number"
    if any(isinstance(value, Stack) for value in given):
        return "short"
    longest = max((len(text.striptags()) for text in shown), default=0)
    return "short" if longest <= _SHORT else "long"


def cells(column: Sequence[Any], linked: Callable[[str], object]) -> list[list[Markup]]:
    """A column's cells; two columns where there are estimates: the values, and their intervals."""
    if any(isinstance(value, Estimate) for value in column):
        pairs = [numerals.estimate(value or Estimate(None, None, None)) for value in column]
        return [list(part) for part in zip(*pairs, strict=True)]
    return [[cell(value, linked) for value in column]]


def cell(value: Any, linked: Callable[[str], object]) -> Markup:
    """The value as HTML. `linked` hears of the row ids that the cell links to."""
    match value:
        case None | "" | ():
            return numerals.NONE
        case (
            CheckVerdict() | ClaimVerdict() | AssumptionVerdict() | RateVerdict() | ParityVerdict()
        ):
            return badge(value)
        case Vacuity.VACUOUS:
            return Markup('<span class="badge open" title="{}">vacuous</span>').format(
                value.meaning
            )
        case Interval():
            return numerals.interval(value)
        case Number() | int() | float():
            return numerals.numeral(value)
        case Text():
            return inline(value.text, linked)
        case Stack():
            return Markup("<br>").join(cell(line, linked) for line in value.lines)
        case Estimate():
            return Markup(" ").join(part for part in numerals.estimate(value) if part)
        case tuple():
            return Markup(", ").join(_row_link(id, linked) for id in value)
        case _:
            return escape(value)


def badge(verdict: Word) -> Markup:
    """A verdict as text with a symbol and a colour; its meaning on hovering."""
    tone = "good" if verdict in _GOOD else "bad" if verdict in _BAD else "open"
    return Markup('<span class="badge {}" title="{}">{} {}</span>').format(
        tone, verdict.meaning, _SYMBOLS[tone], label(verdict)
    )


def label(word: Word) -> str:
    """A word of a vocabulary as the page prints it."""
    return word.value.replace("_", " ").lower()


def _row_link(id: str, linked: Callable[[str], object]) -> Markup:
    linked(id)
    return Markup('<a href="#{}">{}</a>').format(id, id.rsplit("/", 1)[-1])
