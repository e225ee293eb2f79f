"""Where a run's numbers come from: the program, the machine, the options, and how long it took.

Nothing here names a user, a host or a path, so that a report can be passed on as it is.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import requires, version
from pathlib import Path

import torch

from analyses.settings import RunSettings
from ml2o_core.spec import Spec

PROGRAM = "ml2o"


class SourceVersion(Spec):
    """The version of the source; `commit` is None outside of the program's own git checkout."""

    program: str
    commit: str | None
    modified: bool | None


class Machine(Spec):
    """What the run ran on. `device` is the one that the experiments used."""

    system: str
    processor: str
    logical_processors: int
    torch_threads: int
    device: str


class Provenance(Spec):
    """Everything needed to tell whether two runs should agree."""

    source: SourceVersion
    python: str
    packages: dict[str, str]
    machine: Machine
    settings: RunSettings
    started: str
    seconds: dict[str, float]
    """Duration of each artefact that was run."""
    not_run: dict[str, str]
    """Artefacts that are missing from the results, and why."""


def source_version() -> SourceVersion:
    """The package's version and, in its own git checkout, the commit and whether it is modified."""
    root = Path(__file__).resolve().parent.parent
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top).resolve() != root:
        return SourceVersion(program=version(PROGRAM), commit=None, modified=None)
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return SourceVersion(
        program=version(PROGRAM),
        commit=_git(root, "rev-parse", "HEAD"),
        modified=None if changes is None else bool(changes),
    )


def _git(folder: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def package_versions() -> dict[str, str]:
    """The installed versions of what the program depends on directly."""
    declared = (re.match(r"[\w.-]+", line) for line in requires(PROGRAM) or () if ";" not in line)
    names = sorted(match.group() for match in declared if match)
    # PyPI's CUDA build of torch leaves its build (+cu130) out of the package's version.
    return {name: version(name) for name in names} | {"torch": str(torch.__version__)}


def machine(device: torch.device) -> Machine:
    """This machine, without its name."""
    name = str(device.type)
    if device.type == "cuda":
        name = f"cuda ({torch.cuda.get_device_name(device)})"
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=_processor(),
        logical_processors=os.cpu_count() or 1,
        torch_threads=torch.get_num_threads(),
        device=name,
    )


def _processor() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    named = re.search(r"^model name\s*:\s*(.+)$", info, re.MULTILINE)
    return named.group(1) if named else platform.processor() or "unknown"


def collect(settings: RunSettings, device: torch.device, started: datetime) -> Provenance:
    """The provenance of a run that starts now; its durations are filled in later."""
    return Provenance(
        source=source_version(),
        python=platform.python_version(),
        packages=package_versions(),
        machine=machine(device),
        settings=settings,
        started=started.astimezone(UTC).isoformat(timespec="seconds"),
        seconds={},
        not_run={},
    )
