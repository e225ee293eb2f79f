"""The panels of a comparison, as kept frames: another artefact may show the same panel."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from analyses.comparison import Comparison, Panel, compare_panel
from analyses.comparison_rows import OPTIMUM, panel_rows, scores
from analyses.kept_frames import KeptFrames
from analyses.row_frames import loaded, stored
from analyses.seed_scores import PAPER
from ml2o_core.methods import Pretrained
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Row
from ml2o_core.results.vocabulary import Score

SHARED = "panels"
"""In place of an artefact's name, in kept panels: several artefacts may show one."""

PIECE = "panel"

SCORED = "by seed"
"""In place of a table's name in a panel's frame: the scores of every seed."""

EDITION = 2
"""To be raised when a panel's rows change: older ones are then left."""


@dataclass(frozen=True)
class Scored:
    """Every score of every method in one panel, by seed, and which seeds count.

    `optimum` is the mean over the seeds of ln (mean certified optimum), where it has a logarithm.
    """

    scores: Mapping[Score, Mapping[str, np.ndarray]]
    counted: Mapping[str, np.ndarray]
    optimum: float | None = None

    def pair(
        self, method: str, other: str, elsewhere: Scored | None = None, score: Score = PAPER
    ) -> list[np.ndarray]:
        """Scores of `method` here and of `other` (in another panel), over the seeds of both."""
        there = elsewhere or self
        both = self.counted[method] & there.counted[other]
        return [self.scores[score][method][both], there.scores[score][other][both]]


def scored_of(frame: pd.DataFrame) -> Scored:
    """The scores by seed of a panel's frame."""
    (text,) = frame.loc[frame["table"] == SCORED, "row"]
    found, counted = json.loads(text)
    curves = map(json.loads, frame.loc[frame["table"] == CurveRow.table, "row"])
    optima = [curve["estimate"][-1] for curve in curves if curve["method"] == OPTIMUM]
    return Scored(
        {
            score: {method: np.array(values) for method, values in found[score].items()}
            for score in Score
            if score in found
        },
        {method: np.array(values, dtype=bool) for method, values in counted.items()},
        optima[0] if optima else None,
    )


def rows_of(frame: pd.DataFrame, artefact: str) -> list[Row]:
    """The rows of a panel's frame, as those of `artefact`."""
    return [
        row.with_changes(artefact=artefact, id=artefact + row.id.removeprefix(SHARED))
        for row in loaded(frame[frame["table"] != SCORED])
    ]


@dataclass(frozen=True)
class Panels:
    """All panels of an artefact's comparison; `compile` compiles the runs on test problems."""

    config: Comparison
    pretrained: Pretrained
    device: torch.device
    compile: bool = False

    def compute(
        self, out: Path | None, progress: Progress, workers: int | None = None
    ) -> list[tuple[Panel, pd.DataFrame]]:
        """Each panel with its frame, in the order of the configuration.

        What is computed is kept in the run's folder `out`, if there is one.
        """
        trained_on = {kind: run.device for kind, run in self.pretrained.runs.items()}
        belong_to = {
            panel: {
                "configuration": self._only(panel).model_dump(mode="json"),
                "trained on": trained_on,
            }
            for panel in self.config.panels
        }
        frames = KeptFrames(SHARED, PIECE, EDITION, out, self.device, self.compile)
        found = frames.compute(belong_to, self.panel, lambda panel: (panel,), progress, workers)
        return list(found.items())

    def _only(self, panel: Panel) -> Comparison:
        return self.config.with_changes(panels=(panel,))

    def panel(self, panel: Panel) -> pd.DataFrame:
        """One panel's rows and scores."""
        result = compare_panel(
            self.config, panel, self.pretrained, self.device, Progress(), compile=self.compile
        )
        table = {method: scores(result, method) for method in result.losses}
        by_score: dict[str, dict[str, list[float]]] = {}
        for method, values in table.items():
            for (score, _), by_seed in values.items():
                by_score.setdefault(score, {})[method] = by_seed.tolist()
        counted = {m: kept.tolist() for m, kept in result.scored.items()}
        frame = stored(panel_rows(SHARED, result))
        seeds = pd.DataFrame([(SCORED, json.dumps([by_score, counted]))], columns=["table", "row"])
        return pd.concat([frame, seeds], ignore_index=True)
