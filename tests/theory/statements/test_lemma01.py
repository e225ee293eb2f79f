"""Lemma 1: an identity, so every sound case is tight and every defect is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb_mat, ctx, fmpq, fmpq_poly
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import CheckVerdict
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import GraphMode
from ml2o_theory import chain_rule
from ml2o_theory.arithmetic import identity, precision
from ml2o_theory.chain_rule import check_chain_rule, product_sum
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.instances import Instance
from ml2o_theory.models.base import RuleModel, TaskModel, _models
from ml2o_theory.observed import taylor
from ml2o_theory.observed.taylor import jacobians
from ml2o_theory.verdict import StatementCheck

FLOATS = {"dtype": torch.float64}
X0 = torch.tensor([0.5, -0.25, 0.75], **FLOATS)

RULES: list[MemorylessRule] = [
    LinearGain(scale=0.1),
    LinearGain(shape="diagonal", dim=3, scale=0.1),
    LinearGain(shape="full", dim=3, scale=0.1),
    MLPRule(hidden=2, depth=1, output_scale=0.5),
    MLPRule(hidden=2, depth=2, output_scale=0.5),
    MLPRule(scope="vector", dim=3, hidden=2, depth=1, output_scale=0.5),
]


def smoothed_lasso() -> Task:
    data = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), **FLOATS)
    weight, smoothing = torch.tensor([0.3, 0.4], **FLOATS)
    return SmoothedLassoTask(data[:, :3], data[:, 3], weight, smoothing)


def rosenbrock() -> Task:
    return RosenbrockTask(torch.tensor([1.0, 2.0], **FLOATS))


def instance(task: Task, rule: MemorylessRule, x0: torch.Tensor = X0) -> Instance:
    return Instance(rule, rule.init_params(torch.Generator().manual_seed(1)), task, task, x0)


def check(
    T: int, rule: MemorylessRule = RULES[3], graph: GraphMode = GraphMode.FULL
) -> StatementCheck:
    (found,) = check_chain_rule(instance(smoothed_lasso(), rule), [T], graph)
    return found


@pytest.mark.parametrize("graph", [GraphMode.FULL, GraphMode.DETACHED])
@pytest.mark.parametrize("rule", RULES, ids=range(len(RULES)))
@pytest.mark.parametrize("make_task", [smoothed_lasso, rosenbrock])
def test_it_is_attained_by_every_task_and_rule(
    make_task: Callable[[], Task], rule: MemorylessRule, graph: GraphMode
) -> None:
    for found in check_chain_rule(instance(make_task(), rule), [1, 4], graph):
        assert found.verdict is CheckVerdict.ATTAINED
        assert found.graph is graph


@settings(max_examples=2 * settings.default.max_examples)
@given(
    st.from_type(QuadraticPair),
    st.floats(-1, 2, width=32),
    st.integers(1, 8),
    st.sampled_from([GraphMode.FULL, GraphMode.DETACHED]),
)
def test_it_is_attained_on_quadratics(
    pair: QuadraticPair, scale: float, T: int, graph: GraphMode
) -> None:
    """Corners of A, b and x_0 included; where x_0 is a minimiser both sides are exactly 0."""
    phi = torch.tensor(scale / max(pair.first.gram_norm().item(), 1.0), **FLOATS)
    drawn = Instance(LinearGain(), {"gain": phi}, pair.first, pair.first, pair.x0)
    (found,) = check_chain_rule(drawn, [T], graph)
    event(found.verdict.value)
    assert found.bound is not None
    expected = CheckVerdict.ATTAINED if found.bound.upper.value > 0 else CheckVerdict.HOLDS
    assert found.verdict is expected


DYADIC = st.integers(-16, 16).map(lambda k: k / 8)


@given(DYADIC, DYADIC, DYADIC, DYADIC, st.integers(1, 6))
def test_taylor_arithmetic_gives_the_derivative_of_the_polynomial(
    a: float, b: float, x0: float, phi: float, T: int
) -> None:
    """For l = ½(ax − b)² and m = −φz, x_T is a polynomial in φ with rational coefficients."""
    a_, b_, phi_ = (fmpq(*v.as_integer_ratio()) for v in (a, b, phi))
    x = fmpq_poly([fmpq(*x0.as_integer_ratio())])
    detached = fmpq(0)
    for _ in range(T):
        z = a_ * (a_ * x - b_)
        detached -= z(phi_)
        x = x - fmpq_poly([0, 1]) * z
    task = QuadraticTask(torch.tensor([[a]], **FLOATS), torch.tensor([b], **FLOATS))
    start, params = torch.tensor([x0], **FLOATS), {"gain": torch.tensor(phi, **FLOATS)}
    for graph, expected in [
        (GraphMode.FULL, x.derivative()(phi_)),
        (GraphMode.DETACHED, detached),
    ]:
        with precision(4096):
            J = jacobians(LinearGain(), params, task, start, T, graph)[-1]
        assert J[0, 0].fmpq() == expected


def test_the_two_sums_are_different_quantities(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: neither graph mode's derivative is the other's sum."""
    monkeypatch.setattr(chain_rule, "product_sum", lambda A, B: product_sum(_identities(A), B))
    assert check(1).verdict is CheckVerdict.ATTAINED
    assert check(4).verdict is CheckVerdict.VIOLATED
    assert check(4, graph=GraphMode.DETACHED).verdict is CheckVerdict.ATTAINED


