"""What every command that computes shares: the device, repeatable numbers, a progress bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import torch
from cyclopts import Parameter

from analyses.cli.user_code import blaming_own_files
from analyses.progress import terminal_progress
from ml2o_core.devices import deterministic, resolve_device
from ml2o_core.progress import Progress

Device = Annotated[str, Parameter(help="cpu, cuda, or auto: CUDA where there is one.")]
FamilyOptions = Annotated[
    str, Parameter(help="Options of the distribution, as `ml2o list families` shows: --sigma 50.")
]


@contextmanager
def computing(device: str) -> Iterator[tuple[torch.device, Progress]]:
    """Compute on `device` with bit-reproducible settings, without TF32; bars on a terminal."""
    place = resolve_device(device)
    with blaming_own_files(), deterministic(), terminal_progress() as progress:
        yield place, progress
