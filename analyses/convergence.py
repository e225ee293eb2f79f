"""What the paper's convergence figures share: methods on common tasks, panel by panel.

An artefact of this kind names its panels and its claims. The trained rules come from the run's
trainings; the panels are independent of one another, and are computed side by side.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from analyses import convergence_page
from analyses.artefact import Chapter, Finding
from analyses.claims import OrderClaim, assess
from analyses.comparison import Comparison, Panel, label
from analyses.comparison_rows import training_rows
from analyses.panels import SCORED, Panels, Scored, scored_of
from analyses.profiles import Plan, plan, size
from analyses.rendering.blocks import Block, Section
from analyses.row_frames import loaded
from analyses.settings import Preset, RunSettings
from analyses.trained import TrainedArtefact
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.methods import Pretrained
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row, row_id
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily

WORKERS = 2
"""Panels side by side."""


ByPanel = Mapping[str, Scored]


class ConvergenceArtefact(TrainedArtefact):
    """A figure or table of the paper that compares the methods.

    `training` is the family that the rules are trained on; `source` is where the paper has it.
    """

    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    training: ClassVar[type[LeastSquaresFamily]] = Lasso
    proximal: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str]
    tasks: ClassVar[str]
    """The tasks, in words, for the page: what is trained on, adapted to and tested on."""

    @abstractmethod
    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        """What is adapted to and tested on."""

    @abstractmethod
    def claims(self, found: ByPanel) -> list[OrderClaim]:
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
        return Comparison(
            plan=self.planned(settings),
            panels=self.panels(settings),
            test_steps=size(settings).test_steps,
            test_size=size(settings).test_size,
            proximal=self.proximal,
        )

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config, device = self.configuration(settings), resolve_device(settings.device)
        pretrained = pretrained_for(config.plan, trainings)
        workers = 1 if device.type == "cuda" or settings.preset is Preset.QUICK else WORKERS
        panels = Panels(self.name, config, pretrained, device)
        frames = panels.compute(trainings.folder, workers, progress)
        scored = {panel.label: scored_of(frame) for panel, frame in frames}
        found = training_rows(self.name, pretrained)
        for _, frame in frames:
            found += loaded(frame[frame["table"] != SCORED])
        found += self.further_rows(settings, scored)
        found += assess(self.name, self.claims(scored), settings)
        return found

    def order_claim(
        self, panel: str, better: str, worse: str, found: ByPanel, source: str | None = None
    ) -> OrderClaim:
        """ "`better` reaches a lower loss than `worse`", in one panel."""
        first, second = found[panel].pair(better, worse)
        return OrderClaim(
            id=row_id(self.name, panel, "claim", better, worse),
            text=f"{label(better)} reaches a lower loss than {label(worse)} ({panel})",
            source=source or self.source,
            better=first,
            worse=second,
        )

    def findings(self, results: Results) -> Sequence[Finding]:
        return convergence_page.findings(results, self.source)

    def section(self, results: Results) -> Section:
        further = tuple(self.further_blocks(results))
        return convergence_page.section(self.name, results, self.tasks, further)


def pretrained_for(planned: Plan, trainings: Trainings) -> Pretrained:
    """The trained rules of a plan."""
    first = planned.first_order
    return Pretrained.of(
        trainings.get(planned.plain),
        trainings.get(planned.meta),
        None if first is None else trainings.get(first),
    )
