"""The page: sections, summary and provenance of one run, as one HTML file that needs nothing else.

Everything comes from the stored results; the same results give the same bytes. Every link to a row
must find its row on the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from statistics import median
from typing import Any

import jinja2
from markupsafe import Markup

from analyses.rendering import figures, seeds, stages
from analyses.rendering.blocks import (
    Block,
    Bullets,
    Estimate,
    Finding,
    Formula,
    Heading,
    LineFigure,
    RowTable,
    Section,
    SeedFigure,
    StageFigure,
    Text,
)
from analyses.rendering.cells import cells, layout, value_of
from analyses.rendering.formulas import mathml
from analyses.rendering.inline import inline
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CurveRow, Row, SeedRow

TALL = 16
"""Rows of a table beyond which it scrolls in a window of its own."""


@dataclass(frozen=True)
class Part:
    """One artefact's part of the page; `anchor` is its name. Its findings open the page."""

    anchor: str
    title: str
    chapter: str
    section: Section
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class Facts:
    """Names with values, nested: provenance, or a resolved configuration."""

    title: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """All of a page, before it is HTML.

    `notes` are warnings about the whole run, `summary` what is found by all parts together.
    """

    title: str
    subtitle: str
    lead: str
    notes: Sequence[str]
    parts: Sequence[Part]
    vocabularies: Sequence[tuple[str, Sequence[tuple[str, str]]]]
    provenance: Facts
    configuration: Sequence[Facts]
    summary: Sequence[Finding] = ()


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("analyses.rendering", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )


def html(page: Page) -> str:
    """The page as HTML. `InvalidArgument` names a link to a row that the page does not show."""
    writer = _Writer()
    parts = [(part, writer.section(part.section)) for part in page.parts]
    found: list[tuple[Part | None, list[tuple[Markup, Markup]]]]
    found = [(None, writer.findings(page.summary))]
    found += [(part, writer.findings(part.findings)) for part in page.parts]
    notes = [writer.text(note) for note in page.notes]
    chapters: dict[str, list[tuple[Part, Markup]]] = {}
    for part, body in parts:
        chapters.setdefault(part.chapter, []).append((part, body))
    writer.check_links({part.anchor for part in page.parts})
    environment = _templates()
    style, _, _ = environment.loader.get_source(environment, "page.css")  # type: ignore[union-attr]
    return environment.get_template("page.html.j2").render(
        page=page,
        notes=notes,
        found=[(part, sentences) for part, sentences in found if sentences],
        chapters=chapters,
        style=Markup(style),
    )


