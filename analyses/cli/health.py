"""`ml2o doctor`: is this installation sound?"""

from __future__ import annotations

from dataclasses import asdict

from analyses.cli.output import AsJson, print_columns, print_json
from analyses.cli.running import Device
from analyses.doctor import examine
from analyses.progress import terminal_progress
from ml2o_core.devices import resolve_device

UNSOUND = 1
"""Exit code when an examination failed."""


def doctor(*, device: Device = "cpu", json: AsJson = False) -> int:
    """Check the installation: versions, device, determinism, numbers."""
    place = resolve_device(device)
    with terminal_progress() as progress:
        examinations = examine(place, progress)
    if json:
        print_json([asdict(examination) for examination in examinations])
    else:
        print_columns([("ok" if e.ok else "FAIL", e.name, e.found) for e in examinations])
    return 0 if all(examination.ok for examination in examinations) else UNSOUND
