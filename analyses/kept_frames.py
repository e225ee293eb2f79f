"""Frames that are computed side by side, each kept as soon as it is there, for more than one run.

A frame depends on what it belongs to alone: its settings, the trainings that it is about, the
device. So what is kept is used again by the same command, and by another artefact that needs the
same frame; and it does not depend on the number of workers. (An artefact whose work is its own, and
needs no trained rules, is a `PiecewiseArtefact` instead.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import torch

from analyses.piece_store import Pieces, PiecesInMemory, PieceStore, encode
from analyses.provenance import PROGRAM
from analyses.side_by_side import side_by_side
from ml2o_core.compiled import place
from ml2o_core.devices import deterministic
from ml2o_core.progress import Progress

WORKERS = 2
"""Frames side by side, on a CPU."""

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class KeptFrames:
    """Frames of one kind; they lie in `out`/pieces/`kind`, or nowhere if `out` is None.

    `piece` is what one of them is called. Raise `edition` when `compute`'s function changes: older
    frames are then left.
    """

    kind: str
    piece: str
    edition: int
    out: Path | None
    device: torch.device
    compiled: bool

    def compute(
        self,
        belong_to: Mapping[K, Mapping[str, Any]],
        function: Callable[..., pd.DataFrame],
        arguments: Callable[[K], tuple[Any, ...]],
        progress: Progress,
        workers: int | None = None,
    ) -> dict[K, pd.DataFrame]:
        """The frames by key; those that are not kept are `function`(*`arguments`(key)).

        `arguments` is called when the call begins, so that it may prepare what several of them
        share. The limit of time is kept between calls.
        """
        kept = {key: self._store(everything) for key, everything in belong_to.items()}
        missing = [key for key, store in kept.items() if self.piece not in store.names()]
        at_once = 1 if self.device.type == "cuda" else min(workers or WORKERS, len(missing))
        calls = ((function, key, arguments(key)) for key in missing)
        with (
            progress.task(self.kind, len(missing)) as advance,
            side_by_side(_computed, calls, at_once) as finished,
        ):
            for key, content in finished:
                kept[key].save(self.piece, content)
                advance()
        return {key: store.load([self.piece])[self.piece] for key, store in kept.items()}

    def _store(self, belongs_to: Mapping[str, Any]) -> Pieces:
        if self.out is None:
            return PiecesInMemory()
        everything = {
            **belongs_to,
            "device": place(self.device, self.compiled),
            "edition": self.edition,
            "program": version(PROGRAM),
        }
        store = PieceStore.under(self.out, self.kind, everything)
        store.open()
        return store


def _computed(
    function: Callable[..., pd.DataFrame], key: K, arguments: tuple[Any, ...]
) -> tuple[K, bytes]:
    with deterministic():
        return key, encode(function(*arguments))
