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
    svg = _TAG.sub(lambda tag: _DIGITS.sub(r"\1", tag.group()), svg)
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
