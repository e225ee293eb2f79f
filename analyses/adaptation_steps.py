"""How many adaptation steps each method needs: scores after 0 to 50 of them.

The paper adapts with 5 steps, its released code with 50. Run it alone with
`python -m analyses.adaptation_steps` or `ml2o run adaptation-steps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from analyses.artefact import Chapter, Finding, main
from analyses.lasso_test import SCORES, SIGMAS, LassoTest, SeedScores
from analyses.profiles import Plan, plan, size
from analyses.rendering.blocks import LineFigure, Role, RowTable, Section, Text
from analyses.score_rows import DIFFERENCE_COLUMNS, decided, difference_rows
from analyses.seed_curves import seed_curve
from analyses.settings import Preset, RunSettings
from analyses.trained import TrainedArtefact
from analyses.trained_rows import FIT_COLUMNS, fit_row
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.descent import Layout
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import train
from ml2o_core.methods import METHODS, Pretrained
from ml2o_core.optimizers.base import Params
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row, ScoreRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso

STEPS = (0, 1, 2, 5, 10, 20, 50)
ADAPTING = {name: recipe for name, recipe in METHODS.items() if recipe.adapts}
DIFFERENCES = (("m-l2o", "tl"), ("m-l2o-first-order", "tl"))
AFTER = ", adaptation steps: "
"""Between a method and the number of its steps, in a row's name of a method."""


class AdaptationStepsConfig(Spec):
    """Every setting, resolved."""

    plan: Plan
    steps: tuple[int, ...] = Field(STEPS, min_length=2, description="of Adam, a window each")
    sigmas: tuple[float, ...] = Field(SIGMAS, description="σ of adaptation and test")
    test_steps: int
    test_size: int


