"""The panels of a comparison, each kept as soon as it is computed, side by side.

A panel depends on the configuration and the trained rules alone, so what is kept is used again by
the same command; and the result does not depend on the number of workers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from analyses.comparison import Comparison, Panel, compare_panel
from analyses.comparison_rows import panel_rows, scores
from analyses.piece_store import Pieces, PiecesInMemory, PieceStore, encode
from analyses.provenance import PROGRAM
from analyses.row_frames import stored
from ml2o_core.devices import deterministic
from ml2o_core.methods import Pretrained
from ml2o_core.progress import Progress
from ml2o_core.results.vocabulary import Score

PAPER = Score.MIN_LN_MEAN_OBJECTIVE
"""The paper's score."""

SCORED = "by seed"
"""In place of a table's name in a panel's frame: the scores of every seed."""

EDITION = 1
"""To be raised when a panel's rows change: older ones are then left."""


@dataclass(frozen=True)
class Scored:
    """The paper's score of every method in one panel, by seed, and which seeds count."""

    score: Mapping[str, np.ndarray]
    counted: Mapping[str, np.ndarray]

    def pair(self, method: str, other: str, elsewhere: Scored | None = None) -> list[np.ndarray]:
        """Scores of `method` here and of `other` (in another panel), over the seeds of both."""
        there = elsewhere or self
        both = self.counted[method] & there.counted[other]
        return [self.score[method][both], there.score[other][both]]


def scored_of(frame: pd.DataFrame) -> Scored:
    """The scores by seed of a panel's frame."""
    (text,) = frame.loc[frame["table"] == SCORED, "row"]
    score, counted = json.loads(text)
    return Scored(
        {method: np.array(values) for method, values in score.items()},
        {method: np.array(values, dtype=bool) for method, values in counted.items()},
    )


@dataclass(frozen=True)
class Panels:
    """All panels of an artefact's comparison."""

    artefact: str
    config: Comparison
    pretrained: Pretrained
    device: torch.device

    def compute(
        self, trainings: Path | None, workers: int, progress: Progress
    ) -> list[tuple[Panel, pd.DataFrame]]:
        """Each panel with its frame, in the order of the configuration.

        What is computed is kept beside the folder of the trainings.
        """
        kept = self._store(trainings)
        names = [f"panel-{index:02d}" for index in range(len(self.config.panels))]
        panels = dict(zip(names, self.config.panels, strict=True))
        missing = [name for name in names if name not in kept.names()]
        with (
            progress.task(f"{self.artefact}: panels", len(missing)) as advance,
            self._computed([panels[name] for name in missing], workers) as found,
        ):
            for name, content in zip(missing, found, strict=True):
                kept.save(name, content)
                advance()
        return [(panels[name], frame) for name, frame in kept.load(names).items()]

    def _store(self, trainings: Path | None) -> Pieces:
        if trainings is None:
            return PiecesInMemory()
        runs = self.pretrained.runs
        belongs_to = {
            "configuration": self.config.model_dump(mode="json"),
            "trained on": {kind: run.device for kind, run in runs.items()},
            "device": self.device.type,
            "edition": EDITION,
            "program": version(PROGRAM),
        }
        store = PieceStore.under(trainings.parent, self.artefact, belongs_to)
        store.open()
        return store

    @contextmanager
    def _computed(self, panels: list[Panel], workers: int) -> Iterator[Iterator[bytes]]:
        workers = min(workers, len(panels))
        if workers <= 1:
            yield (self.panel(panel) for panel in panels)
            return
        from joblib import Parallel, delayed  # its import writes to the environment

        parallel = Parallel(n_jobs=workers, batch_size=1, return_as="generator")
        found = parallel(delayed(self.panel)(panel) for panel in panels)
        try:
            yield found
        finally:
            found.close()

    def panel(self, panel: Panel) -> bytes:
        """One panel's rows and scores, encoded; the limit of time is kept between panels."""
        with deterministic():
            result = compare_panel(self.config, panel, self.pretrained, self.device, Progress())
        score = {m: scores(result, m)[PAPER, None].tolist() for m in result.losses}
        counted = {m: kept.tolist() for m, kept in result.scored.items()}
        frame = stored(panel_rows(self.artefact, result))
        by_seed = pd.DataFrame([(SCORED, json.dumps([score, counted]))], columns=["table", "row"])
        return encode(pd.concat([frame, by_seed], ignore_index=True))
