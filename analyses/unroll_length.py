"""Section 5.1: M-L2O meta-trained with T = 5, 20 and 50.

The paper sets T = 20 "to achieve better experimental performance" than with the usual T = 5, while
the bound of Proposition 1 grows with T. Run it alone with `python -m analyses.unroll_length` or
`ml2o run unroll-length`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from analyses.artefact import Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.claims_page import claim_table
from analyses.profiles import Plan, plan, size
from analyses.rendering.blocks import Estimate, RowTable, Section, Text
from analyses.settings import Preset, RunSettings
from analyses.trained import TrainedArtefact
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.evaluation import loss_curves, min_log_mean
from ml2o_core.meta.trainer import train
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row, ScoreRow, row_id
from ml2o_core.results.vocabulary import ClaimVerdict, Score
from ml2o_core.spec import Spec
from ml2o_core.statistics import mean_interval
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import certified_optima

LENGTHS = (5, 20, 50)


class UnrollLengths(Spec):
    """Every setting, resolved; a plan for each T."""

    plans: dict[int, Plan]
    sigmas: tuple[float, ...] = Field((50.0, 100.0), description="σ of adaptation and test")
    test_steps: int
    test_size: int


class UnrollLength(TrainedArtefact):
    """The scores of M-L2O by the T that it was trained with."""

    name: ClassVar[str] = "unroll-length"
    title: ClassVar[str] = "Section 5.1: how long a window is trained on"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    presets: ClassVar[tuple[Preset, ...]] = (Preset.STANDARD, Preset.PAPER)

    def configuration(self, settings: RunSettings) -> UnrollLengths:
        here = size(settings)
        plans = {T: plan(settings, unroll_steps=T) for T in LENGTHS}
        return UnrollLengths(plans=plans, test_steps=here.test_steps, test_size=here.test_size)

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config, device = self.configuration(settings), resolve_device(settings.device)
        rows: list[Row] = []
        claims = []
        for sigma in config.sigmas:
            family, scores, kept = Lasso.normal(sigma), {}, {}
            for T, planned in config.plans.items():
                trained = trainings.get(planned.meta)
                adapting = planned.adapting(family)
                adapted = train(adapting, trained.params, device=device, progress=progress)
                test = sample_problems(
                    family,
                    seed=settings.seed,
                    purpose="test",
                    repeats=planned.meta.repeats,
                    size=config.test_size,
                    device=device,
                    dtype=torch.float64,
                )
                rule, steps = planned.meta.rule, config.test_steps
                losses = loss_curves(
                    rule, adapted.params, test, steps, progress=progress, label=f"test T = {T}"
                )
                optima = certified_optima(test.tasks.to("cpu", torch.float64))
                both_scores = {
                    Score.MIN_LN_MEAN_OBJECTIVE: min_log_mean(losses).cpu().numpy(),
                    Score.MIN_LN_MEAN_SUBOPTIMALITY: min_log_mean(
                        optima.excess(losses.cpu())
                    ).numpy(),
                }
                scores[T] = both_scores[Score.MIN_LN_MEAN_OBJECTIVE]
                kept[T] = (trained.converged & adapted.converged).numpy()
                rows += [
                    _row(self.name, sigma, T, score, values, kept[T])
                    for score, values in both_scores.items()
                ]
            both = kept[20] & kept[5]
            claims.append(
                OrderClaim(
                    id=row_id(self.name, "claim", f"σ={sigma:g}"),
                    text=f"M-L2O reaches a lower loss when trained with T = 20 than with T = 5 "
                    f"(σ = {sigma:g})",
                    source="Section 5.1",
                    better=scores[20][both],
                    worse=scores[5][both],
                )
            )
        return [*rows, *assess(self.name, claims, settings)]

    def findings(self, results: Results) -> Sequence[Finding]:
        return [
            Finding(f"That {row.claim} is {row.verdict} ({row.effect:+.2f}).", (row.id,))
            for row in results.claims
            if row.verdict is not ClaimVerdict.NOT_ASSESSED and row.effect is not None
        ]

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    "Training and adaptation use windows of T steps; the number of windows, and of "
                    "steps in an episode, is the same for every T, so a longer window costs more. "
                    "Proposition 1 bounds the difference of the gradients of two tasks by a "
                    "number that grows exponentially with T."
                ),
                RowTable.of(
                    "The paper's score, and that of f − f*, by the T of meta-training; lower is "
                    "better.",
                    results.scores,
                    {
                        "tasks": "distribution",
                        "method": "method",
                        "score": "score",
                        "mean and 95 % interval": Estimate.of,
                        "repeats": "repeats",
                        "masked": "masked",
                    },
                ),
                claim_table("The paper's claim.", results.claims),
            )
        )


def _row(
    artefact: str, sigma: float, T: int, score: Score, values: np.ndarray, kept: np.ndarray
) -> ScoreRow:
    interval = mean_interval(values[kept])
    return ScoreRow(
        id=row_id(artefact, f"σ={sigma:g}", f"T={T}", score),
        artefact=artefact,
        family="lasso",
        distribution=f"σ = {sigma:g}",
        sigma=sigma,
        method=f"M-L2O, T = {T}",
        score=score,
        mean=interval.mean,
        lower=interval.lower,
        upper=interval.upper,
        repeats=int(kept.sum()),
        masked=int((~kept).sum()),
    )


if __name__ == "__main__":
    main("unroll-length")
