"""Section 5.1: M-L2O meta-trained with T = 5, 20 and 50.

The paper sets T = 20 "to achieve better experimental performance" than with the usual T = 5, while
the bound of Proposition 1 grows with T. Run it alone with `python -m analyses.unroll_length` or
`ml2o run unroll-length`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from analyses.artefact import Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.claims_page import claim_table, unassessed
from analyses.profiles import Plan, plan
from analyses.rendering.blocks import RowTable, Section, Text
from analyses.score_rows import COLUMNS, score_rows
from analyses.seed_scores import never_below_start, seed_figure
from analyses.settings import RunSettings
from analyses.sweep_tests import Case, SweepTests
from analyses.trained import TrainedArtefact
from analyses.trainings import Trainings
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row, row_id
from ml2o_core.results.vocabulary import ClaimVerdict
from ml2o_core.spec import Spec

LENGTHS = (5, 20, 50)


class UnrollLengths(Spec):
    """Every setting, resolved; a plan for each T."""

    plans: dict[int, Plan]
    tests: SweepTests


def method(T: int) -> str:
    """What M-L2O that was trained with this T is called in tables."""
    return f"{METHODS['m-l2o'].label}, T = {T}"


class UnrollLength(TrainedArtefact):
    """The scores of M-L2O by the T that it was trained with."""

    name: ClassVar[str] = "unroll-length"
    title: ClassVar[str] = "Section 5.1: how long a window is trained on"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

    def configuration(self, settings: RunSettings) -> UnrollLengths:
        plans = {T: plan(settings, unroll_steps=T) for T in LENGTHS}
        return UnrollLengths(plans=plans, tests=SweepTests.of(settings))

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config = self.configuration(settings)
        plans = config.plans
        runs = trainings.several([planned.meta for planned in plans.values()])
        cases = {
            method(T): Case(planned, run)
            for (T, planned), run in zip(plans.items(), runs, strict=True)
        }
        rows: list[Row] = []
        claims = []
        tested = config.tests.scores(cases, settings, trainings, progress)
        for sigma, by_steps in tested.items():
            found = {name: scores for name, (scores,) in by_steps.items()}
            rows += config.tests.seed_rows(self.name, sigma, found, settings.seed)
            for T in plans:
                parts = (f"σ={sigma:g}", f"T={T}")
                rows += score_rows(self.name, parts, sigma, method(T), found[method(T)])
            better, worse = found[method(20)].pair(found[method(5)])
            claims.append(
                OrderClaim(
                    id=row_id(self.name, "claim", f"σ={sigma:g}"),
                    text=f"M-L2O reaches a lower loss when trained with T = 20 than with T = 5 "
                    f"(σ = {sigma:g})",
                    source="Section 5.1",
                    better=better,
                    worse=worse,
                )
            )
        return [*rows, *assess(self.name, claims, settings)]

    def findings(self, results: Results) -> Sequence[Finding]:
        return [
            Finding(f"That {row.claim} is {row.verdict} ({row.effect:+.2f}).", (row.id,))
            for row in results.claims
            if row.verdict is not ClaimVerdict.NOT_ASSESSED and row.effect is not None
        ] + [
            *unassessed("T", list(results.claims)),
            *never_below_start("Section 5.1", list(results.seeds)),
        ]

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    "Training and adaptation use windows of T steps; the number of windows, and of "
                    "steps in an episode, is the same for every T, so a longer window costs more. "
                    "Proposition 1 bounds the difference of the gradients of two tasks by a "
                    "number that grows exponentially with T."
                ),
                RowTable.of(
                    "The paper's score, and that of f − f*, by the T of meta-training; lower is "
                    "better.",
                    results.scores,
                    COLUMNS,
                ),
                *seed_figure(self.name, results.seeds),
                claim_table("The paper's claim.", results.claims),
            )
        )


if __name__ == "__main__":
    main("unroll-length")
