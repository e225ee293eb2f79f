"""Small stored runs of several profiles, made of rows without computing anything."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import torch

from analyses.provenance import collect
from analyses.settings import RunSettings
from ml2o_core.results import (
    ClaimRow,
    ConstantRow,
    FitRow,
    Interval,
    Results,
    Row,
    ScoreRow,
    row_id,
)

TL, DT = "Transfer Learning (TL)", "Direct Transfer (DT)"
PAPER, SUBOPTIMALITY = "min ln mean objective", "min ln mean suboptimality"


def claim(
    name: str, verdict: str, effect: float | None = -1.0, source: str = "Table 1"
) -> ClaimRow:
    """A claim whose interval is half a unit on either side."""
    ends = {} if effect is None else {"lower": effect - 0.5, "upper": effect + 0.5}
    return ClaimRow(
        id=f"table1/{name}",
        artefact="table1",
        claim=f"The claim {name}",
        source=source,
        profile="paper",
        effect=effect,
        **ends,
        verdict=verdict,
        reason="by construction",
    )


def score(
    mean: float | None,
    *,
    panel: str = "σ = 10",
    method: str = "M-L2O",
    reference: str | None = TL,
    score: str = PAPER,
    artefact: str = "table1",
) -> ScoreRow:
    """A score, or a paired difference, whose interval is half a unit on either side."""
    ends = {} if mean is None else {"lower": mean - 0.5, "upper": mean + 0.5}
    return ScoreRow(
        id=row_id(artefact, panel, method, score, *(["minus", reference] if reference else [])),
        artefact=artefact,
        family="lasso",
        distribution=panel,
        sigma=10.0,
        method=method,
        score=score,
        reference=reference,
        mean=mean,
        **ends,
        repeats=10,
    )


def training(windows: int = 5000) -> list[Row]:
    """What the artefact `training` stores, as far as its page needs it."""
    return [
        FitRow(
            id="training/lasso-m-l2o",
            artefact="training",
            method="LASSO, M-L2O",
            stage="meta-training",
            how="maml on lasso; on cuda",
            windows=windows,
            repeats=10,
            diverged=2,
        ),
        ConstantRow(
            id="training/curvature",
            artefact="training",
            symbol="lambda_max",
            subject="LASSO, M-L2O",
            value=Interval.at_least(2000),
            lower_method="searched",
            upper_method="trivial",
            norm="Euclidean",
            region="the trained parameters",
        ),
    ]


def store(folder: Path, profile: str, *rows: Row, not_run: dict[str, str] | None = None) -> Results:
    """A stored run of a profile whose page shows the trainings."""
    settings = RunSettings(profile=profile, preset="paper")
    provenance = collect(settings, torch.device("cpu"), datetime(2026, 5, 1, tzinfo=UTC))
    provenance = provenance.with_changes(seconds={"training": 2.0}, not_run=not_run or {})
    everything = (*rows, *training(10_000 if profile == "matched" else 5000))
    results = Results(everything, provenance.model_dump(mode="json"), {"training": {"alpha": 1e-3}})
    results.save(folder)
    return results


def two_profiles(folder: Path) -> Path:
    """The profiles paper and matched, and a sweep with a claim of its own."""
    store(
        folder / "matched",
        "matched",
        claim("a/claim/m-l2o/tl", "undecided", 0.1),
        score(0.1),
        score(-3.0, method="M-L2O", reference=None),
    )
    store(
        folder / "paper",
        "paper",
        claim("a/claim/m-l2o/tl", "reproduced"),
        claim("b", "reversed", 1.25),
        claim("c", "undecided", None),
        score(-1.0),
        score(-1.0, panel="σ = 10 again"),
        score(-2.0, method=DT, reference=None),
        not_run={"figure4": "stopped by the limit", "figure3": "stopped by the limit"},
    )
    store(folder / "sweeps", "paper", claim("sweep", "reproduced", -2.5))
    return folder
