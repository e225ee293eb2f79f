"""A seed figure as inline SVG: a line of points for each method, lower scores to the left."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from statistics import fmean, median

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analyses.rendering.blocks import SeedFigure
from analyses.rendering.palette import Style, styles
from analyses.rendering.svg import FONT, STAND_INS, TEXT, element
from ml2o_core.results import SeedRow

WIDTH = 6.0
"""Inches of a panel; the page scales it."""

NAMES = 0.36
"""Share of the width that the names of the methods take."""

LETTERS = 24
"""Characters of a line of a method's name."""

LINE = 1.25 * FONT / 72
"""Inches from one line of text to the next."""

SPREAD = 0.3
"""How far from a method's line its first and its last seed are, in lines."""


def drawings(figure: SeedFigure) -> dict[str, Markup]:
    """The panels' SVG elements by distribution."""
    looks = styles(figure.roles)
    return {
        panel: element(
            f"{figure.id}-{index}",
            (WIDTH, 2.4 * LINE * len(rows) + 4 * LINE),
            lambda canvas, shown=rows: _draw(canvas, figure, shown, looks),  # type: ignore[misc]
            title=f"{panel}: {figure.x_label}",
            description=_describe(figure, rows),
        )
        for index, (panel, rows) in enumerate(figure.panels.items())
    }


def _draw(
    canvas: Figure, figure: SeedFigure, rows: Sequence[SeedRow], looks: dict[str, Style]
) -> None:
    height = canvas.get_figheight()
    bottom, top = 3.2 * LINE / height, 1 - 1.2 * LINE / height
    axes = canvas.add_axes((NAMES, bottom, 0.98 - NAMES, top - bottom))
    axes.set_facecolor("none")
    axes.set_axisbelow(True)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    names = ["\n".join(textwrap.wrap(row.method, LETTERS)) for row in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    for place, row in enumerate(rows):
        _points(axes, row, place, looks[row.method])
    _start(axes, rows)
    axes.margins(x=0.04)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    axes.set_xlabel(figure.x_label)


def _points(axes: Axes, row: SeedRow, place: int, style: Style) -> None:
    """The seeds from top to bottom, and their mean as a bar across them."""
    count = len(row.values)
    step = 2 * SPREAD / (count - 1) if count > 1 else 0.0
    seen = [
        (value, place + (seed * step - SPREAD if count > 1 else 0.0))
        for seed, value in enumerate(row.values)
        if value is not None
    ]
    if not seen:
        return
    axes.plot(
        [value for value, _ in seen],
        [at for _, at in seen],
        color=STAND_INS[style.colour],
        linestyle="none",
        marker=style.marker or "o",
        markersize=5.5,
        zorder=3,
    )
    mean = fmean(value for value, _ in seen)
    ends = (place - SPREAD - 0.1, place + SPREAD + 0.1)
    axes.plot((mean, mean), ends, color=STAND_INS[style.colour], linewidth=2.2, zorder=2)


def _start(axes: Axes, rows: Sequence[SeedRow]) -> None:
    """Where the runs start, on the average over the seeds."""
    start = fmean(value for row in rows for value in row.start if value is not None)
    axes.axvline(start, color=TEXT, linewidth=1.1, dashes=(4, 3), zorder=1)
    axes.annotate(
        "start",
        xy=(start, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        color=TEXT,
        annotation_clip=False,
    )


def _describe(figure: SeedFigure, rows: Sequence[SeedRow]) -> str:
    said = "; ".join(
        f"{row.method} {f'{median(row.counted):.3g}' if row.counted else 'has no value'}"
        for row in rows
    )
    return f"{figure.description} Medians: {said}."
