"""The trained pair behind Theorem 1's experiment: M-L2O and transfer learning on the LASSO mixture.

Both parts of the report on the paper's own experiment (`experiment`, one σ; and
`differences`, a sweep over σ) start from the same two trainings, so that a caller can run
them once and hand them to both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from pydantic import Field
from torch import Tensor

from analyses.profiles import Size, plan, size
from analyses.settings import Preset, RunSettings
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.methods import METHODS, Pretrained, pretrain
from ml2o_core.optimizers.base import Params
from ml2o_core.progress import Progress
from ml2o_core.results import FitRow, row_id
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso

PAIR = ("m-l2o", "tl")
"""The two methods that Theorem 1 and Remark 2 are about, by name in `METHODS`."""

TRAINING = Lasso.uniform_mixture()
"""Task 1: what both are meta-trained on."""

QUICK = Size(windows=2, repeats=3, batch_size=8, test_steps=25, test_size=8)
"""Less than any figure trains: it shows that every number can be computed, and no more."""


class TrainingPair(Spec):
    """Both trainings, resolved. They differ in the meta-gradient and the number of windows."""

    meta: TrainConfig = Field(description="M-L2O's training")
    plain: TrainConfig = Field(description="TL's training")


STANDARD = Size(windows=200, repeats=3, batch_size=64, test_steps=200, test_size=64)
"""What lets the whole report end within half an hour on two cores, 10,000 trials included."""


ADAPTATION_WINDOWS = 5
"""The paper's adaptation steps, one window each."""


def adaptation_windows(settings: RunSettings) -> int:
    """Fewer in the quick preset, which takes as many windows as its training."""
    return QUICK.windows if settings.preset is Preset.QUICK else ADAPTATION_WINDOWS


def sizes(settings: RunSettings) -> Size:
    """How much is computed: smaller sizes than a figure's, but for the paper preset."""
    smaller = {Preset.QUICK: QUICK, Preset.STANDARD: STANDARD}.get(settings.preset)
    if smaller is None:
        return size(settings)
    return replace(smaller, repeats=settings.repeats or smaller.repeats)


def training_pair(settings: RunSettings) -> TrainingPair:
    """The profile's trainings at this part's size."""
    here, whole = sizes(settings), plan(settings)
    if settings.preset is Preset.PAPER:
        return TrainingPair(meta=whole.meta, plain=whole.plain)
    # Too short for a curriculum.
    shared = {"repeats": here.repeats, "batch_size": here.batch_size, "curriculum": None}
    ratio = whole.plain.windows // whole.meta.windows
    return TrainingPair(
        meta=whole.meta.with_changes(windows=here.windows, **shared),
        plain=whole.plain.with_changes(windows=ratio * here.windows, **shared),
    )


def train_pair(pair: TrainingPair, device: torch.device | str, progress: Progress) -> Pretrained:
    """φ after both trainings; `runs` has them by kind."""
    return pretrain(pair.meta, pair.plain, device=device, progress=progress)


@dataclass(frozen=True)
class Adapted:
    """The pair after adaptation to one family.

    `params` by method, leading axis R, on the CPU in float64; `kept` (R,): the replicates in which
    neither method diverged, in training or in adaptation; `runs` the adaptations by method.
    """

    params: dict[str, Params]
    kept: Tensor
    runs: dict[str, Trained]


def adapt_pair(
    pretrained: Pretrained,
    config: TrainConfig,
    device: torch.device | str,
    progress: Progress,
    about: str = "",
) -> Adapted:
    """Both methods on the same adaptation tasks."""
    params, runs = {}, {}
    kept = torch.ones(config.repeats, dtype=torch.bool)
    for name in PAIR:
        kind = METHODS[name].pretraining
        label = f"adapt {METHODS[name].label} {about}".rstrip()
        run = train(config, pretrained.params[kind], device=device, progress=progress, label=label)
        kept &= run.converged & pretrained.converged[kind]
        params[name], runs[name] = in_float64(run.params), run
    return Adapted(params, kept, runs)


def in_float64(params: Params) -> Params:
    """On the CPU, where the theory is computed."""
    return {name: value.detach().to("cpu", torch.float64) for name, value in params.items()}


def replicates(params: Params, kept: Tensor) -> Params:
    """Those replicates alone."""
    return {name: value[kept] for name, value in params.items()}


def fit_row(
    artefact: str, parts: tuple[object, ...], method: str, stage: str, run: Trained
) -> FitRow:
    """How the parameters of one training or adaptation came about."""
    config = run.config
    return FitRow(
        id=row_id(artefact, *parts),
        artefact=artefact,
        method=method,
        stage=stage,
        how=f"{config.meta_gradient.name}, Adam {config.learning_rate:g}, "
        f"{config.objective} of the losses, graph {config.graph.value}",
        windows=config.windows,
        repeats=config.repeats,
        diverged=int((~run.converged).sum()),
        clipped_share=float(run.history.clipped_share.mean()),
    )


def training_rows(
    artefact: str, parts: tuple[object, ...], runs: Mapping[str, Trained]
) -> list[FitRow]:
    """The two meta-trainings."""
    labels = {str(METHODS[name].pretraining): METHODS[name].label for name in PAIR}
    return [
        fit_row(artefact, (*parts, "training", kind), labels[kind], "meta-training", run)
        for kind, run in runs.items()
    ]
