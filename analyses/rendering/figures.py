"""A line figure as inline SVG, one drawing a panel."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from analyses.rendering import decades
from analyses.rendering.blocks import LineFigure, Role
from analyses.rendering.palette import Style, styles
from analyses.rendering.svg import FONT, STAND_INS, TEXT, element
from analyses.rendering.thinning import kept_points
from ml2o_core.results import CurveRow

WIDTH, HEIGHT = 6.0, 4.4
"""Inches of a panel; the page scales it."""

LABEL_HEIGHT = 1.25 * FONT
"""Points between the centres of two labels beside the axes, at least."""

LABEL_WIDTH = 26
"""Characters in a line of a label: what fits between the axes and the panel's edge."""

CHARACTER = 0.62
"""Width of a character, at most on average, in units of the font's size."""

BAND_SHARE = 0.5
"""How much of the values' span a band may add to the vertical range, on either side."""

_MARKERS_A_LINE = 8

_UNSEEN = 0.2
"""Points by which the edge of a band may be off; lines are thinned like this by matplotlib."""


def drawings(figure: LineFigure) -> dict[str, Markup]:
    """The panels' SVG elements by panel name."""
    looks = styles(figure.roles)
    return {
        panel: element(
            f"{figure.id}-{index}",
            (WIDTH, HEIGHT),
            lambda canvas, shown=curves: _draw(canvas, figure, shown, looks),  # type: ignore[misc]
            title=f"{panel}: {figure.y_label}",
            description=_describe(figure, curves),
        )
        for index, (panel, curves) in enumerate(figure.panels.items())
    }


def _draw(
    canvas: Figure, figure: LineFigure, curves: Sequence[CurveRow], looks: dict[str, Style]
) -> None:
    bounds = vertical_range(_deciding(figure, curves))
    labels = {curve.id: _label(curve, bounds[0]) for curve in curves}
    longest = max(len(line) for lines in labels.values() for line in lines)
    right = 1 - min(0.42, (CHARACTER * FONT * longest + 26) / (72 * WIDTH))
    axes = canvas.add_axes((0.15, 0.13, right - 0.15, 0.84))
    axes.set_facecolor("none")
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    axes.set_ylim(bounds)
    for index, curve in enumerate(curves):
        _line(axes, figure, curve, looks[curve.method], index)
    _horizontal_ticks(axes, figure)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=7))
    axes.set_xlabel(figure.x_label)
    axes.set_ylabel(figure.y_label)
    _label_ends(axes, figure, curves, looks, labels)


def _horizontal_ticks(axes: Axes, figure: LineFigure) -> None:
    if figure.x_scale == "log":
        width = 72 * WIDTH * axes.get_position().width
        found = decades.ticks(*axes.get_xlim(), room=width / (CHARACTER * FONT))
        axes.set_xticks([at for at, _ in found], [label for _, label in found])
    else:
        steps = all(not curve.x for curve in figure.curves)
        axes.xaxis.set_major_locator(MaxNLocator(integer=steps, nbins=6))


def _positions(figure: LineFigure, curve: CurveRow) -> list[float]:
    """Where the curve's values are drawn: at the exponents of ten on a logarithmic axis."""
    if figure.x_scale == "log":
        return [math.log10(x) for x in curve.positions]
    return list(curve.positions)


