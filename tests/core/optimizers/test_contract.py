"""One contract for every rule of the registry, learned and analytic.

The checks are functions of a rule, so that the planted rules at the end can show that they fail.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.func import vmap

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Observation, Params, State, UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import GraphMode, trajectory

D = 3
FAMILY = Lasso(rows=5, cols=D)
DEFAULTS = {name: rule() for name, rule in UpdateRule.registry().items()}
VARIANTS: dict[str, UpdateRule] = {
    "gain-diagonal": LinearGain(shape="diagonal", dim=D),
    "gain-full": LinearGain(shape="full", dim=D),
    "mlp-vector": MLPRule(scope="vector", dim=D, hidden=4, depth=1),
    "rnnprop-released": RNNprop(projection=True, layers=2, hidden=5, output_scale=0.1),
    "rnnprop-no-averaging": RNNprop(beta1=0, beta2=0, hidden=3),
}
RULES = DEFAULTS | VARIANTS
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
every_precision = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)


def problem(seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Task, Tensor]:
    """A task and a point well away from the kinks of ‖x‖₁."""
    g = generator(seed, purpose="contract")
    batch = FAMILY.sample_batch(g, 1).to("cpu", dtype)
    return batch[0], (FAMILY.start(g) + 1).to(dtype)


def draw(rule: UpdateRule, seed: int = 0, dtype: torch.dtype = torch.float64) -> Params:
    drawn = rule.init_params(generator(seed, purpose="init"))
    return {name: value.to(dtype) for name, value in drawn.items()}


def run(
    rule: UpdateRule, params: Params, task: Task, x: Tensor, steps: int
) -> tuple[Tensor, State]:
    state = rule.init_state(task, x)
    for _ in range(steps):
        d, state = rule.update(rule.observe(task, x, state), state, params)
        x = x + d
    return x, state


def signature(tensors: State) -> dict[str, tuple]:
    return {name: (value.shape, value.dtype, value.device) for name, value in tensors.items()}


@every_rule
def test_params_are_a_flat_dictionary_in_float64_fixed_by_the_generator(rule: UpdateRule) -> None:
    params, again = draw(rule, seed=1), draw(rule, seed=1)
    assert params
    assert all(isinstance(value, Tensor) for value in params.values())
    assert {value.dtype for value in rule.init_params(generator(1)).values()} == {torch.float64}
    assert params.keys() == again.keys()
    assert all(torch.equal(params[name], again[name]) for name in params)


@every_rule
def test_only_learned_rules_draw(rule: UpdateRule) -> None:
    g = generator(0)
    before = g.get_state()
    rule.init_params(g)
    assert torch.equal(g.get_state(), before) != rule.learned
    one, other = draw(rule, seed=1), draw(rule, seed=2)
    assert all(torch.equal(one[name], other[name]) for name in one) != rule.learned


def check_state_is_kept(rule: UpdateRule, dtype: torch.dtype) -> None:
    """d has x's shape and precision; the state keeps its names, shapes, precision and device."""
    task, x = problem(dtype=dtype)
    params = draw(rule, dtype=dtype)
    state = rule.init_state(task, x)
    first = signature(state)
    assert all(dtype == kind for _, kind, _ in first.values())
    for _ in range(3):
        d, state = rule.update(rule.observe(task, x, state), state, params)
        assert (d.shape, d.dtype) == (x.shape, dtype)
        assert signature(state) == first
        x = x + d


@every_rule
@every_precision
def test_a_step_keeps_shapes_and_precision(rule: UpdateRule, dtype: torch.dtype) -> None:
    check_state_is_kept(rule, dtype)


