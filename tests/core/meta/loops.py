"""References for the meta-gradients: plain loops that share nothing with `ml2o_core.meta`.

A window is run one problem after another, with the inputs z_t either computed along the way (graph
mode `full`) or frozen at recorded values (`detached`: the surrogate whose gradient a detached run
takes). φ is a dictionary of tensors of one replicate, or all of them as one vector.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.window import WindowRisk
from ml2o_core.optimizers.base import Params, State, UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_core.unroll import Carry, GraphMode, begin, unroll

REPEATS, SIZE, STEPS, ALPHA = 2, 2, 4, 0.05

RULES: list[UpdateRule] = [
    LinearGain(shape="full", dim=3),
    MLPRule(hidden=3),
    RNNprop(hidden=3, output_scale=0.1),
    RNNprop(hidden=2, layers=2, projection=True, output_scale=0.1),
]
FAMILIES = [Quadratic(rows=4, cols=3), SmoothedLasso(rows=3, cols=3, smoothing=0.1)]
MODES = [("full", "final"), ("detached", "sum")]
"""Graph mode and objective: the theory's and the experiments'."""

Values = Sequence[Sequence[Tensor]]
"""Recorded inputs: z_t by problem, then by step."""

Starts = Sequence[tuple[Tensor, State]]
"""x and the rule's state, by problem."""


@dataclass(frozen=True)
class Run:
    """The risk of one window, the inputs that the rule saw, and where each problem's run ended."""

    risk: Tensor
    inputs: Values
    ends: Starts


def single(tensors: Params, replicate: int) -> Params:
    return {name: value[replicate] for name, value in tensors.items()}


def draw(rule: UpdateRule, family: Quadratic | SmoothedLasso) -> tuple[Problems, Params]:
    problems = sample_problems(family, seed=1, purpose="test", repeats=REPEATS, size=SIZE)
    # A start away from the kinks of g/√v̂, and weights large enough that every term matters.
    problems = Problems(problems.tasks, problems.start + 0.5)
    draws = [rule.init_params(generator(2, repeat=r)) for r in range(REPEATS)]
    noise = [generator(3, repeat=r) for r in range(REPEATS)]
    params = {
        name: torch.stack(
            [
                d[name] + 0.1 * torch.randn(d[name].shape, generator=g, dtype=torch.float64)
                for d, g in zip(draws, noise, strict=True)
            ]
        )
        for name in draws[0]
    }
    return problems, params


def loop_risk(
    rule: UpdateRule,
    problems: Problems,
    replicate: int,
    objective: str,
    frozen: Values | None = None,
    starts: Starts | None = None,
) -> Callable[[Params], Run]:
    """φ ↦ one window, one problem after another; inputs from `frozen` if given."""

    def risk(params: Params) -> Run:
        total, seen, ends = torch.zeros((), dtype=torch.float64), [], []
        for n in range(SIZE):
            task, x = problems.tasks[replicate, n], problems.start[replicate, n]
            state, inputs = rule.init_state(task, x), []
            if starts is not None:
                x, state = starts[n]
            for t in range(STEPS):
                z = task.gradient(x) if frozen is None else frozen[n][t]
                inputs.append(z.detach())
                step, state = rule.update({"gradient": z}, state, params)
                x = x + step
                if objective == "sum" or t == STEPS - 1:
                    total = total + task.loss(x) / SIZE
            seen.append(inputs)
            ends.append((x.detach(), {name: value.detach() for name, value in state.items()}))
        return Run(total, seen, ends)

    return risk


@dataclass(frozen=True)
class Setting:
    """One rule on one family's problems, in one graph mode and objective, in float64.

    The window continues earlier ones: its start is where φ = `params` has led in one window, so
    that every state, the step counter included, is in use.
    """

    rule: UpdateRule
    family: Quadratic | SmoothedLasso = FAMILIES[0]
    mode: str = "full"
    objective: str = "sum"

    @cached_property
    def problems(self) -> Problems:
        return draw(self.rule, self.family)[0]

    @cached_property
    def params(self) -> Params:
        return draw(self.rule, self.family)[1]

    @cached_property
    def carry(self) -> Carry:
        fresh = begin(self.rule, self.problems.tasks, self.problems.start)
        return unroll(self.rule, self.params, self.problems.tasks, fresh, STEPS, GraphMode.NONE).end

    @property
    def risk(self) -> WindowRisk:
        """The package's own risk of the window."""
        config = TrainConfig(
            family=self.family,
            rule=self.rule,
            unroll_steps=STEPS,
            batch_size=SIZE,
            repeats=REPEATS,
            graph=self.mode,
            objective=self.objective,
            precision="float64",
        )
        return WindowRisk(config, self.problems.tasks, self.carry)

    def computed(self, method: MetaGradient) -> list[Tensor]:
        """The package's own meta-gradient, one flat vector a replicate."""
        gradient = method(self.risk, self.params).gradient
        return [join(single(gradient, r)) for r in range(REPEATS)]

    def starts(self, replicate: int) -> Starts:
        """Where the window starts."""
        c = self.carry
        states = [{k: v[replicate, n] for k, v in c.state.items()} for n in range(SIZE)]
        return [(c.x[replicate, n], states[n]) for n in range(SIZE)]

    def phi(self, replicate: int) -> Tensor:
        """φ as one vector."""
        return join(single(self.params, replicate))

    def split(self, phi: Tensor) -> Params:
        """The other way."""
        shapes = [value.shape[1:] for value in self.params.values()]
        parts = phi.split([shape.numel() for shape in shapes])
        named = zip(self.params, parts, shapes, strict=True)
        return {name: part.view(shape) for name, part, shape in named}

    def run(self, replicate: int, phi: Tensor, starts: Starts | None = None) -> Run:
        """One window with φ."""
        at = self.starts(replicate) if starts is None else starts
        risk = loop_risk(self.rule, self.problems, replicate, self.objective, None, at)
        return risk(self.split(phi))

    def surrogate(
        self, replicate: int, around: Tensor, starts: Starts | None = None
    ) -> Callable[[Tensor], Tensor]:
        """φ ↦ the risk; in mode `detached` with the inputs that `around` has led to."""
        at = self.starts(replicate) if starts is None else starts
        frozen = None if self.mode == "full" else self.run(replicate, around, at).inputs
        risk = loop_risk(self.rule, self.problems, replicate, self.objective, frozen, at)
        return lambda phi: risk(self.split(phi)).risk

    def gradient(self, replicate: int, phi: Tensor, starts: Starts | None = None) -> Tensor:
        """The gradient that is trained with, at φ."""
        return torch.func.grad(self.surrogate(replicate, phi, starts))(phi)

    def hessian_times(self, replicate: int, phi: Tensor, v: Tensor) -> Tensor:
        """∇²ĝ_T(φ) v; in mode `detached` of the surrogate at φ."""
        gradient = torch.func.grad(self.surrogate(replicate, phi))
        return torch.func.vjp(gradient, phi)[1](v)[0]  # ∇² is symmetric


def join(params: Params) -> Tensor:
    """One replicate's φ as one vector."""
    return torch.cat([value.flatten() for value in params.values()])


def apart(found: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """The largest relative distance of a replicate."""
    pairs = zip(found, expected, strict=True)
    return max(((a - b).norm() / b.norm()).item() for a, b in pairs)
