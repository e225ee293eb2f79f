"""The report: every artefact that there is, in one page."""

from __future__ import annotations

from pathlib import Path

from analyses.artefact import Artefact
from analyses.publish import render
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.progress import Progress
from ml2o_core.results import Results


def report(settings: RunSettings, out: Path | str, progress: Progress | None = None) -> Results:
    """Run every artefact that exists under `settings`, and write the report into `out`.

    The others are named on the page, with the reason why they are missing.
    """
    device = resolve_device(settings.device).type
    chosen, left_out = [], {}
    for name, artefact in Artefact.registry().items():
        if settings.preset not in artefact.presets:
            left_out[name] = f"only in the presets {', '.join(artefact.presets)}"
        elif settings.profile not in artefact.profiles:
            left_out[name] = f"only in the profiles {', '.join(artefact.profiles)}"
        elif device not in artefact.devices:
            left_out[name] = f"only on the devices {', '.join(artefact.devices)}"
        else:
            chosen.append(name)
    return run_artefacts(chosen, settings, out, progress, left_out=left_out)


def rebuild(out: Path | str) -> Path:
    """Write the page again from the results that are stored in `out`, without running anything."""
    return render(out)
