"""Problems to run on: R replicates of N tasks with their starting points, drawn by name.

Training windows, adaptation tasks and test tasks all come from here. Methods that are compared use
the same axes, hence the same problems (common random numbers).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.func import vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import Axis, generator
from ml2o_core.tasks.base import TaskBatch, TaskFamily


@dataclass(frozen=True)
class Problems:
    """`tasks` of shape (R, N) and their starting points x_0 of shape (R, N, d)."""

    tasks: TaskBatch
    start: Tensor

    def start_losses(self) -> Tensor:
        """f(x_0) of every problem, shape (R, N)."""

        def one(tensors: dict[str, Tensor], x: Tensor) -> Tensor:
            return self.tasks.task_type(**tensors).loss(x)

        return vmap(vmap(one))(self.tasks.tensors, self.start)

    def repeat(self, copies: int) -> Self:
        """The same problems `copies` times along the replicate axis: shape (copies · R, N)."""
        tensors = {k: torch.cat([v] * copies) for k, v in self.tasks.tensors.items()}
        replicates, size = self.tasks.shape
        tasks = TaskBatch(self.tasks.task_type, tensors, (copies * replicates, size))
        return type(self)(tasks, torch.cat([self.start] * copies))


def sample_problems(
    family: TaskFamily,
    *,
    seed: int,
    purpose: str,
    repeats: int,
    size: int,
    episode: int = 0,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float64,
) -> Problems:
    """Draw `size` problems for each of `repeats` replicates, independently of every other axis."""
    axes: list[dict[str, Axis]] = [
        {"family": family.name, "repeat": r, "episode": episode} for r in range(repeats)
    ]
    tasks = [family.sample_batch(generator(seed, purpose=purpose, **a), size) for a in axes]
    start = [
        family.start_batch(generator(seed, purpose=f"{purpose} start", **a), size) for a in axes
    ]
    problems = Problems(TaskBatch.stack(tasks), torch.stack(start))
    if problems.start.shape != (expected := (repeats, size, problems.tasks.dim)):
        raise InvalidArgument("start", tuple(problems.start.shape), f"shape {expected}, (R, N, d)")
    if not problems.start.isfinite().all():
        raise InvalidArgument("start", math.nan, "finite numbers")
    return Problems(problems.tasks.to(device, dtype), problems.start.to(device, dtype))
