"""The released code's meta-gradient against two windows written out."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta import next_window
from ml2o_core.meta.base import MetaStep
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.next_window import NextWindow
from ml2o_core.optimizers.adam import Adam
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.tasks.quadratic import Quadratic

from .loops import ALPHA, FAMILIES, MODES, REPEATS, RULES, SIZE, STEPS, Setting, Starts, apart

TOLERANCE = 1e-9
"""Relative: rounding alone."""


def follows(setting: Setting, r: int) -> Starts:
    """Where φ's own run ends, with every step counter back at the window's start."""
    ends = setting.run(r, setting.phi(r)).ends
    began = setting.starts(r)
    held = []
    for n in range(SIZE):
        x, state = ends[n]
        held.append((x, {k: began[n][1][k] if k == "t" else v for k, v in state.items()}))
    return held


def reference(setting: Setting) -> list[Tensor]:
    found = []
    for r in range(REPEATS):
        phi = setting.phi(r)
        adapted = phi - ALPHA * setting.gradient(r, phi)
        found.append(setting.gradient(r, adapted, follows(setting, r)))
    return found


@pytest.mark.parametrize(("mode", "objective"), MODES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_it_is_the_gradient_of_the_window_that_follows(
    rule: UpdateRule, mode: str, objective: str
) -> None:
    setting = Setting(rule, FAMILIES[objective == "sum"], mode, objective)
    assert apart(setting.computed(NextWindow(alpha=ALPHA)), reference(setting)) <= TOLERANCE


def test_the_counter_is_held_and_the_rest_of_the_state_is_not() -> None:
    """RNNprop's t enters its bias corrections: from t = 4 the next window counts 5 to 8 again."""
    setting = Setting(RULES[2])
    assert (setting.carry.state["t"] == STEPS).all()
    step = NextWindow(alpha=ALPHA)(setting.risk, setting.params)
    assert (step.at_phi.end.state["t"] == 2 * STEPS).all()
    assert (step.at_adapted.end.state["t"] == 2 * STEPS).all()
    for r in range(REPEATS):
        phi = setting.phi(r)
        adapted = phi - ALPHA * setting.gradient(r, phi)
        expected = setting.run(r, adapted, follows(setting, r))
        assert step.objective[r].item() == pytest.approx(expected.risk.item(), rel=1e-12)
        for n, (x, state) in enumerate(expected.ends):
            torch.testing.assert_close(step.at_adapted.end.x[r, n], x, rtol=1e-9, atol=1e-12)
            for name, value in state.items():
                found = step.at_adapted.end.state[name][r, n]
                torch.testing.assert_close(found, value, rtol=1e-9, atol=1e-12)


def test_without_an_inner_step_it_is_the_gradient_of_the_next_window_at_phi() -> None:
    setting = Setting(RULES[2], mode="detached")
    expected = [setting.gradient(r, setting.phi(r), follows(setting, r)) for r in range(REPEATS)]
    assert apart(setting.computed(NextWindow(alpha=0.0)), expected) <= TOLERANCE


class SameWindow(NextWindow):
    """A defect: the window is not advanced."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        return FirstOrderMAML(alpha=self.alpha)(risk, params)


class FromTheAdaptedRun(NextWindow):
    """A defect: the next window starts where the adapted weights have led."""

    def __call__(self, risk: Any, params: Any) -> MetaStep:
        first = FirstOrderMAML(alpha=self.alpha)(risk, params)
        at_end = first.at_adapted.end

        class Elsewhere:
            start, head = risk.start, risk.head

            def __call__(self, phi: Any, start: Any = None) -> Any:
                if start is None:
                    return risk(phi)
                moved = {**at_end.detach().state, "t": risk.start.state["t"]}
                return risk(phi, type(start)(at_end.detach().x, moved))

        return super().__call__(Elsewhere(), params)


@pytest.mark.parametrize("defect", [SameWindow, FromTheAdaptedRun])
def test_a_planted_defect_is_seen(defect: type[NextWindow]) -> None:
    setting = Setting(RULES[2])
    assert apart(setting.computed(defect(alpha=ALPHA)), reference(setting)) > 1e3 * TOLERANCE


@pytest.mark.parametrize("held", ["", "m"])
def test_a_counter_that_runs_on_is_seen(monkeypatch: pytest.MonkeyPatch, held: str) -> None:
    """Planted: nothing is held, or something else."""
    setting = Setting(RULES[2])
    expected = reference(setting)
    monkeypatch.setattr(next_window, "COUNTER", held)
    assert apart(setting.computed(NextWindow(alpha=ALPHA)), expected) > 1e3 * TOLERANCE


def test_the_rules_with_a_counter_call_it_so() -> None:
    task, x = Quadratic(rows=4, cols=3).sample(torch.Generator()), torch.zeros(3)
    for rule in (RNNprop(), Adam()):
        assert next_window.COUNTER in rule.init_state(task, x)


def test_the_next_window_of_the_adapted_run_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"advance: got 'adapted'.*next-window") as error:
        TrainConfig(family=Quadratic(), meta_gradient=NextWindow(), advance="adapted")
    assert "\n" not in str(error.value)
