"""Reptile against k steps of gradient descent written out."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaStep
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.reptile import Reptile
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.mlp_rule import MLPRule

from .loops import ALPHA, FAMILIES, MODES, REPEATS, RULES, Setting, apart

TOLERANCE = 1e-9
"""Relative: rounding alone; (φ − φ̃_k)/(αk) loses the digits that φ has and the steps have not."""


def reference(setting: Setting, alpha: float, steps: int) -> list[Tensor]:
    """(φ − φ̃_k)/(αk) of each replicate."""
    found = []
    for r in range(REPEATS):
        start = phi = setting.phi(r)
        for _ in range(steps):
            phi = phi - alpha * setting.gradient(r, phi)
        found.append((start - phi) / (alpha * steps))
    return found


@pytest.mark.parametrize("steps", [2, 3])
@pytest.mark.parametrize(("mode", "objective"), MODES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_is_where_k_steps_lead(rule: UpdateRule, mode: str, objective: str, steps: int) -> None:
    setting = Setting(rule, FAMILIES[steps % 2], mode, objective)
    found = setting.computed(Reptile(alpha=ALPHA, steps=steps))
    assert apart(found, reference(setting, ALPHA, steps)) <= TOLERANCE


def test_one_step_is_plain_training_whatever_alpha() -> None:
    setting = Setting(RULES[2], mode="detached")
    plain = setting.computed(Plain())
    for alpha in (0.0, ALPHA, 10.0):
        assert apart(setting.computed(Reptile(alpha=alpha, steps=1)), plain) == 0
    assert apart(setting.computed(Reptile(alpha=0.0, steps=5)), plain) <= TOLERANCE
    assert apart(setting.computed(Reptile(alpha=ALPHA, steps=2)), plain) > 1e3 * TOLERANCE


def test_the_risk_at_the_last_weights_is_recorded() -> None:
    setting = Setting(MLPRule(hidden=3))
    step = Reptile(alpha=ALPHA, steps=3)(setting.risk, setting.params)
    for r in range(REPEATS):
        phi = setting.phi(r)
        risks = []
        for _ in range(3):
            risks.append(setting.run(r, phi).risk.item())
            phi = phi - ALPHA * setting.gradient(r, phi)
        assert step.at_phi.value[r].item() == pytest.approx(risks[0], rel=1e-12)
        assert step.objective[r].item() == pytest.approx(risks[2], rel=1e-12)
        assert risks[2] < risks[1] < risks[0]


class NotDivided(Reptile):
    """A defect: the sum of the gradients in place of their mean."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        step = super().__call__(risk, params)
        gradient = {name: self.steps * value for name, value in step.gradient.items()}
        return MetaStep(step.at_phi, step.at_adapted, gradient)


class OneStepLess(Reptile):
    """A defect: k − 1 steps."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        return Reptile(alpha=self.alpha, steps=self.steps - 1)(risk, params)


@pytest.mark.parametrize("defect", [NotDivided, OneStepLess])
def test_a_planted_defect_is_seen(defect: type[Reptile]) -> None:
    setting = Setting(RULES[0])
    found = setting.computed(defect(alpha=ALPHA, steps=3))
    assert apart(found, reference(setting, ALPHA, 3)) > 1e3 * TOLERANCE


@pytest.mark.parametrize("fields", [{"steps": 0}, {"alpha": -1.0}, {"delta": 1.0}])
def test_bad_settings_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(fields))):
        Reptile(**fields)
