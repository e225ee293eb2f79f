"""A stage figure as inline SVG, one waterfall a setting: names, bars, values, factors, shares.

A stage with a `loss` is a step: its bar runs from the value before to its own on a logarithmic
axis, so that its length is the factor by which the stage is larger, and the factor is written
beside it. A stage without one (what is observed, a term of a sum) is a bar from the axis's left
end. What is observed has the colour of the text; a step that makes the bound smaller is hatched and
of another colour.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analyses.rendering import decades
from analyses.rendering.blocks import StageFigure
from analyses.rendering.numerals import plain
from analyses.rendering.svg import FONT, RULE, STAND_INS, TEXT, element
from ml2o_core.results import Number, StageRow

WIDTH = 10.0
"""Inches of a panel; the page scales it."""

NAMES = 0.31
"""Share of the width that the names of the stages take."""

BARS = 0.36
"""Share of the width that the bars take."""

COLUMNS = {"value": 0.82, "factor": 0.93, "share": 1.0}
"""Where the columns of numbers end, as shares of the width."""

LINE = 1.25 * FONT / 72
"""Inches from one line of text to the next."""

LETTERS = 34
"""Characters of a line of a stage's name."""

VISIBLE = 0.005
"""Of the axis: the least difference that is drawn."""

_TENTH = Decimal("0.1")


@dataclass(frozen=True)
class _Bar:
    """One stage as it is drawn: where its bar runs, in exponents of ten, and what is written."""

    name: str
    start: float | None
    end: float | None
    value: str
    factor: str
    share: str
    whisker: tuple[float, float] | None
    is_open: bool
    is_observed: bool

    @property
    def lines(self) -> list[str]:
        return textwrap.wrap(self.name, LETTERS) or [""]

    @property
    def height(self) -> float:
        """Inches of its row."""
        return LINE * (len(self.lines) + 0.7)


def drawings(figure: StageFigure) -> dict[str, Markup]:
    """The panels' SVG elements by setting."""
    found = {}
    for index, (setting, rows) in enumerate(figure.panels.items()):
        bars = [_bar_of(row) for row in rows]
        size = (WIDTH, sum(bar.height for bar in bars) + 5 * LINE)
        found[setting] = element(
            f"{figure.id}-{index}",
            size,
            lambda canvas, shown=bars: _draw(canvas, figure, shown),  # type: ignore[misc]
            title=f"{setting}: {figure.x_label}",
            description=_describe(figure, bars),
        )
    return found


def _bar_of(row: StageRow) -> _Bar:
    number = _shown(row)
    ends = [end.log10 for end in (row.value.lower, row.value.upper) if _is_positive(end)]
    end = number.log10 if _is_positive(number) else None
    return _Bar(
        name=row.stage,
        start=None if end is None or row.loss is None else end - row.loss,
        end=end,
        value=("≥ " if _is_open(row) else "") + plain(number),
        factor="" if row.loss is None else "× " + factor(row.loss),
        share="" if row.share is None else f"{100 * row.share:.3g} %",
        whisker=(ends[0], ends[1]) if len(ends) == 2 else None,  # type: ignore[arg-type]
        is_open=_is_open(row),
        is_observed=row.position == 0 and row.share is None,
    )


def _is_positive(number: Number) -> bool:
    """Whether the number has a place on the axis."""
    return number.log10 is not None and number > Number.of(0)


def _is_open(row: StageRow) -> bool:
    return not row.value.upper.is_finite and row.value.lower.is_finite


def _shown(row: StageRow) -> Number:
    """The end that is drawn and written."""
    return row.value.lower if _is_open(row) else row.value.upper


