"""Figures: the same bytes every time, data where it belongs, and readable without colour."""

from __future__ import annotations

import itertools
import re
import textwrap
from collections.abc import Sequence
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.rendering.blocks import LineFigure, Role
from analyses.rendering.figures import (
    LABEL_WIDTH,
    drawings,
    has_cut_bands,
    spread,
    vertical_range,
)
from analyses.rendering.palette import COLOURS, styles
from analyses.rendering.svg import FONT
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CurveRow, row_id


def curve(panel: str, method: str, values: Sequence[float | None], **more: object) -> CurveRow:
    return CurveRow(
        id=row_id("f", panel, method),
        artefact="f",
        panel=panel,
        method=method,
        quantity="q",
        step=tuple(range(len(values))),
        estimate=values,
        **more,
    )


def figure(*curves: CurveRow, **more: object) -> LineFigure:
    roles = {c.method: Role.LEARNED for c in curves}
    fields = {"id": "f", "caption": "c", "description": "Shown & told.", "x_label": "x"}
    return LineFigure(**fields, y_label="y", curves=curves, roles=roles, **more)  # type: ignore[arg-type]


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]


def test_two_drawings_are_the_same_bytes_whatever_the_users_settings() -> None:
    shown = figure(curve("p", "a", [1, 2, 3], lower=(0, 1, 2), upper=(2, 3, 4)))
    first = drawings(shown)
    # Settings that the drawing chooses itself, and settings that it leaves at their defaults.
    chosen = {"font.size": 30, "svg.hashsalt": "other"}
    defaults = {"lines.markeredgewidth": 5, "xtick.direction": "in", "axes.linewidth": 4}
    with mpl.rc_context(chosen | defaults):
        assert drawings(shown) == first


def test_drawing_leaves_the_users_settings_alone() -> None:
    before = dict(mpl.rcParams)
    drawings(figure(curve("p", "a", [1, 2])))
    assert dict(mpl.rcParams) == before