def _identities(A: list[arb_mat]) -> list[arb_mat]:
    return [identity(one.nrows()) for one in A]


DEFECTS = [
    (product_sum, "carried * A_i", "A_i * carried"),
    (product_sum, "carried * A_i", "carried"),
    (product_sum, "carried * B_i", "carried * A_i * B_i"),
    (product_sum, "total + carried", "total - carried"),
]


@pytest.mark.parametrize(("function", "old", "new"), DEFECTS)
def test_a_planted_defect_of_the_sum_is_violated(
    function: Callable[..., Any],
    old: str,
    new: str,
    mutated: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain_rule, function.__name__, mutated(function, old, new))
    assert check(3).verdict is CheckVerdict.VIOLATED


def test_a_wrong_gradient_is_violated(
    mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(taylor._smoothed_lasso, "v * v + squared", "v * v + 2 * squared")
    monkeypatch.setitem(taylor.GRADIENTS, SmoothedLassoTask, planted)
    assert check(1).verdict is CheckVerdict.VIOLATED


def test_a_relative_difference_of_1e_minus_9_is_violated(monkeypatch: pytest.MonkeyPatch) -> None:
    """ATTAINED is equality within the enclosures, far below its stated 1e-6."""
    monkeypatch.setattr(
        chain_rule, "product_sum", lambda A, B: product_sum(A, B) * (1 + fmpq(1, 10**9))
    )
    assert check(3).verdict is CheckVerdict.VIOLATED


def test_what_taylor_arithmetic_does_not_know_is_refused() -> None:
    task, params = smoothed_lasso(), {"gain": torch.tensor(0.1, **FLOATS)}
    kinked = LassoTask(task.A, task.b, task.weight)  # type: ignore[attr-defined]
    with pytest.raises(InvalidArgument, match="task: got 'LassoTask'"):
        jacobians(LinearGain(), params, kinked, X0, 2)
    with pytest.raises(InvalidArgument, match="graph"):
        jacobians(LinearGain(), params, task, X0, 2, GraphMode.NONE)

    class Other(LinearGain):
        pass

    with pytest.raises(InvalidArgument, match="rule: got 'Other'"):
        jacobians(Other(), params, task, X0, 2)
    with pytest.raises(InvalidArgument, match="steps"):
        check(0)


def test_every_task_and_rule_with_a_model_has_its_series() -> None:
    assert set(taylor.GRADIENTS) == set(_models(TaskModel))
    assert set(taylor.STEPS) == set(_models(RuleModel))


def test_the_length_of_series_is_set_back() -> None:
    before = ctx.cap
    check(1)
    assert ctx.cap == before
