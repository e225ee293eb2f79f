"""What every registered meta-gradient keeps: a new one is tested by existing."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ml2o_core.meta.base import MetaGradient, Risk
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.reptile import Reptile
from ml2o_core.optimizers.base import Params

from .loops import ALPHA, REPEATS, RULES, Setting, apart

METHODS = [kind() for kind in MetaGradient.registry().values()]
over_methods = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


class Counted:
    """A risk function that counts its calls, each of which has one gradient taken."""

    def __init__(self, risk: Any) -> None:
        self._risk, self.calls = risk, 0
        self.start, self.head = risk.start, risk.head

    def __call__(self, params: Params, start: Any = None) -> Risk:
        self.calls += 1
        return self._risk(params, start)


@pytest.mark.parametrize(
    "method", [*METHODS, Reptile(steps=1), Reptile(steps=7)], ids=lambda method: method.name
)
def test_evaluations_are_the_calls_of_the_risk(method: MetaGradient) -> None:
    setting = Setting(RULES[2], mode="detached")
    counted = Counted(setting.risk)
    method(counted, setting.params)
    assert counted.calls == method.evaluations


@over_methods
def test_phi_is_left_alone_and_the_answer_has_its_shape(method: MetaGradient) -> None:
    setting = Setting(RULES[2], mode="detached")
    before = {name: value.clone() for name, value in setting.params.items()}
    step = method(setting.risk, setting.params)
    assert step.objective.shape == step.at_phi.value.shape == (REPEATS,)
    assert list(step.gradient) == list(before)
    for name, value in before.items():
        assert torch.equal(setting.params[name], value)
        assert not setting.params[name].requires_grad
        assert step.gradient[name].shape == value.shape
        assert step.gradient[name].isfinite().all()


@over_methods
def test_the_risk_at_phi_and_its_end_are_those_of_a_run_with_phi(method: MetaGradient) -> None:
    setting = Setting(RULES[2], mode="detached")
    step = method(setting.risk, setting.params)
    for r in range(REPEATS):
        expected = setting.run(r, setting.phi(r))
        assert step.at_phi.value[r].item() == pytest.approx(expected.risk.item(), rel=1e-12)
        for n, (x, _) in enumerate(expected.ends):
            torch.testing.assert_close(step.at_phi.end.x[r, n], x, rtol=1e-12, atol=1e-14)


@over_methods
def test_replicates_do_not_mix(method: MetaGradient) -> None:
    """Another φ in replicate 0 changes nothing in replicate 1."""
    one, other = (Setting(RULES[2], mode="detached") for _ in range(2))
    start = one.carry
    vars(other)["params"] = {name: value.clone() for name, value in one.params.items()}
    vars(other)["carry"] = start
    for value in other.params.values():
        value[0] += 0.1
    first, second = one.computed(method), other.computed(method)
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], second[0])


@pytest.mark.parametrize("mode", ["full", "detached"])
@pytest.mark.parametrize("method", [MAML, FirstOrderMAML])
def test_without_an_inner_step_it_is_plain(method: Any, mode: str) -> None:
    setting = Setting(RULES[2], mode=mode)
    plain = setting.computed(Plain())
    assert apart(setting.computed(method(alpha=0.0)), plain) <= 1e-12
    assert apart(setting.computed(method(alpha=ALPHA)), plain) > 1e-6
