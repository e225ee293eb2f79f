"""What the profiles and presets resolve to: whose settings, and how much is computed.

The profiles are those of the paper, of its authors' released code, and our matched one, in which
every method spends the same number of gradient evaluations. A `Plan` is a profile at a preset's
size for one kind of tasks: the training of M-L2O, that of TL and DT, and how all of them adapt.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import Field

from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.curriculum import LENGTHS, Curriculum
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.next_window import NextWindow
from ml2o_core.meta.plain import Plain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily

ALPHA = 1e-3
"""The inner step of Algorithm 1."""


@dataclass(frozen=True)
class Size:
    """K windows of M-L2O, replicates, problems a batch, the curriculum, and the test, of a preset.

    Without lengths there is no curriculum, and every episode has five windows.
    """

    windows: int
    repeats: int
    batch_size: int = 128
    test_steps: int = 500
    test_size: int = 128
    lengths: tuple[int, ...] = ()


SIZES = {
    Preset.QUICK: Size(windows=60, repeats=3, batch_size=32, test_size=32),
    Preset.STANDARD: Size(windows=300, repeats=10, batch_size=64, lengths=LENGTHS[:3]),
    Preset.PAPER: Size(windows=5000, repeats=10, lengths=LENGTHS),
}


def size(settings: RunSettings) -> Size:
    """The preset's size, with the replicates that were asked for.

    The released rule has two layers: its windows cost twice as much, and `standard` has half of
    them, to stay within half an hour.
    """
    preset = SIZES[settings.preset]
    windows = preset.windows
    if settings.profile is Profile.RELEASED and settings.preset is Preset.STANDARD:
        windows //= 2
    return replace(preset, windows=windows, repeats=settings.repeats or preset.repeats)


class Plan(Spec):
    """The trainings and the adaptation that a profile resolves to."""

    meta: TrainConfig = Field(description="M-L2O's training")
    plain: TrainConfig = Field(description="training of TL and DT")
    first_order: TrainConfig | None = Field(
        None, description="M-L2O's training with the first-order meta-gradient, beside the exact"
    )
    adaptation_windows: int = Field(5, ge=1, description="adaptation steps, one window each")
    adaptation_episode: int = Field(5, ge=1, description="of them in one episode")

    def adapting(
        self, family: TaskFamily, windows: int | None = None, **changes: object
    ) -> TrainConfig:
        """Adaptation to `family`, for every method that adapts; by default the plan's windows."""
        episode = {"windows_per_episode": self.adaptation_episode}
        steps = self.adaptation_windows if windows is None else windows
        return adaptation(self.meta, family, steps, **{**episode, **changes})


def plan(
    settings: RunSettings,
    kind: type[LeastSquaresFamily] = Lasso,
    *,
    meta_gradient: MetaGradient | None = None,
    unroll_steps: int = 20,
) -> Plan:
    """The profile's plan at the preset's size; `meta_gradient` takes the place of the profile's.

    In the matched profile the other trainings have as many evaluations of ∇ĝ_T as M-L2O's, so that
    plain training has more windows.
    """
    here, released = size(settings), settings.profile is Profile.RELEASED
    meta = TrainConfig(
        family=kind.normal_mixture() if released else kind.uniform_mixture(),
        rule=RNNprop(projection=True, layers=2) if released else RNNprop(),
        meta_gradient=meta_gradient or (NextWindow(alpha=ALPHA) if released else MAML(alpha=ALPHA)),
        windows=here.windows,
        unroll_steps=unroll_steps,
        curriculum=Curriculum(lengths=here.lengths) if here.lengths else None,
        repeats=here.repeats,
        batch_size=here.batch_size,
        seed=settings.seed,
    )

    def budget(gradient: MetaGradient) -> int:
        """The windows of a training beside M-L2O's."""
        if settings.profile is not Profile.MATCHED:
            return here.windows
        return here.windows * meta.meta_gradient.evaluations // gradient.evaluations

    family = kind.frozen_mixture(count=here.batch_size) if released else meta.family
    plain = meta.with_changes(meta_gradient=Plain(), family=family, windows=budget(Plain()))
    steps = {"adaptation_windows": 50} if released else {}
    beside = {}
    if not released and settings.preset is not Preset.QUICK:
        first = FirstOrderMAML(alpha=ALPHA)
        beside = {
            "first_order": meta.with_changes(meta_gradient=first, windows=budget(first)),
        }
    return Plan(meta=meta, plain=plain, **beside, **steps)
