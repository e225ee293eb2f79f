"""The tanh network as a rule: against torch.nn, its symmetry, its smoothness."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import Quadratic


@given(
    seed=st.integers(0, 2**32),
    dim=st.integers(1, 4),
    hidden=st.integers(1, 6),
    depth=st.integers(1, 3),
    vector=st.booleans(),
)
def test_it_is_the_network_of_torch(
    seed: int, dim: int, hidden: int, depth: int, vector: bool
) -> None:
    scope = {"scope": "vector", "dim": dim} if vector else {}
    rule = MLPRule(hidden=hidden, depth=depth, output_scale=0.3, **scope)
    params = rule.init_params(generator(seed, purpose="init"))
    layers: list[torch.nn.Module] = []
    for j in range(depth + 1):
        weight, bias = params[f"weight_{j}"], params[f"bias_{j}"]
        linear = torch.nn.Linear(*weight.shape, dtype=torch.float64)
        linear.load_state_dict({"weight": weight.mT, "bias": bias})
        layers += [linear, torch.nn.Tanh()]
    network = torch.nn.Sequential(*layers[:-1])
    z = 3 * torch.randn(dim, generator=generator(seed), dtype=torch.float64)
    expected = 0.3 * (network(z) if vector else network(z[:, None])[:, 0])
    torch.testing.assert_close(rule.m(z, params), expected.detach(), rtol=1e-13, atol=1e-15)
    assert set(params) == {f"{kind}_{j}" for kind in ("weight", "bias") for j in range(depth + 1)}


def test_coordinatewise_commutes_with_permutations_and_vector_does_not() -> None:
    z = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    order = torch.tensor([2, 0, 1])
    for rule, commutes in ((MLPRule(), True), (MLPRule(scope="vector", dim=3), False)):
        params = rule.init_params(generator(0))
        gap = (rule.m(z[order], params) - rule.m(z, params)[order]).abs().max()
        assert (gap < 1e-15) == commutes


def test_it_is_twice_differentiable() -> None:
    rule = MLPRule(hidden=3)
    params = rule.init_params(generator(0))
    inputs = [torch.randn(2, generator=generator(1), dtype=torch.float64), *params.values()]

    def m(z: torch.Tensor, *values: torch.Tensor) -> torch.Tensor:
        return rule.m(z, dict(zip(params, values, strict=True)))

    leaves = [v.clone().requires_grad_() for v in inputs]
    assert torch.autograd.gradcheck(m, leaves)
    assert torch.autograd.gradgradcheck(m, leaves)


def test_bad_fields_and_dimensions_are_refused() -> None:
    for fields in ({"scope": "vector"}, {"dim": 3}, {"hidden": 0}, {"depth": 0}):
        with pytest.raises(InvalidArgument):
            MLPRule(**fields)
    g = generator(0)
    family = Quadratic(rows=4, cols=3)
    with pytest.raises(InvalidArgument, match="dim: got 2; allowed: 3"):
        MLPRule(scope="vector", dim=2).init_state(family.sample(g), family.start(g))
