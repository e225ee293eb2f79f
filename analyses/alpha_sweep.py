"""The inner step α of M-L2O, from 1e-4 to 1e-1; α = 0 is plain training, that of TL.

The paper does not state its α. Run it alone with `python -m analyses.alpha_sweep` or
`ml2o run alpha-sweep`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Chapter, Finding, main
from analyses.lasso_test import SCORES, SeedScores
from analyses.plain_trainings import PLAIN, TL, fewer_windows, plain_trainings
from analyses.profiles import Plan, plan
from analyses.rendering.blocks import LineFigure, Role, RowTable, Section, Text
from analyses.score_rows import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    decided,
    difference_rows,
    score_curves,
    score_rows,
)
from analyses.seed_scores import never_below_start, seed_figure
from analyses.settings import RunSettings
from analyses.sweep_tests import Case, SweepTests
from analyses.trained import TrainedArtefact
from analyses.trained_rows import FIT_COLUMNS, curvature_rows, fit_row, least
from analyses.trainings import Trainings
from ml2o_core.meta.config import TrainConfig
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import ConstantRow, CurveRow, Results, Row
from ml2o_core.results.vocabulary import Score
from ml2o_core.spec import Spec

ALPHAS = (1e-4, 10**-3.5, 1e-3, 10**-2.5, 1e-2, 10**-1.5, 1e-1)
M_L2O = METHODS["m-l2o"].label
PREFIX = f"{M_L2O}, α = "


class AlphaSweepConfig(Spec):
    """Every setting, resolved; `plan.plain` is TL's training."""

    plan: Plan
    alphas: tuple[float, ...] = Field(ALPHAS, min_length=2, description="inner steps")
    tests: SweepTests

    def trainings(self) -> dict[str, TrainConfig]:
        """TL's, and M-L2O's for each α, by the name of the method."""
        meta = self.plan.meta
        with_alpha = {
            method(alpha): meta.with_changes(
                meta_gradient=meta.meta_gradient.with_changes(alpha=alpha)
            )
            for alpha in self.alphas
        }
        return {**plain_trainings(self.plan), **with_alpha}


def method(alpha: float) -> str:
    """What M-L2O with this α is called in tables."""
    return f"{PREFIX}{alpha:.3g}"


