"""Does meta-training work? RNNprop against SGD and Adam on the tasks it was trained for.

One RNNprop with output scale 0.1 is trained on the LASSO mixture and tested on fresh problems of
the same distribution, at the end of a training window (step 20) and well beyond it (step 100). SGD
and Adam get their best shared step from the stated grid, chosen on other problems of the
distribution and for each step and each mean separately. Intervals are over the problems, paired:
they speak of this trained rule, not of the training's own randomness.

With output scale 0.01 the rule cannot compete: in 100 steps an iterate moves by at most 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor

from analyses.artefact import Artefact, Finding, main
from analyses.comparison import ANALYTIC_LABELS
from analyses.rendering.blocks import Cell, Estimate, RowTable, Section, Text
from analyses.settings import Preset, RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.evaluation import curves, tune_step
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import FitRow, Results, Row, ScoreRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.spec import Spec
from ml2o_core.statistics import mean_interval
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser, from_minimiser

LEVEL = 0.95
LEARNED = "RNNprop"
KINDS = (Score.MEAN_SUBOPTIMALITY, Score.MEAN_LN_SUBOPTIMALITY)
"""The arithmetic mean, and the logarithm of the geometric mean."""

APART = Score.MEAN_DISTANCE
"""Shown of the runs whose step is the best one for the mean of f − f*; no step is chosen for it."""


class InDistributionTest(Spec):
    """Every setting of the test, resolved."""

    training: TrainConfig
    test_size: int = Field(1024, ge=2, description="fresh test problems")
    tuning_size: int = Field(256, ge=2, description="problems that the steps are chosen on")
    steps: tuple[int, ...] = Field((20, 100), description="where the rules are compared")
    tuned: tuple[str, ...] = ("sgd", "adam")


@dataclass(frozen=True)
class Excess:
    """f(x_t) − f* from above, shape (N,), of each rule at one step, by kind of mean.

    Beside the learned rule, `values[kind]` holds each analytic rule run with the step that is best
    for that kind; `chosen[kind]` are those steps. `values[APART]` are the distances ‖x_t − x*‖ from
    above, where every minimiser is unique.
    """

    step: int
    values: dict[Score, dict[str, Tensor]]
    chosen: dict[Score, dict[str, float]]


def _aggregate(excess: Tensor, kind: Score) -> Tensor:
    """What is averaged over the problems: f − f* or its logarithm, or the distance."""
    return excess.log() if kind is Score.MEAN_LN_SUBOPTIMALITY else excess


def compare(
    config: InDistributionTest, device: torch.device | str, progress: Progress
) -> tuple[Trained, list[Excess]]:
    """Train, tune and test; returns the training run and one `Excess` for each step."""
    run = train(config.training, device=device, progress=progress, label="train RNNprop")
    test, tuning = (
        sample_problems(
            config.training.family,
            seed=config.training.seed,
            purpose=purpose,
            repeats=1,
            size=size,
            device=device,
        )
        for purpose, size in (("test", config.test_size), ("tune", config.tuning_size))
    )
    exact, exact_tuning = (
        certified_optima(drawn.tasks.to("cpu", torch.float64)) for drawn in (test, tuning)
    )
    radius = distance_to_minimiser(test.tasks.to("cpu", torch.float64), exact)
    learned = curves(
        config.training.rule, run.params, test, max(config.steps), exact.points, progress=progress
    )
    found = []
    for step in config.steps:
        values: dict[Score, dict[str, Tensor]] = {}
        chosen: dict[Score, dict[str, float]] = {}
        apart = {LEARNED: from_minimiser(learned.distances[..., step].cpu(), radius)[0]}
        for kind in KINDS:
            values[kind] = {LEARNED: exact.excess(learned.losses[..., step].cpu())[0]}
            chosen[kind] = {}
            for name in config.tuned:
                rule = UpdateRule.lookup(name)()

                def score(losses: Tensor, kind: Score = kind, step: int = step) -> Tensor:
                    excess = exact_tuning.excess(losses[..., step].cpu())
                    return _aggregate(excess, kind).mean(1).to(losses.device)

                tuned = tune_step(rule, tuning, step, score=score, progress=progress)
                ran = curves(rule, tuned.params, test, step, exact.points, progress=progress)
                values[kind][name] = exact.excess(ran.losses[..., step].cpu())[0]
                chosen[kind][name] = tuned.params["learning_rate"].item()
                if kind is Score.MEAN_SUBOPTIMALITY:
                    apart[name] = from_minimiser(ran.distances[..., step].cpu(), radius)[0]
        if bool(radius.isfinite().all()):
            values[APART], chosen[APART] = apart, chosen[Score.MEAN_SUBOPTIMALITY]
        found.append(Excess(step, values, chosen))
    return run, found


class InDistribution(Artefact):
    """A trained RNNprop beside tuned SGD and Adam on fresh problems of its own distribution."""

    name: ClassVar[str] = "in_distribution"
    title: ClassVar[str] = "Does training work? RNNprop in distribution"
    presets: ClassVar[tuple[Preset, ...]] = (Preset.STANDARD, Preset.PAPER)

    def configuration(self, settings: RunSettings) -> InDistributionTest:
        return InDistributionTest(
            training=TrainConfig(
                family=Lasso.uniform_mixture(),
                rule=RNNprop(output_scale=0.1),
                meta_gradient=Plain(),
                windows=5000 if settings.preset is Preset.PAPER else 1500,
                learning_rate=3e-3,
                seed=settings.seed,
            )
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        run, found = compare(config, resolve_device(settings.device), progress)
        rows: list[Row] = [
            FitRow(
                id=row_id(self.name, "training"),
                artefact=self.name,
                method=LEARNED,
                stage="meta-training",
                how=f"{config.training.meta_gradient.name}, Adam {config.training.learning_rate:g}",
                windows=config.training.windows,
                repeats=1,
                diverged=int((~run.converged).sum()),
                clipped_share=float(run.history.clipped_share.mean()),
            )
        ]
        for excess in found:
            for kind in excess.values:
                rows += _rows(self.name, config, excess, kind)
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        for row in results.scores:
            if row.reference is None or row.mean is None or row.upper is None or row.lower is None:
                continue
            better = "better" if row.upper < 0 else "worse" if row.lower > 0 else "not separated"
            found.append(
                Finding(
                    f"In distribution, step {row.step}, {row.score}: trained RNNprop is {better} "
                    f"{'from' if better == 'not separated' else 'than'} tuned {row.reference} "
                    f"(difference {row.mean:+.4g}, 95 % interval {row.lower:+.4g} to "
                    f"{row.upper:+.4g}).",
                    (row.id,),
                )
            )
        return found

    def section(self, results: Results) -> Section:
        columns: dict[str, Cell] = {
            "method": lambda row: row.method if not row.reference else f"RNNprop − {row.reference}",
            "score": "score",
            "step": "step",
            "mean and 95 % interval": Estimate.of,
            "note": "reason",
        }
        return Section(
            (
                Text(
                    "One RNNprop with output scale 0.1, trained on the LASSO mixture, on fresh "
                    "problems of the same mixture. SGD and Adam use the step of the stated grid "
                    "that is best for the row's step and mean, chosen on other problems; distances "
                    r"$\| x_t - x^* \|$ are those of the runs that are best for the mean of "
                    "$f - f^*$. Both are bounded from above. Intervals are over the problems; "
                    "differences are paired."
                ),
                RowTable.of("Suboptimality and distance in distribution.", results.scores, columns),
            )
        )


def _rows(artefact: str, config: InDistributionTest, excess: Excess, kind: Score) -> list[Row]:
    found: list[Row] = []
    learned = _aggregate(excess.values[kind][LEARNED], kind)
    for name, value in excess.values[kind].items():
        own = _aggregate(value, kind)
        label = ANALYTIC_LABELS.get(name, name)
        step = excess.chosen[kind].get(name)
        note = f"over {len(own)} problems" + ("" if step is None else f"; step size {step:.3g}")
        pairs = [(label, None, own)] + ([(LEARNED, label, learned - own)] if step else [])
        for method, reference, values in pairs:
            versus = () if reference is None else ("minus", reference)
            interval = mean_interval(values.numpy(), LEVEL)
            found.append(
                ScoreRow(
                    id=row_id(artefact, f"step={excess.step}", kind, method, *versus),
                    artefact=artefact,
                    family=config.training.family.name,
                    distribution="the training mixture",
                    method=method,
                    score=kind,
                    step=excess.step,
                    reference=reference,
                    mean=interval.mean,
                    lower=interval.lower,
                    upper=interval.upper,
                    level=LEVEL,
                    repeats=1,
                    reason=note,
                )
            )
    return found


if __name__ == "__main__":
    main("in_distribution")
