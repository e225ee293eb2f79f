"""The paper's score by training seed: rows, the figure of them, and what is said about it.

A mean over ten seeds can stand for ten alike, or for eight that learned something and two that did
not. The start is the score of x_0 alone; the minimum over the steps begins there, so that a seed
whose score is that of its start learned nothing that helps on these tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from analyses.artefact import Finding
from analyses.rendering.blocks import Role, SeedFigure
from ml2o_core.problems import sample_problems
from ml2o_core.results import SeedRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.base import TaskFamily

PAPER = Score.MIN_LN_MEAN_OBJECTIVE
"""The paper's score."""

Scores = tuple[np.ndarray, np.ndarray]
"""The paper's score by seed, (R,), and which seeds count."""


def seed_rows(
    artefact: str,
    test: TaskFamily,
    distribution: str,
    sigma: float | None,
    found: Mapping[str, Scores],
    *,
    seed: int,
    size: int,
) -> list[SeedRow]:
    """A row for each method of `found`; the test tasks are drawn again for their start alone."""
    repeats = len(next(iter(found.values()))[1])
    problems = sample_problems(test, seed=seed, purpose="test", repeats=repeats, size=size)
    start = tuple(problems.start_losses().mean(1).log().tolist())
    return [
        SeedRow(
            id=row_id(artefact, distribution, "seeds", method),
            artefact=artefact,
            family=test.name,
            distribution=distribution,
            sigma=sigma,
            method=method,
            score=PAPER,
            values=tuple(
                value if kept else None for value, kept in zip(values, counted, strict=True)
            ),
            start=start,
        )
        for method, (values, counted) in found.items()
    ]


def seed_figure(artefact: str, seeds: Iterable[SeedRow]) -> tuple[SeedFigure, ...]:
    """The figure, or nothing where there are no rows."""
    rows = tuple(seeds)
    if not rows:
        return ()
    caption = (
        "Every training seed: the paper's score, lower (further left) is better; the bar is the "
        "mean. The dashed line is where the runs start. A seed has the same height in every line."
    )
    return (
        SeedFigure(
            id=f"{artefact}-seeds",
            caption=caption,
            description="A point for each training seed of each method.",
            x_label=PAPER.value,
            seeds=rows,
            roles=dict.fromkeys((row.method for row in rows), Role.LEARNED),
        ),
    )


def never_below_start(where: str, seeds: Sequence[SeedRow]) -> list[Finding]:
    """How many seeds of each method are never better than x_0, over all panels."""
    rows = [row for row in seeds if row.never_below]
    if not rows:
        return []
    everyone: dict[str, int] = {}
    stuck: dict[str, int] = {}
    for row in seeds:
        everyone[row.method] = everyone.get(row.method, 0) + len(row.counted)
        stuck[row.method] = stuck.get(row.method, 0) + row.never_below
    said = ", ".join(
        f"{name} in {stuck[name]} of {everyone[name]}" for name in stuck if stuck[name]
    )
    text = (
        f"{where}: with some training seeds no step is better than the starting point: {said} "
        "(seeds, over all panels)."
    )
    return [Finding(text, tuple(row.id for row in rows))]