class AdaptationSteps(TrainedArtefact):
    """The scores of the methods that adapt, by the number of adaptation steps."""

    name: ClassVar[str] = "adaptation-steps"
    title: ClassVar[str] = "How many adaptation steps"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    presets: ClassVar[tuple[Preset, ...]] = (Preset.STANDARD, Preset.PAPER)

    def configuration(self, settings: RunSettings) -> AdaptationStepsConfig:
        here = size(settings)
        return AdaptationStepsConfig(
            plan=plan(settings), test_steps=here.test_steps, test_size=here.test_size
        )

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config, device = self.configuration(settings), resolve_device(settings.device)
        planned = config.plan
        trained = [planned.plain, planned.meta, planned.first_order]
        runs = trainings.several([training for training in trained if training is not None])
        pretrained = Pretrained.of(*runs)
        rows: list[Row] = [
            fit_row(self.name, _users(kind), run) for kind, run in pretrained.runs.items()
        ]
        for sigma in config.sigmas:
            test = LassoTest.draw(
                sigma,
                seed=settings.seed,
                repeats=planned.meta.repeats,
                size=config.test_size,
                steps=config.test_steps,
                device=device,
                compile=settings.compile,
            )
            found = {
                name: self._scores(config, test, pretrained, name, progress)
                for name, recipe in ADAPTING.items()
                if recipe.pretraining in pretrained.params
            }
            rows += self._curves(sigma, config.steps, found)
            rows += self._differences(sigma, config.steps, found)
        return rows

    def _scores(
        self,
        config: AdaptationStepsConfig,
        test: LassoTest,
        pretrained: Pretrained,
        method: str,
        progress: Progress,
    ) -> list[SeedScores]:
        """Of one method after each number of steps, all of them on the way of one adaptation."""
        recipe = METHODS[method]
        adapting = config.plan.adapting(Lasso.normal(test.sigma), windows=max(config.steps))
        device = test.problems.start.device
        params = pretrained.params[recipe.pretraining]
        converged = pretrained.converged[recipe.pretraining]
        label = f"adapt {recipe.label} to σ = {test.sigma:g}"
        way = adapted_on_the_way(adapting, params, config.steps, device, progress, label)
        return [
            test.score(
                config.plan.meta.rule, phi, converged & alive, progress, _name(method, steps)
            )
            for steps, (phi, alive) in zip(config.steps, way, strict=True)
        ]

    def _curves(
        self, sigma: float, steps: tuple[int, ...], found: Mapping[str, list[SeedScores]]
    ) -> list[Row]:
        """Each score against the number of steps."""
        rows: list[Row] = []
        for score in SCORES:
            for name, points in found.items():
                counted = np.stack([point.counted for point in points], axis=1)
                if not counted.any():
                    continue
                rows.append(
                    seed_curve(
                        np.stack([point.values[score] for point in points], axis=1),
                        counted,
                        id=row_id(self.name, f"σ={sigma:g}", "curve", name, score),
                        artefact=self.name,
                        panel=f"σ = {sigma:g}",
                        method=METHODS[name].label,
                        quantity=score.value,
                        step=steps,
                    )
                )
        return rows

    def _differences(
        self, sigma: float, steps: tuple[int, ...], found: Mapping[str, list[SeedScores]]
    ) -> list[Row]:
        """Of M-L2O to TL, after the same number of steps."""
        rows: list[Row] = []
        for name, reference in DIFFERENCES:
            if name not in found:
                continue
            for count, scores, other in zip(steps, found[name], found[reference], strict=True):
                rows += difference_rows(
                    self.name,
                    (f"σ={sigma:g}", name, f"steps={count}"),
                    sigma,
                    _name(name, count),
                    scores,
                    METHODS[reference].label,
                    other,
                )
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        groups: dict[tuple[str, str], list[ScoreRow]] = {}
        for row in results.scores.where(score=Score.MIN_LN_MEAN_OBJECTIVE):
            groups.setdefault((row.distribution, row.method.partition(AFTER)[0]), []).append(row)
        return [
            Finding(
                f"At {distribution}, beside TL with as many adaptation steps, the score of "
                f"{method} is {decided(rows, _steps, 'after {}')} (by the 95 % interval of the "
                "difference, one for each number of steps).",
                tuple(row.id for row in rows),
            )
            for (distribution, method), rows in groups.items()
        ]

    def section(self, results: Results) -> Section:
        figures = [
            LineFigure(
                id=f"{self.name}-{key}",
                caption=caption,
                description=f"{caption} A curve for each method, with a band over the seeds.",
                x_label="adaptation steps",
                y_label=score.value,
                curves=curves,
                roles={recipe.label: Role.LEARNED for recipe in ADAPTING.values()},
                y_range="own",
            )
            for key, score, caption in (
                ("objective", SCORES[0], "The paper's score after k adaptation steps."),
                ("suboptimality", SCORES[1], "The same of f − f*, from above."),
            )
            if (curves := tuple(results.curves.where(quantity=score.value)))
        ]
        return Section(
            (
                Text(
                    "Every method that adapts, tested after k steps of its adaptation, one window "
                    "each. TL without a step is direct transfer (DT). Each point is the mean over "
                    "the training seeds that did not diverge up to there."
                ),
                *figures,
                RowTable.of(
                    "Paired differences to TL after as many steps, over the training seeds; "
                    "negative where M-L2O is better. The intervals are not corrected for their "
                    "number.",
                    results.scores,
                    DIFFERENCE_COLUMNS,
                ),
                RowTable.of("The trainings.", results.fits, FIT_COLUMNS),
            )
        )


def adapted_on_the_way(
    config: TrainConfig,
    params: Params,
    steps: Sequence[int],
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    label: str | None = None,
) -> list[tuple[Params, Tensor]]:
    """φ after each number of windows of the adaptation `config`, and which replicates (R,) live.

    A run of k windows is the beginning of a longer one, so that one run passes all of them.
    """
    layout = Layout.of(params)
    everyone = torch.ones(config.repeats, dtype=torch.bool)
    seen: dict[int, tuple[Params, Tensor]] = {0: (params, everyone)}

    def look(state: TrainingState, now: bool) -> None:
        if state.window in steps:
            seen[state.window] = (layout.split(state.learner.phi.clone()), state.alive.cpu())

    train(config, params, device=device, progress=progress, label=label, keep=look)
    return [seen[count] for count in steps]


def _users(kind: str) -> str:
    """The methods that use a pretraining, as the name of its training."""
    return " and ".join(recipe.label for recipe in METHODS.values() if recipe.pretraining == kind)


def _name(method: str, steps: int) -> str:
    return f"{METHODS[method].label}{AFTER}{steps}"


def _steps(row: ScoreRow) -> str:
    """The number of steps in the name of a method."""
    return row.method.partition(AFTER)[2]


if __name__ == "__main__":
    main("adaptation-steps")
