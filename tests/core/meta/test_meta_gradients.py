"""Every meta-gradient against central differences of what it is the gradient of.

The references are the plain loops of `loops`. The other meta-gradients have files of their own.
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
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_core.unroll import GraphMode, begin, unroll

from .loops import ALPHA, FAMILIES, REPEATS, RULES, SIZE, STEPS, draw, loop_risk, single

TOLERANCE = 1e-6
"""Relative; central differences with h = 1e-5 in float64 are off by about 1e-10."""


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
    inner_inputs = None if mode == "full" else live(phi).inputs
    inner = loop_risk(rule, problems, r, obj, inner_inputs)
    if method == "plain":
        return central_differences(lambda p: inner(p).risk, phi)

    def adapted(p: Params) -> Params:
        gradient = gradient_at(lambda q: inner(q).risk, p)
        return {name: p[name] - ALPHA * gradient[name] for name in p}

    outer_inputs = None if mode == "full" else live(adapted(phi)).inputs
    outer = loop_risk(rule, problems, r, obj, outer_inputs)
    if method == "maml":
        return central_differences(lambda p: outer(adapted(p)).risk, phi)
    return central_differences(lambda p: outer(p).risk, adapted(phi))


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
        return risk({n: p.view(s) for n, p, s in zip(names, pieces, shapes, strict=True)}).risk

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