def factor(loss: float) -> str:
    """10^loss to two digits: 3.4, 120, 2.0·10⁵⁰⁰⁰."""
    exponent = int(loss // 1)
    mantissa = Decimal(10.0 ** (loss - exponent)).quantize(_TENTH)
    if mantissa >= 10:
        mantissa, exponent = Decimal("1.0"), exponent + 1
    if exponent in range(-2, 4):
        value = mantissa.scaleb(exponent)
        return f"{value:f}" if exponent < 2 else f"{value:.0f}"
    return f"{mantissa:.1f}·10{decades.superscript(str(exponent))}"


def _draw(canvas: Figure, figure: StageFigure, bars: Sequence[_Bar]) -> None:
    height = canvas.get_figheight()
    top, bottom = 1 - 1.4 * LINE / height, 3.4 * LINE / height
    axes = canvas.add_axes((NAMES, bottom, BARS, top - bottom))
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    low, high = _range(bars)
    axes.set_xlim(low, high)
    axes.set_ylim(sum(bar.height for bar in bars), 0)
    axes.set_yticks([])
    found = decades.ticks(low, high, most=6)
    axes.set_xticks([at for at, _ in found], [label for _, label in found])
    axes.set_xlabel(figure.x_label)
    _write(canvas, 1 - 0.7 * LINE / height, _headings(bars))
    at = 0.0
    for index, bar in enumerate(bars):
        middle = at + bar.height / 2
        _bar(axes, bar, middle)
        if index + 1 < len(bars):
            _connect(axes, bar, bars[index + 1], middle)
        is_whole = bar is bars[-1] and bool(bar.factor)
        place = top - (top - bottom) * middle / sum(bar.height for bar in bars)
        canvas.text(
            NAMES - 0.012,
            place,
            "\n".join(bar.lines),
            ha="right",
            va="center",
            linespacing=1.15,
            fontweight="bold" if bar.is_observed or is_whole else "normal",
        )
        _write(canvas, place, {"value": bar.value, "factor": bar.factor, "share": bar.share})
        at += bar.height


def _headings(bars: Sequence[_Bar]) -> dict[str, str]:
    used = {
        "value": True,
        "factor": any(b.factor for b in bars),
        "share": any(b.share for b in bars),
    }
    return {name: name for name, there in used.items() if there}


def _write(canvas: Figure, place: float, cells: dict[str, str]) -> None:
    """A line of the columns of numbers."""
    for name, text in cells.items():
        if text:
            canvas.text(COLUMNS[name] - 0.004, place, text, ha="right", va="center")


def _range(bars: Sequence[_Bar]) -> tuple[float, float]:
    """The axis holds every value, with room on both sides."""
    drawn = [(bar.start, bar.end, *(bar.whisker or ())) for bar in bars]
    ends = [end for places in drawn for end in places if end is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 0.0)
    room = 0.06 * (high - low) or 0.5
    return low - 2 * room, high + room


def _bar(axes: Axes, bar: _Bar, middle: float) -> None:
    if bar.end is None:
        return
    low, high = axes.get_xlim()
    start = low if bar.start is None else bar.start
    shrinks = bar.end < start
    colour = STAND_INS["text" if bar.is_observed else "blue" if shrinks else "vermillion"]
    thick = 0.85 * LINE
    axes.barh(middle, start - low, thick * 0.35, left=low, color=RULE, linewidth=0)
    axes.barh(
        middle,
        bar.end - start,
        thick,
        left=start,
        facecolor="none" if shrinks else colour,
        edgecolor=colour,
        hatch="////" if shrinks else None,
        linewidth=1.2,
    )
    if bar.whisker is not None and bar.whisker[1] - bar.whisker[0] > VISIBLE * (high - low):
        axes.plot(bar.whisker, (middle,) * 2, color=TEXT, linewidth=1.6, marker="|", markersize=8)
    if bar.is_open:
        axes.plot(bar.end, middle, color=TEXT, marker=">", markersize=7, clip_on=False)


def _connect(axes: Axes, bar: _Bar, following: _Bar, middle: float) -> None:
    """From a bar's end down to where the next begins, if it begins there."""
    if bar.end is None or following.start is None:
        return
    low, high = axes.get_xlim()
    if abs(following.start - bar.end) <= VISIBLE * (high - low):
        there = middle + (bar.height + following.height) / 2
        axes.plot((bar.end,) * 2, (middle, there), color=TEXT, linewidth=0.9, dashes=(2, 2))


def _describe(figure: StageFigure, bars: Sequence[_Bar]) -> str:
    said = "; ".join(
        f"{bar.name} {bar.value}" + (f" ({bar.factor})" if bar.factor else "") for bar in bars
    )
    return f"{figure.description} From the first stage to the last: {said}."
