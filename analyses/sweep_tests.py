"""The common LASSO test of many trained rules, as kept frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from analyses.kept_frames import KeptFrames
from analyses.lasso_test import SCORES, SIGMAS, LassoTest, SeedScores
from analyses.profiles import Plan, size
from analyses.seed_scores import PAPER, seed_rows
from analyses.settings import RunSettings
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained, initial_params
from ml2o_core.optimizers.base import Params
from ml2o_core.progress import Progress
from ml2o_core.results import SeedRow
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso

SHARED, PIECE = "lasso-tests", "scores"
"""In place of an artefact's name, and the name of the one piece of a test."""

EDITION = 1
"""To be raised when a test changes: older ones are then left."""


@dataclass(frozen=True)
class Case:
    """φ after `run` and each number of `steps` of the plan's adaptation; by default, after all.

    Without a run it is φ_0.
    """

    plan: Plan
    run: Trained | None
    steps: tuple[int, ...] = ()

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of adaptation steps after which it is scored."""
        return self.steps or (self.plan.adaptation_windows,)

    def start(self, device: torch.device) -> tuple[Params, Tensor]:
        """φ before adaptation, and which replicates (R,) did not diverge up to there."""
        if self.run is not None:
            return self.run.to(device).params, self.run.converged
        everyone = torch.ones(self.plan.meta.repeats, dtype=torch.bool)
        return initial_params(self.plan.meta, device), everyone

    def adapting(self, sigma: float) -> TrainConfig:
        """All of its adaptation: at least a window, even if only the start is scored."""
        return self.plan.adapting(Lasso.normal(sigma), windows=max(1, *self.counts))


class SweepTests(Spec):
    """What is tested on: σ of adaptation and test, steps of a run, problems a batch."""

    sigmas: tuple[float, ...] = Field(SIGMAS, min_length=1)
    steps: int = Field(ge=1)
    size: int = Field(ge=1)

    @classmethod
    def of(cls, settings: RunSettings) -> Self:
        """Those of a preset."""
        here = size(settings)
        return cls(steps=here.test_steps, size=here.test_size)

    def scores(
        self,
        cases: Mapping[str, Case],
        settings: RunSettings,
        trainings: Trainings,
        progress: Progress,
    ) -> dict[float, dict[str, list[SeedScores]]]:
        """By σ, by the name of the case, and by the number of its adaptation steps.

        What is computed is kept in the run's folder, if it has one.
        """
        device = resolve_device(settings.device)
        (repeats,) = {case.plan.meta.repeats for case in cases.values()}

        @lru_cache(maxsize=1)  # the keys come σ by σ
        def test(sigma: float) -> LassoTest:
            return LassoTest.draw(
                sigma,
                seed=settings.seed,
                repeats=repeats,
                size=self.size,
                steps=self.steps,
                device=device,
                compile=settings.compile,
            )

        frames = KeptFrames(SHARED, PIECE, EDITION, trainings.out, device, settings.compile)
        found = frames.compute(
            {
                (sigma, name): self._belongs_to(case, sigma, settings)
                for sigma in self.sigmas
                for name, case in cases.items()
            },
            _test,
            lambda key: (cases[key[1]], test(key[0])),
            progress,
        )
        scores: dict[float, dict[str, list[SeedScores]]] = {sigma: {} for sigma in self.sigmas}
        for (sigma, name), frame in found.items():
            scores[sigma][name] = _scores(frame, cases[name])
        return scores

    def seed_rows(
        self, artefact: str, sigma: float, found: Mapping[str, SeedScores], seed: int
    ) -> list[SeedRow]:
        """The paper's score of each method at one σ, seed by seed."""
        by_seed = {name: (scores.values[PAPER], scores.counted) for name, scores in found.items()}
        where = f"σ = {sigma:g}"
        test = Lasso.normal(sigma)
        return seed_rows(artefact, test, where, sigma, by_seed, seed=seed, size=self.size)

    def _belongs_to(self, case: Case, sigma: float, settings: RunSettings) -> dict[str, object]:
        return {
            "training": case.run and case.run.config.model_dump(mode="json"),
            "trained on": case.run and case.run.device,
            "adaptation": case.adapting(sigma).model_dump(mode="json"),
            "after": case.counts,
            "test": {"steps": self.steps, "size": self.size, "seed": settings.seed},
        }


def _test(case: Case, test: LassoTest) -> pd.DataFrame:
    """The scores of every seed after each number of steps."""
    start = case.start(test.problems.start.device)
    found = test.adapted(case.adapting(test.sigma), *start, case.counts)
    parts = [
        pd.DataFrame({"steps": count, "counted": scores.counted, **scores.columns})
        for count, scores in zip(case.counts, found, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _scores(frame: pd.DataFrame, case: Case) -> list[SeedScores]:
    found = []
    for count in case.counts:
        rows = frame[frame["steps"] == count]
        values = {score: rows[score.value].to_numpy() for score in SCORES}
        found.append(SeedScores(values, rows["counted"].to_numpy()))
    return found
