"""An instance: two tasks, a memoryless rule, starts and parameters; and the runs it has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task, TaskFamily
from ml2o_theory.models import RuleModel, TaskModel, flat_params, rule_model, task_model
from ml2o_theory.observed.quantities import Between
from ml2o_theory.regions import sample_id


@dataclass(frozen=True, eq=False)
class RunOf:
    """One run: a task, a start x_0 of shape (d,) and φ of shape (p,). Equal if all data is."""

    task: TaskModel
    x0: Float[Tensor, " d"]
    phi: Float[Tensor, " p"]

    @cached_property
    def _id(self) -> str:
        return sample_id([*self.task.task.tensors().values(), self.x0, self.phi])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RunOf) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)


@dataclass(frozen=True, eq=False)
class Instance:
    """Two tasks with their common start x_0, a rule and its φ.

    `other_x0` and `other_params` are x_0' and φ', for statements that compare two starts or two
    parameters; a statement about one task speaks of the first. `InvalidArgument` where a task or
    the rule has no model, or the dimensions differ.
    """

    rule: MemorylessRule
    params: Params
    first: Task
    second: Task
    x0: Float[Tensor, " d"]
    other_x0: Float[Tensor, " d"] | None = None
    other_params: Params | None = None

    def __post_init__(self) -> None:
        other = self.x0 if self.other_x0 is None else self.other_x0
        dims = {self.first.dim, self.second.dim, *self.x0.shape, *other.shape}
        if len(dims) != 1:
            raise InvalidArgument("instance", sorted(dims), "tasks and starts of one dimension")
        self.rule.init_state(self.first, self.x0)

    @cached_property
    def models(self) -> tuple[TaskModel, TaskModel]:
        """The models of the two tasks; one model twice where their data is the same."""
        first, second = (list(task.tensors().values()) for task in (self.first, self.second))
        model = task_model(self.first)
        same = type(self.first) is type(self.second) and sample_id(first) == sample_id(second)
        return model, model if same else task_model(self.second)

    @cached_property
    def rule_model(self) -> RuleModel:
        """The model of the rule."""
        return rule_model(self.rule)

    @cached_property
    def parameters(self) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"]]:
        """φ and φ' as vectors; the same twice where there is no φ'."""
        phi = flat_params(self.params)
        return phi, phi if self.other_params is None else flat_params(self.other_params)

    def runs(self, between: Between) -> tuple[RunOf, RunOf]:
        """The two runs that are compared, the same twice for one run alone."""
        (first, second), (phi, other_phi) = self.models, self.parameters
        run = RunOf(first, self.x0, phi)
        match between:
            case Between.ONE_RUN:
                return run, run
            case Between.TASKS:
                return run, RunOf(second, self.x0, phi)
            case Between.PARAMETERS:
                return run, RunOf(first, self.x0, other_phi)
            case Between.STARTS_AND_PARAMETERS:
                start = self.x0 if self.other_x0 is None else self.other_x0
                return run, RunOf(first, start, other_phi)

    @cached_property
    def sample(self) -> str:
        """The id of the data: both tasks' and the starts."""
        data = [*self.first.tensors().values(), *self.second.tensors().values(), self.x0]
        return sample_id(data if self.other_x0 is None else [*data, self.other_x0])


def draw_instance(
    family: TaskFamily,
    rule: MemorylessRule,
    seed: int,
    *,
    params: Params | None = None,
    nearby: float = 0.01,
    other_family: TaskFamily | None = None,
) -> Instance:
    """Two tasks of `family` and a start, φ of `rule` (or `params`), and a nearby start and φ'.

    The second task is one of `other_family`, where given. Each coordinate of x_0' and φ' differs
    from that of x_0 and φ by a share of about `nearby`.
    """

    def stream(purpose: str) -> torch.Generator:
        return generator(seed, purpose=f"instance, {purpose}", family=family.name, rule=rule.name)

    def near(values: Tensor, draws: torch.Generator) -> Tensor:
        noise = torch.randn(values.shape, generator=draws, dtype=torch.float64)
        return values * (1 + nearby * noise)

    tasks, start = stream("tasks"), family.start(stream("start"))
    first, second = family.sample(tasks), (other_family or family).sample(tasks)
    params = rule.init_params(stream("parameters")) if params is None else params
    draws = stream("nearby")
    other_x0 = near(start, draws)
    other = {name: near(value, draws) for name, value in sorted(params.items())}
    return Instance(rule, params, first, second, start, other_x0, other)
