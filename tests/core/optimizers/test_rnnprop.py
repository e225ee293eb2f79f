"""RNNprop: its features against a plain reference, its network against torch.nn."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import State
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import Quadratic

FAMILY = Quadratic(rows=4, cols=2)


def fresh(rule: RNNprop, dim: int) -> State:
    g = generator(0)
    return rule.init_state(FAMILY.sample(g), torch.zeros(dim, dtype=torch.float64))


def features_along(rule: RNNprop, gradients: list[Tensor]) -> list[Tensor]:
    state, seen = fresh(rule, len(gradients[0])), []
    for g in gradients:
        f, moments = rule.features(g, state)
        state = state | moments
        seen.append(f)
    return seen


def plain_features(
    gradients: list[float], beta1: float, beta2: float, eps: float
) -> list[tuple[float, float]]:
    """The definition for one coordinate, in Python floats."""
    m = v = 0.0
    seen = []
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        size = math.sqrt(v / (1 - beta2**t)) + eps
        seen.append((g / size, m / (1 - beta1**t) / size))
    return seen


moderate = st.floats(-100, 100).map(lambda g: 0.0 if abs(g) < 1e-3 else g)


@given(
    gradients=st.lists(moderate, min_size=1, max_size=8),
    beta1=st.sampled_from([0.0, 0.9, 0.95]),
    beta2=st.sampled_from([0.0, 0.95, 0.999]),
)
def test_features_are_their_definition(gradients: list[float], beta1: float, beta2: float) -> None:
    rule = RNNprop(beta1=beta1, beta2=beta2)
    ours = features_along(rule, [torch.tensor([g], dtype=torch.float64) for g in gradients])
    plain = plain_features(gradients, beta1, beta2, rule.epsilon)
    # With β₂ = 0, a gradient of 0 leaves v = 0 and the features as large as m/ε.
    expected = torch.tensor(plain, dtype=torch.float64)
    torch.testing.assert_close(torch.cat(ours), expected, rtol=1e-11, atol=1e-13)


def test_both_first_features_are_the_sign() -> None:
    g = torch.tensor([3.0, -1e-3, 0.0], dtype=torch.float64)
    (f,) = features_along(RNNprop(), [g])
    expected = g / (g.abs() + 1e-8)
    torch.testing.assert_close(f, torch.stack([expected, expected], dim=-1), rtol=1e-13, atol=0)


@given(seed=st.integers(0, 2**32), c=st.floats(1e-3, 1e3), steps=st.integers(1, 6))
def test_features_are_scale_free_up_to_epsilon(seed: int, c: float, steps: int) -> None:
    """|u/(r + ε) − cu/(cr + ε)| ≤ |u|/r · ε/(min(1, c) r), with r = √v̂ and u the numerator."""
    rule, g = RNNprop(), generator(seed)
    gradients = [torch.randn(2, generator=g, dtype=torch.float64) for _ in range(steps)]
    ones = features_along(rule, gradients)
    scaled = features_along(rule, [c * gradient for gradient in gradients])
    for f, f_scaled, gradient in zip(ones, scaled, gradients, strict=True):
        r = (gradient / f[:, 0]).abs()[:, None]
        allowed = f.abs() * (rule.epsilon / (min(1.0, c) * r) * 1.01 + 1e-12)
        assert ((f - f_scaled).abs() <= allowed).all()


def test_with_a_large_epsilon_they_are_not_scale_free() -> None:
    rule, g = RNNprop(epsilon=1.0), torch.ones(2, dtype=torch.float64)
    (f,), (f_scaled,) = features_along(rule, [g]), features_along(rule, [10 * g])
    assert torch.equal(f, torch.full_like(f, 1 / 2))
    assert torch.equal(f_scaled, torch.full_like(f, 10 / 11))


@pytest.mark.parametrize("epsilon", [1e-8, 1e-4, 1.0])
@pytest.mark.parametrize("past", [[], [0.0], [5.0], [5.0, -200.0, 1.0]])
def test_the_slope_at_zero_depends_on_the_history(past: list[float], epsilon: float) -> None:
    """∂(g/(√v̂ + ε))/∂g = 1/(√(β₂ v_{t−1}/(1 − β₂^t)) + ε) at g = 0; 1/ε without a history."""
    rule = RNNprop(epsilon=epsilon)
    state = fresh(rule, 1)
    for value in past:
        _, moments = rule.features(torch.tensor([value], dtype=torch.float64), state)
        state = state | moments
    g = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(rule.features(g, state)[0][:, 0].sum(), g)
    v, t = state["v"].item(), len(past) + 1
    expected = 1 / (math.sqrt(rule.beta2 * v / (1 - rule.beta2**t)) + epsilon)
    assert slope.item() == pytest.approx(expected, rel=1e-12)
    assert (slope.item() == pytest.approx(1 / epsilon)) == (not any(past))


class TorchNetwork(torch.nn.Module):
    """The same network from torch.nn's parts, on features (d, 2), coordinates as the batch."""

    def __init__(self, rule: RNNprop, params: dict[str, Tensor]) -> None:
        super().__init__()
        H = rule.hidden
        self.scale = rule.output_scale
        self.first = torch.nn.Identity()
        if rule.projection:
            linear = torch.nn.Linear(2, H, dtype=torch.float64)
            linear.load_state_dict(
                {"weight": params["projection_weight"].mT, "bias": params["projection_bias"]}
            )
            self.first = torch.nn.Sequential(linear, torch.nn.ELU())
        self.lstm = torch.nn.LSTM(
            H if rule.projection else 2, H, num_layers=rule.layers, dtype=torch.float64
        )
        weights = {}
        for k in range(rule.layers):
            weights |= {
                f"weight_ih_l{k}": params[f"lstm{k}_input"].mT,
                f"weight_hh_l{k}": params[f"lstm{k}_hidden"].mT,
                f"bias_ih_l{k}": params[f"lstm{k}_bias"],
                f"bias_hh_l{k}": torch.zeros(4 * H, dtype=torch.float64),
            }
        self.lstm.load_state_dict(weights)
        self.out = torch.nn.Linear(H, 1, dtype=torch.float64)
        self.out.load_state_dict(
            {"weight": params["output_weight"].mT, "bias": params["output_bias"]}
        )

    def forward(self, features: Tensor) -> Tensor:
        """(T, d, 2) features to (T, d) steps."""
        hidden, _ = self.lstm(self.first(features))
        return self.scale * torch.tanh(self.out(hidden)).squeeze(-1)


