"""HF-MAML against its formula, and against the derivative that the formula stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaStep
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.hf_maml import HessianFreeMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain

from .loops import ALPHA, FAMILIES, MODES, REPEATS, RULES, Setting, apart

DELTA = 1e-2
TOLERANCE = 1e-9
"""Relative: rounding, which the division by 2δ makes a hundred times larger."""

smooth_rules = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def reference(setting: Setting, bracket: Callable[[int, Tensor, Tensor], Tensor]) -> list[Tensor]:
    """v − α ‖v‖ · bracket(r, φ, u) of each replicate, v = ∇ĝ_T(T̂(φ)) and u its direction."""
    found = []
    for r in range(REPEATS):
        phi = setting.phi(r)
        v = setting.gradient(r, phi - ALPHA * setting.gradient(r, phi))
        found.append(v - ALPHA * v.norm() * bracket(r, phi, v / v.norm()))
    return found


def difference(setting: Setting, delta: float) -> Callable[[int, Tensor, Tensor], Tensor]:
    """[G(φ + δu) − G(φ − δu)] / 2δ, with G the gradient that is trained with."""

    def bracket(r: int, phi: Tensor, u: Tensor) -> Tensor:
        ahead, behind = setting.gradient(r, phi + delta * u), setting.gradient(r, phi - delta * u)
        return (ahead - behind) / (2 * delta)

    return bracket


@pytest.mark.parametrize(("mode", "objective"), MODES)
@smooth_rules
def test_it_is_its_formula(rule: UpdateRule, mode: str, objective: str) -> None:
    setting = Setting(rule, FAMILIES[objective == "sum"], mode, objective)
    found = setting.computed(HessianFreeMAML(alpha=ALPHA, delta=DELTA))
    assert apart(found, reference(setting, difference(setting, DELTA))) <= TOLERANCE


@smooth_rules
def test_with_the_full_graph_it_tends_to_maml_like_delta_squared(rule: UpdateRule) -> None:
    """Halving δ quarters the error; the gain's risk is a polynomial, the others are analytic."""
    setting = Setting(rule)
    exact = setting.computed(MAML(alpha=ALPHA))
    errors = [
        apart(setting.computed(HessianFreeMAML(alpha=ALPHA, delta=delta)), exact)
        for delta in (1e-2, 5e-3, 2.5e-3)
    ]
    assert errors[0] < 0.05
    ratios = [errors[0] / errors[1], errors[1] / errors[2]]
    assert ratios == pytest.approx([4, 4], rel=0.05)


def test_detached_it_tends_to_the_derivative_of_the_gradient_that_is_trained_with() -> None:
    """MAML's own detached Hessian is another one: that of the surrogate at frozen inputs."""
    setting = Setting(RULES[1], mode="detached")
    found = setting.computed(HessianFreeMAML(alpha=ALPHA, delta=1e-4))

    def derivative(r: int, phi: Tensor, u: Tensor) -> Tensor:
        near, far = difference(setting, 5e-3), difference(setting, 1e-2)
        return (4 * near(r, phi, u) - far(r, phi, u)) / 3  # Richardson: fourth order

    assert apart(found, reference(setting, derivative)) <= 1e-6
    assert apart(found, setting.computed(MAML(alpha=ALPHA))) > 1e-4


def test_without_an_inner_step_it_is_plain() -> None:
    setting = Setting(RULES[2], mode="detached")
    plain = [setting.gradient(r, setting.phi(r)) for r in range(REPEATS)]
    assert apart(setting.computed(HessianFreeMAML(alpha=0.0)), plain) <= TOLERANCE


def test_where_the_gradient_vanishes_so_does_the_meta_gradient() -> None:
    """u = v/‖v‖ has no direction at v = 0; the answer is 0 and not nan."""
    setting = Setting(LinearGain())
    setting.carry.x[0] = torch.stack([setting.problems.tasks[0, n].optimum().x for n in range(2)])
    gradient = HessianFreeMAML(alpha=ALPHA)(setting.risk, setting.params).gradient["gain"]
    assert gradient[0].abs() < 1e-20
    assert gradient[1].abs() > 1e-3


class Changed(HessianFreeMAML):
    """Defects: the bracket times a factor."""

    factor: float

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        step = super().__call__(risk, params)
        v = FirstOrderMAML(alpha=self.alpha)(risk, params).gradient
        found = {n: v[n] + self.factor * (value - v[n]) for n, value in step.gradient.items()}
        return MetaStep(step.at_phi, step.at_adapted, found)


@pytest.mark.parametrize("factor", [-1.0, 0.0, 0.5, 2.0])
def test_a_planted_defect_is_seen(factor: float) -> None:
    setting = Setting(RULES[1])
    expected = reference(setting, difference(setting, DELTA))
    wrong = setting.computed(Changed(alpha=ALPHA, delta=DELTA, factor=factor))
    assert apart(wrong, expected) > 1e3 * TOLERANCE
    assert apart(setting.computed(Changed(alpha=ALPHA, delta=DELTA, factor=1.0)), expected) < 1e-9


@pytest.mark.parametrize("fields", [{"delta": 0.0}, {"alpha": -1.0}])
def test_bad_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(fields))):
        HessianFreeMAML(**fields)
