"""The descent on φ: it descends, it is reproducible, and divergence never passes silently."""

from __future__ import annotations

from typing import ClassVar, Literal

import pytest
import torch

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import MetaGradient, MetaStep, Risk, RiskFunction
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.descent import clip
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import initial_params, train
from ml2o_core.meta.window import window_loss
from ml2o_core.optimizers.adam import Adam
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import trajectory

SMALL = TrainConfig(
    family=Lasso(rows=4, cols=3),
    rule=RNNprop(hidden=4, output_scale=0.1),
    windows=6,
    unroll_steps=5,
    windows_per_episode=2,
    batch_size=4,
    repeats=2,
)


@pytest.mark.parametrize("method", [Plain(), MAML(), FirstOrderMAML()], ids=lambda m: m.name)
def test_training_lowers_the_risk(method: MetaGradient) -> None:
    """A gain rule on quadratics, where a better gain than the first one is known to exist."""
    config = TrainConfig(
        family=Quadratic(rows=4, cols=3),
        rule=LinearGain(),
        meta_gradient=method,
        windows=60,
        windows_per_episode=1,
        unroll_steps=5,
        batch_size=32,
        repeats=2,
        graph="full",
        learning_rate=3e-3,
    )
    start = {name: torch.full_like(v, 1e-3) for name, v in initial_params(config).items()}
    history = train(config, start).history
    assert (history.risk[-10:].mean(0) < 0.9 * history.risk[:10].mean(0)).all()


def test_the_same_seed_gives_the_same_bits() -> None:
    first, second = train(SMALL), train(SMALL)
    for name in first.params:
        assert torch.equal(first.params[name], second.params[name])
    other = train(SMALL.with_changes(seed=1))
    assert any(not torch.equal(first.params[n], other.params[n]) for n in first.params)


def test_methods_share_their_random_numbers() -> None:
    """Common random numbers: plain and MAML see the same φ_0 and the same first window."""
    plain = train(SMALL)
    meta = train(SMALL.with_changes(meta_gradient=MAML()))
    assert torch.equal(plain.history.risk[0], meta.history.risk[0])
    assert not torch.equal(plain.history.objective[0], meta.history.objective[0])


