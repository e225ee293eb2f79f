"""Every meta-gradient on the same training tasks and budget, against plain training (TL).

How much of M-L2O's advantage over transfer learning survives when both train on the same data? Run
it alone with `python -m analyses.meta_gradients` or `ml2o run meta-gradients`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from analyses.artefact import Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.claims_page import claim_table, unassessed
from analyses.plain_trainings import EQUAL, TL, fewer_windows
from analyses.profiles import Plan, plan
from analyses.rendering.blocks import RowTable, Section, Text
from analyses.score_rows import COLUMNS, DIFFERENCE_COLUMNS, difference_rows, score_rows
from analyses.seed_scores import never_below_start, seed_figure
from analyses.settings import Profile, RunSettings
from analyses.sweep_tests import Case, SweepTests
from analyses.trained import TrainedArtefact
from analyses.trained_rows import FIT_COLUMNS, fit_row
from analyses.trainings import Trainings
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.plain import Plain
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import ClaimRow, Results, Row, row_id
from ml2o_core.results.vocabulary import ClaimVerdict, Score
from ml2o_core.spec import Spec

M_L2O = METHODS["m-l2o"].label
OWN_TASKS = f"{TL} on its own tasks"
SOURCE = "beyond the paper (Section 5.2 ④)"


class MetaGradientsConfig(Spec):
    """Every setting, resolved: the trainings by the name of the method."""

    plan: Plan
    trainings: dict[str, TrainConfig]
    tests: SweepTests


class MetaGradients(TrainedArtefact):
    """The scores of every meta-gradient that there is."""

    name: ClassVar[str] = "meta-gradients"
    title: ClassVar[str] = "Meta-gradients against plain training on the same tasks"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

    def configuration(self, settings: RunSettings) -> MetaGradientsConfig:
        planned = plan(settings)
        return MetaGradientsConfig(
            plan=planned,
            trainings=same_budget(planned, settings.profile),
            tests=SweepTests.of(settings),
        )

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config = self.configuration(settings)
        configs = config.trainings
        runs = dict(zip(configs, trainings.several(list(configs.values())), strict=True))
        rows: list[Row] = [fit_row(self.name, name, run) for name, run in runs.items()]
        claims = []
        cases = {name: Case(config.plan, run) for name, run in runs.items()}
        tested = config.tests.scores(cases, settings, trainings, progress)
        for sigma, by_steps in tested.items():
            found = {name: scores for name, (scores,) in by_steps.items()}
            rows += config.tests.seed_rows(self.name, sigma, found, settings.seed)
            for name, scores in found.items():
                parts = (f"σ={sigma:g}", name)
                rows += score_rows(self.name, parts, sigma, name, scores)
                if name == TL:
                    continue
                rows += difference_rows(self.name, parts, sigma, name, scores, TL, found[TL])
                if name == EQUAL:
                    continue
                better, worse = scores.pair(found[TL])
                claims.append(
                    OrderClaim(
                        id=row_id(self.name, "claim", *parts),
                        text=f"{name} reaches a lower loss than TL (σ = {sigma:g})",
                        source=SOURCE,
                        better=better,
                        worse=worse,
                    )
                )
        return [*rows, *assess(self.name, claims, settings)]

    def findings(self, results: Results) -> Sequence[Finding]:
        claims = list(results.claims)
        paper = results.scores.where(score=Score.MIN_LN_MEAN_OBJECTIVE)
        windows = fewer_windows(row for row in paper if row.reference is not None)
        stuck = never_below_start("Meta-gradients", list(results.seeds))
        if briefly := unassessed("meta-gradients", claims):
            return [*briefly, *windows, *stuck]
        apart = [row for row in claims if row.verdict is not ClaimVerdict.UNDECIDED]
        text = (
            f"Of {len(claims)} differences to TL that was trained on the same tasks with the same "
            f"budget, {len(apart) or 'none'} differ from 0 after Holm's correction"
        )
        effects = [row.effect for row in claims if row.effect is not None]
        if apart:
            text += f": {'; '.join(map(_difference, apart))}"
        elif effects:
            text += f"; they lie between {min(effects):+.2f} and {max(effects):+.2f}"
        return [Finding(f"{text}.", tuple(row.id for row in apart or claims)), *windows, *stuck]

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    "Each meta-gradient trains the rule on the same tasks, from the same initial "
                    "weights; the rules are then adapted to LASSO and tested on it alike. In the "
                    "profiles `paper` and `released` all have as many windows; in `matched` they "
                    "have as many evaluations of the gradient, so that one which needs four of "
                    "them has a quarter of the windows of plain training. TL (transfer learning) "
                    "is plain training; where the profile trains TL on tasks of its own, that is "
                    "shown as well, and so is TL with M-L2O's windows where it has more."
                ),
                claim_table(
                    "Is any of them ahead of plain training? The paper's score, paired over the "
                    "training seeds; a claim that is reversed says that TL is ahead.",
                    results.claims,
                    "difference to TL",
                ),
                *seed_figure(self.name, results.seeds),
                RowTable.of(
                    "The paired differences to TL of both scores, with 95 % intervals that are "
                    "not corrected for their number.",
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


def same_budget(planned: Plan, profile: Profile) -> dict[str, TrainConfig]:
    """A training with every meta-gradient, on M-L2O's tasks, by the name of the method.

    In the matched profile the budget is that of M-L2O in gradient evaluations, else in windows. The
    plan's own trainings are among them, so that nothing is trained twice.
    """
    meta = planned.meta
    matched = profile is Profile.MATCHED
    budget = meta.windows * (meta.meta_gradient.evaluations if matched else 1)
    found = {TL: meta.with_changes(meta_gradient=Plain(), windows=budget)}
    if planned.plain != found[TL]:
        found[OWN_TASKS] = planned.plain
    if budget != meta.windows:
        found[EQUAL] = found[TL].with_changes(windows=meta.windows)
    for name, kind in MetaGradient.registry().items():
        if kind is Plain:
            continue
        gradient = kind()
        windows = budget // gradient.evaluations if matched else budget
        found[f"{M_L2O} with {name}"] = meta.with_changes(meta_gradient=gradient, windows=windows)
    return found


def _difference(row: ClaimRow) -> str:
    """One difference in words; `claim` names the two methods."""
    name, _, rest = row.claim.partition(" reaches a lower loss than TL ")
    return f"{name} {rest} {row.effect:+.2f} ({row.lower:+.2f} to {row.upper:+.2f})"


if __name__ == "__main__":
    main("meta-gradients")
