"""No sampled value is ever above a certified upper end: random tasks, rules, regions, constants.

The certificates are those of the program's own road: `region_constants` on balls, boxes and
certified tubes, the closed forms of one task on a ball, and those of the scalar gain on quadratics.
The adversary is the search that gives the program its lower ends. The `thorough` profile has 2,500
regions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pytest
import torch
from flint import arb
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.constants import of_region
from ml2o_theory.constants.ascent import Search
from ml2o_theory.constants.base import MEANING
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.gain_quadratic import pair_constants
from ml2o_theory.constants.on_ball import task_constants_on_ball
from ml2o_theory.constants.sampled import sampled
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.intervals.norms import euclidean_above
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import TaskModel, rule_model, task_model
from ml2o_theory.models.conversion import box_around
from ml2o_theory.models.quadratic import smooth_part
from ml2o_theory.propagation import certified_tube, tube_region
from ml2o_theory.regions import Ball, Box, ParameterInterval, Region

EXAMPLES = settings.default.max_examples // 2 if settings.default.max_examples > 100 else 20
FAMILIES = ("quadratic", "LASSO, smooth part", "smoothed LASSO", "Rosenbrock")
RULES: dict[str, Callable[[int], MemorylessRule]] = {
    "scalar gain": lambda d: LinearGain(),
    "diagonal gain": lambda d: LinearGain(shape="diagonal", dim=d),
    "MLP": lambda d: MLPRule(hidden=2, depth=1, output_scale=0.3),
    "MLP on vectors": lambda d: MLPRule(scope="vector", dim=d, hidden=2, depth=1, output_scale=0.1),
}
KINDS = ("ball", "box", "tube")
SYMBOLS = tuple(symbol for symbol in MEANING if not symbol.startswith("delta_"))
SEARCH = Search(samples=18, starts=2, rounds=2)
ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-2, 2, width=16))


@dataclass(frozen=True)
class Case:
    """Two tasks, a rule and a region; all numbers come from `entries`, over and over."""

    family: str
    rule_name: str
    kind: str
    d: int
    same: bool
    entries: list[float]
    scale: float
    radius: float
    spread: float

    def take(self, skipped: int, *shape: int) -> Tensor:
        n = torch.Size(shape).numel()
        stream = torch.tensor(self.entries, dtype=torch.float64).repeat(skipped + n)
        return stream[skipped : skipped + n].reshape(shape)

    def task(self, skipped: int) -> Task:
        d = self.d
        if self.family == "Rosenbrock":
            return RosenbrockTask(1 + 10 * self.take(skipped, d - 1).abs())
        A, b = self.scale * self.take(skipped, d, d), self.take(skipped + d * d, d)
        half = A.new_tensor(0.5)
        if self.family == "smoothed LASSO":
            return SmoothedLassoTask(A, b, half, A.new_tensor(max(self.radius, 0.01)))
        return smooth_part(LassoTask(A, b, half)) if "LASSO" in self.family else QuadraticTask(A, b)

    @cached_property
    def tasks(self) -> tuple[Task, Task]:
        first = self.task(0)
        return first, first if self.same else self.task(3)

    @cached_property
    def models(self) -> tuple[TaskModel, TaskModel]:
        first = task_model(self.tasks[0])
        return first, first if self.same else task_model(self.tasks[1])

    @cached_property
    def rule(self) -> MemorylessRule:
        return RULES[self.rule_name](self.d)

    @cached_property
    def phi(self) -> Tensor:
        """Φ's middle: steps for which three steps of a tube stay in float64."""
        unit = 1.0 if self.rule_name.startswith("MLP") else 1 / (4 * self.d * (1 + self.scale**2))
        small = 1e-3 if self.family == "Rosenbrock" and unit < 1 else 1.0
        return unit * small * self.take(1, Parameters.of(self.rule).size)

    @cached_property
    def quadratics(self) -> QuadraticPair | None:
        """The pair that the closed forms are for, where the tasks are such."""
        first, second = self.tasks
        if isinstance(first, QuadraticTask) and isinstance(second, QuadraticTask):
            return QuadraticPair(first, second, self.take(2, self.d))
        return None

    @cached_property
    def sample(self) -> str:
        return self.quadratics.sample if self.quadratics else "a sample"

    @cached_property
    def region(self) -> Region:
        center, phi = self.take(2, self.d), self.phi
        width = self.spread * (1e-3 + phi.abs())
        low, high = (phi - width).tolist(), (phi + width).tolist()
        Phi: Any = Box(tuple(low), tuple(high))
        if self.rule_name == "scalar gain":
            Phi = ParameterInterval(low[0], high[0])
        if self.kind == "tube":
            start = Box(
                tuple((center - self.radius / 8).tolist()),
                tuple((center + self.radius / 8).tolist()),
            )
            tubes = [
                certified_tube(model, rule_model(self.rule), start, Phi, 2, parts=2)
                for model in self.models
            ]
            return tube_region(self.models, tubes, Phi, self.sample)
        ball = Ball(tuple(center.tolist()), exact(self.radius))
        x = box_around(ball) if self.kind == "ball" else IntervalTensor.about(center, self.radius)
        z = IntervalTensor.hull_of(*(model.gradient_on(x) for model in self.models))
        if self.kind == "box":
            return Region(Box.of(x), Phi, Box.of(z), self.sample, 2)
        gradients = Ball((0.0,) * self.d, exact(euclidean_above(z).item()))
        return Region(ball, Phi, gradients, self.sample, 2)

    def certified(self, symbol: str) -> dict[str, arb]:
        """Every certified upper end that the program has for the constant, by its road."""
        region, center = self.region, self.take(2, self.d)
        points, phi = (IntervalTensor.exactly(v) for v in (center.unsqueeze(0), self.phi))
        everywhere = of_region.region_constants(
            self.models, rule_model(self.rule), region, points, phi
        )
        found = {"region": everywhere[symbol].upper.value}
        if not isinstance(region.x, Ball):
            return found
        if symbol in {"M", "L", "rho", "tau"}:
            ends = [task_constants_on_ball(task, region)[symbol] for task in self.tasks]
            found["ball"] = max(end.upper.value for end in ends)
        if self.quadratics and isinstance(region.phi, ParameterInterval):
            found["closed form"] = pair_constants(self.quadratics, region)[symbol].upper.value
        return found


