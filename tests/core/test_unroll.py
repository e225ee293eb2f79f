"""The engine: Eq. 1, windows, graph modes, mapping."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import sample_problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import GraphMode, begin, trajectory, unroll

FAMILY = Quadratic(rows=4, cols=3)
GAIN = LinearGain()


def one_problem() -> tuple:
    g = generator(0, purpose="test")
    return FAMILY.sample(g), FAMILY.start(g) + 1


@given(phi=st.floats(-0.5, 0.5), steps=st.integers(1, 8))
def test_gain_on_a_quadratic_has_its_closed_form(phi: float, steps: int) -> None:
    """x_t − x* = (I − φH)^t (x_0 − x*) on the range of H, whatever φ."""
    task, x0 = one_problem()
    params = {name: torch.tensor(phi, dtype=torch.float64) for name in default(GAIN)}
    run = trajectory(GAIN, params, task, x0, steps)
    step = torch.eye(3, dtype=torch.float64) - phi * task.hessian(x0)
    star = task.optimum().x
    expected = star + torch.linalg.matrix_power(step, steps) @ (x0 - star)
    scale = expected.abs().max() + 1
    assert (run.iterates[-1] - expected).abs().max() <= 1e-12 * scale * 4**steps
    assert run.iterates.shape == (steps + 1, 3)
    torch.testing.assert_close(run.losses[-1], task.loss(run.iterates[-1]), rtol=1e-14, atol=1e-14)


def default(rule: UpdateRule) -> dict:
    return rule.init_params(generator(0, purpose="init"))


def batched(rule: UpdateRule, repeats: int = 2, size: int = 3) -> tuple:
    problems = sample_problems(
        Lasso(rows=4, cols=3), seed=0, purpose="test", repeats=repeats, size=size
    )
    draws = [rule.init_params(generator(0, repeat=r)) for r in range(repeats)]
    params = {name: torch.stack([d[name] for d in draws]) for name in draws[0]}
    return problems, params


@pytest.mark.parametrize(
    "name", [n for n, rule in UpdateRule.registry().items() if n not in ("mlp-full",)]
)
def test_mapping_equals_the_loop_for_every_rule(name: str) -> None:
    rule = UpdateRule.lookup(name)()
    problems, params = batched(rule)
    carry = begin(rule, problems.tasks, problems.start)
    window = unroll(rule, params, problems.tasks, carry, 5, GraphMode.NONE)
    for r in range(2):
        for n in range(3):
            own = {k: v[r] for k, v in params.items()}
            run = trajectory(rule, own, problems.tasks[r, n], problems.start[r, n], 5)
            torch.testing.assert_close(
                window.iterates[r, n], run.iterates.detach(), rtol=1e-12, atol=1e-12
            )
            torch.testing.assert_close(
                window.losses[r, n], run.losses.detach(), rtol=1e-12, atol=1e-12
            )


@pytest.mark.parametrize("name", list(UpdateRule.registry()))
def test_windows_continue_each_other(name: str) -> None:
    """3 + 4 steps are 7 steps, state included: nothing is lost at a window's border."""
    rule = UpdateRule.lookup(name)()
    problems, params = batched(rule)
    carry = begin(rule, problems.tasks, problems.start)
    whole = unroll(rule, params, problems.tasks, carry, 7, GraphMode.NONE)
    first = unroll(rule, params, problems.tasks, carry, 3, GraphMode.NONE)
    second = unroll(rule, params, problems.tasks, first.end.detach(), 4, GraphMode.NONE)
    joined = torch.cat([first.iterates, second.iterates[:, :, 1:]], dim=2)
    torch.testing.assert_close(joined, whole.iterates, rtol=0, atol=0)


def test_graph_modes_give_the_jacobians_they_promise() -> None:
    """full: J_{t+1} = A_t J_t + B_t (Eq. 2); detached: Σ B_t; none: no graph at all."""
    task, x0 = one_problem()
    phi = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
    (key,) = default(GAIN)
    jacobians = {}
    for mode in (GraphMode.FULL, GraphMode.DETACHED):
        run = trajectory(GAIN, {key: phi}, task, x0, 4, mode)
        rows = [torch.autograd.grad(x, phi, retain_graph=True)[0] for x in run.iterates[-1]]
        jacobians[mode] = torch.stack(rows)
    hessian = task.hessian(x0)
    full = detached = torch.zeros(3, dtype=torch.float64)
    for x in run.iterates.detach()[:-1]:
        b = -task.gradient(x)
        full = full - 0.1 * hessian @ full + b
        detached = detached + b
    torch.testing.assert_close(jacobians[GraphMode.FULL], full, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(jacobians[GraphMode.DETACHED], detached, rtol=1e-12, atol=1e-12)
    assert not trajectory(GAIN, {key: phi}, task, x0, 4, GraphMode.NONE).losses.requires_grad


@pytest.mark.parametrize("name", ["ista", "fista"])
def test_detached_cuts_a_point_that_is_passed_through(name: str) -> None:
    """With a weight so large that prox(…) = 0, x_1 = x_0 + (0 − z): slope 1 in x_0 if z is held."""
    rule = UpdateRule.lookup(name)()
    g = generator(0, purpose="test")
    family = Lasso(rows=4, cols=3, weight=1e6)
    task, x0 = family.sample(g), family.start(g).requires_grad_()
    slopes = {}
    for mode in (GraphMode.FULL, GraphMode.DETACHED):
        end = trajectory(rule, default(rule), task, x0, 1, mode).iterates[-1]
        assert torch.equal(end, torch.zeros(3, dtype=torch.float64))
        slopes[mode] = torch.autograd.grad(end.sum(), x0)[0]
    assert torch.equal(slopes[GraphMode.FULL], torch.zeros(3, dtype=torch.float64))
    assert torch.equal(slopes[GraphMode.DETACHED], torch.ones(3, dtype=torch.float64))


def test_no_graph_crosses_a_window() -> None:
    rule = RNNprop(hidden=3)
    problems, params = batched(rule)
    phi = {name: value.clone().requires_grad_() for name, value in params.items()}
    carry = begin(rule, problems.tasks, problems.start)
    window = unroll(rule, phi, problems.tasks, carry, 2, GraphMode.DETACHED)
    assert window.losses.requires_grad
    end = window.end.detach()
    assert not end.x.requires_grad
    assert not any(value.requires_grad for value in end.state.values())


def test_replicates_do_not_mix() -> None:
    rule = RNNprop(hidden=3)
    problems, params = batched(rule)
    phi = {name: value.clone().requires_grad_() for name, value in params.items()}
    carry = begin(rule, problems.tasks, problems.start)
    window = unroll(rule, phi, problems.tasks, carry, 2, GraphMode.FULL)
    grads = torch.autograd.grad(window.losses[0].sum(), list(phi.values()))
    assert all(g[1].abs().max() == 0 for g in grads)
    assert any(g[0].abs().max() > 0 for g in grads)


def test_zero_steps_are_refused() -> None:
    task, x0 = one_problem()
    with pytest.raises(InvalidArgument, match="steps: got 0"):
        trajectory(GAIN, default(GAIN), task, x0, 0)
