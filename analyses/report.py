"""The report: every artefact that there is, in one page."""

from __future__ import annotations

from pathlib import Path

from analyses.artefact import Artefact
from analyses.collection import is_collection, render_collection, runs_in
from analyses.publish import render
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.errors import InvalidArgument
from ml2o_core.progress import Progress
from ml2o_core.results import Results
from ml2o_core.results.store import FILE

ALONE = "the quick report has no time for that; `ml2o run` computes each one alone"


def report(settings: RunSettings, out: Path | str, progress: Progress | None = None) -> Results:
    """Run every artefact that exists under `settings`, and write the report into `out`.

    The others are named on the page, with the reason why they are missing.
    """
    device = resolve_device(settings.device).type
    chosen, left_out = [], {}
    for name, artefact in Artefact.registry().items():
        if settings.preset not in artefact.presets:
            left_out[name] = f"only in the presets {', '.join(artefact.presets)}"
        elif settings.preset is Preset.QUICK and not artefact.in_quick_report:
            left_out[name] = ALONE
        elif settings.profile not in artefact.profiles:
            left_out[name] = f"only in the profiles {', '.join(artefact.profiles)}"
        elif device not in artefact.devices:
            left_out[name] = f"only on the devices {', '.join(artefact.devices)}"
        else:
            chosen.append(name)
    return run_artefacts(chosen, settings, out, progress, left_out=left_out)


def rebuild(folder: Path | str) -> list[Path]:
    """Write the pages of a run or of a collection again, without running anything.

    They come from the stored results alone: a run's own page, or that of every run of a collection
    and then the joined one. `InvalidArgument` where `folder` is neither.
    """
    folder = Path(folder)
    if (folder / FILE).exists():
        return [render(folder)]
    if not is_collection(folder):
        raise InvalidArgument(
            "folder", str(folder), "a folder with a run's results, or with such folders in it"
        )
    # All are read before the first page is written: a damaged run leaves every page as it is.
    runs = runs_in(folder)
    return [*(render(folder / name) for name in runs), render_collection(folder)]
