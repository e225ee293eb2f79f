"""The contract of an artefact: one figure, table or section of the report, in one file.

    class Figure2(Artefact):
        name: ClassVar[str] = "figure2"
        title: ClassVar[str] = "LASSO convergence"
        chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS

        def configuration(self, settings): ...       # everything resolved, as a Spec
        def run(self, settings, progress): ...       # evidence: rows
        def findings(self, results): ...             # sentences for the page's summary
        def section(self, results): ...              # how the rows are shown

    if __name__ == "__main__":
        main("figure2")

`run` returns evidence and writes nothing; `findings` and `section` see the stored rows of this
artefact alone (`results.of(name)`), so that a page can be rebuilt without a rerun. The registry
finds every artefact in this package: adding one is adding a file.
"""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import ClassVar

from analyses.rendering.blocks import Finding, Section
from analyses.settings import Preset, Profile, RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.errors import InvalidArgument
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row
from ml2o_core.spec import Registered, Spec


class Chapter(StrEnum):
    """The parts of the report, in their order."""

    EXPERIMENTS = "Experiments"
    THEORY = "Theory"
    PROGRAM = "The program"


class Artefact(Registered):
    """One figure, table or section of the report.

    Class attributes beside `name`: `title`; `chapter`, where it stands in the report; `profiles`,
    `presets` and `devices`, what it can be run under; `in_quick_report`, whether the report of the
    quick preset, which has three minutes, includes it.
    """

    kind: ClassVar[str] = "artefact"
    package: ClassVar[str] = "analyses"
    title: ClassVar[str] = ""
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    profiles: ClassVar[tuple[Profile, ...]] = tuple(Profile)
    presets: ClassVar[tuple[Preset, ...]] = tuple(Preset)
    in_quick_report: ClassVar[bool] = True
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")

    @abstractmethod
    def configuration(self, settings: RunSettings) -> Spec:
        """Everything that `run` will use, resolved. It is printed and saved beside the rows."""

    @abstractmethod
    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        """Compute the evidence. Every row's `artefact` is `name`; ids start with `name`."""

    @abstractmethod
    def findings(self, results: Results) -> Sequence[Finding]:
        """What was found, in plain language, from the stored rows alone."""

    @abstractmethod
    def section(self, results: Results) -> Section:
        """How the rows are shown, from the stored rows alone."""

    def check(self, settings: RunSettings) -> None:
        """`InvalidArgument` if the artefact does not exist under these settings.

        `DeviceUnavailable` if this machine lacks the only device that it runs on.
        """
        if settings.profile not in self.profiles:
            raise InvalidArgument(
                "profile", settings.profile.value, f"{', '.join(self.profiles)} (for {self.name})"
            )
        if settings.preset not in self.presets:
            raise InvalidArgument(
                "preset", settings.preset.value, f"{', '.join(self.presets)} (for {self.name})"
            )
        if len(self.devices) == 1:
            # Where there is no such device, asking for it would not help.
            resolve_device(self.devices[0])
        if resolve_device(settings.device).type not in self.devices:
            raise InvalidArgument(
                "device", settings.device, f"{', '.join(self.devices)} (for {self.name})"
            )


def main(name: str) -> None:
    """`python -m analyses.<name>` is the command line's `ml2o run <name>`."""
    from analyses.cli import main as command_line

    raise SystemExit(command_line(["run", name, *sys.argv[1:]]))
