"""The tanh network's certificates: exact where they can be, one against the other, and mutants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import EndMethod
from ml2o_core.seeding import generator
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import flat_params, mlp_norms
from ml2o_theory.models.mlp import MLPModel
from ml2o_theory.models.mlp_boxes import Network, Sweep

COORDINATEWISE = MLPRule(hidden=3, depth=2, output_scale=1.0)
VECTOR = MLPRule(hidden=3, depth=1, output_scale=1.0, scope="vector", dim=2)


def parameters(rule: MLPRule) -> IntervalTensor:
    return IntervalTensor.exactly(flat_params(rule.init_params(generator(1))))


def inputs(radius: float, center: float = 0.0) -> IntervalTensor:
    middle = center + torch.tensor([0.4, -1.1], dtype=torch.float64)
    return IntervalTensor.about(middle, radius)


def of_one_coordinate(z: Tensor, phi: Tensor) -> tuple[Tensor, Tensor]:
    """|n_zz| and ‖n_zφ‖ of the coordinatewise network, by autodiff."""
    like = COORDINATEWISE.init_params(generator(1))
    sizes = [like[name].numel() for name in sorted(like)]

    def n(z: Tensor, phi: Tensor) -> Tensor:
        parts = dict(zip(sorted(like), phi.split(sizes), strict=True))
        shaped = {name: part.reshape(like[name].shape) for name, part in parts.items()}
        return COORDINATEWISE.m(z.reshape(1), shaped)[0]

    slope = torch.func.grad(n)
    in_z, in_phi = torch.func.grad(slope, (0, 1))(z, phi)
    return in_z.abs(), in_phi.norm()


def test_at_a_point_both_ends_are_the_exact_constants() -> None:
    phi, z = parameters(COORDINATEWISE), inputs(0.0)
    norms = MLPModel(COORDINATEWISE).second_norms_on(z, phi)
    exact = [of_one_coordinate(v, phi.lower) for v in z.lower]
    for name, values in zip(("L_zz", "L_zphi"), zip(*exact, strict=True), strict=True):
        largest = torch.stack(values).max().item()
        assert norms[name][1].item() == pytest.approx(largest, rel=1e-9)
        # The lower end may be that of another coordinate, within the gap that stops the search.
        assert 0.94 * largest <= norms[name][0].item() <= largest * (1 + 1e-12)


@pytest.mark.parametrize("radius", [0.3, 3.0, 1e4])
def test_cutting_the_box_tightens_and_never_crosses_what_is_attained(radius: float) -> None:
    phi, z = parameters(COORDINATEWISE), inputs(radius)
    rough, fine = (
        MLPModel(COORDINATEWISE, effort).ends.by_intervals(z, phi) for effort in (1, 2**13)
    )
    near = torch.linspace(-min(radius, 3.0), min(radius, 3.0), 41, dtype=torch.float64)
    found = [of_one_coordinate(v, phi.lower) for v in near]
    for name, values in zip(("L_zz", "L_zphi"), zip(*found, strict=True), strict=True):
        attained = torch.stack(
            [v for v, at in zip(values, near, strict=True) if z.contains(at).any()]
        )
        assert attained.max() <= fine[name][1] <= rough[name][1]
        assert fine[name][0] <= fine[name][1]
    assert fine["L_zphi"][1] < 0.9 * rough["L_zphi"][1]
    assert fine["L_zphi"][1] < (1.3 if radius < 1e3 else 3.0) * attained.max()


@pytest.mark.parametrize("rule", [COORDINATEWISE, VECTOR])
@pytest.mark.parametrize("radius", [0.0, 0.5])
def test_no_certificate_is_below_what_the_other_one_attains(rule: MLPRule, radius: float) -> None:
    model, phi = MLPModel(rule, effort=500), parameters(rule)
    found = model.certificates(inputs(radius), phi)
    intervals, products = found[EndMethod.INTERVAL_ARITHMETIC], found[EndMethod.NORM_PRODUCT]
    best = model.second_norms_on(inputs(radius), phi)
    for name in ("L_zz", "L_zphi", "L_phiphi"):
        assert 0 < intervals[name][0] <= products[name][1]
        assert products[name][0] == 0
        assert best[name][0] == intervals[name][0]
        assert best[name][1] == torch.minimum(intervals[name][1], products[name][1])


def test_where_p_by_p_matrices_cost_too_much_norm_products_decide() -> None:
    rule = MLPRule(hidden=14, depth=2)
    found = MLPModel(rule).certificates(inputs(0.1), parameters(rule))
    assert found[EndMethod.INTERVAL_ARITHMETIC]["L_phiphi"][1] == torch.inf
    assert found[EndMethod.INTERVAL_ARITHMETIC]["L_phiphi"][0] > 0
    assert found[EndMethod.NORM_PRODUCT]["L_phiphi"][1].isfinite()


def test_far_out_tanh_is_flat_and_without_weights_nothing_bends() -> None:
    phi = parameters(COORDINATEWISE)
    flat = MLPModel(COORDINATEWISE).second_norms_on(inputs(1.0, center=1e6), phi)
    assert flat["L_zz"][1] < 1e-100
    zero = IntervalTensor.exactly(torch.zeros_like(phi.lower))
    none = MLPModel(COORDINATEWISE).second_norms_on(inputs(1.0), zero)
    assert none["L_zz"][1] == none["L_zphi"][1] == 0


def norm_product_norms(z: float, phi: IntervalTensor) -> dict[str, Tensor]:
    network = Network.of(MLPModel(COORDINATEWISE).layout, phi, 1.0)
    at = IntervalTensor.exactly(torch.full((1, 1), z, dtype=torch.float64))
    return mlp_norms.norm_products(Sweep.of(network, at))


@pytest.mark.parametrize(
    ("function", "old", "new", "block"),
    [
        ("_through_tanh", "+ s_2 * z * z,", ",", "20"),
        ("_through_tanh", "+ s_2 * z * phi", "", "11"),
        ("_through_weights", 'w * D["20"]', 'D["20"] * 0', "20"),
        ("_through_weights", '_bordered(w * D["02"], D["01"])', 'w * D["02"]', "02"),
    ],
)
def test_a_term_left_out_of_the_norm_products_is_caught(
    mutated: Callable[..., Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    old: str,
    new: str,
    block: str,
) -> None:
    """By a network with one unit a layer, where most of the norm products are equalities."""
    phi = IntervalTensor.exactly(parameters(COORDINATEWISE).lower)
    whole = norm_product_norms(0.4, phi)[block]
    planted = mutated(getattr(mlp_norms, function), old, new)
    monkeypatch.setattr(mlp_norms, function, planted)
    less = norm_product_norms(0.4, phi)[block]
    assert less < whole
