"""The curriculum: episodes grow from stage to stage, and the best parameters of a stage go on.

A stage has one length of its episodes. It is left when `patience` validations in a row have not
improved the mean over the replicates, or after K/stages windows; the last stage takes the rest of
K. Whenever a stage is left, and at the end of the last one, every replicate goes back to the best
parameters that it had at a validation of that stage, with its descent's memory. Those that the
stage began with are validated too, so that no stage makes a replicate worse than it came in.

A validation runs one batch of fresh problems for one episode of the next stage's length (in the
last stage, of its own), and takes the mean over its windows of what training descends. It is one
batch a stage, so that two validations of a stage differ in φ alone; it has as many runs as four
episodes of a quarter of the problems.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Self

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.descent import Learner
from ml2o_core.spec import Spec

LENGTHS = (100, 200, 500, 1000, 1500, 2000, 2500, 3000)
"""Optimizee iterations of an episode, in the paper's experiments."""


class Curriculum(Spec):
    """Stages of a training, by the length of an episode."""

    lengths: tuple[int, ...] = Field(
        LENGTHS, min_length=1, description="iterations of an episode, stage by stage"
    )
    episodes: int = Field(10, ge=1, description="episodes between two validations")
    validations: int = Field(
        5, ge=1, description="validations that a full stage has at least, if it has the windows"
    )
    patience: int = Field(3, ge=1, description="validations without improvement that end a stage")

    @field_validator("lengths")
    @classmethod
    def _growing(cls, lengths: tuple[int, ...]) -> tuple[int, ...]:
        if lengths[0] < 1 or list(lengths) != sorted(lengths):
            raise InvalidArgument("lengths", lengths, "integers ≥ 1 that do not decrease")
        return lengths

    def windows_per_episode(self, stage: int, unroll_steps: int) -> int:
        """S of a stage; of the last one, for every stage after it."""
        return math.ceil(self.lengths[min(stage, self.last)] / unroll_steps)

    @property
    def last(self) -> int:
        """Index of the last stage."""
        return len(self.lengths) - 1

    def stage_windows(self, windows: int) -> int:
        """K/stages: the windows that a stage has at most, the last one excepted."""
        return math.ceil(windows / len(self.lengths))

    def windows_between(self, stage: int, windows: int, unroll_steps: int) -> int:
        """Windows between two validations."""
        by_episodes = self.episodes * self.windows_per_episode(stage, unroll_steps)
        return max(1, min(by_episodes, self.stage_windows(windows) // self.validations))


@dataclass
class Stage:
    """Where a training stands in its curriculum.

    `best` has each replicate's best learner and `best_value` (R,) its validation; `best_mean` is
    the lowest mean over the replicates, and `failures` how many validations have not improved it.
    """

    index: int
    began: int
    best: Learner
    best_value: Tensor
    best_mean: float = math.inf
    failures: int = 0

    @classmethod
    def begin(cls, index: int, window: int, learner: Learner) -> Self:
        """A stage that nothing is known of yet."""
        return cls(index, window, learner, torch.full_like(learner.phi[:, 0], torch.inf))

    def validated(self, learner: Learner, value: Tensor, alive: Tensor) -> None:
        """Take note of a validation, (R,). What is not finite is worse than everything."""
        value = torch.where(torch.isfinite(value), value, torch.inf)
        better = value < self.best_value
        self.best = learner.where(better, self.best)
        self.best_value = torch.where(better, value, self.best_value)
        mean = value[alive].double().mean().item() if bool(alive.any()) else math.inf
        if mean < self.best_mean:
            self.best_mean, self.failures = mean, 0
        else:
            self.failures += 1

    def is_over(self, curriculum: Curriculum, window: int, windows: int) -> bool:
        """Whether the next stage begins before `window`; the last stage has no end of its own."""
        if self.index >= curriculum.last:
            return False
        full = window - self.began >= curriculum.stage_windows(windows)
        return full or self.failures >= curriculum.patience


@dataclass
class Validations:
    """What every validation found: the window before it, its stage, and the values (R,)."""

    window: list[int] = field(default_factory=list)
    stage: list[int] = field(default_factory=list)
    value: list[Tensor] = field(default_factory=list)

    def add(self, window: int, stage: int, value: Tensor) -> None:
        self.window.append(window)
        self.stage.append(stage)
        self.value.append(value)
