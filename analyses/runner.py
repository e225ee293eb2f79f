"""Runs artefacts: checks everything first, collects their rows, saves them, renders the page."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import torch

from analyses.artefact import Artefact
from analyses.piece_store import FOLDER as PIECES
from analyses.piece_store import PieceStore, is_piece_folder
from analyses.pieces import PiecewiseArtefact
from analyses.progress import TimeLimited
from analyses.provenance import collect
from analyses.publish import render
from analyses.settings import Preset, RunSettings
from analyses.trained import TrainedArtefact
from analyses.trainings import FOLDER as TRAININGS
from analyses.trainings import Trainings, is_trainings_folder
from ml2o_core.compiled import check_compiler
from ml2o_core.devices import deterministic, resolve_device
from ml2o_core.errors import InvalidArgument
from ml2o_core.files import can_hold_files, is_leftover, remove_leftovers
from ml2o_core.progress import Progress, Stopped
from ml2o_core.results import Results, Row
from ml2o_core.results.store import is_curve_file, is_stored_run

FOLDERS = {PIECES: is_piece_folder, TRAININGS: is_trainings_folder}
"""What a run keeps beside its results, and how such a folder is told from another."""


def run_artefacts(
    names: Sequence[str],
    settings: RunSettings,
    out: Path | str,
    progress: Progress | None = None,
    *,
    trainings: Path | str | None = None,
    left_out: Mapping[str, str] | None = None,
) -> Results:
    """Run the artefacts in this order; write `results.json` and `index.html` into the folder `out`.

    Bad input raises before anything is computed or written. A run that reaches its time limit keeps
    the artefacts that were finished and says which were not. The pieces of a `PiecewiseArtefact`
    are kept in `out` one by one, and those that are there already are not computed again. So are
    `trainings`, in a folder of their own that several runs may share; by default it is in `out`.
    `left_out` is for the caller to say what else is missing, and why.
    """
    artefacts = [Artefact.lookup(name)() for name in dict.fromkeys(names)]
    if not artefacts:
        raise InvalidArgument("artefacts", list(names), ", ".join(Artefact.registry()))
    for artefact in artefacts:
        artefact.check(settings)
    check_destination(out)
    if trainings is not None and not _can_hold_trainings(Path(trainings)):
        allowed = "a folder that is new, empty, or holds trainings"
        raise InvalidArgument("trainings", str(trainings), allowed)
    device = resolve_device(settings.device)
    if settings.compile and device.type == "cpu":
        check_compiler()
    configuration = {a.name: a.configuration(settings).model_dump(mode="json") for a in artefacts}
    stores = {a.name: a.store(settings, out) for a in artefacts if isinstance(a, PiecewiseArtefact)}
    for store in stores.values():
        store.open()

    listener = progress or Progress()
    if settings.time_limit is not None:
        listener = TimeLimited(listener, settings.time_limit)
    with deterministic():
        provenance = collect(settings, device, datetime.now(UTC))
    trained = _trainings(settings, Path(out), trainings, device, listener)
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    not_run = dict(left_out or {})
    for artefact in artefacts:
        begun = time.perf_counter()
        try:
            if isinstance(listener, TimeLimited):
                listener.check()
            with deterministic():
                found = _run(artefact, settings, listener, stores, trained)
        except Stopped as stopped:
            not_run[artefact.name] = str(stopped)
            if isinstance(artefact, PiecewiseArtefact):
                standing = artefact.standing(settings, stores[artefact.name])
                not_run[artefact.name] += f"; {standing}"
            continue
        rows += _owned(artefact, found)
        seconds[artefact.name] = round(time.perf_counter() - begun, 3)
    provenance = provenance.with_changes(seconds=seconds, not_run=not_run)
    results = Results(tuple(rows), provenance.model_dump(mode="json"), configuration)
    if Path(out).is_dir():
        remove_leftovers(Path(out))
    results.save(out)
    render(out)
    return results


def check_destination(out: Path | str) -> None:
    """`InvalidArgument` unless `out` is new, empty, or holds an earlier run, which is replaced.

    An earlier run may have been killed: then there are its pieces, or the start of a first save.
    """
    folder = Path(out)
    if folder.exists() and not (folder.is_dir() and _is_ours(folder)):
        raise InvalidArgument("out", str(out), "a folder that is new, empty, or an earlier run's")
    if not can_hold_files(folder):
        raise InvalidArgument("out", str(out), "a folder that can be made or written to")


def _can_hold_trainings(folder: Path) -> bool:
    return (not folder.exists() or is_trainings_folder(folder)) and can_hold_files(folder)


def _trainings(
    settings: RunSettings,
    out: Path,
    folder: Path | str | None,
    device: torch.device,
    progress: Progress,
) -> Trainings:
    """Where the trainings of a run are kept. What takes seconds is not worth a file."""
    if settings.preset is Preset.QUICK:
        return Trainings(None, device, progress, compile=settings.compile)
    kept = out / TRAININGS if folder is None else Path(folder)
    return Trainings(kept, device, progress, out=out, compile=settings.compile)


def _is_ours(folder: Path) -> bool:
    """Whether a run may write into the folder: it is empty, or holds what runs leave."""
    entries = list(folder.iterdir())
    if any(path.name in FOLDERS and not FOLDERS[path.name](path) for path in entries):
        return False
    return is_stored_run(folder) or all(
        path.name in FOLDERS or is_curve_file(path) or is_leftover(path) for path in entries
    )


def _run(
    artefact: Artefact,
    settings: RunSettings,
    progress: Progress,
    stores: Mapping[str, PieceStore],
    trainings: Trainings,
) -> Sequence[Row]:
    if isinstance(artefact, PiecewiseArtefact):
        return artefact.resume(settings, progress, stores[artefact.name])
    if isinstance(artefact, TrainedArtefact):
        return artefact.run_trained(settings, progress, trainings)
    return artefact.run(settings, progress)


def _owned(artefact: Artefact, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows, after a check that they carry the artefact's name."""
    for row in rows:
        if row.artefact != artefact.name:
            raise InvalidArgument("artefact", row.artefact, f"{artefact.name} (row {row.id})")
    return rows