@every_rule
def test_nested_maps_equal_the_loop(rule: UpdateRule) -> None:
    """Replicates with their own φ outside, problems that share φ inside, as the engine maps."""
    R, N, steps = 2, 3, 4
    batch = [[problem(10 * r + n) for n in range(N)] for r in range(R)]
    draws = [draw(rule, seed=r) for r in range(R)]
    params = {name: torch.stack([p[name] for p in draws]) for name in draws[0]}
    tensors = {
        name: torch.stack([torch.stack([t.tensors()[name] for t, _ in row]) for row in batch])
        for name in batch[0][0][0].tensors()
    }
    x = torch.stack([torch.stack([x for _, x in row]) for row in batch])
    task_type = type(batch[0][0][0])

    def one(p: Params, data: dict[str, Tensor], x: Tensor) -> tuple[Tensor, State]:
        return run(rule, p, task_type(**data), x, steps)

    mapped_x, mapped_state = vmap(vmap(one, in_dims=(None, 0, 0)))(params, tensors, x)
    for r in range(R):
        for n in range(N):
            alone_x, alone_state = run(rule, draws[r], *batch[r][n], steps)
            torch.testing.assert_close(mapped_x[r, n], alone_x, rtol=1e-12, atol=1e-12)
            assert mapped_state.keys() == alone_state.keys()
            for name, value in alone_state.items():
                torch.testing.assert_close(mapped_state[name][r, n], value, rtol=1e-12, atol=1e-12)


def differentiable(values: dict) -> tuple[dict, list[Tensor]]:
    """The same values with the tensors as leaves, and the leaves."""
    leaves = {k: v.detach().requires_grad_() for k, v in values.items() if isinstance(v, Tensor)}
    return values | leaves, list(leaves.values())


def check_derivatives_are_finite(
    rule: UpdateRule, dtype: torch.dtype, gradients: list[float]
) -> None:
    """d and its first and second derivatives in φ and z, after a history of gradients."""
    task, x = problem(dtype=dtype)
    state = rule.init_state(task, x)
    params, phi = differentiable(draw(rule, dtype=dtype))
    for value in gradients:
        observed = rule.observe(task, x, state)
        z, inputs = differentiable(
            {
                name: torch.full_like(v, value) if isinstance(v, Tensor) else v
                for name, v in observed.items()
            }
        )
        d, state = rule.update(z, state, params)
        leaves = phi + inputs
        first = torch.autograd.grad(d.sum(), leaves, create_graph=True, allow_unused=True)
        slopes = [slope for slope in first if slope is not None]
        assert d.isfinite().all()
        assert slopes
        assert all(slope.isfinite().all() for slope in slopes)
        total = sum(slope.sum() for slope in slopes)
        if isinstance(total, Tensor) and total.requires_grad:
            second = torch.autograd.grad(total, leaves, allow_unused=True)
            assert all(c.isfinite().all() for c in second if c is not None)
        state = {name: v.detach() for name, v in state.items()}


@every_rule
@every_precision
@pytest.mark.parametrize("history", [[0.0, 0.0, 0.0], [1e4, 0.0], [1e-18, 1e-30], [1.0, -2.0]])
def test_derivatives_are_finite_also_at_zero(
    rule: UpdateRule, dtype: torch.dtype, history: list[float]
) -> None:
    check_derivatives_are_finite(rule, dtype, history)


def directional_derivatives(
    f: Callable[[Params], Tensor], params: Params, direction: Params
) -> tuple[Tensor, Tensor, Params]:
    """f', f'' along `direction`, and ∇f, all by autodiff."""
    point, leaves = differentiable(params)
    grads = torch.autograd.grad(f(point), leaves, create_graph=True)
    slope = torch.stack(
        [(g * direction[name]).sum() for name, g in zip(params, grads, strict=True)]
    ).sum()
    curvature = torch.autograd.grad(slope, leaves, allow_unused=True, materialize_grads=True)
    along = [(c * direction[name]).sum() for name, c in zip(params, curvature, strict=True)]
    gradient = {name: g.detach() for name, g in zip(params, grads, strict=True)}
    return slope.detach(), torch.stack(along).sum(), gradient


