"""Uniform checks: true statements stand, planted defects are found, and witnesses recompute."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from flint import arb
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import CheckKind, CheckVerdict, EndMethod, Level
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import norm, precision
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.instances import Instance
from ml2o_theory.models import rule_model, task_model
from ml2o_theory.observed.float64 import Float64Runs, size
from ml2o_theory.observed.quantities import Between, Quantity
from ml2o_theory.observed.runs import run
from ml2o_theory.regions import Box, ParameterInterval
from ml2o_theory.registry import ladder_statement, ladder_statements
from ml2o_theory.uniform_checks import check_uniform
from ml2o_theory.verdict import StatementCheck

SEARCHED = 1e-5
"""How near a search must come to a supremum that is known in closed form, relative."""

FLOAT = 1e-9
"""Float64 against ball arithmetic, relative, at moderate numbers."""

OBSERVED = [name for name, member in ladder_statements().items() if member.observes is not None]


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def quadratic(A: list[list[float]], *b: float) -> QuadraticTask:
    return QuadraticTask(torch.tensor(A, dtype=torch.float64), numbers(*b))


def instance(rule: MemorylessRule, first: Task, second: Task, x0: Tensor) -> Instance:
    return Instance(rule, rule.init_params(torch.Generator().manual_seed(0)), first, second, x0)


@dataclass(frozen=True)
class Scene:
    """An instance and its Φ."""

    instance: Instance
    phi: Box | ParameterInterval

    def check(
        self, name: str, T: int, level: Level = Level.UNIFORM, **options: Any
    ) -> StatementCheck:
        options = {"trials": 60, "seed": 1, **options}
        return check_uniform(ladder_statement(name), self.instance, self.phi, T, level, **options)


def scalar(h: float, x0: float, *, other: float | None = None, shift: float = 0.0) -> Scene:
    """½hx² and ½(other)x² − shift·x in one dimension, and gains that expand: φ ∈ [−1, −½]."""
    first = quadratic([[h**0.5]], 0.0)
    root = (h if other is None else other) ** 0.5
    second = quadratic([[root]], shift / root)
    return Scene(instance(LinearGain(), first, second, numbers(x0)), ParameterInterval(-1.0, -0.5))


A, B = [[1.0, 0.5], [0.0, 1.0]], [[0.8, 0.3], [0.1, 1.2]]


def gain_on_quadratics() -> Scene:
    pair = quadratic(A, 1.0, 0.5), quadratic(B, 0.5, 1.0)
    return Scene(instance(LinearGain(), *pair, numbers(1.0, -1.0)), ParameterInterval(0.2, 0.5))


def diagonal_gain_on_smoothed_lasso() -> Scene:
    first, second = (
        SmoothedLassoTask(torch.tensor(M).double(), numbers(1.0, b), *numbers(0.2, 0.5))
        for M, b in ((A, 0.5), (B, 1.0))
    )
    rule = LinearGain(shape="diagonal", dim=2)
    return Scene(instance(rule, first, second, numbers(1.0, -1.0)), Box((0.2, 0.3), (0.4, 0.5)))


def network_on_quadratics() -> Scene:
    pair = quadratic(A, 1.0, 0.5), quadratic(B, 0.5, 1.0)
    rule = MLPRule(hidden=2, depth=1, output_scale=0.1)
    at = torch.linspace(-1, 1, Parameters.of(rule).size, dtype=torch.float64)
    phi = Box(tuple((at - 0.1).tolist()), tuple((at + 0.1).tolist()))
    return Scene(instance(rule, *pair, numbers(1.0, -1.0)), phi)


@pytest.mark.parametrize("name", OBSERVED)
def test_no_true_statement_is_violated(name: str) -> None:
    check = gain_on_quadratics().check(name, 2, Level.CLOSED_LOOP)
    assert check.verdict is CheckVerdict.NO_VIOLATION_FOUND, (check.verdict, check.reason)
    assert check.kind is CheckKind.UNIFORM
    assert "60 trials" in check.reason
    assert check.observed is not None
    assert not check.observed.is_bounded
    assert check.bound is not None
    assert check.bound.is_bounded


@pytest.mark.parametrize(
    ("name", "scene"),
    [("lemma05", diagonal_gain_on_smoothed_lasso), ("proposition1", network_on_quadratics)],
)
def test_other_tasks_and_rules(name: str, scene: Callable[[], Scene]) -> None:
    check = scene().check(name, 2, Level.CLOSED_LOOP)
    assert check.verdict is CheckVerdict.NO_VIOLATION_FOUND, (check.verdict, check.reason)


MUTANTS = [
    ("lemma02", 2, scalar(4, 1), " + bounds(steps).P * apart.phi", ""),
    ("lemma05", 2, scalar(4, 1), "bounds(steps)", "bounds(steps[:-1])"),
    ("lemma06", 1, scalar(4, 1), " + score.L * b.P * b.J", ""),
    ("lemma08", 2, scalar(4, 1, shift=1), "bounds(steps)", "bounds(steps[:-1])"),
    ("lemma09", 1, scalar(4, 0.01, other=1), ".Delta_A", ".Delta_B"),
    ("lemma11", 2, scalar(4, 1, shift=1), "bounds(steps)", "bounds(steps[:-1])"),
    ("lemma13", 1, scalar(4, 1), "score.M * ", ""),
    (
        "proposition1",
        1,
        scalar(4, 1, shift=1),
        " + b.J * (score.Delta + score.L * b.delta_x)",
        "",
    ),
]


@pytest.mark.parametrize(("name", "T", "scene", "old", "new"), MUTANTS, ids=lambda v: str(v)[:30])
def test_a_planted_defect_is_found(
    name: str,
    T: int,
    scene: Scene,
    old: str,
    new: str,
    mutated: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert scene.check(name, T).verdict is not CheckVerdict.VIOLATED
    kind = type(ladder_statement(name))
    monkeypatch.setattr(kind, "formula", mutated(kind.formula, old, new))
    check = scene.check(name, T)
    assert check.verdict is CheckVerdict.VIOLATED, (check.observed, check.bound)


def lower_end(check: StatementCheck) -> float:
    assert check.observed is not None
    return float(check.observed.lower.value)


def test_the_search_comes_near_to_suprema_that_are_known() -> None:
    # g_T = ½h x_0² (1 − φh)^{2T}, largest at φ = −1 in every derivative.
    h, x0, T = 2.0, 0.5, 2
    scene = scalar(h, x0)
    slope = T * h**2 * x0**2 * 3.0 ** (2 * T - 1)
    curvature = T * (2 * T - 1) * h**3 * x0**2 * 3.0 ** (2 * T - 2)
    assert lower_end(scene.check("lemma13", T)) == pytest.approx(slope, rel=SEARCHED)
    found = lower_end(scene.check("lemma06", T))
    assert (1 - SEARCHED) * curvature < found < curvature


def test_the_witness_shows_what_was_observed() -> None:
    scene, T = gain_on_quadratics(), 2
    check = scene.check("lemma05", T)
    assert check.observed is not None
    end = check.observed.lower
    assert end.method is EndMethod.SEARCHED
    assert end.seed == 1
    assert end.witness is not None
    phi, other = (end.witness[symbol][0] for symbol in ("φ", "φ'"))
    assert phi != other
    assert all(value in scene.phi for value in (phi, other))
    task, rule = task_model(scene.instance.first), rule_model(LinearGain())
    with precision():
        J, J_other = (
            run(task, rule, numbers(1.0, -1.0), numbers(gain), T).J[T] for gain in (phi, other)
        )
        ratio = norm(J - J_other) / abs(arb(phi) - arb(other))
    assert end.value <= ratio
    assert float(end.value) == pytest.approx(float(ratio), rel=FLOAT)


def test_numbers_of_a_pair_are_per_unit_of_its_distance() -> None:
    # One step from x_0 = 1 with h = 1 leads to x_1 ∈ [1.5, 2]: J_1 = −z_0, and M_m2 = 2.
    check = scalar(1, 1).check("lemma02", 1)
    assert lower_end(check) == pytest.approx(1, rel=FLOAT)
    assert check.bound is not None
    assert float(check.bound.upper.value) == pytest.approx(2, rel=FLOAT)
    check = scalar(1, 1).check("lemma05", 1)
    assert check.trivial is not None
    assert check.observed is not None
    assert check.observed.lower.witness is not None
    phi, other = (check.observed.lower.witness[symbol][0] for symbol in ("φ", "φ'"))
    trivial = float(check.trivial.upper.value)
    assert trivial * abs(phi - other) == pytest.approx(2 * 2, rel=FLOAT)


def test_the_same_seed_gives_the_same_check() -> None:
    scene = scalar(1, 1)
    ends = [scene.check("lemma06", 2, seed=seed).observed for seed in (3, 3, 4)]
    assert ends[0] == ends[1] != ends[2]


def test_starts_and_parameters_range_together() -> None:
    scene = scalar(1.0, 1.5)
    starts = Box((1.0,), (2.0,))
    check = scene.check("lemma02", 2, starts=starts, trials=200)
    assert check.observed is not None
    witness = check.observed.lower.witness
    assert witness is not None
    assert {"φ", "φ'", "x_0", "x_0'"} == set(witness)
    assert all(numbers(*witness[name]) in starts for name in ("x_0", "x_0'"))
    assert check.ratio is not None
    # Q² ‖x_0 − x_0'‖ is attained at φ = φ' = −1, where 1 − φh = Q.
    assert 0.99 < float(check.ratio.lower.value) <= 1
    assert check.verdict is not CheckVerdict.VIOLATED
    # Wherever the other statements' runs start, they stay in the region too.
    assert scene.check("lemma08", 2, starts=starts).verdict is not CheckVerdict.VIOLATED


def test_detached_observes_what_detached_differentiates() -> None:
    check = gain_on_quadratics().check("proposition1", 2, Level.DETACHED)
    assert check.graph is GraphMode.DETACHED
    assert check.verdict is CheckVerdict.NO_VIOLATION_FOUND


@pytest.mark.parametrize("graph", [GraphMode.FULL, GraphMode.DETACHED])
@pytest.mark.parametrize("quantity", Quantity)
def test_float64_observes_what_ball_arithmetic_encloses(
    quantity: Quantity, graph: GraphMode
) -> None:
    if quantity is Quantity.RISK_HESSIAN and graph is GraphMode.DETACHED:
        return
    scene, T = diagonal_gain_on_smoothed_lasso(), 3
    given, phi = scene.instance, numbers(0.25, 0.4)
    runs = Float64Runs.of(given.rule, T, graph)
    found = size(runs.quantity(quantity, given.first, given.x0, phi))
    one = Instance(given.rule, {"gain": phi}, given.first, given.second, given.x0)
    pair = Comparison(one, Between.ONE_RUN, T)
    exact = pair.observed(quantity, pair.region, graph)[T - 1]
    assert found.item() == pytest.approx(float(exact.lower.value), rel=FLOAT)


def test_what_cannot_be_checked_is_refused() -> None:
    scene = gain_on_quadratics()
    with pytest.raises(InvalidArgument, match="uniform, closed-loop, detached"):
        scene.check("lemma05", 2, Level.TRAJECTORY)
    with pytest.raises(InvalidArgument, match="uniform, closed-loop"):
        scene.check("lemma08", 2, Level.DETACHED)
    with pytest.raises(InvalidArgument, match="more than one parameter"):
        Scene(scene.instance, ParameterInterval(0.2, 0.2)).check("lemma05", 2)
    with pytest.raises(InvalidArgument, match="says what is observed"):
        scene.check("lemma01", 2)
