"""Scores of trained rules: what they are the mean and the minimum of, and who counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.problems import sample_problems
from ml2o_core.scoring import Evaluation, evaluate
from ml2o_core.statistics import mean_interval
from ml2o_core.tasks.quadratic import Quadratic

STEPS, SIZE, REPEATS = 6, 5, 3
FAMILY = Quadratic.normal(1.0, rows=3, cols=2)


@pytest.fixture
def trained() -> Trained:
    """Three gains of known value: 0, a contracting one, and an expanding one."""
    config = TrainConfig(
        family=FAMILY, rule=LinearGain(), windows=1, unroll_steps=1, repeats=REPEATS, batch_size=1
    )
    gains = torch.tensor([0.0, 0.05, -0.05], dtype=torch.float64)
    return replace(train(config), params={"gain": gains}, diverged_at=torch.full((REPEATS,), -1))


def loop(trained: Trained, replicate: int, problem: int) -> list[float]:
    """The losses of one run of x ← x − φ∇l(x), without the engine."""
    problems = sample_problems(FAMILY, seed=0, purpose="test", repeats=REPEATS, size=SIZE)
    task, x = problems.tasks[replicate, problem], problems.start[replicate, problem]
    losses = [task.loss(x).item()]
    for _ in range(STEPS):
        x = x - trained.params["gain"][replicate] * task.gradient(x)
        losses.append(task.loss(x).item())
    return losses


def test_mean_median_and_score_are_those_of_the_runs(trained: Trained) -> None:
    result = evaluate(trained, FAMILY, steps=STEPS, size=SIZE)
    runs = torch.tensor(
        [[loop(trained, r, n) for n in range(SIZE)] for r in range(REPEATS)], dtype=torch.float64
    )
    torch.testing.assert_close(result.mean, runs.mean(1), rtol=1e-12, atol=0)
    torch.testing.assert_close(result.median, runs.median(1).values, rtol=1e-12, atol=0)
    torch.testing.assert_close(result.score, runs.mean(1).log().amin(1), rtol=1e-12, atol=1e-12)


def test_a_gain_of_zero_stays_and_the_signs_go_their_ways(trained: Trained) -> None:
    mean = evaluate(trained, FAMILY, steps=STEPS, size=SIZE).mean
    assert torch.equal(mean[0], mean[0, :1].expand(STEPS + 1))
    assert mean[1, -1] < mean[1, 0]
    assert mean[2, -1] > mean[2, 0]


def test_every_rule_meets_the_same_tasks_and_another_seed_other_ones(trained: Trained) -> None:
    start = evaluate(trained, FAMILY, steps=1, size=SIZE).mean[:, 0]
    other_rule = replace(trained, params={"gain": torch.ones(REPEATS, dtype=torch.float64)})
    assert torch.equal(evaluate(other_rule, FAMILY, steps=1, size=SIZE).mean[:, 0], start)
    other_seed = evaluate(trained, FAMILY, steps=1, size=SIZE, seed=1).mean[:, 0]
    assert not (other_seed == start).any()


def test_the_interval_counts_the_replicates_that_converged(trained: Trained) -> None:
    score = evaluate(trained, FAMILY, steps=STEPS, size=SIZE).score
    masked = replace(trained, diverged_at=torch.tensor([-1, 0, -1]))
    interval = evaluate(masked, FAMILY, steps=STEPS, size=SIZE).interval()
    assert interval == mean_interval(score[[0, 2]].numpy())
    nobody = replace(trained, diverged_at=torch.zeros(REPEATS, dtype=torch.int64))
    assert evaluate(nobody, FAMILY, steps=STEPS, size=SIZE).interval() is None


def test_a_replicate_without_a_score_does_not_enter_the_interval() -> None:
    score = torch.tensor([1.0, torch.inf, 3.0], dtype=torch.float64)
    curve = torch.ones((3, 2), dtype=torch.float64)
    problems = sample_problems(FAMILY, seed=0, purpose="test", repeats=3, size=1)
    result = Evaluation(curve, curve, score, torch.ones(3, dtype=torch.bool), problems)
    assert result.interval() == mean_interval([1.0, 3.0])


@pytest.mark.parametrize(("argument", "value"), [("steps", 0), ("size", 0)])
def test_nothing_to_run_is_refused(trained: Trained, argument: str, value: int) -> None:
    with pytest.raises(InvalidArgument, match=f"{argument}: got {value}"):
        evaluate(trained, FAMILY, **{argument: value})
