"""How long the rules are trained: scores on LASSO against the number of windows K.

Training lowers the risk on the training tasks. The test tasks are others, and there more windows
can make a rule worse. A comparison of M-L2O with TL on as many gradient evaluations gives TL twice
the windows: what looks like the meta-gradient's doing can be that of the number of windows. Here
both are trained for several K, and compared at as many windows and at as many evaluations. Run it
alone with `python -m analyses.training_length` or `ml2o run training-length`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Chapter, Finding, main
from analyses.lasso_test import SCORES, SeedScores
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
from analyses.trained_rows import FIT_COLUMNS, fit_row
from analyses.trainings import Trainings
from ml2o_core.meta.config import TrainConfig
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row, ScoreRow
from ml2o_core.results.vocabulary import Score
from ml2o_core.spec import Spec

VANILLA, TL, M_L2O = METHODS["vanilla"].label, "TL", METHODS["m-l2o"].label
SHARES = (8, 4, 2, 1)
"""The preset's K over that of each training."""


class TrainingLengthConfig(Spec):
    """Every setting, resolved."""

    plan: Plan
    windows: tuple[int, ...] = Field(min_length=1, description="K of each training, ascending")
    tests: SweepTests

    def lengths(self) -> dict[str, tuple[int, ...]]:
        """K of each training, ascending; TL's own, if the profile trains it for longer, too."""
        own = {*self.windows, self.plan.plain.windows}
        return {TL: tuple(sorted(own)), M_L2O: self.windows}

    def trainings(self) -> dict[str, TrainConfig]:
        """TL's and M-L2O's for each K, by the name of the method."""
        kinds = {TL: self.plan.plain, M_L2O: self.plan.meta}
        return {
            method(name, windows): kinds[name].with_changes(windows=windows)
            for name, lengths in self.lengths().items()
            for windows in lengths
        }


def method(name: str, windows: int) -> str:
    """What a method with this K is called in tables."""
    return f"{name}, K = {windows}"


