"""What the paper's convergence figures share: methods on common tasks, panel by panel.

An artefact of this kind names its panels and its claims. The trained rules come from the run's
trainings; the panels are independent of one another, and are computed side by side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from analyses import convergence_page
from analyses.artefact import Chapter, Finding
from analyses.claims import OrderClaim, assess
from analyses.comparison import PROXIMAL, Comparison, Panel, label
from analyses.comparison_rows import training_rows
from analyses.panels import Panels, Scored, rows_of, scored_of
from analyses.profiles import Plan, plan, size
from analyses.rendering.blocks import Block, Section
from analyses.seed_scores import PAPER, seed_rows
from analyses.settings import Preset, RunSettings
from analyses.task_differences import correlation_rows, difference_rows, rank_correlations
from analyses.trained import TrainedArtefact
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.methods import METHODS, Pretrained
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, Row, row_id
from ml2o_core.results.rows_experiments import SERIES
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily

RANKED_PANELS = 5
"""Panels from which on the task differences are ranked against the scores."""

SAYINGS = {
    PAPER: "reaches a lower loss",
    Score.AVERAGE_LN_MEAN_OBJECTIVE: "converges faster (average of the curve)",
    Score.LN_MEAN_OBJECTIVE: "has a lower loss at the last step",
}
"""What a claim says by each score."""

EVERY_STEP, EVERY = 20, 5
"""Curves are stored at every step up to the first, and at every fifth one from there on."""


ByPanel = Mapping[str, Scored]


class ConvergenceArtefact(TrainedArtefact):
    """A figure or table of the paper that compares the methods.

    `training` is the family that the rules are trained on; `source` is where the paper has it.
    """

    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    training: ClassVar[type[LeastSquaresFamily]] = Lasso
    source: ClassVar[str]
    tasks: ClassVar[str]
    """The tasks, in words, for the page: what is trained on, adapted to and tested on."""

    @abstractmethod
    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        """What is adapted to and tested on."""

    @abstractmethod
    def claims(self, settings: RunSettings, found: ByPanel) -> list[OrderClaim]:
        """The paper's claims about it, with the scores that they are assessed by."""

    def further_rows(self, settings: RunSettings, found: ByPanel) -> Sequence[Row]:
        """More rows than every comparison has."""
        return ()

    def further_blocks(self, results: Results) -> Sequence[Block]:
        """More blocks than every comparison has; they come first."""
        return ()

    def planned(self, settings: RunSettings) -> Plan:
        """The trainings and the adaptation."""
        return plan(settings, self.training)

    def configuration(self, settings: RunSettings) -> Comparison:
        panels = self.panels(settings)
        on_lasso = all(isinstance(panel.test, Lasso) for panel in panels)
        return Comparison(
            plan=self.planned(settings),
            panels=panels,
            test_steps=size(settings).test_steps,
            test_size=size(settings).test_size,
            proximal=PROXIMAL if on_lasso else (),
        )

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config, device = self.configuration(settings), resolve_device(settings.device)
        pretrained = pretrained_for(config.plan, trainings)
        panels = Panels(config, pretrained, device, settings.compile)
        workers = 1 if settings.preset is Preset.QUICK else None  # processes take seconds to start
        frames = panels.compute(trainings.out, progress, workers)
        scored = {panel.label: scored_of(frame) for panel, frame in frames}
        found = training_rows(self.name, pretrained)
        for _, frame in frames:
            found += [thinned(row) for row in rows_of(frame, self.name)]
        for panel in config.panels:
            found += self._seeds(config, panel, scored[panel.label])
            found += difference_rows(self.name, config.plan.meta.family, panel)
        if len(config.panels) >= RANKED_PANELS:
            ranked = self.ranked(settings, scored)
            found += correlation_rows(self.name, ranked, len(config.panels))
        found += self.further_rows(settings, scored)
        found += assess(self.name, self.claims(settings, scored), settings)
        return found

    def _seeds(self, config: Comparison, panel: Panel, found: Scored) -> Sequence[Row]:
        """The paper's score of the learned methods, seed by seed."""
        learned = {
            method.label: (found.scores[PAPER][name], found.counted[name])
            for name, method in METHODS.items()
            if name in found.counted
        }
        return seed_rows(
            self.name,
            panel.test,
            panel.label,
            panel.sigma,
            learned,
            seed=config.plan.meta.seed,
            size=config.test_size,
        )

    def ranked(self, settings: RunSettings, found: ByPanel) -> dict[str, dict[str, np.ndarray]]:
        """Rank correlations of the task differences with each learned method's score, by seed."""
        training, panels = self.planned(settings).meta.family, self.panels(settings)
        return {
            method: rank_correlations(training, panels, found, method)
            for method in METHODS
            if method in found[panels[0].label].counted
        }

    def order_claim(
        self,
        panel: str,
        better: str,
        worse: str,
        found: ByPanel,
        source: str | None = None,
        score: Score = PAPER,
    ) -> OrderClaim:
        """ "`better` reaches a lower loss than `worse`", or what `score` says, in one panel."""
        first, second = found[panel].pair(better, worse, score=score)
        which = () if score is PAPER else (score,)
        return OrderClaim(
            id=row_id(self.name, panel, "claim", better, worse, *which),
            text=f"{label(better)} {SAYINGS[score]} than {label(worse)} ({panel})",
            source=source or self.source,
            better=first,
            worse=second,
        )

    def faster_claims(self, panel: str, found: ByPanel, source: str) -> list[OrderClaim]:
        """That M-L2O converges faster than every other learned method, in one panel."""
        speed = Score.AVERAGE_LN_MEAN_OBJECTIVE
        return [
            self.order_claim(panel, "m-l2o", other, found, source, speed)
            for other in ("tl", "dt", "vanilla")
        ]

    def findings(self, results: Results) -> Sequence[Finding]:
        return convergence_page.findings(results, self.source)

    def section(self, results: Results) -> Section:
        further = tuple(self.further_blocks(results))
        return convergence_page.section(self.name, results, self.tasks, further)


def thinned(row: Row) -> Row:
    """A curve at fewer of its steps; another row as it is."""
    if not isinstance(row, CurveRow):
        return row
    kept = [i for i, step in enumerate(row.step) if step <= EVERY_STEP or step % EVERY == 0]
    columns = {name: getattr(row, name) for name in SERIES}
    return row.with_changes(
        **{name: tuple(values[i] for i in kept) for name, values in columns.items() if values}
    )


def pretrained_for(planned: Plan, trainings: Trainings) -> Pretrained:
    """The trained rules of a plan."""
    first = () if planned.first_order is None else (planned.first_order,)
    return Pretrained.of(*trainings.several([planned.plain, planned.meta, *first]))
