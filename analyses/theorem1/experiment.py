"""Theorem 1 where its assumptions do not hold: RNNprop on LASSO, the paper's own experiment.

M-L2O and transfer learning are trained on the LASSO mixture, adapted to LASSO with A ~ N(0, σ²) and
tested there. What is then shown: which assumption is refuted by which witness; what the bound would
say with constants that are sampled along the runs, for each T, and from where on that is vacuous;
the observed error, enclosed; and where the configured experiment leaves the theorem.

`rows` gives the evidence, `blocks` and `findings` show it from the stored rows; the artefact that
calls them names itself, and its rows' ids begin with its name and `PART`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from analyses.settings import Preset, RunSettings
from analyses.theorem1 import departures, refuted
from analyses.theorem1.bounds import of_pair, of_test, risk_gradients
from analyses.theorem1.curves import (
    PART,
    SYMBOLS,
    bound_rows,
    error_curves,
    gap_curves,
    term_rows,
)
from analyses.theorem1.errors import error_rows, errors, optimum_rows
from analyses.theorem1.experiment_page import blocks, findings
from analyses.theorem1.training import (
    PAIR,
    TRAINING,
    Adapted,
    TrainingPair,
    adapt_pair,
    adaptation_windows,
    fit_row,
    in_float64,
    replicates,
    sizes,
    train_pair,
    training_pair,
    training_rows,
)
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.methods import METHODS, Pretrained
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import Row
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import GraphMode

__all__ = ["ExperimentConfig", "blocks", "configuration", "findings", "rows"]


class ExperimentConfig(Spec):
    """Everything that is run, resolved."""

    training: TrainingPair
    sigma: float = Field(10.0, gt=0, description="σ of the adaptation and test tasks")
    adaptation: TrainConfig
    direct: TrainConfig = Field(description="further training on the testing distribution")
    test_size: int = Field(ge=1, description="test problems of each training seed")
    pairs: int = Field(ge=1, description="pairs of tasks that constants are sampled along")
    horizon: int = Field(20, ge=2, description="the largest T of the bounds")
    curvature_horizon: int = Field(ge=1, description="T of the risk whose curvature is searched")

    @property
    def alpha(self) -> float:
        """The inner step α of Algorithm 1."""
        method = self.training.meta.meta_gradient
        assert isinstance(method, MAML)
        return method.alpha


def configuration(settings: RunSettings) -> ExperimentConfig:
    """The preset's sizes and the profile's settings."""
    quick, here, pair = settings.preset is Preset.QUICK, sizes(settings), training_pair(settings)
    target = Lasso.normal(ExperimentConfig.model_fields["sigma"].default)
    return ExperimentConfig(
        training=pair,
        adaptation=adaptation(pair.meta, target, adaptation_windows(settings)),
        direct=pair.meta.with_changes(
            family=target,
            meta_gradient=Plain(),
            windows=here.windows if quick else pair.plain.windows,
            windows_per_episode=1,
            objective="final",
        ),
        test_size=here.test_size,
        pairs=2 if quick else 16,
        curvature_horizon=2 if quick else 10,
    )


@dataclass(frozen=True)
class Tasks:
    """The tasks that the theory is held against, on the CPU in float64, each of shape (R, N).

    `first` and `second` are training and adaptation tasks, pair by pair with one x_0.
    """

    first: Problems
    second: Problems
    test: Problems

    @classmethod
    def draw(cls, c: ExperimentConfig, kept: Tensor) -> Self:
        """The first tasks of the adaptation batch and of the first training batch; all test tasks.

        They are drawn as the trainings draw them, of the replicates `kept` (R,).
        """
        meta = c.training.meta

        def problems(purpose: str, family: Lasso, size: int) -> Problems:
            drawn = sample_problems(
                family, seed=meta.seed, purpose=purpose, repeats=meta.repeats, size=size
            )
            return _replicates(drawn, kept)

        target = Lasso.normal(c.sigma)
        second = problems("adapt", target, c.pairs)
        first = Problems(problems("train", TRAINING, c.pairs).tasks, second.start)
        return cls(first, second, problems("test", target, c.test_size))


def _replicates(problems: Problems, kept: Tensor) -> Problems:
    tensors = {name: value[kept] for name, value in problems.tasks.tensors.items()}
    shape = (int(kept.sum()), problems.tasks.shape[1])
    return Problems(TaskBatch(problems.tasks.task_type, tensors, shape), problems.start[kept])


def _at_most(problems: Problems, size: int) -> Problems:
    """The first `size` problems of every replicate."""
    tensors = {name: value[:, :size] for name, value in problems.tasks.tensors.items()}
    start = problems.start[:, :size]
    return Problems(TaskBatch(problems.tasks.task_type, tensors, tuple(start.shape[:2])), start)


def rows(
    artefact: str,
    settings: RunSettings,
    device: torch.device | str,
    progress: Progress,
    pretrained: Pretrained | None = None,
) -> list[Row]:
    """All evidence. `pretrained` is what `train_pair` gave for these settings, if it was run."""
    c = configuration(settings)
    pretrained = pretrained or train_pair(c.training, device, progress)
    adapted = adapt_pair(pretrained, c.adaptation, device, progress, f"σ = {c.sigma:g}")
    start = adapted.runs["m-l2o"].params
    direct = train(c.direct, start, device=device, progress=progress, label="train directly")
    found = _fits(artefact, c, pretrained, adapted, direct)
    kept = adapted.kept
    if not kept.any():
        return found

    kinds = {name: METHODS[name].pretraining for name in PAIR}
    before = {
        name: replicates(in_float64(pretrained.params[kind]), kept) for name, kind in kinds.items()
    }
    after = {name: replicates(params, kept) for name, params in adapted.params.items()}
    further = replicates(in_float64(direct.params), kept)
    rule, T, seed = c.training.meta.rule, c.horizon, c.training.meta.seed
    assert isinstance(rule, RNNprop)
    tasks = Tasks.draw(c, kept)
    with progress.task("Theorem 1 on the experiment", 4 + refuted.COUNT) as advance:
        full, detached = (gradients(rule, before, tasks, T, graph) for graph in GRAPHS)
        advance()
        pair = of_pair(rule, before["m-l2o"], tasks.first, tasks.second, T, seed)
        advance()
        test = of_test(rule, after["m-l2o"], _at_most(tasks.test, c.pairs), T, seed)
        advance()
        stepped = {
            name: one_step(params, full[name].second[T - 1], c.alpha)
            for name, params in before.items()
        }
        methods = dict(zip(SYMBOLS, [*after.values(), *stepped.values()], strict=True))
        others = {f"{name} before": params for name, params in before.items()}
        observed = errors(rule, methods, others | {"direct": further}, tasks.test, T)
        advance()
        found += bound_rows(artefact, pair, test, c.alpha, T)
        found += term_rows(artefact, observed, pair, test, c.alpha, T)
        found += gap_curves(artefact, pair, full["m-l2o"].gap, detached["m-l2o"].gap)
        found += error_curves(artefact, observed, pair, test, c.alpha, T)
        about = f"{c.test_size} test problems"
        found += error_rows(artefact, PART, observed, SYMBOLS, about, T)
        described = f"A ~ N(0, {c.sigma:g}²)"
        found += optimum_rows(artefact, PART, observed, TRAINING.name, described, c.sigma)
        experiment = _experiment(c, rule, before["m-l2o"], tasks, max(pair.reach, test.reach))
        for part in refuted.rows(artefact, PART, experiment):
            found += part
            advance()
    run = departures.Run(
        training=c.training.meta,
        adaptation=c.adaptation,
        test_steps=sizes(settings).test_steps,
        test_size=c.test_size,
        params=experiment.params,
        task=experiment.test,
        x0=experiment.x0,
    )
    return [*found, *departures.rows(artefact, PART, run)]


def _fits(
    artefact: str,
    c: ExperimentConfig,
    pretrained: Pretrained,
    adapted: Adapted,
    direct: Trained,
) -> list[Row]:
    found: list[Row] = [*training_rows(artefact, (PART,), pretrained.runs)]
    stage = f"adaptation, σ = {c.sigma:g}"
    for name, run in adapted.runs.items():
        found.append(fit_row(artefact, (PART, "adaptation", name), METHODS[name].label, stage, run))
    stage = f"from adapted M-L2O, on test tasks, σ = {c.sigma:g}"
    found.append(fit_row(artefact, (PART, "direct"), "directly trained", stage, direct))
    return found


GRAPHS = (GraphMode.FULL, GraphMode.DETACHED)


@dataclass(frozen=True)
class Gradients:
    """∇ĝ_t of the final loss on training and adaptation tasks, t = 1 … T: each (T, R, p)."""

    first: Tensor
    second: Tensor

    @property
    def gap(self) -> Float[Tensor, "T R"]:
        """‖∇ĝ¹ − ∇ĝ²‖: what Proposition 1 bounds."""
        return (self.first - self.second).norm(dim=-1)


def gradients(
    rule: RNNprop, before: Mapping[str, Params], tasks: Tasks, T: int, graph: GraphMode
) -> dict[str, Gradients]:
    """For the φ of both methods at once, as further replicates."""
    copies = len(before)
    stacked = {
        name: torch.cat([params[name] for params in before.values()])
        for name in next(iter(before.values()))
    }
    first, second = (
        risk_gradients(rule, stacked, problems.repeat(copies), T, graph).chunk(copies, dim=1)
        for problems in (tasks.first, tasks.second)
    )
    parts = (Gradients(one, other) for one, other in zip(first, second, strict=True))
    return dict(zip(before, parts, strict=True))


def one_step(params: Params, gradient: Float[Tensor, "R p"], alpha: float) -> Params:
    """φ − α∇ĝ², the theorem's adaptation, for each replicate."""
    sizes_ = [params[name][0].numel() for name in sorted(params)]
    parts = dict(zip(sorted(params), gradient.split(sizes_, dim=1), strict=True))
    return {
        name: value - alpha * parts[name].reshape(value.shape) for name, value in params.items()
    }


def _experiment(
    c: ExperimentConfig, rule: RNNprop, params: Params, tasks: Tasks, reach: float
) -> refuted.Experiment:
    """What the assumptions are held against: the first seed's φ, and one task of each kind."""
    batch = tasks.second.tasks
    return refuted.Experiment(
        rule=rule,
        params={name: value[0] for name, value in params.items()},
        training=tasks.first.tasks[0, 0],
        adaptation=batch[0, 0],
        test=tasks.test.tasks[0, 0],
        x0=tasks.test.start[0, 0],
        test_family=Lasso.normal(c.sigma),
        training_family=TRAINING,
        radius=2.0 ** math.ceil(math.log2(reach)),
        horizon=c.horizon,
        curvature_horizon=c.curvature_horizon,
        batch=c.test_size,
        seed=c.training.meta.seed,
    )
