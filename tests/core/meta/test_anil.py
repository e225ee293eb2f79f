"""ANIL against (I − α∇²ĝ_T P) ∇ĝ_T(φ − αP∇ĝ_T(φ)), with P written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.anil import ANIL
from ml2o_core.meta.base import MetaStep
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain

from .loops import ALPHA, FAMILIES, MODES, REPEATS, RULES, Setting, apart, join, single

TOLERANCE = 1e-9
"""Relative: rounding alone."""

HEADS = {"mlp": ("weight_2", "bias_2"), "rnnprop": ("output_weight", "output_bias")}
"""The output layers, by rule."""

with_head = pytest.mark.parametrize("rule", RULES[1:], ids=["mlp", "rnnprop", "released rnnprop"])


def projection(setting: Setting) -> Tensor:
    """The diagonal of P."""
    head = HEADS[setting.rule.name]
    full = {n: torch.full_like(v, float(n in head)) for n, v in single(setting.params, 0).items()}
    return join(full)


def reference(setting: Setting) -> list[Tensor]:
    P, found = projection(setting), []
    for r in range(REPEATS):
        phi = setting.phi(r)
        v = setting.gradient(r, phi - ALPHA * P * setting.gradient(r, phi))
        found.append(v - ALPHA * setting.hessian_times(r, phi, P * v))
    return found


@pytest.mark.parametrize(("mode", "objective"), MODES)
@with_head
def test_it_is_its_formula(rule: UpdateRule, mode: str, objective: str) -> None:
    setting = Setting(rule, FAMILIES[objective == "sum"], mode, objective)
    assert apart(setting.computed(ANIL(alpha=ALPHA)), reference(setting)) <= TOLERANCE


def test_without_an_inner_step_it_is_plain() -> None:
    setting = Setting(RULES[2], mode="detached")
    assert apart(setting.computed(ANIL(alpha=0.0)), setting.computed(Plain())) <= TOLERANCE


def test_where_the_head_is_everything_it_is_maml() -> None:
    class Headed(LinearGain):
        @property
        def head(self) -> tuple[str, ...]:
            return ("gain",)

    setting = Setting(Headed(shape="full", dim=3))
    both = [setting.computed(method(alpha=ALPHA)) for method in (ANIL, MAML)]
    assert apart(*both) <= TOLERANCE


def test_a_rule_without_an_output_layer_is_refused() -> None:
    setting = Setting(RULES[0])
    with pytest.raises(InvalidArgument, match="meta_gradient: got 'anil'") as error:
        setting.computed(ANIL())
    assert "\n" not in str(error.value)


class EverythingMoves(ANIL):
    """A defect: P left out."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        return MAML(alpha=self.alpha)(risk, params)


class NoHessian(ANIL):
    """A defect: the gradient at the adapted weights alone."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        step = super().__call__(risk, params)
        first = {n: v.detach().requires_grad_() for n, v in params.items()}
        inner = torch.autograd.grad(risk(first).value.sum(), list(first.values()))
        moved = {
            n: (v - self.alpha * g * (n in risk.head)).detach().requires_grad_()
            for (n, v), g in zip(first.items(), inner, strict=True)
        }
        grads = torch.autograd.grad(risk(moved).value.sum(), list(moved.values()))
        return MetaStep(step.at_phi, step.at_adapted, dict(zip(moved, grads, strict=True)))


class HeadAlone(ANIL):
    """A defect: P on the meta-gradient as well, so that nothing but the output layer learns."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        step = super().__call__(risk, params)
        gradient = {n: value * (n in risk.head) for n, value in step.gradient.items()}
        return MetaStep(step.at_phi, step.at_adapted, gradient)


@pytest.mark.parametrize("defect", [EverythingMoves, NoHessian, HeadAlone])
def test_a_planted_defect_is_seen(defect: Callable[..., ANIL]) -> None:
    setting = Setting(RULES[1])
    assert apart(setting.computed(defect(alpha=ALPHA)), reference(setting)) > 1e3 * TOLERANCE


def test_its_output_layer_moves_and_the_rest_stays() -> None:
    """The adapted weights' risk is that of a step of the head alone, not first-order MAML's."""
    setting = Setting(RULES[2])
    P = projection(setting)
    step = ANIL(alpha=ALPHA)(setting.risk, setting.params)
    other = FirstOrderMAML(alpha=ALPHA)(setting.risk, setting.params)
    for r in range(REPEATS):
        phi = setting.phi(r)
        adapted = phi - ALPHA * P * setting.gradient(r, phi)
        expected = setting.run(r, adapted).risk.item()
        assert step.objective[r].item() == pytest.approx(expected, rel=1e-12)
        assert other.objective[r].item() != pytest.approx(expected, rel=1e-6)
