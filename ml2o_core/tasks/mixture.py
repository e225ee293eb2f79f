"""Families made of families: a random mixture, and a finite set of tasks drawn once."""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, Self

import torch
from jaxtyping import Float
from pydantic import Field, model_validator
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator as named_generator
from ml2o_core.tasks.base import Task, TaskBatch, TaskFamily
from ml2o_core.tasks.distributions import Uniform, check_weights, pick

SCALES = (0.1, 0.5, 1.0)
"""s of the training distributions, in the paper and in the released code."""


def _lasso_by_scale(lowest_b: float) -> tuple[TaskFamily, ...]:
    """LASSO with A ~ U(0, s) and b ~ U(lowest_b, 1), one family for each of the SCALES."""
    target = Uniform(low=lowest_b, high=1)
    return tuple(
        TaskFamily.parse({"name": "lasso", "matrix": Uniform(low=0, high=s), "target": target})
        for s in SCALES
    )


def _check_stackable(families: tuple[TaskFamily, ...]) -> None:
    """Refuse families whose tasks could not share a batch."""
    probe = torch.Generator().manual_seed(0)
    tasks = [family.sample(probe) for family in families]
    layouts = {(type(t), tuple(value.shape for value in t.tensors().values())) for t in tasks}
    if len(layouts) > 1:
        names = [family.name for family in families]
        allowed = "families whose tasks have one type and one shape"
        raise InvalidArgument("families", names, allowed)


class TaskMixture(TaskFamily):
    """Each task comes from one of `families`, picked with `weights` (default: equal).

    A starting point is picked in the same way, but independently of the task. The default is the
    training distribution of LASSO, written as three families.
    """

    name: ClassVar[str] = "mixture"
    families: tuple[TaskFamily, ...] = Field(
        default_factory=lambda: _lasso_by_scale(0), min_length=1
    )
    weights: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        check_weights(self.weights, len(self.families))
        _check_stackable(self.families)
        return self

    def _pick(self, generator: torch.Generator) -> TaskFamily:
        return self.families[pick(self.weights, len(self.families), generator)]

    def sample(self, generator: torch.Generator) -> Task:
        return self._pick(generator).sample(generator)

    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        return self._pick(generator).start(generator)


class FrozenTasks(TaskFamily):
    """`count` tasks drawn once, from `seed`; problem i comes from families[i mod len(families)].

    Only starting points are fresh. The default is the released code's training set for transfer
    learning: 128 LASSO problems, a third of them of each scale, b ~ U(−1, 1).
    """

    name: ClassVar[str] = "frozen"
    families: tuple[TaskFamily, ...] = Field(
        default_factory=lambda: _lasso_by_scale(-1), min_length=1
    )
    count: int = Field(128, ge=1, description="number of tasks in the set")
    seed: int = Field(0, description="root seed of the set: one seed, one set")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_stackable(self.families)
        return self

    def _family(self, problem: int) -> TaskFamily:
        return self.families[problem % len(self.families)]

    @cached_property
    def tasks(self) -> TaskBatch:
        """The whole set, shape (count,). A smaller count with the same seed gives its beginning."""
        streams = (
            named_generator(self.seed, purpose="frozen tasks", problem=i) for i in range(self.count)
        )
        return TaskBatch.stack([self._family(i).sample(g) for i, g in enumerate(streams)])

    def sample(self, generator: torch.Generator) -> Task:
        """One task of the set, each equally likely."""
        return self.tasks[pick(None, self.count, generator)]

    def sample_batch(self, generator: torch.Generator, size: int) -> TaskBatch:
        """The set in its order: its first `size` tasks, and again from the first when they run out.

        With `size` = `count` each task comes once. Nothing is drawn from `generator`.
        """
        if size < 1:
            raise InvalidArgument("size", size, "an integer ≥ 1")
        index = torch.arange(size) % self.count
        tensors = {name: value[index] for name, value in self.tasks.tensors.items()}
        return TaskBatch(self.tasks.task_type, tensors, (size,))

    def start(self, generator: torch.Generator) -> Float[Tensor, " d"]:
        """The starting point of a task of the set, each equally likely."""
        return self._family(pick(None, self.count, generator)).start(generator)

    def start_batch(self, generator: torch.Generator, size: int) -> Float[Tensor, "size d"]:
        """Fresh starting points, the i-th as the family of problem i draws it."""
        return torch.stack([self._family(i % self.count).start(generator) for i in range(size)])
