"""How many adaptation steps each method needs: scores after 0 to 50 of them.

The paper adapts with 5 steps, its released code with 50. Run it alone with
`python -m analyses.adaptation_steps` or `ml2o run adaptation-steps`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Chapter, Finding, main
from analyses.lasso_test import SCORES, SeedScores
from analyses.profiles import Plan, plan
from analyses.rendering.blocks import LineFigure, Role, RowTable, Section, Text
from analyses.score_rows import DIFFERENCE_COLUMNS, decided, difference_rows, score_curves
from analyses.seed_scores import never_below_start, seed_figure
from analyses.settings import RunSettings
from analyses.sweep_tests import Case, SweepTests
from analyses.trained import TrainedArtefact
from analyses.trained_rows import FIT_COLUMNS, fit_row
from analyses.trainings import Trainings
from ml2o_core.methods import METHODS, Pretrained
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, Row, ScoreRow, SeedRow
from ml2o_core.results.vocabulary import Score
from ml2o_core.spec import Spec

STEPS = (0, 1, 2, 5, 10, 20, 50)
ADAPTING = {name: recipe for name, recipe in METHODS.items() if recipe.adapts}
DIFFERENCES = (("m-l2o", "tl"), ("m-l2o-first-order", "tl"))
AFTER = ", adaptation steps: "
"""Between a method and the number of its steps, in a row's name of a method."""
SEEDS = ", "
"""The same in the rows of the seeds, which are labels of a figure."""


class AdaptationStepsConfig(Spec):
    """Every setting, resolved."""

    plan: Plan
    steps: tuple[int, ...] = Field(STEPS, min_length=2, description="of Adam, a window each")
    tests: SweepTests

    def seeds_after(self) -> tuple[int, ...]:
        """The numbers of steps after which every seed is shown: the plan's, and the largest."""
        return tuple(k for k in self.steps if k in {self.plan.adaptation_windows, max(self.steps)})


class AdaptationSteps(TrainedArtefact):
    """The scores of the methods that adapt, by the number of adaptation steps."""

    name: ClassVar[str] = "adaptation-steps"
    title: ClassVar[str] = "How many adaptation steps"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

    def configuration(self, settings: RunSettings) -> AdaptationStepsConfig:
        return AdaptationStepsConfig(plan=plan(settings), tests=SweepTests.of(settings))

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config = self.configuration(settings)
        planned = config.plan
        trained = [planned.plain, planned.meta, planned.first_order]
        runs = trainings.several([training for training in trained if training is not None])
        pretrained = Pretrained.of(*runs)
        rows: list[Row] = [
            fit_row(self.name, _users(kind), run) for kind, run in pretrained.runs.items()
        ]
        cases = {
            name: Case(planned, pretrained.runs.get(recipe.pretraining), config.steps)
            for name, recipe in ADAPTING.items()
            if recipe.pretraining in pretrained.params
        }
        for sigma, found in config.tests.scores(cases, settings, trainings, progress).items():
            for name, points in found.items():
                label = METHODS[name].label
                rows += score_curves(self.name, sigma, name, points, label, step=config.steps)
            rows += self._differences(sigma, config.steps, found)
            seeds = {
                f"{METHODS[name].label}{SEEDS}{count} steps": points[config.steps.index(count)]
                for count in config.seeds_after()
                for name, points in found.items()
            }
            rows += config.tests.seed_rows(self.name, sigma, seeds, settings.seed)
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
        curves = results.curves.where(quantity=SCORES[0].value)
        panels = dict.fromkeys(row.panel for row in curves)
        best = [_best_by_steps(panel, list(curves.where(panel=panel))) for panel in panels]
        beside = [
            Finding(
                f"At {distribution}, beside TL with as many adaptation steps, the score of "
                f"{method} is {decided(rows, _steps, 'after {}')} (by the 95 % interval of the "
                "difference, one for each number of steps).",
                tuple(row.id for row in rows),
            )
            for (distribution, method), rows in groups.items()
        ]
        seeds = list(results.seeds)
        return [*best, *beside, *apart(seeds), *never_below_start("Adaptation steps", seeds)]

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
                *seed_figure(self.name, results.seeds),
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


def _best_by_steps(panel: str, curves: Sequence[CurveRow]) -> Finding:
    """Which method has the lowest mean score after how many steps."""
    best: dict[str, list[str]] = {}
    for place, steps in enumerate(curves[0].step):
        scores = {row.method: value for row in curves if (value := row.estimate[place]) is not None}
        if scores:
            best.setdefault(min(scores, key=scores.__getitem__), []).append(str(steps))
    said = "; ".join(f"{method} after {', '.join(steps)}" for method, steps in best.items())
    text = f"At {panel} the lowest mean score, by the number of adaptation steps: {said or 'none'}."
    return Finding(text, tuple(row.id for row in curves))


def apart(seeds: Sequence[SeedRow]) -> list[Finding]:
    """Where the worst seed of one method is ahead of every seed of the others."""
    groups: dict[tuple[str, str], list[SeedRow]] = {}
    for row in seeds:
        if row.counted:
            groups.setdefault((row.distribution, row.method.rpartition(SEEDS)[2]), []).append(row)
    found = []
    for (distribution, steps), rows in groups.items():
        best = min(rows, key=lambda row: max(row.counted))
        others = [value for row in rows if row is not best for value in row.counted]
        if others and max(best.counted) < min(others):
            text = (
                f"At {distribution}, after {steps}, every training seed of "
                f"{best.method.rpartition(SEEDS)[0]} is ahead of every seed of the others."
            )
            found.append(Finding(text, tuple(row.id for row in rows)))
    return found


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
