"""What is computed on both devices: unrolls, one window's meta-gradient, and a short training."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from analyses.device_parity_compare import Nudge, Place, Values
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import initial_params, train
from ml2o_core.meta.window import WindowRisk, window_loss
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.spec import Registered
from ml2o_core.tasks.base import TaskBatch, TaskFamily
from ml2o_core.tasks.distributions import Normal
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.unroll import GraphMode, begin, unroll

PURPOSE = "parity"


def _problems(config: TrainConfig, place: Place, nudge: Nudge | None) -> Problems:
    """The problems of `config`, drawn on the CPU in float64, nudged there, and moved."""
    drawn = sample_problems(
        config.family,
        seed=config.seed,
        purpose=PURPOSE,
        repeats=config.repeats,
        size=config.batch_size,
    )
    tensors, start = drawn.tasks.tensors, drawn.start
    if nudge is not None:
        tensors = nudge(tensors, "tasks")
        start = nudge({"x0": start}, "start")["x0"]
    tasks = TaskBatch(drawn.tasks.task_type, tensors, drawn.tasks.shape)
    return Problems(
        tasks.to(place.device, place.dtype),
        start.to(place.device, place.dtype),
    )


def _params(config: TrainConfig, place: Place, nudge: Nudge | None) -> Params:
    """φ_0 of `config`, likewise."""
    params = initial_params(config.with_changes(precision="float64"))
    if nudge is not None:
        params = nudge(params, "params")
    return {name: value.to(place.device, place.dtype) for name, value in params.items()}


@dataclass(frozen=True)
class Unrolls:
    """x_0 … x_T and l(x_0) … l(x_T) of every problem: the cases are the problems."""

    config: TrainConfig

    @property
    def setting(self) -> str:
        return f"{self.config.rule.name} on {self.config.family.name}"

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values:
        config = self.config
        problems, params = _problems(config, place, nudge), _params(config, place, nudge)
        carry = begin(config.rule, problems.tasks, problems.start)
        window = unroll(
            config.rule, params, problems.tasks, carry, config.unroll_steps, GraphMode.NONE
        )
        return {
            "iterates and losses": [
                place.bring_back(value).flatten(0, 1) for value in (window.iterates, window.losses)
            ]
        }


@dataclass(frozen=True)
class MetaWindow:
    """The risk of one window and its meta-gradient: the cases are replicates and parameters."""

    config: TrainConfig

    @property
    def setting(self) -> str:
        return f"{self.config.meta_gradient.name}, {self.config.graph}"

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values:
        config = self.config
        problems, params = _problems(config, place, nudge), _params(config, place, nudge)
        carry = begin(config.rule, problems.tasks, problems.start)
        step = config.meta_gradient(WindowRisk(config, problems.tasks, carry), params)
        return {
            "risk": [place.bring_back(step.at_phi.value).unsqueeze(1)],
            "meta-gradient": [place.bring_back(value) for value in step.gradient.values()],
        }


@dataclass(frozen=True)
class Risk:
    """The risk of one window without any graph: the cases are replicates."""

    config: TrainConfig

    @property
    def setting(self) -> str:
        return f"{GraphMode.NONE}"

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values:
        config = self.config
        problems, params = _problems(config, place, nudge), _params(config, place, nudge)
        carry = begin(config.rule, problems.tasks, problems.start)
        window = unroll(
            config.rule, params, problems.tasks, carry, config.unroll_steps, GraphMode.NONE
        )
        risk = window_loss(window.losses, config.objective)
        return {"risk": [place.bring_back(risk).unsqueeze(1)]}


@dataclass(frozen=True)
class Training:
    """φ after all windows of `config`: the cases are replicates and parameters.

    A nudge changes φ_0 alone; the tasks are drawn inside `train`.
    """

    config: TrainConfig

    @property
    def setting(self) -> str:
        return f"{self.config.meta_gradient.name}, {self.config.graph}"

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values:
        precision = str(place.dtype).removeprefix("torch.")
        config = self.config.with_changes(precision=precision)
        run = train(config, _params(config, place, nudge), device=place.device)
        return {
            f"φ after {config.windows} windows": [
                place.bring_back(value) for value in run.params.values()
            ]
        }


def refusal(config: TrainConfig) -> str | None:
    """Why the rule of `config` does not exist for its family; None if it does."""
    place = Place(torch.device("cpu"), torch.float64)
    problems = _problems(config.with_changes(batch_size=1, repeats=1), place, None)
    try:
        begin(config.rule, problems.tasks, problems.start)
    except InvalidArgument as error:
        return str(error)
    return None


MILDER = (LinearGain(scale=1e-3), Rosenbrock(start_distribution=Normal(sd=0.3)))
"""In place of the defaults, with which some rules diverge: there is nothing to compare then."""


def _members(kind: type[Registered]) -> list[Registered]:
    """Every registered member of a kind, as it is by default or in its milder form."""
    milder = {member.name: member for member in MILDER}
    return [milder.get(name) or member() for name, member in kind.registry().items()]


def unrolls(base: TrainConfig) -> list[Unrolls]:
    """Every registered rule on every registered family."""
    return [
        Unrolls(base.with_changes(rule=rule, family=family))
        for rule in _members(UpdateRule)
        for family in _members(TaskFamily)
    ]


def methods(base: TrainConfig, graphs: tuple[GraphMode, ...]) -> list[TrainConfig]:
    """Every registered meta-gradient in every one of the graph modes."""
    return [
        base.with_changes(meta_gradient=method(), graph=graph)
        for method in MetaGradient.registry().values()
        for graph in graphs
    ]
