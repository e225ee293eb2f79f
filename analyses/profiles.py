"""What the profiles and presets resolve to: whose settings, and how much is computed.

The profiles are those of the paper, of its authors' released code, and our matched one, in which
every method spends the same number of gradient evaluations. The released profile trains on the next
window's gradient, which this version does not have yet; artefacts leave it out of their `profiles`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.tasks.base import TaskFamily


@dataclass(frozen=True)
class Size:
    """K windows of M-L2O, replicates, problems a batch, and the test, of a preset."""

    windows: int
    repeats: int
    batch_size: int = 128
    test_steps: int = 500
    test_size: int = 128


SIZES = {
    Preset.QUICK: Size(windows=60, repeats=3, batch_size=32, test_size=32),
    Preset.STANDARD: Size(windows=600, repeats=10),
    Preset.PAPER: Size(windows=5000, repeats=10),
}

AVAILABLE = (Profile.PAPER, Profile.MATCHED)
"""Profiles that training experiments can be run under."""


def size(settings: RunSettings) -> Size:
    """The preset's size, with the replicates that were asked for."""
    preset = SIZES[settings.preset]
    return replace(preset, repeats=settings.repeats or preset.repeats)


def meta_training(settings: RunSettings, family: TaskFamily) -> TrainConfig:
    """M-L2O's training on `family`: Algorithm 1 with the exact one-step meta-gradient."""
    return TrainConfig(
        family=family,
        rule=RNNprop(),
        meta_gradient=MAML(alpha=1e-3),
        windows=size(settings).windows,
        repeats=size(settings).repeats,
        batch_size=size(settings).batch_size,
        seed=settings.seed,
    )


def plain_windows(settings: RunSettings) -> int:
    """Windows of TL and DT: as many as M-L2O's (paper), or as many gradient evaluations (matched).

    An exact or first-order MAML window evaluates the risk twice, at φ and at T̂(φ).
    """
    windows = size(settings).windows
    if settings.profile is Profile.PAPER:
        return windows
    if settings.profile is Profile.MATCHED:
        return MAML().evaluations * windows
    raise InvalidArgument("profile", settings.profile.value, ", ".join(AVAILABLE))