class TrainingLength(TrainedArtefact):
    """The scores of TL and M-L2O by the number of windows that they were trained for."""

    name: ClassVar[str] = "training-length"
    title: ClassVar[str] = "How long the rules are trained"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

    def configuration(self, settings: RunSettings) -> TrainingLengthConfig:
        planned = plan(settings)
        windows = tuple(max(1, planned.meta.windows // share) for share in SHARES)
        return TrainingLengthConfig(
            plan=planned, windows=tuple(dict.fromkeys(windows)), tests=SweepTests.of(settings)
        )

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config = self.configuration(settings)
        configs = config.trainings()
        runs = dict(zip(configs, trainings.several(list(configs.values())), strict=True))
        rows: list[Row] = [fit_row(self.name, name, run) for name, run in runs.items()]
        cases = {name: Case(config.plan, run) for name, run in runs.items()}
        cases = {VANILLA: Case(config.plan, None), **cases}
        tested = config.tests.scores(cases, settings, trainings, progress)
        for sigma, by_steps in tested.items():
            found = {name: scores for name, (scores,) in by_steps.items()}
            rows += config.tests.seed_rows(self.name, sigma, found, settings.seed)
            for name, scores in found.items():
                rows += score_rows(self.name, (f"σ={sigma:g}", name), sigma, name, scores)
            rows += self._differences(config, sigma, found)
            for name, lengths in config.lengths().items():  # from φ_0 on, that of Vanilla L2O
                points = [found[VANILLA], *(found[method(name, windows)] for windows in lengths)]
                rows += score_curves(self.name, sigma, name, points, step=(0, *lengths))
        return rows

    def _differences(
        self, config: TrainingLengthConfig, sigma: float, found: Mapping[str, SeedScores]
    ) -> list[Row]:
        """Of M-L2O to TL with as many windows, and with as many gradient evaluations."""
        rows: list[Row] = []
        evaluations = config.plan.meta.meta_gradient.evaluations
        for windows in config.windows:
            name = method(M_L2O, windows)
            for factor in (1, evaluations):
                reference = method(TL, factor * windows)
                if reference in found:
                    parts = (f"σ={sigma:g}", name, "to", reference)
                    rows += difference_rows(
                        self.name, parts, sigma, name, found[name], reference, found[reference]
                    )
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        paper = results.scores.where(score=Score.MIN_LN_MEAN_OBJECTIVE)
        for distribution in dict.fromkeys(row.distribution for row in paper):
            rows = list(paper.where(distribution=distribution))
            found += [_best(distribution, rows, name) for name in (TL, M_L2O)]
            beside = [row for row in rows if row.reference is not None]
            for budget, chosen in (
                ("windows", [row for row in beside if _times(row) == 1]),
                ("gradient evaluations", [row for row in beside if _times(row) > 1]),
            ):
                if chosen:
                    text = (
                        f"At {distribution}, beside TL with as many {budget}, the score of M-L2O "
                        f"is {decided(chosen, _windows_of, 'with K = {}')} (by the 95 % interval "
                        "of the difference, one for each K)."
                    )
                    found.append(Finding(text, tuple(row.id for row in chosen)))
        return [*found, *never_below_start("Training lengths", list(results.seeds))]

    def section(self, results: Results) -> Section:
        figures = [
            LineFigure(
                id=f"{self.name}-{key}",
                caption=caption,
                description=f"{caption} A curve of TL and one of M-L2O, with bands.",
                x_label="windows of meta-training, K",
                y_label=score.value,
                curves=curves,
                roles={TL: Role.LEARNED, M_L2O: Role.LEARNED},
                y_range="own",
            )
            for key, score, caption in (
                ("objective", SCORES[0], "The paper's score against the windows of training."),
                ("suboptimality", SCORES[1], "The same of f − f*, from above."),
            )
            if (curves := tuple(results.curves.where(quantity=score.value)))
        ]
        return Section(
            (
                Text(
                    "TL and M-L2O, trained for K windows each with the profile's settings, then "
                    "adapted to LASSO and tested on it; K = 0 is Vanilla L2O, the rule as it was "
                    "initialised, adapted. Each K has a curriculum of its own, which divides K "
                    "into stages. A window of M-L2O evaluates more gradients than one of TL, so "
                    "the two are compared at as many windows, and at as many evaluations."
                ),
                *figures,
                *seed_figure(self.name, results.seeds),
                RowTable.of(
                    "Paired differences of M-L2O to TL over the training seeds; negative where "
                    "M-L2O is better. The intervals are not corrected for their number.",
                    [row for row in results.scores if row.reference is not None],
                    DIFFERENCE_COLUMNS,
                ),
                RowTable.of(
                    "The paper's score, and that of f − f*; lower is better.",
                    [row for row in results.scores if row.reference is None],
                    COLUMNS,
                ),
                RowTable.of("The trainings.", results.fits, FIT_COLUMNS),
            )
        )


def _best(distribution: str, rows: Iterable[ScoreRow], name: str) -> Finding:
    """After how many windows a method's mean score is lowest, beside the longest training."""
    own = [row for row in rows if row.reference is None and _is_of(row, name)]
    scored = [row for row in own if row.mean is not None]
    if not scored:
        text = f"At {distribution} no training of {name} has a score."
        return Finding(text, tuple(row.id for row in own))
    best, longest = min(scored, key=_mean), max(scored, key=_windows)
    text = (
        f"At {distribution} the mean score of {name} is lowest with K = {_windows(best)} "
        f"({best.mean:.2f})"
    )
    if longest is not best:
        text += f"; with the longest training, K = {_windows(longest)}, it is {longest.mean:.2f}"
    return Finding(f"{text}.", tuple(dict.fromkeys((best.id, longest.id))))


def _is_of(row: ScoreRow, name: str) -> bool:
    return row.method.startswith(method(name, 0).removesuffix("0"))


def _mean(row: ScoreRow) -> float:
    assert row.mean is not None
    return row.mean


def _windows(row: ScoreRow) -> int:
    """The K in the name of a method."""
    return _number(row.method)


def _windows_of(row: ScoreRow) -> str:
    return str(_windows(row))


def _times(row: ScoreRow) -> int:
    """TL's windows over M-L2O's, of a difference."""
    assert row.reference is not None
    return _number(row.reference) // _windows(row)


def _number(name: str) -> int:
    return int(name.rpartition(" = ")[2])


if __name__ == "__main__":
    main("training-length")