def test_maml_with_zero_inner_step_is_plain() -> None:
    plain = train(SMALL)
    zero = train(SMALL.with_changes(meta_gradient=MAML(alpha=0.0)))
    for name in plain.params:
        torch.testing.assert_close(zero.params[name], plain.params[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("purpose", ["train", "adapt"])
def test_windows_continue_within_an_episode_and_restart_between(purpose: str) -> None:
    """With φ held, two windows of 3 are one run of 6, state included; then fresh tasks follow."""
    config = TrainConfig(
        family=Quadratic(rows=4, cols=3),
        rule=Adam(learning_rate=0.1),
        windows=5,
        windows_per_episode=2,
        unroll_steps=3,
        batch_size=2,
        repeats=2,
        learning_rate=1e-30,
        purpose=purpose,
        precision="float64",
    )
    risk = train(config).history.risk
    phi = {"learning_rate": torch.tensor(0.1, dtype=torch.float64)}
    for episode in range(3):
        problems = sample_problems(
            config.family, seed=0, purpose=purpose, repeats=2, size=2, episode=episode
        )
        for r in range(2):
            runs = [
                trajectory(config.rule, phi, problems.tasks[r, n], problems.start[r, n], 6).losses
                for n in range(2)
            ]
            mean = torch.stack(runs).mean(0)
            expected = torch.stack([mean[1:4].sum(), mean[4:7].sum()])[: 5 - 2 * episode]
            found = risk[2 * episode : 2 * episode + 2, r]
            torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)


def test_the_history_tells_the_objective_from_the_risk() -> None:
    """MAML descends ĝ(T̂(φ)), which one step of gradient descent has made lower than ĝ(φ)."""
    history = train(SMALL.with_changes(meta_gradient=MAML(alpha=1e-4), graph="full")).history
    assert (history.objective < history.risk).all()


def test_replicates_start_from_parameters_of_their_own() -> None:
    params = initial_params(SMALL)
    assert all(not torch.equal(value[0], value[1]) for value in params.values())


def test_training_leaves_its_initial_parameters_alone() -> None:
    init = initial_params(SMALL)
    before = {name: value.clone() for name, value in init.items()}
    train(SMALL, init)
    assert all(torch.equal(init[name], before[name]) for name in init)


def test_the_first_step_is_the_learning_rate() -> None:
    """Adam's first step is η · sign, so η is the step of every coordinate that has a gradient."""
    config = SMALL.with_changes(windows=1, learning_rate=0.02)
    init = initial_params(config)
    moved = [(value - init[name]).abs().max() for name, value in train(config).params.items()]
    assert max(moved).item() == pytest.approx(0.02, rel=1e-3)


def test_window_loss_is_the_sum_over_the_window_or_its_end() -> None:
    losses = torch.arange(2 * 3 * 5, dtype=torch.float64).reshape(2, 3, 5)
    mean = losses.mean(1)
    assert torch.equal(
        window_loss(losses, "sum"), mean[:, 1] + mean[:, 2] + mean[:, 3] + mean[:, 4]
    )
    assert torch.equal(window_loss(losses, "final"), mean[:, 4])


def test_clipping_scales_long_gradients_alone_and_is_counted() -> None:
    clipped, norm = clip(torch.tensor([[3.0, 0.0, 4.0], [0.3, 0.0, 0.4]]), 1.0)
    torch.testing.assert_close(norm, torch.tensor([5.0, 0.5]))
    torch.testing.assert_close(clipped, torch.tensor([[0.6, 0.0, 0.8], [0.3, 0.0, 0.4]]))
    history = train(SMALL.with_changes(clip_norm=1e-6)).history
    assert history.clipped.all()
    assert (history.clipped_share == 1).all()
    assert not train(SMALL.with_changes(clip_norm=1e9)).history.clipped.any()


def exploding(repeats: int = 3) -> tuple[TrainConfig, dict]:
    """A gain rule; replicate 1 starts at a gain so large that its iterates overflow."""
    config = TrainConfig(
        family=Quadratic(rows=4, cols=3),
        rule=LinearGain(),
        windows=4,
        unroll_steps=20,
        batch_size=4,
        repeats=repeats,
        graph="full",
    )
    init = {name: torch.full_like(v, 1e-2) for name, v in initial_params(config).items()}
    for value in init.values():
        value[1] = 1e30
    return config, init


def test_a_diverging_replicate_is_masked_and_reported() -> None:
    config, init = exploding()
    trained = train(config, init)
    assert trained.diverged_at.tolist() == [-1, 0, -1]
    assert trained.converged.tolist() == [True, False, True]
    for name, value in trained.params.items():
        assert torch.isfinite(value).all()
        assert torch.equal(value[1], init[name][1]), "parameters stay at the last finite ones"
        assert not torch.equal(value[0], init[name][0]), "the others are trained"


def test_a_diverging_replicate_does_not_touch_the_others() -> None:
    config, init = exploding()
    healthy = {name: value.clone() for name, value in init.items()}
    for value in healthy.values():
        value[1] = 1e-2
    for name, value in train(config, init).params.items():
        reference = train(config, healthy).params[name]
        assert torch.equal(value[[0, 2]], reference[[0, 2]])


class Spoiled(MetaGradient):
    """Plain, with one of its answers infinite for replicate 1 in the windows 1 and 3 of a run."""

    what: Literal["objective", "gradient"]
    calls: ClassVar[list[int]] = []

    def __call__(self, risk: RiskFunction, params: Params) -> MetaStep:
        step = Plain()(risk, params)
        objective, gradient = step.objective.detach().clone(), step.gradient
        if len(self.calls) in (1, 3):
            target = objective if self.what == "objective" else gradient["gain"]
            target[1] = torch.inf
        self.calls.append(len(self.calls))
        return MetaStep(step.at_phi, Risk(objective, step.at_phi.end), gradient)


@pytest.mark.parametrize("what", ["objective", "gradient"])
def test_one_infinite_answer_masks_for_good_from_the_window_of_the_first(what: str) -> None:
    Spoiled.calls.clear()
    config = SMALL.with_changes(rule=LinearGain(), meta_gradient=Plain(), windows=5)
    spoiled = train(config.with_changes(meta_gradient=Spoiled(what=what)))
    assert spoiled.diverged_at.tolist() == [-1, 1]
    assert torch.equal(spoiled.params["gain"][0], train(config).params["gain"][0])
    assert torch.equal(
        spoiled.params["gain"][1], train(config.with_changes(windows=1)).params["gain"][1]
    )


def test_adaptation_is_plain_on_its_own_tasks_with_a_fresh_adam() -> None:
    trained = train(SMALL.with_changes(meta_gradient=MAML()))
    config = adaptation(SMALL, Lasso.normal(10.0), windows=3)
    assert config.meta_gradient == Plain()
    assert (config.windows, config.windows_per_episode, config.purpose) == (3, 3, "adapt")
    assert config.rule == SMALL.rule
    config = config.with_changes(family=Lasso(rows=4, cols=3))
    adapted = train(config, trained.params)
    moved = [(adapted.params[n] - trained.params[n]).abs().max() for n in trained.params]
    # A fresh Adam's first steps are its learning rate each, up to how the gradients vary.
    assert 2 < max(moved) / config.learning_rate < 3.1


def test_bad_settings_are_refused_in_one_line() -> None:
    for changes in (
        {"windows": 0},
        {"unroll_steps": 0},
        {"graph": "none"},
        {"learning_rate": -1.0},
        {"family": {"name": "nope"}},
        {"unknown": 1},
    ):
        with pytest.raises(InvalidArgument) as error:
            SMALL.with_changes(**changes)
        assert "\n" not in str(error.value)
    with pytest.raises(InvalidArgument, match="init"):
        train(SMALL, {"gain": torch.zeros(2)})
