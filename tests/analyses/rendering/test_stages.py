"""Waterfalls: every stage named with its value, bars where the numbers are, in any magnitude."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyses.rendering.blocks import StageFigure
from analyses.rendering.palette import COLOURS
from analyses.rendering.stages import drawings, factor
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Interval, StageRow, row_id


def stage(position: int, value: Any, loss: float | None = None, **more: Any) -> StageRow:
    setting = more.pop("setting", "s")
    interval = value if isinstance(value, Interval) else Interval.point(value)
    return StageRow(
        id=row_id("f", setting, position),
        artefact="f",
        setting=setting,
        position=position,
        stage=more.pop("stage", f"stage {position}"),
        value=interval,
        loss=loss,
        how="computed",
        **more,
    )


def figure(*stages: StageRow) -> StageFigure:
    return StageFigure("f", "c", "Shown & told.", "value", stages)


def drawn(*stages: StageRow) -> str:
    (svg,) = drawings(figure(*stages)).values()
    return svg


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]


def boxes(svg: str, colour: str) -> list[tuple[float, float]]:
    """Left and right end of each rectangle that is filled with the colour."""
    found = []
    for path in re.findall(r"<path [^>]*>", svg):
        style = re.search(r'style="([^"]*)"', path)
        if style and f"fill: {colour}" in style[1]:
            xs = [float(x) for x in re.findall(r"[ML] (-?[\d.]+) ", path)]
            found.append((min(xs), max(xs)))
    return found


INK = f"var(--text, {COLOURS['text']})"
LARGER = f"var(--vermillion, {COLOURS['vermillion']})"
WATERFALL = (stage(0, 0.01), stage(1, 0.1, 1.0), stage(2, 10, 2.0))


def test_a_bar_is_as_long_as_its_factor_and_begins_where_the_one_before_ends() -> None:
    first, second = boxes(drawn(*WATERFALL), LARGER)
    assert second[1] - second[0] == pytest.approx(2 * (first[1] - first[0]), rel=1e-3)
    assert first[1] == pytest.approx(second[0], abs=0.02)
    (observed,) = boxes(drawn(*WATERFALL), INK)
    assert observed[1] == pytest.approx(first[0], abs=0.02)


def test_a_stage_that_makes_the_bound_smaller_is_told_apart_without_colour() -> None:
    larger = drawn(stage(0, 1), stage(1, 2, 0.30103))
    smaller = drawn(stage(0, 2), stage(1, 1, -0.30103))
    assert "<pattern" not in larger
    assert "<pattern" in smaller
    assert boxes(larger, LARGER)
    assert not boxes(smaller, LARGER)
    assert f"var(--blue, {COLOURS['blue']})" in smaller


def test_terms_of_a_sum_are_bars_from_the_end_of_the_axis_and_have_shares() -> None:
    svg = drawn(stage(0, 0.6, share=0.6), stage(1, 0.4, share=0.4))
    first, second = boxes(svg, LARGER)
    assert first[0] == second[0]
    assert first[1] > second[1]
    assert not boxes(svg, INK)
    assert {"60 %", "40 %", "share"} <= set(texts(svg))
    assert "factor" not in texts(svg)


def test_every_stage_is_written_with_its_value_and_its_factor() -> None:
    said = texts(drawn(*WATERFALL))
    assert {"stage 0", "stage 1", "stage 2"} <= set(said)
    assert {"0.01000", "0.1000", "10"} <= set(said)
    assert {"× 10", "× 100"} <= set(said)


def test_values_beyond_floats_zero_and_without_an_upper_end_have_their_place() -> None:
    svg = drawn(
        stage(0, 0),
        stage(1, "1.5e3"),
        stage(2, Interval.between("1.5e5000", "1.6e5000"), 4997.0),
        stage(3, Interval.at_least("1.6e5000"), 0.0),
        stage(4, "inf"),
    )
    said = texts(svg)
    assert {"0", "1500", "1.600 × 10⁵⁰⁰⁰", "≥ 1.600 × 10⁵⁰⁰⁰", "∞"} <= set(said)
    assert "× 1.0·10⁴⁹⁹⁷" in said
    assert "10⁵⁰⁰⁰" in said
    assert "nan" not in svg


def test_a_wide_interval_has_a_whisker_and_a_narrow_one_none() -> None:
    narrow = drawn(stage(0, 1), stage(1, Interval.between(9.9999, 10), 1.0))
    wide = drawn(stage(0, 1), stage(1, Interval.between(5, 10), 1.0))
    assert wide.count("<use") > narrow.count("<use")


def test_long_names_are_wrapped_and_rows_keep_their_distance() -> None:
    name = "each term by its own lemma: optimization, task difference, sampling, δ₁₃"
    svg = drawn(stage(0, 1, stage=name), stage(1, 2, 0.3, stage=name))
    lines = [text for text in texts(svg) if text in name and len(text) > 5]
    assert len(lines) >= 4
    assert max(map(len, lines)) <= 34
    heights = [float(y) for y in re.findall(r"translate\([\d.]+ ([\d.]+)\)", svg) if float(y) > 0]
    assert max(heights) < float(re.search(r'viewBox="0 0 \S+ ([\d.]+)"', svg)[1])  # type: ignore[index]


def test_the_alternative_lists_the_stages_in_their_order() -> None:
    made = drawings(figure(*reversed(WATERFALL), stage(0, 5, setting="other")))
    assert list(made) == ["s", "other"]
    root = ElementTree.fromstring(made["s"])
    assert root[0].text == "s: value"
    assert root[1].text == (
        "Shown & told. From the first stage to the last: "
        "stage 0 0.01000; stage 1 0.1000 (× 10); stage 2 10 (× 100)."
    )


def test_two_drawings_are_the_same_bytes_with_unique_ids_in_the_themes_colours() -> None:
    shown = figure(*WATERFALL, stage(0, 5, setting="other"))
    first = drawings(shown)
    with mpl.rc_context({"font.size": 30, "hatch.linewidth": 7, "axes.linewidth": 4}):
        assert drawings(shown) == first
    ids = [id for svg in first.values() for id in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids))
    for svg in first.values():
        assert not re.search(r"#0[12]0[12]", svg)
        assert not re.search(r'(?:href|src)="(?!#)', svg)


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (0.0, "1.0"),
        (0.53, "3.4"),
        (1.0, "10"),
        (2.08, "120"),
        (3.0, "1000"),
        (3.99999, "1.0·10⁴"),
        (5.3, "2.0·10⁵"),
        (-0.42, "0.38"),
        (-2.0, "0.010"),
        (-5.0, "1.0·10⁻⁵"),
        (4997.3, "2.0·10⁴⁹⁹⁷"),
    ],
)
def test_factors_have_two_digits(loss: float, text: str) -> None:
    assert factor(loss) == text


@given(st.floats(-3, 3))
def test_a_factor_says_what_the_loss_is(loss: float) -> None:
    shown = factor(loss)
    value = float(shown) if "·" not in shown else float(shown[:3]) * 10.0 ** int(loss // 1)
    # Two digits: half a unit of the second one.
    assert value == pytest.approx(10**loss, rel=0.051)


def test_figures_without_stages_or_with_two_at_one_place_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="stages"):
        figure()
    with pytest.raises(InvalidArgument, match="position"):
        figure(stage(0, 1), stage(0, 2))
