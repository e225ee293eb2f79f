r"""What a section is made of: descriptions without any HTML, drawn later by `page`.

Text may hold inline formulas, code and links:

    Text(r"The gap of $\nabla g_T$ stays below the bound ([T = 20](#proposition1/t/20)).")

`$…$` is LaTeX, a pair of backticks is code, `[label](#row id)` is a link to a row of the page, and
`[label](https://…)` is a citation, and `[label](run/index.html#row id)` leads to another page, in a
folder beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CurveRow, Row, SeedRow, StageRow


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Heading:
    """The title of a part of a section, without markup."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Formula:
    """A displayed formula in LaTeX, without the dollar signs."""

    latex: str


@dataclass(frozen=True)
class Estimate:
    """A table cell: a value with its interval; an end that is None is unbounded."""

    value: float | None
    lower: float | None
    upper: float | None

    @classmethod
    def of(cls, row: Any, value: str = "mean") -> Estimate:
        """From a row with columns `lower` and `upper`, such as a score or (`effect`) a claim."""
        return cls(getattr(row, value), row.lower, row.upper)


@dataclass(frozen=True)
class Stack:
    """A table cell of several lines: what is narrow beside others that are, too."""

    lines: tuple[Any, ...]


Cell = str | Callable[[Any], Any]
"""A column of a table block: the name of a row's column, or a function of the row."""


@dataclass(frozen=True)
class RowTable:
    """Rows as a table, each with an anchor: its id. `columns` maps headings to cells.

    A cell is drawn by its type: text, numbers, intervals (`Interval`, `Estimate`), verdicts as
    badges, tuples of row ids as links, a `Text` with its markup, a `Stack` line by line. Headings
    may hold formulas. A long table scrolls in a window of its own, unless it is to be seen `whole`.
    """

    caption: str
    rows: tuple[Row, ...]
    columns: Mapping[str, Cell]
    whole: bool = False

    @classmethod
    def of(
        cls,
        caption: str,
        rows: Iterable[Row],
        columns: Mapping[str, Cell],
        *,
        whole: bool = False,
    ) -> RowTable:
        """The same, from any iterable of rows."""
        return cls(caption, tuple(rows), columns, whole)


class Role(StrEnum):
    """What a line of a figure stands for; it decides how the line is drawn."""

    LEARNED = "learned"
    """A learned optimizer: a solid line."""
    ANALYTIC = "analytic"
    """An analytic optimizer: a thin dashed line."""
    OPTIMUM = "optimum"
    """A certified optimum: a dotted line in the colour of the text."""
    OBSERVED = "observed"
    """What was observed: points joined by a line."""
    BOUND = "bound"
    """What a statement allows: a dashed line."""


@dataclass(frozen=True)
class LineFigure:
    """Curves against steps or a real quantity, one panel for each `panel` of the curves.

    `roles` gives the role of each curve by its `method`; the order of `roles` is the order in which
    styles are given out, so that a method looks the same in every panel. Values are drawn on a
    linear axis as they are stored: a logarithm stays one, so that no magnitude is out of range.
    Panels have a `shared` vertical range, or each its `own`. With `x_scale="log"` the horizontal
    axis is logarithmic, and every position is above 0.
    `description` is the text alternative; the curves' values are listed below the figure.
    """

    id: str
    caption: str
    description: str
    x_label: str
    y_label: str
    curves: tuple[CurveRow, ...]
    roles: Mapping[str, Role]
    y_range: Literal["shared", "own"] = "shared"
    x_scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        if not self.curves:
            raise InvalidArgument("curves", self.curves, "at least one curve")
        for curve in self.curves:
            if curve.method not in self.roles:
                raise InvalidArgument("method", curve.method, ", ".join(self.roles))
            if self.x_scale == "log" and min(curve.positions) <= 0:
                raise InvalidArgument(
                    "x", min(curve.positions), f"above 0 on a logarithmic axis ({curve.id})"
                )

    @property
    def panels(self) -> dict[str, list[CurveRow]]:
        """The curves of each panel, both in the order in which they come."""
        found: dict[str, list[CurveRow]] = {}
        for curve in self.curves:
            found.setdefault(curve.panel, []).append(curve)
        return found


@dataclass(frozen=True)
class StageFigure:
    """The way from an observed value to a bound, stage by stage: a waterfall for each `setting`.

    The axis is logarithmic, so that a stage's factor is a length; `x_label` says what the values
    are. A bar runs from the value before to the value of its stage: to the upper end, or to the
    lower one of a value without an upper end. `description` is the text alternative, to which the
    values are added; they are listed below the figure too.
    """

    id: str
    caption: str
    description: str
    x_label: str
    stages: tuple[StageRow, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise InvalidArgument("stages", self.stages, "at least one stage")
        for setting, stages in self.panels.items():
            positions = [row.position for row in stages]
            if len(set(positions)) < len(positions):
                raise InvalidArgument("position", positions, f"one stage a position ({setting})")

    @property
    def panels(self) -> dict[str, list[StageRow]]:
        """The stages of each setting by position; the settings in the order in which they come."""
        found: dict[str, list[StageRow]] = {}
        for row in self.stages:
            found.setdefault(row.setting, []).append(row)
        return {name: sorted(rows, key=lambda row: row.position) for name, rows in found.items()}


@dataclass(frozen=True)
class SeedFigure:
    """Every training seed's score as a point, a line of points for each method.

    There is a panel for each `distribution`; a dashed line shows where the runs start. A seed keeps
    its place within a line, so that it can be followed from method to method. `roles` gives the
    methods' roles, and with their order the styles. `description` is the text alternative, to which
    the medians are added; the values are listed below the figure.
    """

    id: str
    caption: str
    description: str
    x_label: str
    seeds: tuple[SeedRow, ...]
    roles: Mapping[str, Role]

    def __post_init__(self) -> None:
        if not self.seeds:
            raise InvalidArgument("seeds", self.seeds, "at least one row")
        for row in self.seeds:
            if row.method not in self.roles:
                raise InvalidArgument("method", row.method, ", ".join(self.roles))

    @property
    def panels(self) -> dict[str, list[SeedRow]]:
        """The rows of each distribution, both in the order in which they come."""
        found: dict[str, list[SeedRow]] = {}
        for row in self.seeds:
            found.setdefault(row.distribution, []).append(row)
        return found


@dataclass(frozen=True)
class Finding:
    """One sentence of the page's opening summary, and the ids of the rows that it rests on."""

    text: str
    rows: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.rows:
            raise InvalidArgument("rows", self.rows, "at least one row id")


Block = Text | Heading | Bullets | Formula | RowTable | LineFigure | StageFigure | SeedFigure


@dataclass(frozen=True)
class Section:
    """What an artefact shows, from top to bottom, under its own title."""

    blocks: tuple[Block, ...]
