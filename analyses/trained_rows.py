"""A training as rows: how it went, and how curved the risk is where it ended."""

from __future__ import annotations

from analyses.curvature import top_curvature
from analyses.rendering.blocks import Cell
from ml2o_core.meta.trainer import Trained
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


def curvature_rows(artefact: str, name: str, run: Trained) -> list[ConstantRow]:
    """The largest eigenvalue of the risk's Hessian, from below: the replicates' median and most."""
    found = top_curvature(run)[run.converged.to(next(iter(run.params.values())).device)].cpu()
    if not len(found):
        return []
    return [
        ConstantRow(
            id=row_id(artefact, "curvature", name, which),
            artefact=artefact,
            symbol="lambda_max",
            subject=f"{name}; {which}",
            value=Interval.at_least(value),
            lower_method=EndMethod.SEARCHED,
            upper_method=EndMethod.TRIVIAL,
            norm="Euclidean",
            region="first windows of an episode, at the trained parameters",
        )
        for which, value in (
            ("median replicate", found.median().item()),
            ("most curved replicate", found.max().item()),
        )
    ]


def least(row: ConstantRow) -> float:
    """The lower end of a constant."""
    return float(row.value.lower.decimal)
