"""The profiles resolve to what EXPERIMENTS states, setting by setting."""

from __future__ import annotations

import pytest

from analyses.figure2 import Figure2
from analyses.profiles import SIZES, plan
from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.meta.curriculum import LENGTHS
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.next_window import NextWindow
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.reptile import Reptile
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.tasks.distributions import Normal, Uniform
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.mixture import FrozenTasks
from ml2o_core.tasks.quadratic import Quadratic


def settings(profile: Profile, preset: Preset = Preset.PAPER) -> RunSettings:
    return RunSettings(preset=preset, profile=profile)


@pytest.mark.parametrize("profile", list(Profile))
def test_every_profile_has_the_common_settings(profile: Profile) -> None:
    found = plan(settings(profile))
    for config in (found.meta, found.plain):
        assert (config.unroll_steps, config.batch_size, config.repeats) == (20, 128, 10)
        assert (config.learning_rate, config.descent) == (1e-3, "adam")
        assert config.objective == "sum"
        assert config.curriculum is not None
        assert config.curriculum.lengths == LENGTHS
        assert config.advance == "phi"
    assert found.meta.windows == 5000
    assert found.plain.meta_gradient == Plain()


def test_the_papers_profile() -> None:
    found = plan(settings(Profile.PAPER))
    assert found.meta.rule == RNNprop()
    assert (found.meta.rule.hidden, found.meta.rule.layers) == (20, 1)  # type: ignore[attr-defined]
    assert found.meta.meta_gradient == MAML(alpha=1e-3)
    assert found.meta.family == found.plain.family == Lasso.uniform_mixture()
    assert found.plain.windows == 5000
    assert (found.adaptation_windows, found.adaptation_episode) == (5, 5)
    assert found.first_order == found.meta.with_changes(meta_gradient=FirstOrderMAML(alpha=1e-3))


def test_the_released_profile() -> None:
    found = plan(settings(Profile.RELEASED))
    assert found.meta.rule == found.plain.rule == RNNprop(projection=True, layers=2)
    assert found.meta.meta_gradient == NextWindow(alpha=1e-3)
    assert found.meta.family == Lasso.normal_mixture()
    assert found.meta.family.target == Uniform(low=0, high=1)
    assert isinstance(found.plain.family, FrozenTasks)
    assert found.plain.family.count == 128
    assert [f.target for f in found.plain.family.families] == [Uniform(low=-1, high=1)] * 3  # type: ignore[attr-defined]
    assert found.plain.windows == 5000
    assert found.first_order is None  # its own is of first order
    adapting = found.adapting(Lasso.normal(50.0))
    assert (adapting.windows, adapting.windows_per_episode) == (50, 5)
    assert adapting.family.matrix == Normal(sd=50)  # type: ignore[attr-defined]


def test_the_matched_profile_gives_every_method_as_many_gradients() -> None:
    found = plan(settings(Profile.MATCHED))
    assert found.first_order is not None
    trainings = (found.meta, found.plain, found.first_order)
    assert [c.windows * c.meta_gradient.evaluations for c in trainings] == [10_000] * 3
    paper = plan(settings(Profile.PAPER))
    assert (found.meta, found.first_order) == (paper.meta, paper.first_order)
    reptile = plan(settings(Profile.MATCHED), meta_gradient=Reptile())
    assert reptile.first_order is not None
    budget = 5000 * Reptile().evaluations
    assert (reptile.plain.windows, reptile.first_order.windows) == (budget, budget // 2)


def test_another_meta_gradient_and_another_family_change_nothing_else() -> None:
    base = plan(settings(Profile.PAPER))
    other = plan(settings(Profile.PAPER), Quadratic, meta_gradient=Plain(), unroll_steps=5)
    assert other.meta == base.meta.with_changes(
        family=Quadratic.uniform_mixture(), meta_gradient=Plain(), unroll_steps=5
    )


def test_figure_2_is_at_both_sigmas_in_every_profile() -> None:
    for profile in Profile:
        found = Figure2().configuration(settings(profile))
        assert [panel.sigma for panel in found.panels] == [50, 100]
        assert found.plan == plan(settings(profile))


def test_only_the_quick_preset_has_no_curriculum() -> None:
    assert [preset for preset, size in SIZES.items() if not size.lengths] == [Preset.QUICK]


def test_the_released_profile_has_half_the_windows_at_standard_and_there_alone() -> None:
    for preset, share in ((Preset.QUICK, 1), (Preset.STANDARD, 2), (Preset.PAPER, 1)):
        released, paper = (
            plan(RunSettings(preset=preset, profile=profile)).meta.windows
            for profile in (Profile.RELEASED, Profile.PAPER)
        )
        assert paper == SIZES[preset].windows == share * released
