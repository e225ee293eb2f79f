"""Every meta-gradient against central differences of what it is the gradient of.

The references share nothing with `ml2o_core.meta`: a plain loop over problems, with the inputs z_t
either computed along the way (graph mode `full`) or frozen at recorded values (`detached`: the
surrogate whose gradient a detached run takes).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from ml2o_core.meta.base import MetaGradient, Risk
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.window import window_loss
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_core.unroll import GraphMode, begin, unroll

REPEATS, SIZE, STEPS, ALPHA = 2, 2, 4, 0.05
TOLERANCE = 1e-6
"""Relative; central differences with h = 1e-5 in float64 are off by about 1e-10."""

RULES = [
    LinearGain(shape="full", dim=3),
    MLPRule(hidden=3),
    RNNprop(hidden=3, output_scale=0.1),
    RNNprop(hidden=2, layers=2, projection=True, output_scale=0.1),
]
FAMILIES = [Quadratic(rows=4, cols=3), SmoothedLasso(rows=3, cols=3, smoothing=0.1)]

Values = list[list[Tensor]]
"""Recorded inputs: z_t by problem, then by step."""


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
) -> Callable[[Params], tuple[Tensor, Values]]:
    """φ ↦ (ĝ_T(φ), the inputs seen), one problem after another; inputs from `frozen` if given."""

    def risk(params: Params) -> tuple[Tensor, Values]:
        total, seen = torch.zeros((), dtype=torch.float64), []
        for n in range(SIZE):
            task, x = problems.tasks[replicate, n], problems.start[replicate, n]
            state, inputs = rule.init_state(task, x), []
            for t in range(STEPS):
                z = task.gradient(x) if frozen is None else frozen[n][t]
                inputs.append(z.detach())
                step, state = rule.update({"gradient": z}, state, params)
                x = x + step
                if objective == "sum" or t == STEPS - 1:
                    total = total + task.loss(x) / SIZE
            seen.append(inputs)
        return total, seen

    return risk


def gradient_at(risk: Callable[[Params], Tensor], params: Params) -> Params:
    phi = {name: value.clone().requires_grad_() for name, value in params.items()}
    grads = torch.autograd.grad(risk(phi), list(phi.values()), create_graph=False)
    return dict(zip(phi, grads, strict=True))


def directions(size: int) -> Tensor:
    """At most 4 random orthonormal directions of R^size, as columns: an error hides from none."""
    noise = torch.randn(size, min(size, 4), generator=generator(4), dtype=torch.float64)
    return torch.linalg.qr(noise).Q


def central_differences(value: Callable[[Params], Tensor], params: Params) -> Tensor:
    """The derivatives of `value` at `params` along `directions`, with step 1e-5."""
    h, out = 1e-5, []
    sizes = [tensor.numel() for tensor in params.values()]
    for direction in directions(sum(sizes)).T:
        sides = []
        for sign in (+1, -1):
            moved = {
                name: tensor + sign * h * piece.view(tensor.shape)
                for (name, tensor), piece in zip(
                    params.items(), direction.split(sizes), strict=True
                )
            }
            sides.append(value(moved))
        out.append((sides[0] - sides[1]) / (2 * h))
    return torch.stack(out).detach()


def reference(
    method: str, rule: UpdateRule, problems: Problems, params: Params, r: int, mode: str, obj: str
) -> Tensor:
    """The derivative of the meta-loss of replicate r, from its definition."""
    phi = single(params, r)
    live = loop_risk(rule, problems, r, obj)
    inner_inputs = None if mode == "full" else live(phi)[1]
    inner = loop_risk(rule, problems, r, obj, inner_inputs)
    if method == "plain":
        return central_differences(lambda p: inner(p)[0], phi)

    def adapted(p: Params) -> Params:
        gradient = gradient_at(lambda q: inner(q)[0], p)
        return {name: p[name] - ALPHA * gradient[name] for name in p}

    outer_inputs = None if mode == "full" else live(adapted(phi))[1]
    outer = loop_risk(rule, problems, r, obj, outer_inputs)
    if method == "maml":
        return central_differences(lambda p: outer(adapted(p))[0], phi)
    return central_differences(lambda p: outer(p)[0], adapted(phi))


METHODS: dict[str, MetaGradient] = {
    "plain": Plain(),
    "maml": MAML(alpha=ALPHA),
    "first-order-maml": FirstOrderMAML(alpha=ALPHA),
}


def computed(
    method: str, rule: UpdateRule, problems: Problems, params: Params, mode: str, objective: str
) -> list[Tensor]:
    """The package's own meta-gradient, one flat vector a replicate."""
    carry = begin(rule, problems.tasks, problems.start)

    def risk(phi: Params) -> Risk:
        window = unroll(rule, phi, problems.tasks, carry, STEPS, GraphMode(mode))
        return Risk(window_loss(window.losses, objective), window.end)

    gradient = METHODS[method](risk, params).gradient
    return [
        torch.cat([g[r].flatten() for g in gradient.values()])
        for r in range(problems.tasks.shape[0])
    ]


