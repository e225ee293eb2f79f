"""One window: the risk ĝ_T(φ) of a batch from where its runs stand, and a meta-gradient of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml2o_core.meta.base import Risk
from ml2o_core.meta.config import Objective, TrainConfig
from ml2o_core.meta.descent import Layout
from ml2o_core.named import Tensors, prefixed, under
from ml2o_core.optimizers.base import Params
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.unroll import Carry, unroll


def window_loss(losses: Tensor, objective: Objective) -> Tensor:
    """ĝ_T of each replicate, shape (R,), from a window's losses (R, N, T+1)."""
    mean = losses.mean(1)
    return mean[:, 1:].sum(1) if objective == "sum" else mean[:, -1]


@dataclass(frozen=True)
class WindowRisk:
    """φ ↦ ĝ_T(φ) on `tasks` (R, N), from `start` or from a given place."""

    config: TrainConfig
    tasks: TaskBatch
    start: Carry

    @property
    def head(self) -> tuple[str, ...]:
        """Names of the parameters of the rule's output layer."""
        return self.config.rule.head

    def __call__(self, params: Params, start: Carry | None = None) -> Risk:
        c = self.config
        carry = self.start if start is None else start
        window = unroll(c.rule, params, self.tasks, carry, c.unroll_steps, c.graph)
        return Risk(window_loss(window.losses, c.objective), window.end)


@dataclass(frozen=True)
class WindowProgram:
    """The two things that are done with a window, as functions of named tensors alone.

    So they can be compiled (`ml2o_core.compiled`). `kind` is the type of the tasks, and φ comes and
    goes as vectors (R, P).
    """

    config: TrainConfig
    layout: Layout
    kind: type[Task]

    def meta_step(self, inputs: Tensors) -> Tensors:
        """`objective` (R,), `risk` (R,), `gradient` (R, P), and the next window's start."""
        risk, params = self._risk(inputs)
        step = self.config.meta_gradient(risk, params)
        at_end = step.at_phi if self.config.advance == "phi" else step.at_adapted
        return {
            "objective": step.objective.detach(),
            "risk": step.at_phi.value.detach(),
            "gradient": self.layout.join(step.gradient).detach(),
            **at_end.end.detach().named(),
        }

    @torch.no_grad()
    def forward(self, inputs: Tensors) -> Tensors:
        """`risk` (R,) and the next window's start."""
        risk, params = self._risk(inputs)
        found = risk(params)
        return {"risk": found.value, **found.end.named()}

    def _risk(self, inputs: Tensors) -> tuple[WindowRisk, Params]:
        carry = Carry.of(inputs)
        tasks = TaskBatch(self.kind, under(inputs, "task."), tuple(carry.x.shape[:2]))
        return WindowRisk(self.config, tasks, carry), self.layout.split(inputs["phi"])


def inputs_of(phi: Tensor, tasks: TaskBatch, carry: Carry) -> Tensors:
    """The tensors that a window is a function of."""
    return {"phi": phi, **prefixed("task.", tasks.tensors), **carry.named()}
