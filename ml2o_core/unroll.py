"""The one way a rule runs on tasks, and the only place that maps over problems and replicates.

`trajectory` is Eq. 1 for one optimizee and one φ. `unroll` maps it twice: over the N problems of a
batch, which share φ, and over R replicates, each with its own φ and its own problems. Long runs go
window by window: a `Carry` holds what the next window starts from, and no graph crosses it, so
memory does not grow with the number of windows.

What is differentiated is part of every result. The graph mode says how the oracle call
z_t = ∇l(x_t) enters the derivatives:

- `full`      through z_t: autodiff gives the theory's J_T = ∂x_T/∂φ (Eq. 2);
- `detached`  z_t is a constant: A_t = I, autodiff gives Σ B_t (first-order L2O, the experiments);
- `none`      nothing is differentiated.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.named import Tensors, prefixed, under
from ml2o_core.optimizers.base import Params, State, UpdateRule
from ml2o_core.tasks.base import Task, TaskBatch


class GraphMode(StrEnum):
    """How derivatives treat the optimizee's gradient; see the module's docstring."""

    NONE = "none"
    DETACHED = "detached"
    FULL = "full"


@dataclass(frozen=True)
class Trajectory:
    """One run: x_0 … x_T of shape (T+1, d), l(x_0) … l(x_T) of shape (T+1,), and the last state."""

    iterates: Tensor
    losses: Tensor
    state: State


def trajectory(
    rule: UpdateRule,
    params: Params,
    task: Task,
    x: Float[Tensor, " d"],
    steps: int,
    graph: GraphMode = GraphMode.FULL,
    state: State | None = None,
) -> Trajectory:
    """Run `rule` with `params` on one `task` from `x` for `steps` steps (Eq. 1).

    `state` continues an earlier run; without it the rule starts afresh. The result is a pure
    function of its tensors: it can be mapped, and differentiated as `graph` says.
    """
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    state = rule.init_state(task, x) if state is None else state
    start, iterates, moves = x, [x], []
    for _ in range(steps):
        with nullcontext() if graph is GraphMode.FULL else torch.no_grad():
            z = rule.observe(task, x, state)
        if graph is not GraphMode.FULL:
            # `no_grad` cuts what is computed in `observe`; this cuts what is passed through, as x.
            z = {k: v.detach() if isinstance(v, Tensor) else v for k, v in z.items()}
        with torch.no_grad() if graph is GraphMode.NONE else nullcontext():
            d, state = rule.update(z, state, params)
        moves.append(d)
        x = x + (d if graph is GraphMode.FULL else d.detach())
        iterates.append(x)
    path = torch.stack(iterates)
    if graph is GraphMode.DETACHED:
        # z_t does not lead back to x_t, so x_t = x_0 + Σ d_s is all of its history: one sum for the
        # whole run instead of a chain of T. The difference is 0, and has the sum's derivative.
        history = torch.stack([start, *moves]).cumsum(0)
        path = path.detach() + (history - history.detach())
    with torch.no_grad() if graph is GraphMode.NONE else nullcontext():
        losses = vmap(task.loss)(path)
    return Trajectory(path, losses, state)


@dataclass(frozen=True)
class Carry:
    """Where R × N runs stand: x of shape (R, N, d), and the rule's state, leading axes (R, N)."""

    x: Tensor
    state: State

    def detach(self) -> Self:
        """The same point without its history: no graph crosses a window."""
        return type(self)(self.x.detach(), {k: v.detach() for k, v in self.state.items()})

    def named(self) -> Tensors:
        """Its tensors by name: `x` and `state.<name>`."""
        return {"x": self.x, **prefixed("state.", self.state)}

    @classmethod
    def of(cls, named: Tensors) -> Self:
        """The other way, from tensors among which are those of `named`."""
        return cls(named["x"], under(named, "state."))


@dataclass(frozen=True)
class Window:
    """T steps of R × N runs: losses (R, N, T+1), iterates (R, N, T+1, d), and where they ended."""

    losses: Tensor
    iterates: Tensor
    end: Carry


def begin(rule: UpdateRule, tasks: TaskBatch, x: Float[Tensor, "R N d"]) -> Carry:
    """Fresh runs from `x` on `tasks` of shape (R, N)."""

    def one(tensors: dict[str, Tensor], x: Tensor) -> State:
        return rule.init_state(tasks.task_type(**tensors), x)

    return Carry(x, vmap(vmap(one))(tasks.tensors, x))


def unroll(
    rule: UpdateRule, params: Params, tasks: TaskBatch, carry: Carry, steps: int, graph: GraphMode
) -> Window:
    """`steps` steps on `tasks` of shape (R, N); `params` has the leading axis R.

    Replicates never mix: the gradient of a sum over replicates is each one's own.
    """

    def one(
        params: Params, tensors: dict[str, Tensor], x: Tensor, state: State
    ) -> tuple[Tensor, Tensor, State]:
        run = trajectory(rule, params, tasks.task_type(**tensors), x, steps, graph, state)
        return run.losses, run.iterates, run.state

    over_problems = vmap(one, in_dims=(None, 0, 0, 0))
    over_replicates = vmap(over_problems, in_dims=(0, 0, 0, 0))
    losses, iterates, state = over_replicates(params, tasks.tensors, carry.x, carry.state)
    return Window(losses, iterates, Carry(iterates[:, :, -1], state))
