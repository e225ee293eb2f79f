"""Scores of weights between two adapted ones, and of optimizers that have no weights."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import torch
from pydantic import Field
from torch import Tensor

from analyses.comparison import PROXIMAL, tuning_problems
from analyses.lasso_test import LassoTest, SeedScores
from analyses.profiles import Plan
from ml2o_core.evaluation import default_params, tune_step
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import train
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso


class Interpolation(Spec):
    """Every setting, resolved."""

    plan: Plan
    like_training: float = Field(10.0, description="σ of the training-like adaptation tasks")
    like_test: float = Field(100.0, description="σ of the test-like ones, and of the test")
    factors: tuple[float, ...] = Field(tuple(k / 10 for k in range(11)), min_length=2)
    test_steps: int
    test_size: int
    tuned: tuple[str, ...] = Field(
        ("sgd", "momentum", "adam"), description="with a step tuned on the test-like tasks"
    )
    proximal: tuple[str, ...] = Field(PROXIMAL, description="with step 1/L")

    def adapting(self, sigma: float) -> TrainConfig:
        """The adaptation to LASSO with this σ."""
        return self.plan.adapting(Lasso.normal(sigma))


def between(first: Params, second: Params, a: float) -> Params:
    """(1 − a) φ₁ + a φ₂; exactly φ₁ at a = 0 and φ₂ at a = 1."""
    if a in (0, 1):
        return second if a else first
    return {name: (1 - a) * first[name] + a * second[name] for name in first}


def interpolated(
    config: Interpolation, adapts: bool, params: Params, converged: Tensor, test: LassoTest
) -> pd.DataFrame:
    """A row for each factor and seed: whether it counts, its scores, and those of the optima."""
    rule, device = config.plan.meta.rule, test.problems.start.device
    if not adapts:  # both ends are φ
        return _rows(config, [test.score(rule, params, converged)] * len(config.factors), test)
    ends = [
        train(config.adapting(sigma), params, device=device)
        for sigma in (config.like_training, config.like_test)
    ]
    first, second = (end.params for end in ends)
    alive = converged.cpu() & ends[0].converged.cpu() & ends[1].converged.cpu()
    found = [test.score(rule, between(first, second, a), alive) for a in config.factors]
    return _rows(config, found, test)


def analytic_scores(config: Interpolation, name: str, test: LassoTest) -> pd.DataFrame:
    """The same of an analytic optimizer, for which the factor is nothing."""
    repeats, device = config.plan.meta.repeats, test.problems.start.device
    rule = UpdateRule.lookup(name)()
    if name in config.tuned:
        tasks = tuning_problems(config.plan, Lasso.normal(config.like_test), device)
        params = tune_step(rule, tasks, config.test_steps, compile=test.compile).params
    else:
        params = default_params(rule, repeats, device)
    everyone = torch.ones(repeats, dtype=torch.bool)
    return _rows(config, [test.score(rule, params, everyone)] * len(config.factors), test)


def _rows(config: Interpolation, found: Sequence[SeedScores], test: LassoTest) -> pd.DataFrame:
    optimum = test.optima.primal.mean(1).log().cpu().numpy()
    parts = [
        pd.DataFrame(
            {
                "a": a,
                "seed": range(len(optimum)),
                "counted": scores.counted,
                **scores.columns,
                "optimum": optimum,
            }
        )
        for a, scores in zip(config.factors, found, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)