@pytest.mark.parametrize(
    "rule",
    [
        RNNprop(),
        RNNprop(hidden=7, layers=3, output_scale=0.1),
        RNNprop(projection=True, layers=2),
    ],
    ids=["paper", "three-layers", "released"],
)
def test_the_network_is_that_of_torch(rule: RNNprop) -> None:
    g = generator(3)
    gradients = [10 * torch.randn(4, generator=g, dtype=torch.float64) for _ in range(5)]
    params = rule.init_params(generator(0))
    state, steps = fresh(rule, 4), []
    for gradient in gradients:
        d, state = rule.update({"gradient": gradient}, state, params)
        steps.append(d)
    with torch.no_grad():
        expected = TorchNetwork(rule, params)(torch.stack(features_along(rule, gradients)))
    torch.testing.assert_close(torch.stack(steps), expected, rtol=1e-12, atol=1e-15)
    assert expected.std() > 0


def test_no_step_exceeds_the_output_scale() -> None:
    rule = RNNprop(output_scale=0.1)
    params = {k: 100 * v for k, v in rule.init_params(generator(0)).items()}
    d, _ = rule.update({"gradient": torch.tensor([5.0, -3.0]).double()}, fresh(rule, 2), params)
    assert 0.09 < d.abs().max() <= 0.1


def test_coordinates_do_not_interact() -> None:
    rule = RNNprop(hidden=4)
    params = rule.init_params(generator(0))
    g = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    together, _ = rule.update({"gradient": g}, fresh(rule, 3), params)
    for k in range(3):
        alone, _ = rule.update({"gradient": g[k : k + 1]}, fresh(rule, 1), params)
        torch.testing.assert_close(together[k : k + 1], alone, rtol=1e-13, atol=1e-17)


@pytest.mark.parametrize("projection", [False, True])
def test_parameters_by_shape_and_range(projection: bool) -> None:
    H = 20
    params = RNNprop(hidden=H, layers=2, projection=projection).init_params(generator(0))
    first = 2 * H + H + H * 4 * H if projection else 2 * 4 * H
    assert sum(v.numel() for v in params.values()) == (
        first + H * 4 * H + 4 * H + 2 * H * 4 * H + 4 * H + H + 1
    )
    for k in range(2):
        params[f"lstm{k}_bias"][H : 2 * H] -= 1.0
    sizes = torch.cat([v.flatten().abs() for v in params.values()])
    assert 0.99 / math.sqrt(H) < sizes.max() <= 1 / math.sqrt(H)


def test_the_forget_bias_is_an_option() -> None:
    plain, open_gate = (
        RNNprop(forget_bias=bias).init_params(generator(0))["lstm0_bias"] for bias in (0.0, 1.0)
    )
    difference = (open_gate - plain).reshape(4, -1)
    assert difference[1].tolist() == pytest.approx([1.0] * 20)
    assert difference[[0, 2, 3]].abs().max() == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": 0},
        {"layers": 0},
        {"beta1": 1.0},
        {"beta2": -0.1},
        {"epsilon": 0.0},
        {"output_scale": -1.0},
        {"output_scale": float("inf")},
    ],
)
def test_bad_fields_are_refused(fields: dict) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(fields))):
        RNNprop(**fields)