@every_rule
@pytest.mark.parametrize("seed", range(2))
def test_derivatives_in_phi_are_finite_differences(rule: UpdateRule, seed: int) -> None:
    """Through three whole steps, gradient oracle included; φ moved by random relative amounts."""
    task, x = problem(seed)
    params = draw(rule, seed)
    g = generator(seed, purpose="direction")
    noise = {k: torch.randn(v.shape, generator=g, dtype=v.dtype) for k, v in params.items()}
    norm = torch.stack([n.square().sum() for n in noise.values()]).sum().sqrt()
    size = torch.stack([v.abs().max() for v in params.values()]).max()
    direction = {k: n * (size / norm) for k, n in noise.items()}
    target = torch.linspace(1, 2, D, dtype=torch.float64)

    def f(p: Params) -> Tensor:
        return target @ run(rule, p, task, x, 3)[0]

    slope, curvature, _ = directional_derivatives(f, params, direction)
    h = 1e-5

    def at(step: float) -> Params:
        return {name: params[name] + step * direction[name] for name in params}

    difference = (f(at(h)) - f(at(-h))) / (2 * h)
    # Central differences err by h² f'''/6, and by the rounding of f over h.
    torch.testing.assert_close(slope, difference, rtol=1e-6, atol=1e-9)
    _, _, ahead = directional_derivatives(f, at(h), direction)
    _, _, behind = directional_derivatives(f, at(-h), direction)
    second = sum(((ahead[k] - behind[k]) * direction[k]).sum() for k in params) / (2 * h)
    torch.testing.assert_close(curvature, second, rtol=1e-6, atol=1e-9)
    assert slope.abs() > 1e-7


@every_rule
def test_memoryless_means_no_state(rule: UpdateRule) -> None:
    task, x = problem()
    state = rule.init_state(task, x)
    if isinstance(rule, MemorylessRule):
        assert state == {}
        z = task.gradient(x)
        d, after = rule.update({"gradient": z}, {}, draw(rule))
        assert after == {}
        assert torch.equal(d, rule.m(z, draw(rule)))
    else:
        assert state


@every_rule
def test_detached_holds_all_of_the_observation_constant(rule: UpdateRule) -> None:
    """∂x_1/∂x_0 = I in mode `detached`, and not in mode `full`: x_0 enters through z alone."""
    task, x = problem()
    identity = torch.eye(len(x), dtype=torch.float64)
    state = rule.init_state(task, x)

    def jacobian(graph: GraphMode) -> Tensor:
        start = x.clone().requires_grad_()
        end = trajectory(rule, draw(rule), task, start, 1, graph, state).iterates[-1]
        return torch.stack([torch.autograd.grad(v, start, retain_graph=True)[0] for v in end])

    assert torch.equal(jacobian(GraphMode.DETACHED), identity)
    assert not torch.allclose(jacobian(GraphMode.FULL), identity, atol=1e-14)


@every_rule
def test_a_rule_is_its_own_config(rule: UpdateRule) -> None:
    stored = json.loads(rule.model_dump_json())
    assert stored["name"] == rule.name
    again = UpdateRule.parse(stored)
    assert again == rule
    assert type(again) is type(rule)


@every_rule
def test_unknown_keys_are_refused(rule: UpdateRule) -> None:
    with pytest.raises(InvalidArgument, match="momentun: got 3"):
        UpdateRule.parse(rule.model_dump() | {"momentun": 3})


class Promoting(UpdateRule):
    """Planted: its state drifts to float64."""

    def init_params(self, generator: torch.Generator) -> Params:
        return {"rate": torch.tensor(0.1, dtype=torch.float64)}

    def init_state(self, task: Task, x: Tensor) -> State:
        return {"t": x.new_zeros(())}

    def update(self, z: Observation, state: State, params: Params) -> tuple[Tensor, State]:
        return -params["rate"] * z["gradient"], {"t": state["t"].double() + 1}


class Unguarded(UpdateRule):
    """Planted: g/(√(g²) + ε) with a bare root."""

    def init_params(self, generator: torch.Generator) -> Params:
        return {"rate": torch.tensor(0.1, dtype=torch.float64)}

    def update(self, z: Observation, state: State, params: Params) -> tuple[Tensor, State]:
        g = z["gradient"]
        return -params["rate"] * g / ((g**2).sqrt() + 1e-8), state


def test_the_checks_catch_planted_defects() -> None:
    with pytest.raises(AssertionError):
        check_state_is_kept(Promoting(), torch.float32)
    check_derivatives_are_finite(Unguarded(), torch.float64, [1.0])
    with pytest.raises(AssertionError):
        check_derivatives_are_finite(Unguarded(), torch.float64, [0.0])
