"""How lines look: the Okabe–Ito colours, each with its own marker and dash pattern.

Nothing is told by colour alone. Colours are names of CSS variables, so that the page can lighten
them on a dark ground; the SVG carries each one's value as a fallback.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analyses.rendering.blocks import Role

COLOURS = {
    "vermillion": "#D55E00",
    "blue": "#0072B2",
    "green": "#009E73",
    "purple": "#CC79A7",
    "orange": "#E69F00",
    "sky": "#56B4E9",
    "text": "#000000",
}
"""Okabe and Ito's palette without yellow, which a white page hides."""


@dataclass(frozen=True)
class Style:
    """A colour by name, a dash pattern in points, a marker of matplotlib, and a width in points."""

    colour: str
    dashes: tuple[float, ...]
    marker: str
    width: float


_SOLID: tuple[float, ...] = ()
_CYCLES = {
    Role.LEARNED: ("vermillion", "blue", "green", "purple", "orange", "sky"),
    Role.ANALYTIC: ("orange", "sky", "purple", "green", "blue", "vermillion"),
    Role.OBSERVED: ("text", "green", "sky", "purple", "orange", "blue"),
    Role.BOUND: ("vermillion", "blue", "purple", "orange", "sky", "green"),
}
_MARKERS = {
    Role.LEARNED: "osD^vP",
    Role.ANALYTIC: "x+1234",
    Role.OBSERVED: "o^sDvP",
    Role.BOUND: "v<>^dp",
}
_DASHES: dict[Role, tuple[tuple[float, ...], ...]] = {
    Role.LEARNED: (_SOLID,),
    Role.ANALYTIC: ((5, 2), (1.5, 1.5), (6, 2, 1.5, 2), (8, 3), (3, 1, 1, 1), (4, 4)),
    Role.OBSERVED: (_SOLID,),
    Role.BOUND: ((6, 2), (2, 1.5), (6, 2, 1.5, 2), (9, 3)),
}
_WIDTHS = {Role.LEARNED: 2.2, Role.ANALYTIC: 1.3, Role.OBSERVED: 2.0, Role.BOUND: 1.8}


def styles(roles: Mapping[str, Role]) -> dict[str, Style]:
    """A style for each name, given out in order; different within a role for up to six of them."""
    given: dict[str, Style] = {}
    counts = dict.fromkeys(Role, 0)
    for name, role in roles.items():
        index = counts[role]
        counts[role] += 1
        if role is Role.OPTIMUM:
            given[name] = Style("text", (1, 1.6), "", 1.8)
            continue
        colours, dashes, markers = _CYCLES[role], _DASHES[role], _MARKERS[role]
        given[name] = Style(
            colours[index % len(colours)],
            dashes[index % len(dashes)],
            markers[index % len(markers)],
            _WIDTHS[role],
        )
    return given
