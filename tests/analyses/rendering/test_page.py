"""The page: whole, self-contained, and with no link that leads nowhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from analyses.artefact import Artefact
from analyses.publish import page_of
from analyses.rendering.blocks import Finding, RowTable, Section, Text
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import Results

REPORTS = Path(__file__).resolve().parents[3] / "reports"
VOID = {"meta", "link", "br", "hr", "img", "input"}
LOADING = {"src", "srcset", "data", "poster", "action", "xlink:href"}


class Reader(HTMLParser):
    """Collects what the tests ask of a page, and insists on balanced tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._see(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._see(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def _see(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = dict(attrs)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.loads += [value for name, value in attrs if name in LOADING and value]
        if tag == "a":
            self.links.append(values.get("href") or "")
        elif "href" in values and not (values["href"] or "").startswith("#"):
            self.loads.append(values["href"] or "")
        if tag == "svg":
            self.images.append(values)


@pytest.fixture
def results(demo: type[Artefact], tmp_path: Path) -> Results:
    return run_artefacts(["demo"], RunSettings(), tmp_path)


@pytest.fixture
def page(results: Results) -> str:
    return page_of(results)


def test_tags_balance_and_ids_are_unique(page: str) -> None:
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids))
    assert {"main", "nav", "table", "figure", "svg", "math"} <= set(reader.tags)


def test_every_link_inside_the_page_finds_its_row(page: str, results: Results) -> None:
    reader = Reader(page)
    inside = {link[1:] for link in reader.links if link.startswith("#")}
    assert inside <= set(reader.ids)
    assert {row.id for row in results.rows} <= set(reader.ids)
    assert {"demo/score", "demo/check", "demo/constant/l"} <= inside


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    reader = Reader(page)
    assert reader.loads == ["data:,"]
    assert {link for link in reader.links if not link.startswith("#")} == {"https://a.org"}
    assert "script" not in reader.tags
    assert not re.search(r"@import|url\((?!#)", page)


def test_every_drawing_has_its_alternative_text(page: str) -> None:
    reader = Reader(page)
    assert len(reader.images) == 5
    for image in reader.images:
        assert image["role"] == "img"
        names = (image["aria-labelledby"] or "").split()
        assert len(names) == 2
        assert set(names) <= set(reader.ids)


def test_text_from_outside_is_escaped(page: str) -> None:
    assert "Demonstration &amp; &lt;markup&gt;" in page
    assert "reaches −3.00 &lt;here&gt;." in page
    assert "<here>" not in page


def test_it_opens_with_the_findings_and_their_rows(page: str) -> None:
    summary = page[page.index('<section id="summary">') : page.index('<h2 class="chapter">')]
    assert "M-L2O reaches −3.00" in summary
    assert 'href="#demo/score"' in summary
    assert "quick preset" in summary
    assert "<h3>" not in summary  # of one artefact


def test_findings_of_several_artefacts_stand_under_their_titles() -> None:
    names = ["assumptions", "optima"]
    kept = [Results.load(REPORTS / name) for name in names]
    rows = tuple(row for results in kept for row in results.rows)
    provenance = {**kept[0].provenance, "seconds": dict.fromkeys(names, 1.0)}
    configuration = {**kept[0].configuration, **kept[1].configuration}
    page = page_of(Results(rows, provenance, configuration))
    summary = page[page.index('<section id="summary">') : page.index('<h2 class="chapter">')]
    titles = re.findall(r'<h3><a href="#([^"]+)">', summary)
    assert titles == [name for name in titles if name in names]
    assert len(titles) == 2


def test_huge_numbers_verdicts_and_provenance_are_on_it(page: str) -> None:
    text = html.unescape(page)
    for shown in ("2.000 × 10<sup>5000</sup>", "✓ holds", "✗ refuted", "vacuous", "≥ 4.000"):
        assert shown in text
    for shown in ("torch threads", "weight", "What the words mean", "There are none in this run."):
        assert shown in text


def test_stages_and_positions_are_listed_as_numbers(page: str) -> None:
    text = html.unescape(page)
    for shown in ("The stages as numbers", "by construction", "Last position", "Last step"):
        assert shown in text


def test_an_anchor_is_given_to_the_first_showing_of_a_row_alone(page: str) -> None:
    assert page.count('id="demo/check"') == 1
    assert page.count("Proposition 1") == 0
    assert "Checks again" in page


@pytest.mark.parametrize("where", ["findings", "section"])
def test_a_link_to_a_row_that_is_not_shown_is_refused(
    demo: type[Artefact], results: Results, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def findings(self: Artefact, results: Results) -> Sequence[Finding]:
        return [Finding("Said.", ("demo/nowhere",))]

    def section(self: Artefact, results: Results) -> Section:
        shown = RowTable.of("All", results.rows, {"id": "id"})
        return Section((Text("[There](#demo/nowhere)."), shown))

    monkeypatch.setattr(demo, where, {"findings": findings, "section": section}[where])
    with pytest.raises(InvalidArgument, match="demo/nowhere"):
        page_of(results)


def test_the_same_results_give_the_same_bytes(page: str, results: Results) -> None:
    assert page_of(results) == page
    assert page_of(Results(results.rows[::-1], results.provenance, results.configuration)) != page
