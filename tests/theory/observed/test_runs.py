"""Runs in ball arithmetic: what autodiff of the real unroll gives, and true at every precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from flint import arb, arb_mat, fmpq
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import jacrev

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.arithmetic import BITS, norm, precision, to_tensor
from ml2o_theory.models import flat_params, rule_model, task_model
from ml2o_theory.observed import runs
from ml2o_theory.observed.narrowing import RELATIVE_WIDTH, narrowed
from ml2o_theory.observed.quantities import Quantity
from ml2o_theory.observed.runs import Run, run

AUTODIFF = 1e-9
"""Float64 rounding of a few steps and two derivatives, relative to the largest entry."""

FLOATS = {"dtype": torch.float64}
TARGET = torch.tensor([0.5, -1.0, 0.25], **FLOATS)


def quadratic() -> Task:
    A = torch.randn(3, 3, generator=torch.Generator().manual_seed(1), **FLOATS)
    return QuadraticTask(A, TARGET)


def smoothed_lasso() -> Task:
    A = torch.randn(3, 3, generator=torch.Generator().manual_seed(2), **FLOATS)
    weight, smoothing = torch.tensor([0.3, 0.4], **FLOATS)
    return SmoothedLassoTask(A, TARGET, weight, smoothing)


def rosenbrock() -> Task:
    return RosenbrockTask(torch.tensor([1.5, 2.0], **FLOATS))


class Case(NamedTuple):
    """A rule, φ flattened in name order, and back."""

    rule: MemorylessRule
    phi: Tensor
    unflat: Callable[[Tensor], Params]


def case(rule: MemorylessRule) -> Case:
    params = rule.init_params(torch.Generator().manual_seed(3))
    shapes = {name: params[name].shape for name in sorted(params)}

    def unflat(phi: Tensor) -> Params:
        parts = phi.split([shape.numel() for shape in shapes.values()])
        return {n: v.reshape(s) for (n, s), v in zip(shapes.items(), parts, strict=True)}

    return Case(rule, flat_params(params), unflat)


RULES = {
    "scalar gain": LinearGain(scale=0.1),
    "full gain": LinearGain(shape="full", dim=3, scale=0.1),
    "coordinatewise MLP": MLPRule(hidden=4, depth=1, output_scale=0.3),
    "deep MLP": MLPRule(hidden=2, depth=2, output_scale=0.3),
    "vector MLP": MLPRule(scope="vector", dim=3, hidden=2, depth=1, output_scale=0.3),
}
X0 = torch.tensor([0.75, -0.5, 0.25], **FLOATS)
T = 4


@pytest.fixture(params=[quadratic, smoothed_lasso, rosenbrock], ids=lambda make: make.__name__)
def task(request: pytest.FixtureRequest) -> Task:
    return request.param()


@pytest.fixture(params=RULES)
def chosen(request: pytest.FixtureRequest) -> Case:
    return case(RULES[request.param])


def enclosed(task: Task, chosen: Case, graph: GraphMode = GraphMode.FULL, steps: int = T) -> Run:
    with precision():
        return run(task_model(task), rule_model(chosen.rule), X0, chosen.phi, steps, graph)


def close(found: arb_mat, expected: Tensor) -> bool:
    size = max(expected.abs().max().item(), 1.0)
    return bool((to_tensor(found) - expected).abs().max() <= AUTODIFF * size)


@pytest.mark.parametrize("graph", [GraphMode.FULL, GraphMode.DETACHED])
def test_autodiff_of_the_unroll_agrees(task: Task, chosen: Case, graph: GraphMode) -> None:
    def unroll(phi: Tensor) -> Tensor:
        return trajectory(chosen.rule, chosen.unflat(phi), task, X0, T, graph).iterates

    def scores(phi: Tensor) -> Tensor:
        return trajectory(chosen.rule, chosen.unflat(phi), task, X0, T, graph).losses

    found = enclosed(task, chosen, graph)
    iterates, jacobians, gradients = (
        unroll(chosen.phi),
        *(jacrev(of)(chosen.phi) for of in (unroll, scores)),
    )
    for t in range(T + 1):
        assert close(found.x[t], iterates[t].unsqueeze(1))
        assert close(found.J[t], jacobians[t])
        assert close(found.risk_gradients[t], gradients[t].unsqueeze(0))


def test_the_step_jacobians_are_those_of_one_step(task: Task, chosen: Case) -> None:
    def step(x: Tensor, phi: Tensor) -> Tensor:
        return x + chosen.rule.m(task.gradient(x), chosen.unflat(phi))

    found = enclosed(task, chosen)
    for t in range(T):
        x = to_tensor(found.x[t]).squeeze(1)
        in_x, in_phi = jacrev(step, (0, 1))(x, chosen.phi)
        assert close(found.A[t], in_x)
        assert close(found.B[t], in_phi)


def test_the_hessian_of_the_risk_is_autodiffs(task: Task, chosen: Case) -> None:
    def risk(phi: Tensor) -> Tensor:
        return trajectory(chosen.rule, chosen.unflat(phi), task, X0, T).losses[-1]

    with precision():
        found = enclosed(task, chosen).risk_hessians()
    assert len(found) == T + 1
    assert norm(found[0]) == 0
    assert close(found[-1], jacrev(jacrev(risk))(chosen.phi))


def test_a_detached_jacobian_is_not_the_full_one(task: Task, chosen: Case) -> None:
    full, detached = (enclosed(task, chosen, g).J for g in (GraphMode.FULL, GraphMode.DETACHED))
    assert full[1].overlaps(detached[1])
    assert norm(full[-1] - detached[-1]) > 0.001


@pytest.mark.parametrize("quantity", Quantity)
def test_less_precision_only_widens(quantity: Quantity) -> None:
    """53 bits and 300 bits enclose the same number."""
    task, chosen = smoothed_lasso(), case(RULES["coordinatewise MLP"])

    def at(bits: int) -> list[arb_mat]:
        with precision(bits):
            return enclosed_at_current(task, chosen).quantity(quantity)

    coarse, fine = at(53), at(300)
    assert len(coarse) == len(fine) == T
    for wide, narrow in zip(coarse, fine, strict=True):
        assert wide.overlaps(narrow)
        assert wide.contains(narrow)


def enclosed_at_current(task: Task, chosen: Case) -> Run:
    return run(task_model(task), rule_model(chosen.rule), X0, chosen.phi, T)


DYADIC = st.integers(-24, 24).map(lambda k: k / 8)


@given(DYADIC, DYADIC, DYADIC, DYADIC, st.integers(1, 6))
def test_a_quadratic_run_is_exact(a: float, b: float, x0: float, phi: float, steps: int) -> None:
    """l = ½(ax − b)² and m = −φz in rationals; g_T = ½(a x_0 − b)²(1 − φa²)^{2T}."""
    task = QuadraticTask(torch.tensor([[a]], **FLOATS), torch.tensor([b], **FLOATS))
    start, gain = torch.tensor([x0], **FLOATS), torch.tensor([phi], **FLOATS)
    with precision(4096):
        found = run(task_model(task), rule_model(LinearGain()), start, gain, steps)
        computed = [found.risk_gradients[-1][0, 0], found.risk_hessians()[-1][0, 0]]
    a_, b_, x_, phi_ = (fmpq(*v.as_integer_ratio()) for v in (a, b, x0, phi))
    residual, factor = (a_ * x_ - b_) ** 2, 1 - phi_ * a_**2
    first = -steps * a_**2 * residual * factor ** (2 * steps - 1)
    second = steps * (2 * steps - 1) * a_**4 * residual * factor ** (2 * steps - 2)
    assert [value.fmpq() for value in computed] == [first, second]


def test_only_runs_with_derivatives_are_enclosed() -> None:
    task, chosen = quadratic(), case(RULES["scalar gain"])
    with pytest.raises(InvalidArgument, match="graph: got 'none'"):
        enclosed(task, chosen, GraphMode.NONE)
    with pytest.raises(InvalidArgument, match="steps"):
        enclosed(task, chosen, steps=0)
    with pytest.raises(InvalidArgument, match="graph: got 'detached'"):
        enclosed(task, chosen, GraphMode.DETACHED).risk_hessians()


def test_the_precision_is_raised_until_what_is_left_is_narrow() -> None:
    """1 + 2^{−200} − 1 has no digits at 128 bits."""
    tiny = 2.0**-200

    found, bits = narrowed(lambda: [arb_mat([[arb(1) + tiny - 1]])])
    assert bits == 2 * BITS
    assert abs(norm(found[0]) / tiny - 1) < RELATIVE_WIDTH


def test_what_never_gets_narrow_is_returned_as_it_is() -> None:
    found, bits = narrowed(lambda: [arb_mat([[arb(2).sqrt() ** 2 - 2]])], most_bits=4 * BITS)
    assert bits == 4 * BITS
    assert found[0][0, 0].contains(0)
    assert norm(found[0]).rad() > 0


DEFECTS = [
    ("_second_derivative_step", "self.A[t] * K[j, k]", "K[j, k]"),
    ("_second_derivative_step", "self.rule.second", "-self.rule.second"),
    ("_second_derivative_step", "inputs[j], inputs[k]", "inputs[j], inputs[j]"),
    ("_second_derivative_step", "self.m[t].in_z * ", ""),
    ("_risk_hessian", "self.H[t] * self.J[t]", "self.J[t]"),
]


@pytest.mark.parametrize(("name", "old", "new"), DEFECTS)
def test_a_planted_defect_shows(
    name: str, old: str, new: str, mutated: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, chosen = rosenbrock(), case(RULES["coordinatewise MLP"])
    with precision():
        sound = enclosed(task, chosen).risk_hessians()[-1]
        monkeypatch.setattr(runs.Run, name, mutated(getattr(runs.Run, name), old, new))
        assert not enclosed(task, chosen).risk_hessians()[-1].overlaps(sound)
