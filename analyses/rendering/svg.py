"""What every drawing shares: matplotlib's settings, the page's theme, the SVG element.

Text stays text, colours become CSS variables, and every id carries the drawing's own prefix, so
that several drawings can share a page. The same input gives the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analyses.rendering.palette import COLOURS

FONT = 11.0
"""Points."""

# Stand-ins: matplotlib draws in these, and the SVG gets the variables of the page's theme.
STAND_INS = {name: f"#0101{index:02x}" for index, name in enumerate(COLOURS)}
TEXT, RULE = "#020201", "#020202"
_VARIABLES = {
    **{stand_in: f"var(--{name}, {COLOURS[name]})" for name, stand_in in STAND_INS.items()},
    TEXT: "currentColor",
    RULE: "var(--rule, #d5d5d5)",
}

_TAG = re.compile(r"<[^>]+>")
_DIGITS = re.compile(r"(\d\.\d\d)\d+")
"""In a tag, a hundredth of a point is enough; what is written as text keeps its digits."""

_POLYLINE = re.compile(r'\bd="([-ML\d\s.z]{160,})"')
"""A path of many straight lines: a curve or a band, and none of the markers."""

_MARKERS = re.compile(
    r'<g( clip-path="[^"]*")?>\s*'
    r'(<use [^>]*? style="([^"]*)"/>\s*(?:<use [^>]*? style="\3"/>\s*)+)</g>'
)
"""The markers of a line, which all look the same."""

_RC: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.family": "DejaVu Sans",
    "font.size": FONT,
    "axes.edgecolor": TEXT,
    "axes.labelcolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.formatter.useoffset": False,
    "axes.xmargin": 0.01,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "text.color": TEXT,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "text.parse_math": False,
}


def element(
    prefix: str,
    size: tuple[float, float],
    draw: Callable[[Figure], None],
    *,
    title: str,
    description: str,
) -> Markup:
    """The SVG element of what `draw` puts on a canvas of `size` inches, with its alternatives."""
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the reader's matplotlibrc says
        settings: Any = _RC | {"svg.hashsalt": prefix}
        mpl.rcParams.update(settings)
        canvas = Figure(figsize=size)
        FigureCanvasSVG(canvas)
        draw(canvas)
        stream = io.StringIO()
        keep_out = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        canvas.savefig(stream, format="svg", transparent=True, metadata=keep_out)
    return _embed(stream.getvalue(), prefix, title, description)


def _embed(svg: str, prefix: str, title: str, description: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    svg = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
    svg = _POLYLINE.sub(_lean_path, svg)
    svg = _TAG.sub(lambda tag: _DIGITS.sub(r"\1", tag.group()), svg)
    svg = _without_unused_ids(svg)
    svg = re.sub(r' transform="rotate\(-0 [^"]*"', "", svg)
    svg = _MARKERS.sub(_one_style, svg)
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, variable)
    view = re.search(r'viewBox="[^"]+"', svg)
    assert view is not None
    names = f'aria-labelledby="{prefix}-title {prefix}-desc"'
    head = (
        f'<svg {view.group()} role="img" {names}>'
        f'<title id="{prefix}-title">{escape(title)}</title>'
        f'<desc id="{prefix}-desc">{escape(description)}</desc>'
    )
    return Markup(head + svg[svg.index(">") + 1 :].strip())


def _lean_path(path: re.Match[str]) -> str:
    """The same points in whole tenths of a point, each as the way from the one before."""
    parts: list[str] = []
    drawing, x, y = False, 0, 0
    for command, *ends in re.findall(r"([MLz])(?: (\S+) (\S+))?", path[1]):
        if command == "z":
            parts.append("z")
            continue
        # Differences of rounded positions add up to them: nothing drifts.
        to_x, to_y = (round(10 * float(end)) for end in ends)
        if command == "M":
            parts.append(f"M{_tenths(to_x)} {_tenths(to_y)}")
            drawing = False
        elif (to_x, to_y) != (x, y):
            way = f"{_tenths(to_x - x)} {_tenths(to_y - y)}".replace(" -", "-")
            joint = "" if way.startswith("-") else " "
            parts.append(f"{joint}{way}" if drawing else f"l{way}")
            drawing = True
        x, y = to_x, to_y
    return f'd="{"".join(parts)}"'


def _tenths(number: int) -> str:
    """A number of tenths as SVG's shortest decimal: -.5, 3, 12.4."""
    return f"{number / 10:.1f}".removesuffix(".0").replace("0.", ".", int(abs(number) < 10))


def _without_unused_ids(svg: str) -> str:
    """Matplotlib names every group; only what is referred to needs its name."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', svg))
    return re.sub(r' id="([^"]+)"', lambda named: named.group() if named[1] in used else "", svg)


def _one_style(markers: re.Match[str]) -> str:
    """The style of the markers on their group."""
    clip, uses, style = markers.groups()
    plain = uses.replace(f' style="{style}"', "")
    return f'<g{clip or ""} style="{style}">{plain}</g>'
