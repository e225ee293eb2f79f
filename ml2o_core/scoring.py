"""A trained rule on fresh tasks of a family: loss curves and the paper's score, by replicate.

The test tasks depend on the seed, the family and the replicate alone, so every checkpoint that is
evaluated with the same options meets the same tasks (common random numbers).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.evaluation import loss_curves, min_log_mean
from ml2o_core.meta.config import LARGEST
from ml2o_core.meta.trainer import Trained
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.statistics import MeanInterval, mean_interval
from ml2o_core.tasks.base import TaskFamily


@dataclass(frozen=True)
class Evaluation:
    """Losses over the problems of R replicates at steps 0 … S, on the CPU, in float64.

    `mean` and `median` have shape (R, S+1). `score` (R,) is the minimum over the steps of the
    natural logarithm of `mean`. `converged` (R,): replicates whose training did not diverge; only
    those enter `interval`. `problems` are those it was tested on.
    """

    mean: Tensor
    median: Tensor
    score: Tensor
    converged: Tensor
    problems: Problems

    def interval(self, level: float = 0.95) -> MeanInterval | None:
        """The score's mean over the replicates that count; None where no replicate counts."""
        counted = self.score[self.converged & self.score.isfinite()]
        return mean_interval(counted.numpy(), level) if len(counted) else None


def evaluate(
    trained: Trained,
    family: TaskFamily,
    *,
    steps: int = 500,
    size: int = 128,
    seed: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Evaluation:
    """Run each replicate of `trained` for `steps` steps on `size` fresh tasks of `family`.

    `seed` is the root of the test tasks; by default the one the rule was trained with.
    """
    for argument, value in (("steps", steps), ("size", size)):
        if not 1 <= value <= LARGEST:
            raise InvalidArgument(argument, value, f"an integer ≥ 1 and ≤ {LARGEST}")
    if seed is not None and seed < 0:
        raise InvalidArgument("seed", seed, "an integer ≥ 0")
    problems = sample_problems(
        family,
        seed=trained.config.seed if seed is None else seed,
        purpose="test",
        repeats=trained.config.repeats,
        size=size,
        device=device,
        dtype=torch.float64,
    )
    rule = trained.config.rule
    losses = loss_curves(rule, trained.params, problems, steps, progress=progress).cpu()
    return Evaluation(
        losses.mean(1), losses.median(1).values, min_log_mean(losses), trained.converged, problems
    )