CASES = st.builds(
    Case,
    family=st.sampled_from(FAMILIES),
    rule_name=st.sampled_from(sorted(RULES)),
    kind=st.sampled_from(KINDS),
    d=st.integers(1, 3),
    same=st.sampled_from([False, False, True]),
    entries=st.lists(ENTRIES, min_size=5, max_size=19),
    scale=st.sampled_from([1.0, 1.0, 0.0, 1e3]),
    radius=st.sampled_from([0.0, 1e-6, 0.25, 1.0]),
    spread=st.sampled_from([0.0, 1e-6, 0.125]),
).filter(lambda case: case.family != "Rosenbrock" or case.d > 1)


@settings(max_examples=EXAMPLES)
@given(case=CASES, symbol=st.sampled_from(SYMBOLS), seed=st.integers(0, 2**20))
def test_no_sampled_value_is_above_a_certified_upper_end(
    case: Case, symbol: str, seed: int
) -> None:
    note(f"{case}.certified({symbol!r}); seed {seed}")
    event(f"{case.family}, {case.rule_name}")
    event(f"{symbol} on a {case.kind}")
    certified = case.certified(symbol)
    found = sampled(case.tasks, case.rule, case.region, [symbol], seed=seed, search=SEARCH)
    for road, upper in certified.items():
        assert found[symbol].lower.value <= upper, road


FIXED = Case(
    family="smoothed LASSO",
    rule_name="MLP",
    kind="box",
    d=2,
    same=False,
    entries=[1.0, -0.5, 0.25, 2.0, 0.75, -1.25, 0.5],
    scale=1.0,
    radius=1.0,
    spread=0.125,
)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_certificates_of_a_point_are_caught(
    symbol: str,
    mutated: Callable[..., Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: upper ends that hold at the given point alone, not on the region."""
    # Two smoothed LASSO tasks with one penalty have the same Δ̃ everywhere.
    case = replace(FIXED, family="Rosenbrock") if symbol == "Delta_tilde" else FIXED
    found = sampled(case.tasks, case.rule, case.region, [symbol], seed=0, search=SEARCH)[symbol]
    assert found.lower.value <= case.certified(symbol)["region"]
    planted = mutated(of_region._largest, "ends.upper[:-n]", "ends.upper[-1:]")
    monkeypatch.setattr(of_region, "_largest", planted)
    monkeypatch.setattr(of_region, "corners", lambda box: box.unsqueeze(0)[:0])
    assert found.lower.value > case.certified(symbol)["region"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_task_is_no_distance_from_itself(family: str) -> None:
    """Over a box as well, where ∇l − ∇l in interval arithmetic is not 0."""
    case = replace(FIXED, family=family, same=True)
    assert [case.certified(symbol)["region"] for symbol in ("Delta", "Delta_tilde")] == [0, 0]