def _line(axes: Axes, figure: LineFigure, curve: CurveRow, style: Style, index: int) -> None:
    role, positions = figure.roles[curve.method], _positions(figure, curve)
    colour = STAND_INS[style.colour]
    estimate = _floats(curve.estimate)
    every = max(1, len(curve.step) // _MARKERS_A_LINE)
    (line,) = axes.plot(
        positions,
        estimate,
        color=colour,
        linewidth=style.width,
        marker=style.marker or None,
        markersize=5.5,
        markevery=1 if len(curve.step) <= 30 else ((index * every) // 5 % every, every),
        zorder=4 if role in {Role.LEARNED, Role.OBSERVED} else 3,
    )
    if style.dashes:
        line.set_dashes(style.dashes)
    if curve.lower:
        _band(axes, positions, curve, colour)


def _band(axes: Axes, positions: Sequence[float], curve: CurveRow, colour: str) -> None:
    """The area between the curve's ends; matplotlib draws every point of a polygon."""
    lower, upper = _floats(curve.lower), _floats(curve.upper)
    low, high = axes.get_ylim()
    point = (high - low) / (72 * HEIGHT * axes.get_position().height)
    kept = kept_points(positions, (lower, upper), _UNSEEN * point)
    axes.fill_between(
        [positions[at] for at in kept],
        [lower[at] for at in kept],
        [upper[at] for at in kept],
        color=colour,
        alpha=0.18,
        linewidth=0,
        zorder=2,
    )


def _label_ends(
    axes: Axes,
    figure: LineFigure,
    curves: Sequence[CurveRow],
    looks: Mapping[str, Style],
    labels: Mapping[str, Sequence[str]],
) -> None:
    """Each curve's name to the right of the axes, at its last value, moved apart where needed.

    From a curve that ends before the others a thin dotted line leads there.
    """
    ends = [(end, curve) for curve in curves if (end := _last(curve)) is not None]
    ends.sort(key=lambda item: item[0])
    low, high = axes.get_ylim()
    rightmost = max((max(_positions(figure, curve)) for _, curve in ends), default=0.0)
    points_high = 72 * HEIGHT * axes.get_position().height
    scale = (high - low) / points_high
    wanted = [(max(end, low) - low) / scale for end, _ in ends]
    gap = LABEL_HEIGHT * max((len(labels[curve.id]) for _, curve in ends), default=1)
    # Labels of several lines reach further up and down from their centres.
    rest = (gap - LABEL_HEIGHT) / 2
    places = spread([at - rest for at in wanted], gap, points_high - 2 * rest)
    for (end, curve), at in zip(ends, [place + rest for place in places], strict=True):
        style = looks[curve.method]
        colour = STAND_INS[style.colour]
        last = _positions(figure, curve)[_last_index(curve)]
        early = last < rightmost
        axes.annotate(
            "\n".join(labels[curve.id]),
            xy=(_across(axes, last) if early else 1.0, (max(end, low) - low) / (high - low)),
            xytext=(1 + 18 / (72 * WIDTH * axes.get_position().width), at / points_high),
            xycoords="axes fraction",
            textcoords="axes fraction",
            va="center",
            color=TEXT,
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8 if early else style.width,
                "linestyle": ":" if early else "-",
                "shrinkA": 1,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def _across(axes: Axes, x: float) -> float:
    """The share of the axes' width at which x stands."""
    left, right = axes.get_xlim()
    return (x - left) / (right - left)


def _label(curve: CurveRow, low: float) -> list[str]:
    """The curve's name in lines; with an arrow and its value where it ends below the panel."""
    end = _last(curve)
    if end is None or end >= low:
        return textwrap.wrap(curve.method, LABEL_WIDTH)
    value = f"{end:.1f}".replace("-", "−")
    return textwrap.wrap(f"{curve.method} ↓ {value}", LABEL_WIDTH)


def spread(wanted: Sequence[float], gap: float, room: float) -> list[float]:
    """Positions in ascending order, at least `gap` apart, near the wanted ones, within [0, room].

    Labels that would touch form a block, centred on what its members want; the result minimises the
    squared displacement as long as everything fits into the room.
    """
    blocks: list[tuple[float, int]] = []
    for index, want in enumerate(wanted):
        blocks.append((want - index * gap, 1))
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            (first, n), (second, m) = blocks[-2:]
            blocks[-2:] = [((first * n + second * m) / (n + m), n + m)]
    shifted = [centre for centre, size in blocks for _ in range(size)]
    top = max(0.0, room - (len(wanted) - 1) * gap)
    return [min(max(at, 0.0), top) + index * gap for index, at in enumerate(shifted)]


def vertical_range(curves: Sequence[CurveRow]) -> tuple[float, float]:
    """Holds every value, and the bands as far as they do not dwarf the values.

    With two or three repeats an interval can be many times wider than all curves together: a band
    extends the range by at most half of what the values span, and is cut beyond.
    """
    values = [value for curve in curves for value in curve.estimate if value is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    ends = [end for curve in curves for end in (*curve.lower, *curve.upper) if end is not None]
    room = BAND_SHARE * (high - low) if high > low else math.inf
    low, high = max(low - room, min([low, *ends])), min(high + room, max([high, *ends]))
    margin = 0.04 * (high - low) or 0.5
    return low - margin, high + margin


def has_cut_bands(figure: LineFigure) -> bool:
    """Whether a band leaves its panel."""
    for curves in figure.panels.values():
        deciding = _deciding(figure, curves)
        low, high = vertical_range(deciding)
        shown = {curve.id for curve in deciding}
        for curve in curves:
            ends = [end for end in (*curve.lower, *curve.upper) if end is not None]
            if curve.id in shown and ends and (min(ends) < low or max(ends) > high):
                return True
    return False


def _deciding(figure: LineFigure, curves: Sequence[CurveRow]) -> list[CurveRow]:
    """The curves whose values decide the vertical range of a panel with `curves`.

    An optimum that would take more than half of the height is not among them: where it is 0 but
    for rounding, its logarithm says nothing, and would press all other curves together.
    """
    sharing = figure.curves if figure.y_range == "shared" else curves
    others = [curve for curve in sharing if figure.roles[curve.method] is not Role.OPTIMUM]
    if not any(_last(curve) is not None for curve in others):
        return list(sharing)
    low, high = vertical_range(others)
    least = low - (high - low)
    return others + [
        curve
        for curve in sharing
        if figure.roles[curve.method] is Role.OPTIMUM
        and all(value is None or value >= least for value in curve.estimate)
    ]


def _last(curve: CurveRow) -> float | None:
    return next((value for value in reversed(curve.estimate) if value is not None), None)


def _last_index(curve: CurveRow) -> int:
    """Where the last value stands in a curve that has one."""
    return max(at for at, value in enumerate(curve.estimate) if value is not None)


def _floats(series: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in series]


def _describe(figure: LineFigure, curves: Sequence[CurveRow]) -> str:
    ends = "; ".join(
        f"{curve.method} {'has no value' if end is None else f'{end:.3g}'}"
        for curve in curves
        for end in [_last(curve)]
    )
    return f"{figure.description} At the right end: {ends}."
