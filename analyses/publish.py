"""From a folder of results to its page: no computation, the stored rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyses.artefact import Artefact, Chapter
from analyses.provenance import Provenance
from analyses.rendering.cells import label
from analyses.settings import Preset
from ml2o_core.files import write_atomically
from ml2o_core.results import (
    AssumptionVerdict,
    CheckVerdict,
    ClaimVerdict,
    EndMethod,
    Level,
    ParityVerdict,
    RateVerdict,
    Results,
    Score,
    Vacuity,
)
from ml2o_core.results.vocabulary import Word

if TYPE_CHECKING:
    from analyses.rendering.page import Part

PAGE = "index.html"
TITLE = "Learning to optimize: what the theory says and what is observed"

LEADS = {
    Preset.QUICK: "This is the quick preset: it shows that everything works, and the theory's "
    "checks are meant in full. Its experiments are far too short to assess the paper's claims.",
    Preset.STANDARD: "This is the standard preset: the paper's protocol at a reduced size.",
    Preset.PAPER: "This is the paper preset: the paper's protocol at its full size.",
}

VOCABULARIES: dict[str, type[Word]] = {
    "Verdict of a check": CheckVerdict,
    "Verdict on a claim of the paper": ClaimVerdict,
    "Verdict on an assumption": AssumptionVerdict,
    "Verdict on a rate": RateVerdict,
    "Verdict on two computations": ParityVerdict,
    "Bound": Vacuity,
    "Level of a bound": Level,
    "What an end of an interval rests on": EndMethod,
    "Scores": Score,
}


def render(folder: Path | str) -> Path:
    """Write `index.html` beside the results in `folder`, replacing an older page atomically."""
    path = Path(folder) / PAGE
    content = page_of(Results.load(folder)).encode()
    write_atomically(path, content)
    return path


def page_of(results: Results) -> str:
    """The page of a run, as HTML."""
    from analyses.rendering import page  # matplotlib is wanted from here on only

    provenance = Provenance.parse(results.provenance)
    artefacts = [Artefact.lookup(name)() for name in provenance.seconds]
    artefacts.sort(key=lambda artefact: list(Chapter).index(artefact.chapter))
    settings, seconds = provenance.settings, sum(provenance.seconds.values())
    return page.html(
        page.Page(
            title=TITLE,
            subtitle=f"Preset {settings.preset}, profile {settings.profile}, seed {settings.seed}; "
            f"run on {provenance.started[:10]}; the last run took {seconds:.0f} s.",
            lead=LEADS[settings.preset],
            notes=_missing(provenance.not_run),
            parts=[_part(artefact, results.of(artefact.name)) for artefact in artefacts],
            vocabularies=[(title, words(kind)) for title, kind in VOCABULARIES.items()],
            provenance=page.Facts("Provenance", facts(results.provenance)),
            configuration=[
                page.Facts(a.title, facts(results.configuration[a.name])) for a in artefacts
            ],
        )
    )


def _part(artefact: Artefact, results: Results) -> Part:
    from analyses.rendering.page import Part

    return Part(
        anchor=artefact.name,
        title=artefact.title,
        chapter=str(artefact.chapter),
        section=artefact.section(results),
        findings=artefact.findings(results),
    )


def _missing(not_run: Mapping[str, str]) -> list[str]:
    """What was not run, a sentence for each reason."""
    return [
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing: {why}."
        for why, names in by_reason(not_run).items()
    ]


def by_reason(not_run: Mapping[str, str]) -> dict[str, list[str]]:
    """What was not run, reason by reason."""
    found: dict[str, list[str]] = {}
    for name, why in not_run.items():
        found.setdefault(why, []).append(name)
    return found


def words(vocabulary: Iterable[Word]) -> list[tuple[str, str]]:
    """Words as the page prints them, with their meanings."""
    return [(label(word), word.meaning) for word in vocabulary]


def facts(values: Any) -> dict[str, Any]:
    """JSON values by name, with lists of objects numbered, for the page's fact lists."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        nested = value
        if isinstance(value, list) and any(isinstance(item, (dict, list)) for item in value):
            nested = {str(index): item for index, item in enumerate(value, start=1)}
        found[name.replace("_", " ")] = facts(nested) if isinstance(nested, dict) else nested
    return found
