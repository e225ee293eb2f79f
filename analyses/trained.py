"""An artefact that needs trained rules: it asks for them by their configuration.

Artefacts of one run share what they ask for, and what is trained is kept in the run's folder, so
that a run that is stopped goes on, and another artefact finds there what this one has trained.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from analyses.artefact import Artefact
from analyses.settings import RunSettings
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.progress import Progress
from ml2o_core.results import Row


class TrainedArtefact(Artefact):
    """An artefact whose `run_trained` takes the place of `run`."""

    @abstractmethod
    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        """`run`, with the trainings of this run."""

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        device = resolve_device(settings.device)
        trainings = Trainings(None, device, progress, compile=settings.compile)
        return self.run_trained(settings, progress, trainings)
