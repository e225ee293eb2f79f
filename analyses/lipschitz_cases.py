"""What the constants of `analyses.lipschitz` are taken for: tasks, rules and regions.

The three sets X of a family hold the same runs: T steps of gradient descent with step 1/L on both
tasks, L = ‖∇²l(x_0)‖. The tube holds the segments between the two iterates of each step, covered by
boxes; the box is the smallest that holds both runs; the ball is about x_0. Z holds the gradients of
both tasks on X.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import Lasso, LassoTask
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.arithmetic import exact
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.ascent import Search
from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.gain_quadratic import pair_constants
from ml2o_theory.constants.of_region import region_constants
from ml2o_theory.constants.on_ball import task_constants_on_ball
from ml2o_theory.constants.sampled import sampled
from ml2o_theory.enclosure import intersection, maximum
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.instances import Instance
from ml2o_theory.intervals.norms import euclidean_above
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import flat_params, rule_model
from ml2o_theory.observed.quantities import Between
from ml2o_theory.regions import Ball, Box, ParameterInterval, Region, Shape, Tube

RULE_SYMBOLS = ("M_m1", "M_m2", "L_m", "rho_m", "Q_bar")
"""The constants that depend on the rule; the others are shown for the scalar gain alone."""

_SPREAD = 0.5
"""Φ of the gains: this much of the gain to either side."""

_AROUND = 0.05
"""Φ of the MLP: this much around each of its parameters."""


class RegionKind(StrEnum):
    """The set X."""

    BALL = "ball"
    BOX = "box"
    TUBE = "tube"


@dataclass(frozen=True)
class Pair:
    """Two tasks of one family with a common start x_0 of shape (d,)."""

    label: str
    first: Task
    second: Task
    x0: Float[Tensor, " d"]

    @property
    def step(self) -> float:
        """1/L, the step of the runs that the regions hold."""
        curvatures = [task.hessian(self.x0) for task in (self.first, self.second)]
        return 1 / max(torch.linalg.matrix_norm(H, 2).item() for H in curvatures)


@dataclass(frozen=True)
class RuleOn:
    """A rule with one φ, and a set Φ around it."""

    label: str
    rule: MemorylessRule
    params: Params
    phi: ParameterInterval | Box


@dataclass(frozen=True)
class Case:
    """One row of constants: tasks, rule and region."""

    pair: Pair
    rule: RuleOn
    kind: RegionKind
    region: Region
    comparison: Comparison
    symbols: tuple[str, ...]

    @property
    def subject(self) -> str:
        """In words, for the results."""
        return "; ".join((self.pair.label, self.rule.label, self.kind.value))


FAMILIES = ("quadratic", "LASSO, smooth part", "smoothed LASSO", "Rosenbrock")


def pairs(seed: int) -> list[Pair]:
    """One pair of each family. LASSO's smooth part is the quadratic fit of a LASSO task."""

    def stream(family: str, purpose: str) -> torch.Generator:
        return generator(seed, purpose=f"lipschitz {purpose}", family=family)

    found = []
    random = (Quadratic.normal(1.0), Lasso(), SmoothedLasso())
    for label, family in zip(FAMILIES, random, strict=False):
        first, second = (
            _smooth(family.sample(stream(label, name))) for name in ("first", "second")
        )
        found.append(Pair(label, first, second, family.start(stream(label, "start"))))
    valley = Rosenbrock.fixed_start()
    unused = stream(FAMILIES[-1], "nothing is random")
    first, second = (valley.with_changes(steepness=c).sample(unused) for c in (100.0, 90.0))
    return [*found, Pair(FAMILIES[-1], first, second, valley.start(unused))]


def _smooth(task: Task) -> Task:
    """The task, or its smooth part where it has a kink."""
    return QuadraticTask(task.A, task.b) if isinstance(task, LassoTask) else task


