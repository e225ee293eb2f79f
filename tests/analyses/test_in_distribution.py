"""The test of training at toy size: what is compared, at which step, and where steps are chosen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from analyses.in_distribution import APART, KINDS, LEARNED, Excess, InDistributionTest, compare
from ml2o_core.evaluation import STEP_GRID, curves, loss_curves
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser

CONFIG = InDistributionTest(
    training=TrainConfig(
        family=Lasso(rows=4, cols=3),
        rule=RNNprop(hidden=2, output_scale=0.1),
        windows=1,
        unroll_steps=2,
        batch_size=2,
    ),
    test_size=4,
    tuning_size=3,
    steps=(2, 5),
    tuned=("sgd",),
)


@pytest.fixture(scope="module")
def result() -> tuple[Trained, list[Excess]]:
    return compare(CONFIG, "cpu", Progress())


def drawn(purpose: str, size: int) -> Problems:
    return sample_problems(CONFIG.training.family, seed=0, purpose=purpose, repeats=1, size=size)


def above_optimum(losses: Tensor, problems: Problems) -> Tensor:
    """f − f* at every step, shape (N, S+1), from the certified dual bounds."""
    dual = [optimum.dual for optimum in certified_optima(problems.tasks)]
    return losses[0] - torch.tensor(dual, dtype=torch.float64).unsqueeze(-1)


def sgd(step: float, problems: Problems) -> Tensor:
    params = {"learning_rate": torch.tensor([step], dtype=torch.float64)}
    return above_optimum(loss_curves(SGD(), params, problems, max(CONFIG.steps)), problems)


def test_the_rules_are_compared_at_the_stated_steps_of_fresh_problems(
    result: tuple[Trained, list[Excess]],
) -> None:
    run, found = result
    test = drawn("test", CONFIG.test_size)
    learned = loss_curves(CONFIG.training.rule, run.params, test, max(CONFIG.steps))
    assert [excess.step for excess in found] == [2, 5]
    for excess in found:
        for kind in KINDS:
            values = excess.values[kind]
            own = above_optimum(learned, test)[:, excess.step]
            torch.testing.assert_close(values[LEARNED], own, rtol=1e-9, atol=1e-12)
            tuned = sgd(excess.chosen[kind]["sgd"], test)[:, excess.step]
            torch.testing.assert_close(values["sgd"], tuned, rtol=1e-9, atol=1e-12)


def test_distances_are_those_of_the_runs_that_are_best_for_the_mean(
    result: tuple[Trained, list[Excess]],
) -> None:
    """From above: at least the distance from the certified point, and no more than is proved."""
    run, found = result
    test = drawn("test", CONFIG.test_size)
    optima = certified_optima(test.tasks)
    radius = distance_to_minimiser(test.tasks, optima)[0]
    for excess in found:
        step = excess.chosen[Score.MEAN_SUBOPTIMALITY]["sgd"]
        params = {"learning_rate": torch.tensor([step], dtype=torch.float64)}
        pairs = {LEARNED: (CONFIG.training.rule, run.params), "sgd": (SGD(), params)}
        assert excess.values[APART].keys() == pairs.keys()
        for name, (rule, phi) in pairs.items():
            ran = curves(rule, phi, test, excess.step, optima.points)
            apart = excess.values[APART][name]
            assert (apart >= ran.distances[0, :, -1]).all()
            torch.testing.assert_close(apart - radius, ran.distances[0, :, -1])


def test_each_step_size_is_the_best_for_its_step_and_mean_on_the_tuning_problems(
    result: tuple[Trained, list[Excess]],
) -> None:
    tuning = drawn("tune", CONFIG.tuning_size)
    for excess in result[1]:
        scores = {Score.MEAN_SUBOPTIMALITY: [], Score.MEAN_LN_SUBOPTIMALITY: []}
        for step in STEP_GRID:
            at_step = sgd(step, tuning)[:, excess.step]
            scores[Score.MEAN_SUBOPTIMALITY].append(at_step.mean().item())
            scores[Score.MEAN_LN_SUBOPTIMALITY].append(at_step.log().mean().item())
        for kind, by_step in scores.items():
            best = STEP_GRID[by_step.index(min(by_step))]
            assert excess.chosen[kind]["sgd"] == pytest.approx(best)
