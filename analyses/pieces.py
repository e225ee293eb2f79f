"""An artefact whose work is a list of independent pieces, each kept as soon as it is finished.

    class Sweep(PiecewiseArtefact):
        def pieces(self, settings): return [f"alpha={alpha:g}" for alpha in ALPHAS]
        def compute(self, settings, piece): ...      # a data frame, from settings and name alone
        def gather(self, settings, frames, progress): ...  # rows, from all the frames

A run that is stopped or killed keeps the pieces that it finished; the same command computes the
others and gathers all of them. The rows do not depend on how often a run was stopped, nor on the
number of workers: a piece is a pure function of the settings and its name, and `gather` sees what a
file holds, in the order of `pieces`, even if no file was written.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import pandas as pd

from analyses.artefact import Artefact
from analyses.piece_store import Pieces, PiecesInMemory, PieceStore, encode
from analyses.provenance import PROGRAM
from analyses.settings import RunSettings
from analyses.side_by_side import side_by_side
from ml2o_core.devices import deterministic, resolve_device
from ml2o_core.errors import InvalidArgument
from ml2o_core.progress import Progress
from ml2o_core.results import Row

_NAME = re.compile(r"[a-z0-9][a-z0-9.=_-]*")


class PiecewiseArtefact(Artefact):
    """An artefact in pieces. Raise `edition` when `compute` changes: older pieces are then left."""

    edition: ClassVar[int] = 1

    @abstractmethod
    def pieces(self, settings: RunSettings) -> Sequence[str]:
        """Names of the pieces, in the order of `gather`: lower-case letters, digits, . = _ -."""

    @abstractmethod
    def compute(self, settings: RunSettings, piece: str) -> pd.DataFrame:
        """One piece, in any process: from its arguments alone, with nothing drawn or left behind.

        The limit of time is kept between pieces, so a piece should take seconds, or a minute.
        """

    @abstractmethod
    def gather(
        self, settings: RunSettings, frames: Mapping[str, pd.DataFrame], progress: Progress
    ) -> Sequence[Row]:
        """The rows, from the frames of all pieces by name."""

    def workers(self, settings: RunSettings) -> int:
        """Processes that compute pieces side by side."""
        return 1

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        return self.resume(settings, progress, PiecesInMemory())

    def resume(self, settings: RunSettings, progress: Progress, kept: Pieces) -> Sequence[Row]:
        """Compute the pieces that are not in `kept`, keep each one, and gather all of them."""
        names, there = self.names(settings), kept.names()
        missing = [name for name in names if name not in there]
        calls = [(self, settings, name) for name in missing]
        workers = min(self.workers(settings), len(missing))
        with (
            progress.task(f"{self.name}: pieces", len(missing)) as advance,
            side_by_side(_piece, calls, workers) as finished,
        ):
            for name, content in finished:
                kept.save(name, content)
                advance()
        return self.gather(settings, kept.load(names), progress)

    def names(self, settings: RunSettings) -> list[str]:
        """The names of the pieces, after a check that each can be that of one file."""
        names = list(self.pieces(settings))
        for name, count in Counter(names).items():
            if count > 1 or not _NAME.fullmatch(name):
                raise InvalidArgument("piece", name, "unique names of a-z, 0-9 and . = _ -")
        return names

    def store(self, settings: RunSettings, out: Path | str) -> PieceStore:
        """Where the pieces of this configuration lie in the folder `out`."""
        belongs_to = {
            "configuration": self.configuration(settings).model_dump(mode="json"),
            "device": resolve_device(settings.device).type,
            "edition": self.edition,
            "program": version(PROGRAM),
        }
        return PieceStore.under(out, self.name, belongs_to)

    def standing(self, settings: RunSettings, kept: Pieces) -> str:
        """What a stopped run leaves, in words."""
        names = self.names(settings)
        done = len(kept.names() & set(names))
        return f"{done} of {len(names)} pieces are kept, and the same command goes on from there"


def _piece(artefact: PiecewiseArtefact, settings: RunSettings, name: str) -> tuple[str, bytes]:
    with deterministic():
        return name, encode(artefact.compute(settings, name))
