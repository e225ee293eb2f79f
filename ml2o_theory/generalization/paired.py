"""What all trials share, whatever their risks: three paired populations, a sample, inner steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Generic, TypeVar

from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task
from ml2o_theory.arithmetic import exact
from ml2o_theory.regions import sample_id
from ml2o_theory.risks.enclosed import EnclosedRisk
from ml2o_theory.risks.separable import SeparableRisk, Vector

Risk = TypeVar("Risk", SeparableRisk, EnclosedRisk)


class PairedPopulations(ABC, Generic[Risk]):
    """Three populations of equally many tasks, paired by index.

    Subclasses have `tasks`; `x0`, common to all tasks; and `steps`, which is T.
    """

    tasks: tuple[tuple[Task, ...], ...]
    x0: Float[Tensor, " d"]
    steps: int

    def __post_init__(self) -> None:
        sizes = {len(population) for population in self.tasks}
        if len(self.tasks) != 3 or len(sizes) != 1:
            raise InvalidArgument("tasks", sorted(sizes), "three populations of one size")

    @property
    def size(self) -> int:
        """How many tasks a population has."""
        return len(self.tasks[0])

    @cached_property
    @abstractmethod
    def risks(self) -> tuple[Risk, ...]:
        """g¹, g², g³."""


class SampledTrial(ABC, Generic[Risk]):
    """Populations, how often each index was drawn, and α: subclasses have these as fields."""

    populations: PairedPopulations[Risk]
    draws: tuple[int, ...]
    alpha: float

    @property
    def size(self) -> int:
        """N, the number of samples."""
        return sum(self.draws)

    @property
    def steps(self) -> int:
        """T."""
        return self.populations.steps

    @cached_property
    def sample(self) -> str:
        """The id of the data."""
        tasks = [task for population in self.populations.tasks for task in population]
        data: list[Tensor] = [tensor for task in tasks for tensor in task.tensors().values()]
        x0 = self.populations.x0
        return sample_id([*data, x0, x0.new_tensor(self.draws)])

    @property
    def population(self) -> tuple[Risk, ...]:
        """g¹, g², g³."""
        return self.populations.risks

    @cached_property
    def empirical(self) -> tuple[Risk, ...]:
        """ĝ¹, ĝ², ĝ³."""
        return tuple(g.weighted(self.draws) for g in self.populations.risks)

    def step(self, i: int, phi: Vector) -> Vector:
        """T̂^i(φ)."""
        moved = zip(phi, self.empirical[i].gradient(phi), strict=True)
        alpha = exact(self.alpha)
        return tuple(p - alpha * slope for p, slope in moved)
