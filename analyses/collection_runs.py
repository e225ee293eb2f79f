"""What the parts of a joined page share: a run by name, its rows beside those of the others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

from analyses.artefact import Artefact
from analyses.provenance import Provenance
from analyses.publish import PAGE
from analyses.rendering.blocks import Text
from analyses.settings import Profile
from ml2o_core.results import FitRow, Results, Row, row_id
from ml2o_core.results.row import column

R = TypeVar("R", bound=Row)

TRAINED_ON = re.compile(r"; on (\S.*)$")
"""How `FitRow.how` of a meta-training ends: the device that it ran on."""


@dataclass(frozen=True)
class Run:
    """A stored run of a collection, under the name of its folder."""

    name: str
    results: Results

    @cached_property
    def provenance(self) -> Provenance:
        return Provenance.parse(self.results.provenance)

    @property
    def is_profile(self) -> bool:
        """Whether the run stands for its profile; the others are sweeps and the like."""
        return self.name in set(Profile)

    @property
    def title(self) -> str:
        """As sentences name it."""
        settings = self.provenance.settings
        if self.is_profile:
            return f"profile {self.name} (preset {settings.preset})"
        return f"run {self.name} (profile {settings.profile}, preset {settings.preset})"

    def link(self, label: str, anchor: str = "") -> str:
        """A link to the run's own page, as markup of a text."""
        return f"[{label}]({self.page}{'#' if anchor else ''}{anchor})"

    @property
    def page(self) -> str:
        return f"{quote(self.name)}/{PAGE}"

    def moved(self, text: str) -> str:
        """A text of the run's own page, with its links to rows leading there."""
        return text.replace("](#", f"]({self.page}#")


def profiles(runs: Sequence[Run]) -> list[Run]:
    """The runs that stand for a profile; all of them where none does."""
    return [run for run in runs if run.is_profile] or list(runs)


class RunRow(Row):
    """A run of the collection; made for the joined page and not stored."""

    table: ClassVar[str] = "runs"

    name: str = column("the folder")
    page: str = column("its page")
    profile: str = column("whose settings")
    preset: str = column("how much was computed")
    artefacts: str = column("the artefacts that it holds")
    device: str = column("the device that the experiments ran on")
    trained_on: str = column("the devices that the trainings ran on")
    started: str = column("when it began")
    seconds: float = column("duration", unit="s")
    windows: str = column("windows of a meta-training")
    replicates: str = column("training seeds")


def run_row(run: Run) -> RunRow:
    """What the stored results say of the run itself."""
    kept, fits = run.provenance, run.results.fits.where(stage="meta-training")
    return RunRow(
        id=row_id("run", run.name),
        artefact="collection",
        name=run.name,
        page=run.page,
        profile=kept.settings.profile,
        preset=kept.settings.preset,
        artefacts=", ".join(kept.seconds),
        device=kept.machine.device,
        trained_on="; ".join(_trained_on(fits)),
        started=kept.started[:10],
        seconds=sum(kept.seconds.values()),
        windows=_numbers(fit.windows for fit in fits),
        replicates=_numbers(fit.repeats for fit in fits),
    )


def _trained_on(fits: Iterable[FitRow]) -> list[str]:
    found = (TRAINED_ON.search(fit.how) for fit in fits)
    return sorted({match[1] for match in found if match})


def _numbers(values: Iterable[int | None]) -> str:
    return ", ".join(f"{value:,}" for value in sorted({v for v in values if v is not None}))


def page_link(row: RunRow) -> Text:
    """A cell that leads to the run's page."""
    return Text(f"[{row.name}]({row.page})")


def side_by_side(
    runs: Iterable[Run], rows: Callable[[Run], Iterable[R]], key: Callable[[R], Any]
) -> dict[Any, dict[str, R]]:
    """Rows of the same key, by the name of their run; keys in the order in which they come."""
    found: dict[Any, dict[str, R]] = {}
    for run in runs:
        for row in rows(run):
            found.setdefault(key(row), {})[run.name] = row
    return found


def first_of(beside: Mapping[Any, Mapping[str, R]]) -> list[R]:
    """One row of each key: the first run's that has it."""
    return [next(iter(rows.values())) for rows in beside.values()]


def from_run(
    beside: Mapping[Any, Mapping[str, R]],
    key: Callable[[R], Any],
    name: str,
    show: Callable[[R], Any],
) -> Callable[[R], Any]:
    """A cell: what `show` makes of the row that run `name` has under the same key; None without."""

    def cell(row: R) -> Any:
        other = beside[key(row)].get(name)
        return None if other is None else show(other)

    return cell


def holding(runs: Sequence[Run], beside: Mapping[Any, Mapping[str, Row]]) -> list[Run]:
    """The runs that have any of these rows."""
    return [run for run in runs if any(run.name in rows for rows in beside.values())]


def short_title(artefact: str) -> str:
    """`Figure 2` of "Figure 2: convergence on LASSO"."""
    return Artefact.lookup(artefact).title.partition(":")[0]
