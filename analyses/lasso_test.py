"""The common test of the LASSO experiments: adapt φ to LASSO with some σ, and score it there.

The adaptation and test tasks depend on the seed, σ and the replicate alone, so the scores of all
methods, here and in the paper's figures, are of the same tasks (common random numbers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from ml2o_core.evaluation import loss_curves, min_log_mean
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.descent import Layout
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import initial_params, train
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import CertifiedOptima, certified_optima

SIGMAS = (50.0, 100.0)
"""Of adaptation and test, as in Figure 2."""

SCORES = (Score.MIN_LN_MEAN_OBJECTIVE, Score.MIN_LN_MEAN_SUBOPTIMALITY)
"""What is measured: the paper's score, and the same of f − f*."""


@dataclass(frozen=True)
class SeedScores:
    """Each of `SCORES` seed by seed, (R,), and which seeds count.

    Those count that diverged neither in training, nor in adaptation, nor on the test tasks.
    """

    values: Mapping[Score, np.ndarray]
    counted: np.ndarray

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The values by the name of the score."""
        return {score.value: values for score, values in self.values.items()}

    def pair(self, other: SeedScores) -> tuple[np.ndarray, np.ndarray]:
        """The paper's scores of both, over the seeds that count for both."""
        both = self.counted & other.counted
        return self.values[SCORES[0]][both], other.values[SCORES[0]][both]


@dataclass(frozen=True)
class LassoTest:
    """The test tasks of LASSO with A ~ N(0, σ²), (R, N), and their optima.

    `compile` compiles the runs on them (`ml2o_core.evaluation.curves`).
    """

    sigma: float
    steps: int
    problems: Problems
    optima: CertifiedOptima
    compile: bool = False

    @classmethod
    def draw(
        cls,
        sigma: float,
        *,
        seed: int,
        repeats: int,
        size: int,
        steps: int,
        device: torch.device | str = "cpu",
        compile: bool = False,
    ) -> Self:
        """The tasks of every artefact that tests on LASSO with this σ."""
        problems = sample_problems(
            Lasso.normal(sigma),
            seed=seed,
            purpose="test",
            repeats=repeats,
            size=size,
            device=device,
            dtype=torch.float64,
        )
        # On the CPU, so that f* is the same wherever the methods run.
        optima = certified_optima(problems.tasks.to("cpu", torch.float64))
        return cls(sigma, steps, problems, optima, compile)

    def adapted(
        self, adapting: TrainConfig, params: Params, converged: Tensor, steps: Sequence[int]
    ) -> list[SeedScores]:
        """Of φ = `params` after each number of steps of the adaptation `adapting` to this σ."""
        way = on_the_way(adapting, params, steps, self.problems.start.device)
        return [self.score(adapting.rule, phi, converged & alive) for phi, alive in way]

    def score(self, rule: UpdateRule, params: Params, converged: Tensor) -> SeedScores:
        """Of `rule` with φ = `params`, whose replicates `converged` (R,)."""
        losses = loss_curves(rule, params, self.problems, self.steps, compile=self.compile).cpu()
        # Of the mean, since losses that are finite can have a mean that is not.
        finite = losses.mean(1).isfinite().all(1)
        paper, excess = min_log_mean(losses), min_log_mean(self.optima.excess(losses))
        values = dict(zip(SCORES, (paper.numpy(), excess.numpy()), strict=True))
        return SeedScores(values, (converged.cpu() & finite).numpy())


def on_the_way(
    config: TrainConfig,
    params: Params,
    steps: Sequence[int],
    device: torch.device | str = "cpu",
) -> list[tuple[Params, Tensor]]:
    """φ after each number of windows of the adaptation `config`, and which replicates (R,) live.

    A run of k windows is the beginning of a longer one, so that one run passes all of them.
    """
    layout = Layout.of(initial_params(config))  # in which `train` has them, whatever the order here
    everyone = torch.ones(config.repeats, dtype=torch.bool)
    seen: dict[int, tuple[Params, Tensor]] = {0: (params, everyone)}

    def look(state: TrainingState, now: bool) -> None:
        if state.window in steps:
            seen[state.window] = (layout.split(state.learner.phi.clone()), state.alive.cpu())

    train(config, params, device=device, keep=look)
    return [seen[count] for count in steps]