@dataclass
class _Writer:
    """Turns blocks into HTML, and remembers which rows have an anchor and which are linked to."""

    anchors: set[str] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    tables: int = 0

    def text(self, text: str) -> Markup:
        return inline(text, self.links.add)

    def findings(self, found: Sequence[Finding]) -> list[tuple[Markup, Markup]]:
        return [(self.text(one.text), self.evidence(one.rows)) for one in found]

    def evidence(self, rows: Sequence[str]) -> Markup:
        """Links to the rows that a sentence rests on: `row`, or `rows 1, 2, 3`."""
        self.links.update(rows)
        link = Markup('<a href="#{0}" title="{0}" aria-label="row {0}">{1}</a>')
        if len(rows) == 1:
            return link.format(rows[0], "row")
        numbered = (link.format(id, number) for number, id in enumerate(rows, start=1))
        return Markup("rows {}").format(Markup(", ").join(numbered))

    def check_links(self, others: set[str]) -> None:
        for id in sorted(self.links - self.anchors - others):
            raise InvalidArgument("link", id, "the id of a row that the page shows")

    def section(self, section: Section) -> Markup:
        return Markup("\n").join(self.block(block) for block in section.blocks)

    def block(self, block: Block) -> Markup:
        match block:
            case Text():
                return Markup("<p>{}</p>").format(self.text(block.text))
            case Heading():
                return Markup("<h4>{}</h4>").format(block.text)
            case Bullets():
                items = Markup("").join(
                    Markup("<li><p>{}</p></li>").format(self.text(item)) for item in block.items
                )
                return Markup("<ul>{}</ul>").format(items)
            case Formula():
                return Markup('<div class="formula">{}</div>').format(
                    mathml(block.latex, display=True)
                )
            case RowTable():
                return self.table(block)
            case LineFigure():
                return self.lines(block)
            case StageFigure():
                return self.stages(block)
            case SeedFigure():
                return self.seeds(block)

    def table(self, table: RowTable) -> Markup:
        """The rows; numbers are aligned to the right, an estimate takes two columns."""
        self.tables += 1
        headings = []
        body: list[tuple[str | None, list[tuple[Markup, str]]]]
        body = [(self._anchor(row), []) for row in table.rows]
        for heading, of in table.columns.items():
            values = [value_of(row, of) for row in table.rows]
            columns = cells(values, self.links.add)
            kind = layout(values, columns[0])
            headings.append((self.text(heading), kind, len(columns)))
            for column in columns:
                for (_, line), content in zip(body, column, strict=True):
                    line.append((content, kind))
        return self._render(
            "table.html.j2",
            id=f"table-{self.tables}",
            caption=self.text(table.caption),
            headings=headings,
            body=body,
            tall=len(body) > TALL and not table.whole,
        )

    def lines(self, figure: LineFigure) -> Markup:
        """The drawings, the caption, and a table of the curves' values with their anchors."""
        over_steps = all(not curve.x for curve in figure.curves)
        values = RowTable(
            f"Values of the curves: {figure.y_label}.",
            figure.curves,
            {
                "Panel": "panel",
                "Curve": "method",
                "First": lambda row: _at(row, _finite(row)[:1]),
                "Lowest": lambda row: _at(
                    row, sorted(_finite(row), key=row.estimate.__getitem__)[:1]
                ),
                "Last": lambda row: _at(row, _finite(row)[-1:]),
                "Last step" if over_steps else "Last position": lambda row: (
                    row.positions[_finite(row)[-1]] if _finite(row) else None
                ),
            },
        )
        return self._figure(
            figure,
            figures.drawings(figure),
            values,
            numbers="The curves as numbers",
            cut=figures.has_cut_bands(figure),
        )

    def stages(self, figure: StageFigure) -> Markup:
        """The drawings, the caption, and a table of the stages with their anchors."""
        values = RowTable.of(
            f"The stages: {figure.x_label}.",
            (row for rows in figure.panels.values() for row in rows),
            {
                "Setting": "setting",
                "Stage": "stage",
                "Value": "value",
                "log₁₀ factor": "loss",
                "Share": "share",
                "How it was obtained": "how",
            },
        )
        drawn = stages.drawings(figure)
        return self._figure(figure, drawn, values, numbers="The stages as numbers", wide=True)

    def seeds(self, figure: SeedFigure) -> Markup:
        """The drawings, the caption, and a table of the seeds' scores with their anchors."""
        values = RowTable.of(
            f"By training seed: {figure.x_label}.",
            figure.seeds,
            {
                "Panel": "distribution",
                "Method": "method",
                "Lowest": lambda row: min(row.counted, default=None),
                "Median": lambda row: median(row.counted) if row.counted else None,
                "Highest": lambda row: max(row.counted, default=None),
                "Never below the start": lambda row: f"{row.never_below} of {len(row.counted)}",
                "Every seed": _every_seed,
            },
        )
        return self._figure(figure, seeds.drawings(figure), values, numbers="The seeds as numbers")

    def _figure(
        self,
        figure: LineFigure | StageFigure | SeedFigure,
        panels: dict[str, Markup],
        values: RowTable,
        *,
        numbers: str,
        cut: bool = False,
        wide: bool = False,
    ) -> Markup:
        return self._render(
            "figure.html.j2",
            id=figure.id,
            panels=panels,
            caption=self.text(figure.caption),
            numbers=numbers,
            cut=cut,
            wide=wide,
            values=self.table(values),
        )

    def _anchor(self, row: Row) -> str | None:
        """The row's id where it is shown for the first time, None afterwards."""
        if row.id in self.anchors:
            return None
        self.anchors.add(row.id)
        return row.id

    def _render(self, template: str, **values: Any) -> Markup:
        return Markup(_templates().get_template(template).render(**values))


def _every_seed(row: SeedRow) -> str:
    """The scores in the order of the seeds."""
    return ", ".join("–" if value is None else f"{value:.2f}" for value in row.values)


def _finite(curve: CurveRow) -> list[int]:
    """The positions in the curve that have a value."""
    return [index for index, value in enumerate(curve.estimate) if value is not None]


def _at(curve: CurveRow, positions: Iterable[int]) -> Estimate | None:
    """The curve's value and band at the one position, or None without one."""
    for index in positions:
        lower, upper = (curve.lower[index], curve.upper[index]) if curve.lower else (None, None)
        return Estimate(curve.estimate[index], lower, upper)
    return None