class AlphaSweep(TrainedArtefact):
    """The scores of M-L2O by the inner step that it was trained with."""

    name: ClassVar[str] = "alpha-sweep"
    title: ClassVar[str] = "How long an inner step M-L2O is trained with"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

    def configuration(self, settings: RunSettings) -> AlphaSweepConfig:
        return AlphaSweepConfig(plan=plan(settings), tests=SweepTests.of(settings))

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config = self.configuration(settings)
        configs = config.trainings()
        runs = dict(zip(configs, trainings.several(list(configs.values())), strict=True))
        rows: list[Row] = [fit_row(self.name, name, run) for name, run in runs.items()]
        rows += curvature_rows(self.name, runs, settings, trainings, progress)
        cases = {name: Case(config.plan, run) for name, run in runs.items()}
        tested = config.tests.scores(cases, settings, trainings, progress)
        for sigma, by_steps in tested.items():
            found = {name: scores for name, (scores,) in by_steps.items()}
            rows += self._scores(sigma, found)
            rows += config.tests.seed_rows(self.name, sigma, found, settings.seed)
            # TL does not depend on α: a horizontal line.
            flat = {name: [found[name]] * len(config.alphas) for name in PLAIN if name in found}
            sweep = [found[method(alpha)] for alpha in config.alphas]
            steps = tuple(range(len(sweep)))
            for name, points in {M_L2O: sweep, **flat}.items():
                rows += score_curves(self.name, sigma, name, points, step=steps, x=config.alphas)
        return rows

    def _scores(self, sigma: float, found: Mapping[str, SeedScores]) -> list[Row]:
        """Of every method, and of its difference to TL."""
        rows: list[Row] = []
        for name, scores in found.items():
            parts = (f"σ={sigma:g}", name)
            rows += score_rows(self.name, parts, sigma, name, scores)
            if name != TL:
                rows += difference_rows(self.name, parts, sigma, name, scores, TL, found[TL])
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        paper = results.scores.where(score=Score.MIN_LN_MEAN_OBJECTIVE)
        for distribution in dict.fromkeys(row.distribution for row in paper):
            beside = [
                row for row in paper.where(distribution=distribution) if row.reference is not None
            ]
            rows = [row for row in beside if row.method not in PLAIN]
            text = (
                f"At {distribution}, beside TL, which has no inner step, the score of M-L2O is "
                f"{decided(rows, lambda row: _alpha(row.method), 'for α = {}')} (by the 95 % "
                "interval of the difference, one for each α)."
            )
            found.append(Finding(text, tuple(row.id for row in rows)))
            found += fewer_windows(beside)
        found += never_below_start("Inner steps", list(results.seeds))
        found.append(_divergence(results))
        exact = _exact(results)
        steep = [row for row in results.constants if exact(row) * least(row) > 1]
        if steep:
            alphas = ", ".join(dict.fromkeys(_alpha(row.subject) for row in steep))
            found.append(
                Finding(
                    "The inner step is longer than the inverse of the risk's curvature, αλ > 1, at "
                    f"the end of the trainings with α = {alphas}.",
                    tuple(row.id for row in steep),
                )
            )
        return found

    def section(self, results: Results) -> Section:
        exact = _exact(results)
        figures = [
            LineFigure(
                id=f"{self.name}-{key}",
                caption=caption,
                description=f"{caption} A curve of M-L2O and a horizontal line of TL, with bands.",
                x_label="α",
                y_label=score.value,
                curves=curves,
                roles=dict.fromkeys((M_L2O, *PLAIN), Role.LEARNED),
                y_range="own",
                x_scale="log",
            )
            for key, score, caption in (
                ("objective", SCORES[0], "The paper's score against the inner step α."),
                ("suboptimality", SCORES[1], "The same of f − f*, from above."),
            )
            if (curves := _of(results, score))
        ]
        return Section(
            (
                Text(
                    r"M-L2O is trained with the profile's meta-gradient and several inner steps "
                    r"$\alpha$, then adapted to LASSO and tested on it. TL (transfer learning) is "
                    r"trained without an inner step: at $\alpha = 0$ the exact meta-gradient is "
                    "that of plain training with as many windows, which is shown too where the "
                    "profile gives TL more. All see the same adaptation and test tasks. Each "
                    "point is the mean over the training seeds that did not diverge there."
                ),
                *figures,
                *seed_figure(self.name, results.seeds),
                RowTable.of(
                    "Paired differences to TL over the training seeds; negative where M-L2O is "
                    "better. The intervals are not corrected for their number.",
                    [row for row in results.scores if row.reference is not None],
                    DIFFERENCE_COLUMNS,
                ),
                RowTable.of(
                    "The paper's score, and that of f − f*; lower is better.",
                    [row for row in results.scores if row.reference is None],
                    COLUMNS,
                ),
                RowTable.of("The trainings.", results.fits, FIT_COLUMNS),
                Text(
                    r"The exact meta-gradient is "
                    r"$(I - \alpha \nabla^2 \hat{g}_T(\phi)) \nabla \hat{g}_T(\hat{T}(\phi))$: "
                    r"where $\alpha \lambda_{\max}(\nabla^2 \hat{g}_T) > 1$ its first factor has "
                    "a negative eigenvalue, and the meta-gradient can point uphill."
                ),
                RowTable.of(
                    r"Curvature where the trainings end, from below, beside $1/\alpha$: the "
                    "median and the largest of the replicates.",
                    results.constants,
                    {
                        "training": "subject",
                        r"$\lambda_{\max}$ at least": "value",
                        r"$1/\alpha$": lambda row: 1 / exact(row) if exact(row) else None,
                        r"$\alpha \lambda_{\max}$ at least": lambda row: exact(row) * least(row),
                    },
                ),
            )
        )


def _of(results: Results, score: Score) -> tuple[CurveRow, ...]:
    return tuple(results.curves.where(quantity=score.value))


def _alpha(subject: str) -> str:
    """The α in the name of a method, or of a training and its replicate; TL's is 0."""
    name = subject.partition(";")[0]
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else "0"


def _exact(results: Results) -> Callable[[ConstantRow], float]:
    """The α of a training, not rounded as in its name: the curves have it."""
    alphas = {_alpha(method(alpha)): alpha for row in results.curves for alpha in row.positions}
    return lambda row: alphas.get(_alpha(row.subject), 0.0)


def _divergence(results: Results) -> Finding:
    """How many replicates diverged in training, and with which α."""
    diverged = [row for row in results.fits if row.diverged]
    if not diverged:
        text = "No replicate diverged in these trainings."
        return Finding(text, tuple(row.id for row in results.fits))
    said = ", ".join(
        f"{row.diverged} of {row.repeats} (α = {_alpha(row.method)})" for row in diverged
    )
    return Finding(f"Replicates diverged in training: {said}.", tuple(row.id for row in diverged))


if __name__ == "__main__":
    main("alpha-sweep")