def test_a_drawing_has_a_title_a_description_and_unique_ids() -> None:
    made = drawings(
        figure(curve("p", "a", [1, 2]), curve("qq", "a", [1, None]), curve("qq", "b", [None] * 2))
    )
    assert list(made) == ["p", "qq"]
    ids = [id for svg in made.values() for id in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    root = ElementTree.fromstring(made["qq"])
    title, description = root[0], root[1]
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "qq: y"
    assert description.text == "Shown & told. At the right end: a 1; b has no value."


def test_every_reference_inside_a_drawing_resolves() -> None:
    made = drawings(figure(curve("p", "a", [1, 2, 3], lower=(0, 1, 2), upper=(2, 3, 4))))["p"]
    ids = set(re.findall(r'\bid="([^"]+)"', made))
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', made))
    assert used
    assert {a or b for a, b in used} <= ids


def test_nothing_is_loaded_and_nothing_is_dated() -> None:
    made = drawings(figure(curve("p", "a", [1, 2])))["p"]
    assert not re.search(r'(?:href|src)="(?!#)', made)
    assert "<metadata" not in made
    assert "<!--" not in made


def test_colours_are_the_themes() -> None:
    made = drawings(figure(curve("p", "a", [1, 2])))["p"]
    assert not re.search(r"#0[12]0[12]", made)
    assert f"var(--vermillion, {COLOURS['vermillion']})" in made
    assert "currentColor" in made


def test_values_far_beyond_floats_are_drawn_as_logarithms() -> None:
    labels = texts(drawings(figure(curve("p", "bound", [0, 100_000])))["p"])
    assert "100000" in labels
    assert "bound" in labels


def over(x: Sequence[float], values: Sequence[float | None]) -> CurveRow:
    return curve("p", "a", values, x=tuple(x))


def places(svg: str) -> list[float]:
    """Horizontal positions of the markers."""
    (markers,) = re.findall(r'<g [^>]*style="[^"]*var\(--vermillion[^>]*>(.*?)</g>', svg, re.DOTALL)
    return [float(x) for x in re.findall(r'<use [^>]*x="([\d.]+)"', markers)]


def test_a_curve_over_a_real_quantity_stands_at_its_positions() -> None:
    """Distances 1 and 3 on a linear axis; at its steps they would be equal."""
    first, second, third = places(drawings(figure(over([0.1, 0.2, 0.5], [1, 2, 3])))["p"])[:3]
    assert (third - second) / (second - first) == pytest.approx(3, rel=1e-3)
    steps = places(drawings(figure(curve("p", "a", [1, 2, 3])))["p"])[:3]
    assert steps[2] - steps[1] == pytest.approx(steps[1] - steps[0], rel=1e-3)


def test_on_a_logarithmic_axis_equal_factors_are_equal_distances() -> None:
    made = drawings(figure(over([1e-4, 1e-3, 1e-1], [1, 2, 3]), x_scale="log"))["p"]
    first, second, third = places(made)[:3]
    assert (third - second) / (second - first) == pytest.approx(2, rel=1e-3)
    assert {"10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"} <= set(texts(made))
    counted = drawings(figure(over([10, 100, 400], [1, 2, 3]), x_scale="log"))["p"]
    assert {"10", "20", "50", "100", "200"} <= set(texts(counted))


def test_a_logarithmic_axis_takes_steps_too_but_no_zero() -> None:
    with pytest.raises(InvalidArgument, match="x"):
        figure(curve("p", "a", [1, 2]), x_scale="log")
    with pytest.raises(InvalidArgument, match="x"):
        figure(over([-0.1, 0.1], [1, 2]), x_scale="log")
    steps = CurveRow(
        id="f/n",
        artefact="f",
        panel="p",
        method="a",
        quantity="q",
        step=(10, 1000),
        estimate=(1, 2),
    )
    assert {"10", "100", "1000"} <= set(texts(drawings(figure(steps, x_scale="log"))["p"]))


def test_labels_keep_all_their_digits() -> None:
    """Coordinates are rounded to a hundredth of a point; the text beside them is not."""
    made = drawings(figure(over([0.0625, 0.064], [1.0005, 1.002])))["p"]
    assert {"0.0627", "1.00050"} <= set(texts(made))
    assert not re.search(r'[ "]\d+\.\d{3,}[ "]', made)


LEAN = 4_000
"""Bytes for a curve of 500 steps, its band and markers; the band with every point takes 17,000."""


def points(svg: str) -> list[list[tuple[float, float]]]:
    """The corners of the long paths of straight lines, put back from their differences."""
    found = []
    for path in re.findall(r'\bd="(M[-\d. ]+l[-\d. z]+)"', svg):
        start, ways = path.rstrip("z")[1:].split("l")
        numbers = [float(n) for n in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", ways)]
        corners = [tuple(map(float, start.split()))]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            corners.append((corners[-1][0] + dx, corners[-1][1] + dy))
        found.append(corners)
    return found


def test_a_long_curve_with_its_band_is_a_small_drawing_with_its_ends() -> None:
    """On the way down a curve is smooth; both edges of its band and its two ends are kept."""
    falls = [3 * 0.99**step for step in range(501)]
    below, above = [v - 0.2 for v in falls], [v + 0.1 * (1 + v) for v in falls]
    long = curve("p", "a", falls, lower=tuple(below), upper=tuple(above))
    (svg,) = drawings(figure(long)).values()
    (axes,) = drawings(figure(curve("p", "a", [3, 3 * 0.99**500]))).values()
    assert len(svg) - len(axes) < LEAN
    band, line = points(svg)
    assert (line[0][0], line[-1][0]) == pytest.approx((min(band)[0], max(band)[0]))
    low, high = vertical_range([long])
    heights = [min(y for _, y in line), max(y for _, y in line)]
    scale = (heights[1] - heights[0]) / (falls[0] - falls[-1])
    # A tenth of a point each way, of some 250.
    for x, ends in ((line[0][0], (below[0], above[0])), (line[-1][0], (below[-1], above[-1]))):
        edge = sorted(y for at, y in band if at == pytest.approx(x))
        assert (edge[-1] - edge[0]) / scale == pytest.approx(ends[1] - ends[0], abs=0.2 / scale)
    assert low < below[-1]
    assert above[0] < high


def test_noise_makes_a_drawing_no_larger_than_a_few_bytes_a_step() -> None:
    noise = [float(value) for value in np.random.default_rng(0).normal(size=501)]
    ends = {"lower": tuple(v - 1 for v in noise), "upper": tuple(v + 1 for v in noise)}
    (svg,) = drawings(figure(curve("p", "a", noise, **ends))).values()
    assert len(svg) < 501 * 3 * 10 + 10_000


def test_panels_share_their_range_unless_each_has_its_own() -> None:
    small, large = curve("s", "a", [0, 1]), curve("large", "a", [0, 5000])
    shared, own = figure(small, large), figure(small, large, y_range="own")
    assert "4800" in texts(drawings(shared)["s"])
    assert "4800" not in texts(drawings(own)["s"])
    assert drawings(shared)["large"] == drawings(own)["large"]


def test_a_huge_band_does_not_flatten_the_curves_and_the_page_can_say_so() -> None:
    narrow = curve("p", "a", [0, 10], lower=(-1, 8), upper=(1, 14))
    huge = curve("p", "a", [0, 10], lower=(-1, -500), upper=(1, 800))
    flat = curve("p", "a", [3, 3], lower=(2, 2), upper=(4, 4))
    assert vertical_range([narrow]) == pytest.approx((-1.6, 14.6))
    assert vertical_range([huge]) == pytest.approx((-5.8, 15.8))
    assert vertical_range([flat]) == (1.92, 4.08)
    assert vertical_range([curve("p", "a", [None, None])]) == (0, 1)
    assert not has_cut_bands(figure(narrow, flat))
    assert has_cut_bands(figure(huge))
    assert has_cut_bands(figure(curve("q", "b", [0, 1]), huge, y_range="own"))


def heights_of(svg: str, names: Sequence[str]) -> dict[str, float]:
    """Where these texts stand in a drawing, in points from its upper edge."""
    found = {}
    for element in ElementTree.fromstring(svg).iter():
        text = "".join(element.itertext())
        if element.tag.endswith("text") and text in names:
            match = re.search(r"translate\(\S+ (\S+)\)", element.get("transform") or "")
            found[text] = float(match[1] if match else element.get("y", "nan"))
    return found


def test_every_curve_with_a_value_is_named_and_names_do_not_touch() -> None:
    names = [f"method {index}" for index in range(10)]
    made = drawings(figure(*(curve("p", name, [5, 1 + 1e-3 * i]) for i, name in enumerate(names))))
    heights = heights_of(made["p"], names)
    assert sorted(heights) == names
    ordered = sorted(heights.values())
    assert all(b - a > 11 for a, b in itertools.pairwise(ordered))


@given(
    st.lists(st.floats(-500, 500), min_size=1, max_size=12).map(sorted),
    st.floats(1, 20),
)
def test_labels_keep_their_order_their_distance_and_the_room(
    wanted: list[float], gap: float
) -> None:
    room = 300.0
    placed = spread(wanted, gap, room)
    assert all(b - a >= gap - 1e-9 for a, b in itertools.pairwise(placed))
    assert placed[0] >= -1e-9
    assert placed[-1] <= room + 1e-9 or (len(wanted) - 1) * gap > room


def test_a_long_name_is_written_in_lines_that_stay_in_the_panel() -> None:
    """Five curves at the top end, one name of two lines: none touches another or the edge."""
    long = "the observed gap of the two risks' gradients"
    names = [long, "a", "b", "c", "d"]
    curves = [curve("p", name, [0.0, 1.0 - k / 100]) for k, name in enumerate(names)]
    (svg,) = drawings(figure(*curves, y_range="own")).values()
    lines = textwrap.wrap(long, LABEL_WIDTH)
    assert len(lines) == 2
    assert set(lines) <= set(texts(svg))
    heights = heights_of(svg, [*lines, *names[1:]])
    placed = sorted(heights.values())
    assert len(placed) == 6
    assert placed[0] >= FONT * 0.75
    assert min(b - a for a, b in itertools.pairwise(placed)) >= FONT


def test_labels_that_do_not_touch_stay_where_they_want() -> None:
    assert spread([10.0, 50.0, 52.0, 200.0], 12.0, 300.0) == pytest.approx([10, 45, 57, 200])


def test_no_two_curves_of_a_role_look_alike_without_colour_or_with() -> None:
    for role in set(Role) - {Role.OPTIMUM}:
        given_styles = list(styles({f"m{i}": role for i in range(6)}).values())
        assert len({style.colour for style in given_styles}) == 6
        assert len({(style.dashes, style.marker) for style in given_styles}) == 6


def test_a_curve_without_a_role_and_a_figure_without_curves_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="method"):
        LineFigure("f", "c", "d", "x", "y", (curve("p", "a", [1]),), {})
    with pytest.raises(InvalidArgument, match="curves"):
        figure()


def with_optimum(value: float | None, *curves: CurveRow) -> LineFigure:
    """Curves with a horizontal line as their optimum."""
    line = curve("p", "optimum", [value] * len(curves[0].estimate))
    roles = {c.method: Role.LEARNED for c in curves} | {"optimum": Role.OPTIMUM}
    return LineFigure("f", "c", "d", "x", "y", (*curves, line), roles)


def test_an_optimum_far_below_does_not_press_the_curves_together() -> None:
    """The curves span [0, 10], with their margins [-0.4, 10.4]: an optimum of -11.2 is as far."""
    falling = curve("p", "a", [10, 4, 0])
    near, far = (texts(drawings(with_optimum(at, falling))["p"]) for at in (-11.0, -58.0))
    assert "optimum" in near
    assert "optimum ↓ −58.0" in far
    alone = texts(drawings(figure(falling))["p"])
    ticks = {label for label in alone if re.fullmatch(r"−?[\d.]+", label)}
    assert ticks <= set(far)
    assert not ticks <= set(near)
    assert not has_cut_bands(with_optimum(-58.0, falling))
    assert "optimum" not in texts(drawings(with_optimum(None, falling))["p"])
    nothing = curve("p", "a", [None, None])
    assert "optimum" in texts(drawings(with_optimum(-58.0, nothing))["p"])


def test_a_curve_that_ends_early_is_led_to_its_name_from_where_it_ends() -> None:
    whole, early = curve("p", "a", [1, 2, 3, 4]), curve("p", "a", [1, 2, 3, None])
    other = curve("p", "b", [5, 5, 5, 5])
    dotted = r"stroke-dasharray: 0\.8"
    assert not re.search(dotted, drawings(figure(whole, other))["p"])
    assert len(re.findall(dotted, drawings(figure(early, other))["p"])) == 1
