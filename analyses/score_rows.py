"""Scores of the common LASSO test as rows: of a method, of its difference to another, as curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from analyses.lasso_test import SCORES, SeedScores
from analyses.rendering.blocks import Cell, Estimate
from analyses.seed_curves import seed_curve
from ml2o_core.results import CurveRow, ScoreRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.statistics import mean_interval

COLUMNS: dict[str, Cell] = {
    "tasks": "distribution",
    "method": "method",
    "score": "score",
    "mean and 95 % interval": Estimate.of,
    "repeats": "repeats",
    "masked": "masked",
}
"""A table of scores."""

DIFFERENCE_COLUMNS: dict[str, Cell] = {
    "tasks": "distribution",
    "difference": lambda row: f"{row.method} − {row.reference}",
    "of the score": "score",
    "mean and 95 % interval": Estimate.of,
    "repeats": "repeats",
    "masked": "masked",
}
"""A table of paired differences."""


def score_rows(
    artefact: str, parts: Sequence[str], sigma: float, method: str, found: SeedScores
) -> list[ScoreRow]:
    """A row for each score of `method`; their ids are made of `parts`."""
    return [
        _row((artefact, *parts, score), sigma, method, score, found.values[score], found.counted)
        for score in SCORES
    ]


def difference_rows(
    artefact: str,
    parts: Sequence[str],
    sigma: float,
    method: str,
    found: SeedScores,
    reference: str,
    other: SeedScores,
) -> list[ScoreRow]:
    """The same of `method` minus `reference`, over the seeds that count for both."""
    counted = found.counted & other.counted
    rows = []
    for score in SCORES:
        with np.errstate(invalid="ignore"):  # ∞ − ∞ of seeds that do not count
            values = found.values[score] - other.values[score]
        id_parts = (artefact, *parts, score, "difference")
        rows.append(_row(id_parts, sigma, method, score, values, counted, reference))
    return rows


def _row(
    id_parts: tuple[str, ...],
    sigma: float,
    method: str,
    score: Score,
    values: np.ndarray,
    counted: np.ndarray,
    reference: str | None = None,
) -> ScoreRow:
    row = ScoreRow(
        id=row_id(*id_parts),
        artefact=id_parts[0],
        family="lasso",
        distribution=f"σ = {sigma:g}",
        sigma=sigma,
        method=method,
        score=score,
        reference=reference,
        mean=None,
        repeats=int(counted.sum()),
        masked=int((~counted).sum()),
        reason="" if counted.any() else "no repeat is left that did not diverge",
    )
    if not counted.any():
        return row
    interval = mean_interval(values[counted])
    return row.with_changes(
        mean=interval.mean,
        lower=interval.lower,
        upper=interval.upper,
        reason="one replicate has no interval" if interval.count == 1 else "",
    )


def score_curves(
    artefact: str,
    sigma: float,
    name: str,
    points: Sequence[SeedScores],
    label: str | None = None,
    **positions: tuple[float, ...],
) -> list[CurveRow]:
    """Each score of a method against what a sweep varies; `positions` are the curve's step and x.

    `name` makes the id, and is the method's label unless another is given.
    """
    counted = np.stack([point.counted for point in points], axis=1)
    if not counted.any():
        return []
    return [
        seed_curve(
            np.stack([point.values[score] for point in points], axis=1),
            counted,
            id=row_id(artefact, f"σ={sigma:g}", "curve", name, score),
            artefact=artefact,
            panel=f"σ = {sigma:g}",
            method=label or name,
            quantity=score.value,
            **positions,
        )
        for score in SCORES
    ]


def decided(differences: Iterable[ScoreRow], name: Callable[[ScoreRow], str], phrase: str) -> str:
    """Which intervals exclude 0, and on which side, in words: "lower for α = 0.1, 0.3; higher …".

    `name` says which difference a row is ("0.1"), and `phrase` holds several ("for α = {}").
    """
    lower, higher, neither, missing = [], [], [], []
    for row in differences:
        if row.mean is None:
            missing.append(name(row))
        elif row.upper is not None and row.upper < 0:
            lower.append(name(row))
        elif row.lower is not None and row.lower > 0:
            higher.append(name(row))
        else:
            neither.append(name(row))
    said = [
        f"{what} {phrase.format(', '.join(names))}"
        for what, names in (
            ("lower", lower),
            ("higher", higher),
            ("undecided", neither),
            ("unknown, as no replicate is left,", missing),
        )
        if names
    ]
    return "; ".join(said)
