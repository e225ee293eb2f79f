"""Curves, scores and tuned steps."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from ml2o_core.errors import InvalidArgument
from ml2o_core.evaluation import (
    STEP_GRID,
    WINDOW,
    default_params,
    loss_curves,
    min_log_mean,
    tune_step,
)
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.ista import ISTA
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import trajectory

FAMILY = Quadratic(rows=4, cols=3)


def problems(repeats: int = 2, size: int = 3, seed: int = 0):
    return sample_problems(FAMILY, seed=seed, purpose="test", repeats=repeats, size=size)


def test_curves_are_the_trajectories_across_window_borders() -> None:
    rule, given = LinearGain(), problems()
    params = default_params(rule, 2)
    steps = WINDOW + 7
    curves = loss_curves(rule, params, given, steps)
    assert curves.shape == (2, 3, steps + 1)
    one = {name: value[1] for name, value in params.items()}
    run = trajectory(rule, one, given.tasks[1, 2], given.start[1, 2], steps)
    torch.testing.assert_close(curves[1, 2], run.losses, rtol=1e-12, atol=1e-12)


def test_parameters_of_another_precision_are_taken_at_their_values() -> None:
    rule, given = MLPRule(hidden=2), problems()
    single = {name: value.float() for name, value in default_params(rule, 2).items()}
    double = {name: value.double() for name, value in single.items()}
    assert torch.equal(loss_curves(rule, single, given, 3), loss_curves(rule, double, given, 3))


def test_min_log_mean_is_the_log_of_the_mean_not_the_mean_of_the_logs() -> None:
    losses = torch.tensor([[[4.0, 1.0, 2.0], [8.0, 5.0, 2.0]]], dtype=torch.float64)
    assert min_log_mean(losses).item() == pytest.approx(math.log(2.0))
    losses[0, 0, 2] = math.nan
    assert min_log_mean(losses).item() == pytest.approx(math.log(3.0))
    for unusable in (math.nan, math.inf, 0.0, -1.0):
        losses[0, :, 1] = unusable
        assert min_log_mean(losses).item() == pytest.approx(math.log(6.0))
        assert min_log_mean(torch.full((1, 2, 3), unusable)).item() == math.inf


def test_the_tuned_step_is_the_best_of_the_grid() -> None:
    given = problems(size=8)
    tuned = tune_step(SGD(), given, 10)
    assert tuned.scores.shape == (len(STEP_GRID), 2)
    for r in range(2):
        alone = []
        for step in STEP_GRID:
            params = {"learning_rate": torch.full((2,), step, dtype=torch.float64)}
            alone.append(min_log_mean(loss_curves(SGD(), params, given, 10))[r].item())
        assert tuned.params["learning_rate"][r].item() == STEP_GRID[alone.index(min(alone))]


def test_the_grid_is_the_stated_one() -> None:
    assert STEP_GRID[0] == 1e-4
    assert STEP_GRID[-1] == 1.0
    assert [round(math.log10(b / a), 12) for a, b in pairwise(STEP_GRID)] == [0.25] * 16


def test_the_tuned_step_converges_where_longer_ones_diverge() -> None:
    """‖A‖² is about 4000 at σ = 10: the grid has steps on both sides of 2/‖A‖²."""
    given = sample_problems(Quadratic.normal(10.0), seed=0, purpose="test", repeats=1, size=4)
    tuned = tune_step(SGD(), given, 200)
    norm = torch.linalg.matrix_norm(given.tasks.tensors["A"], 2).max().item()
    assert STEP_GRID[0] < tuned.step.item() < 2 / norm**2 < STEP_GRID[-1]
    assert torch.equal(tuned.params["learning_rate"], tuned.step)


def test_a_score_that_is_not_a_number_is_the_worst() -> None:
    def score(losses: torch.Tensor) -> torch.Tensor:
        last = losses[..., -1].mean(1)
        return torch.where(last < last.median(), torch.nan, last)

    tuned = tune_step(SGD(), problems(repeats=1, size=8), 10, score=score)
    assert tuned.scores[STEP_GRID.index(tuned.step.item())].isfinite().all()
    assert tuned.scores.isinf().any()


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="learning_rate"):
        tune_step(ISTA(), problems(), 3)
    with pytest.raises(InvalidArgument, match="steps: got 0"):
        loss_curves(SGD(), default_params(SGD(), 2), problems(), 0)
