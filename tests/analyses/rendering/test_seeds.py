"""Seed figures: a point where each score is, a line for each method, the start beside them."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from analyses.rendering.blocks import Role, SeedFigure
from analyses.rendering.palette import COLOURS
from analyses.rendering.seeds import drawings
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import SeedRow, row_id
from ml2o_core.results.vocabulary import Score

FIRST = f"var(--vermillion, {COLOURS['vermillion']})"


def seeds(method: str, *values: float | None, panel: str = "σ = 50") -> SeedRow:
    return SeedRow(
        id=row_id("f", panel, method),
        artefact="f",
        family="lasso",
        distribution=panel,
        method=method,
        score=Score.MIN_LN_MEAN_OBJECTIVE,
        values=values,
        start=(3.0,) * len(values),
    )


def figure(*rows: SeedRow) -> SeedFigure:
    roles = dict.fromkeys((row.method for row in rows), Role.LEARNED)
    return SeedFigure("f", "c", "Shown & told.", "score", rows, roles)


def points(svg: str, colour: str) -> list[tuple[float, float]]:
    """Where the markers of one colour are, in the order in which they are drawn."""
    groups = re.findall(rf"<g[^>]*fill: {re.escape(colour)}[^>]*>(.*?)</g>", svg, re.DOTALL)
    uses = re.findall(r'<use [^>]*x="(-?[\d.]+)" y="(-?[\d.]+)"', " ".join(groups))
    return [(float(x), float(y)) for x, y in uses]


def texts(svg: str) -> list[str]:
    root = ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]


def test_points_are_where_the_scores_are_and_a_masked_seed_has_none() -> None:
    (svg,) = drawings(figure(seeds("M-L2O", 0.0, 1.0, None, 3.0))).values()
    found = points(svg, FIRST)
    assert len(found) == 3
    xs = [x for x, _ in found]
    assert (xs[2] - xs[1]) / (xs[1] - xs[0]) == pytest.approx(2, rel=1e-2)
    heights = [y for _, y in found]
    assert heights == sorted(heights)
    # The third seed's place stays empty.
    assert (heights[2] - heights[1]) / (heights[1] - heights[0]) == pytest.approx(2, rel=1e-2)
    assert {"start", "M-L2O", "score"} <= set(texts(svg))
    assert "Shown &amp; told. Medians: M-L2O 1." in svg


def test_a_seed_has_one_place_in_every_line_and_each_distribution_a_panel() -> None:
    rows = (seeds("TL", 1.0, 2.0), seeds("M-L2O", 0.0, 4.0), seeds("TL", 1.0, 2.0, panel="σ = 100"))
    found = drawings(figure(*rows))
    assert list(found) == ["σ = 50", "σ = 100"]
    second = f"var(--blue, {COLOURS['blue']})"
    gaps = [
        below[1] - above[1]
        for above, below in (points(found["σ = 50"], c) for c in (FIRST, second))
    ]
    assert gaps[0] == pytest.approx(gaps[1], abs=0.02)


def test_one_seed_and_none_that_counts_are_drawn() -> None:
    found = drawings(figure(seeds("TL", 1.0), seeds("DT", None)))
    assert len(re.findall(rf"<use [^>]*fill: {re.escape(FIRST)}", found["σ = 50"])) == 1
    assert "DT has no value" in found["σ = 50"]


def test_no_rows_and_a_method_without_a_role_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="seeds"):
        figure()
    with pytest.raises(InvalidArgument, match="method: got 'TL'"):
        SeedFigure("f", "c", "d", "x", (seeds("TL", 1.0),), {"M-L2O": Role.LEARNED})
