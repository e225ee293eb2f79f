"""`ml2o report`, `run` and `rebuild`: all artefacts, some of them, or their pages alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from analyses.cli.options import option
from analyses.cli.output import AsJson, print_columns, print_json
from analyses.progress import terminal_progress
from analyses.publish import PAGE
from analyses.report import rebuild as write_pages
from analyses.report import report as write_report
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.results import Results
from ml2o_core.results.store import FILE

FAULT = 1
"""Exit code when a check came out VIOLATED or SOLVER_FAILED, or when two devices differ."""

Out = Annotated[Path | None, option("Folder for the page and results.json.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """The settings of a run; what is None keeps its default."""

    preset: Annotated[
        Literal["quick", "standard", "paper"] | None,
        option("How much is computed. [default: quick]"),
    ] = None
    profile: Annotated[
        Literal["paper", "released", "matched"] | None,
        option("Whose settings are used. [default: matched]"),
    ] = None
    device: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        option("Where experiments run. [default: cpu]"),
    ] = None
    seed: Annotated[int | None, option("Root of every random draw. [default: 0]")] = None
    repeats: Annotated[int | None, option("Training seeds. [default: the preset's]")] = None
    compile: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Compile test runs, and trainings of 1,000 windows and more, which pays for long "
            "runs. On a CPU results are the same up to rounding.",
        ),
    ] = False
    time_limit: Annotated[float | None, option("Seconds after which the run stops.")] = None

    def resolve(self) -> RunSettings:
        """The settings, validated."""
        given = {name: value for name, value in asdict(self).items() if value is not None}
        return RunSettings.parse(given)


def report(*, out: Out = None, options: Options = Options(), json: AsJson = False) -> int:
    """Run every artefact of a preset and write the report."""
    settings = options.resolve()
    folder = out or Path("reports") / settings.preset
    with terminal_progress() as progress:
        results = write_report(settings, folder, progress)
    return _finish(folder, results, json)


def run(
    artefacts: Annotated[tuple[str, ...], Parameter(help="Names of `ml2o list artefacts`.")],
    /,
    *,
    out: Out = None,
    trainings: Annotated[
        Path | None,
        option("Folder where trainings are found and kept, for several runs. [default: in --out]"),
    ] = None,
    options: Options = Options(),
    json: AsJson = False,
) -> int:
    """Run one artefact or several, and write their part of the report."""
    settings = options.resolve()
    folder = out or Path("runs") / "-".join(artefacts)
    with terminal_progress() as progress:
        results = run_artefacts(artefacts, settings, folder, progress, trainings=trainings)
    return _finish(folder, results, json)


def rebuild(
    folder: Annotated[
        Path, Parameter(help="A run's folder, or one that holds runs in subfolders.")
    ],
    /,
    *,
    json: AsJson = False,
) -> None:
    """Write the pages of a folder again from its stored results.

    A run has one page; of a folder that holds runs, every run's page is written and the joined one.
    """
    pages = [str(page) for page in write_pages(folder)]
    if json:
        print_json({"pages": pages})
    else:
        print_columns([("page", page) for page in pages])


def _finish(folder: Path, results: Results, as_json: bool) -> int:
    """Say where the results are and what came of it; exit code 1 if something is at fault."""
    verdicts = Counter(str(row.verdict) for row in results.checks)
    faults = [row.id for row in results.faults]
    not_run = results.provenance["not_run"]
    if as_json:
        print_json(
            {
                "page": str(folder / PAGE),
                "results": str(folder / FILE),
                "checks": verdicts,
                "faults": faults,
                "not_run": not_run,
            }
        )
    else:
        counts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        rows = [("page", str(folder / PAGE)), ("checks", counts or "none")]
        if len(results.parity):
            compared = Counter(str(row.verdict) for row in results.parity)
            rows.append(
                ("devices", ", ".join(f"{n} {word}" for word, n in sorted(compared.items())))
            )
        rows += [("at fault", row) for row in faults]
        rows += [("not run", f"{name}: {why}") for name, why in not_run.items()]
        print_columns(rows)
    return FAULT if faults else 0