@pytest.mark.parametrize("objective", ["sum", "final"])
@pytest.mark.parametrize("mode", ["full", "detached"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}")
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_meta_gradient_is_the_derivative_of_the_meta_loss(
    rule: UpdateRule, family: Quadratic | SmoothedLasso, method: str, mode: str, objective: str
) -> None:
    problems, params = draw(rule, family)
    for r, gradient in enumerate(computed(method, rule, problems, params, mode, objective)):
        expected = reference(method, rule, problems, params, r, mode, objective)
        along = directions(gradient.numel()).T @ gradient
        assert torch.linalg.vector_norm(along - expected) <= TOLERANCE * expected.norm()


@pytest.mark.parametrize("method", METHODS)
def test_full_and_detached_modes_differ(method: str) -> None:
    """Negative control: the tolerance tells the two quantities apart."""
    rule = RNNprop(hidden=3, output_scale=0.1)
    problems, params = draw(rule, FAMILIES[0])
    full = torch.cat(computed(method, rule, problems, params, "full", "sum"))
    detached = torch.cat(computed(method, rule, problems, params, "detached", "sum"))
    assert torch.linalg.vector_norm(full - detached) > 1e3 * TOLERANCE * full.norm()


def test_exact_and_first_order_differ_by_the_inner_hessian() -> None:
    """∇Ĝ = (I − α∇²ĝ) ∇ĝ(T̂φ): the exact gradient is the first-order one times that matrix."""
    rule = MLPRule(hidden=3)
    problems, params = draw(rule, FAMILIES[0])
    exact = computed("maml", rule, problems, params, "full", "sum")[0]
    first_order = computed("first-order-maml", rule, problems, params, "full", "sum")[0]
    risk = loop_risk(rule, problems, 0, "sum")
    phi = single(params, 0)
    names, shapes = list(phi), [value.shape for value in phi.values()]
    sizes = [value.numel() for value in phi.values()]

    def flat_risk(vector: Tensor) -> Tensor:
        pieces = vector.split(sizes)
        return risk({n: p.view(s) for n, p, s in zip(names, pieces, shapes, strict=True)})[0]

    flat = torch.cat([value.flatten() for value in phi.values()])
    hessian = torch.autograd.functional.hessian(flat_risk, flat)
    expected = first_order - ALPHA * hessian @ first_order
    assert torch.linalg.vector_norm(exact - expected) <= TOLERANCE * expected.norm()
    assert torch.linalg.vector_norm(exact - first_order) > 1e3 * TOLERANCE * expected.norm()


@pytest.mark.parametrize("mode", ["full", "detached"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.name}")
def test_mapped_replicates_equal_single_replicates(
    rule: UpdateRule, method: str, mode: str
) -> None:
    problems, params = draw(rule, FAMILIES[1])
    together = computed(method, rule, problems, params, mode, "sum")
    for r in range(REPEATS):
        tensors = {k: v[r : r + 1] for k, v in problems.tasks.tensors.items()}
        alone = Problems(
            type(problems.tasks)(problems.tasks.task_type, tensors, (1, SIZE)),
            problems.start[r : r + 1],
        )
        own = {name: value[r : r + 1] for name, value in params.items()}
        single_run = computed(method, rule, alone, own, mode, "sum")[0]
        torch.testing.assert_close(together[r], single_run, rtol=1e-12, atol=1e-12)
