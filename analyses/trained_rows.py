"""A training as rows: how it went, and how curved the risk is where it ended."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from analyses.curvature import top_curvature
from analyses.kept_frames import KeptFrames
from analyses.rendering.blocks import Cell
from analyses.settings import RunSettings
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.meta.trainer import Trained
from ml2o_core.progress import Progress
from ml2o_core.results import ConstantRow, EndMethod, FitRow, Interval, row_id

FIT_COLUMNS: dict[str, Cell] = {
    "training": "method",
    "procedure": "how",
    "windows": "windows",
    "replicates": "repeats",
    "diverged": "diverged",
    "clipped": "clipped_share",
}
"""A table of trainings."""

EDITION = 1
"""To be raised when the curvature changes: older ones are then left."""


def fit_row(artefact: str, name: str, run: Trained) -> FitRow:
    """How the parameters came about."""
    config = run.config
    lengths = config.curriculum.lengths if config.curriculum else ()
    episodes = f", episodes of {lengths[0]} to {lengths[-1]} steps" if lengths else ""
    return FitRow(
        id=row_id(artefact, name),
        artefact=artefact,
        method=name,
        stage="meta-training",
        how=f"{config.meta_gradient.name} on {config.family.name}, {config.descent} "
        f"{config.learning_rate:g}, T = {config.unroll_steps}{episodes}; on {run.device}",
        windows=config.windows,
        repeats=config.repeats,
        diverged=int((~run.converged).sum()),
        clipped_share=float(run.history.clipped_share.mean()),
    )


def curvature_rows(
    artefact: str,
    runs: Mapping[str, Trained],
    settings: RunSettings,
    trainings: Trainings,
    progress: Progress,
) -> list[ConstantRow]:
    """The largest eigenvalue of each risk's Hessian, from below: the replicates' median and most.

    What is computed is kept in the run's folder, if it has one.
    """
    device = resolve_device(settings.device)
    frames = KeptFrames("curvature", "largest", EDITION, trainings.out, device, False)
    found = frames.compute(
        {
            name: {"training": run.config.model_dump(mode="json"), "trained on": run.device}
            for name, run in runs.items()
        },
        _curvature,
        lambda name: (runs[name],),
        progress,
    )
    rows = []
    for name, frame in found.items():
        largest = frame.loc[runs[name].converged.cpu().numpy(), "largest"].sort_values()
        if not len(largest):
            continue
        for which, value in (
            ("median replicate", largest.iloc[(len(largest) - 1) // 2]),
            ("most curved replicate", largest.iloc[-1]),
        ):
            rows.append(
                ConstantRow(
                    id=row_id(artefact, "curvature", name, which),
                    artefact=artefact,
                    symbol="lambda_max",
                    subject=f"{name}; {which}",
                    value=Interval.at_least(float(value)),
                    lower_method=EndMethod.SEARCHED,
                    upper_method=EndMethod.TRIVIAL,
                    norm="Euclidean",
                    region="first windows of an episode, at the trained parameters",
                )
            )
    return rows


def _curvature(run: Trained) -> pd.DataFrame:
    return pd.DataFrame({"largest": top_curvature(run).cpu().numpy()})


def least(row: ConstantRow) -> float:
    """The lower end of a constant."""
    return float(row.value.lower.decimal)