def rules(pair: Pair, network: MLPRule, seed: int) -> list[RuleOn]:
    """The scalar gain first, whose runs the regions hold."""
    d, step = pair.first.dim, torch.tensor(pair.step, dtype=torch.float64)
    low, high = ((1 + sign * _SPREAD) * pair.step for sign in (-1, 1))
    params = network.init_params(generator(seed, purpose="lipschitz rule"))
    phi = flat_params(params)
    around = Box(tuple((phi - _AROUND).tolist()), tuple((phi + _AROUND).tolist()))
    diagonal = LinearGain(shape="diagonal", dim=d)
    return [
        RuleOn("gain, scalar", LinearGain(), {"gain": step}, ParameterInterval(low, high)),
        RuleOn("gain, diagonal", diagonal, {"gain": step.expand(d)}, Box((low,) * d, (high,) * d)),
        RuleOn("MLP", network, params, around),
    ]


def cases(
    seed: int,
    steps: int,
    network: MLPRule,
    families: Sequence[str] = FAMILIES,
    network_on: Sequence[str] = FAMILIES,
) -> Iterator[Case]:
    """Every pair × rule × kind of region, of the families named; the network on some of them."""
    for pair in pairs(seed):
        if pair.label not in families:
            continue
        scalar, *others = rules(pair, network, seed)
        run = Instance(scalar.rule, scalar.params, pair.first, pair.second, pair.x0)
        comparison = Comparison(run, Between.TASKS, steps)
        sets = _sets(comparison)
        for kind, (x, z) in sets.items():
            region = Region(x, scalar.phi, z, run.sample, steps)
            yield Case(pair, scalar, kind, region, comparison, _ALL)
        for rule in others:
            if rule.rule is network and pair.label not in network_on:
                continue
            for kind, (x, z) in sets.items():
                region = Region(x, rule.phi, z, run.sample, steps)
                yield Case(pair, rule, kind, region, comparison, RULE_SYMBOLS)


_ALL = ("M", "L", "rho", "tau", "Delta", "Delta_tilde", *RULE_SYMBOLS)


def _sets(comparison: Comparison) -> dict[RegionKind, tuple[Shape, Shape]]:
    """X and Z of each kind."""
    x0 = comparison.instance.x0
    box, tube = comparison.region, comparison.tube.x
    away = [euclidean_above(x - x0).max().item() for x in comparison.iterates]
    ball = Ball(tuple(x0.tolist()), exact(max(away)))
    around = IntervalTensor.about(x0, torch.full_like(x0, max(away)))
    largest = [euclidean_above(task.gradient_on(around)).item() for task in comparison.tasks]
    assert isinstance(tube, Tube)
    gradients = [task.gradient_on(tube.cover) for task in comparison.tasks]
    z_tube = Tube(IntervalTensor.hull_of(*gradients), "gradients of both tasks on X")
    return {
        RegionKind.BALL: (ball, Ball((0.0,) * len(x0), exact(max(largest)))),
        RegionKind.BOX: (box.x, box.z),
        RegionKind.TUBE: (tube, z_tube),
    }


def both_ends(case: Case, seed: int, search: Search) -> Constants:
    """The case's constants: certificates above, the search (or a better certificate) below."""
    pair, rule, region = case.pair, case.rule, case.region
    tasks = (pair.first, pair.second)
    known = dict(
        region_constants(
            case.comparison.tasks,
            rule_model(rule.rule),
            region,
            case.comparison.iterates[0],
            IntervalTensor.exactly(flat_params(rule.params)),
        )
    )
    if (
        isinstance(pair.first, QuadraticTask)
        and isinstance(pair.second, QuadraticTask)
        and isinstance(region.x, Ball)
        and isinstance(region.phi, ParameterInterval)
    ):
        closed = pair_constants(QuadraticPair(pair.first, pair.second, pair.x0), region)
        known = {symbol: intersection(closed[symbol], value) for symbol, value in known.items()}
    if isinstance(region.x, Ball) and case.symbols == _ALL:
        first, second = (task_constants_on_ball(task, region) for task in tasks)
        for symbol, value in first.items():
            known[symbol] = intersection(known[symbol], maximum(value, second[symbol]))
    below = sampled(tasks, rule.rule, region, case.symbols, seed=seed, search=search)
    return Constants(region, {s: intersection(known[s], below[s]) for s in case.symbols})
