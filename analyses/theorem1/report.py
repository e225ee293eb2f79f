"""Theorem 1: the bound against what is observed, term by term.

Certified on random trials of the gain rule on quadratic tasks, with enclosures on regions, and with
all that is refuted named on the paper's own experiment. Run it alone with
`python -m analyses.theorem1` or `ml2o run theorem1`; `--preset standard` has 10,000 trials. It is
computed in pieces that are kept, so a stopped run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar

import pandas as pd

from analyses.artefact import Chapter
from analyses.pieces import PiecewiseArtefact
from analyses.rendering.blocks import Finding, Section
from analyses.row_frames import loaded, stored
from analyses.settings import Preset, Profile, RunSettings
from analyses.theorem1 import (
    coverage,
    differences,
    experiment,
    findings,
    orders,
    page,
    rates,
    regions,
    satisfiability,
    showcase,
    side_by_side,
    training,
    trial_rows,
)
from analyses.theorem1.settings import Theorem1Config, configuration
from analyses.theorem1.trials import trial_records
from ml2o_core.devices import resolve_device
from ml2o_core.progress import Progress
from ml2o_core.results import Results, Row
from ml2o_core.spec import Spec

TRIALS = "trials-"

Part = Callable[[RunSettings], Iterable[Row]]

NAME = "theorem1"


class WholeConfig(Spec):
    """The certified part, and the paper's own experiment."""

    certified: Theorem1Config
    regions: regions.RegionsConfig
    experiment: experiment.ExperimentConfig
    differences: differences.DifferencesConfig


def _of_config(rows: Callable[[str, Theorem1Config], Iterable[Row]]) -> Part:
    return lambda settings: rows(NAME, configuration(settings))


def _experiment(settings: RunSettings) -> Iterator[Row]:
    """Both parts of the paper's own experiment, from one training."""
    device, progress = resolve_device(settings.device), Progress()
    pretrained = training.train_pair(training.training_pair(settings), device, progress)
    yield from experiment.rows(NAME, settings, device, progress, pretrained)
    yield from differences.rows(NAME, settings, device, progress, pretrained)


PARTS: dict[str, Part] = {
    "satisfiability": lambda settings: satisfiability.rows(NAME),
    "orders": lambda settings: orders.rows(NAME),
    "showcase": _of_config(showcase.rows),
    "rates": _of_config(rates.rows),
    "coverage": _of_config(coverage.rows),
    "regions": lambda settings: regions.rows(NAME, settings, Progress()),
    "experiment": _experiment,
}
"""The pieces that are rows already, by name."""


class Theorem1Report(PiecewiseArtefact):
    """Theorem 1, Remark 2 and Eq. 8 against what is observed, term by term."""

    name: ClassVar[str] = NAME
    title: ClassVar[str] = "Theorem 1: the bound against what is observed, term by term"
    chapter: ClassVar[Chapter] = Chapter.THEORY
    profiles: ClassVar[tuple[Profile, ...]] = (Profile.PAPER, Profile.MATCHED)
    edition: ClassVar[int] = 3

    def configuration(self, settings: RunSettings) -> WholeConfig:
        return WholeConfig(
            certified=configuration(settings),
            regions=regions.configuration(settings),
            experiment=experiment.configuration(settings),
            differences=differences.configuration(settings),
        )

    def pieces(self, settings: RunSettings) -> Sequence[str]:
        size = configuration(settings).size
        chunks = range(-(-size.trials // size.chunk))
        return [*PARTS, *(f"{TRIALS}{chunk:04d}" for chunk in chunks)]

    def workers(self, settings: RunSettings) -> int:
        return 1 if settings.preset is Preset.QUICK else 2

    def compute(self, settings: RunSettings, piece: str) -> pd.DataFrame:
        if piece in PARTS:
            return stored(PARTS[piece](settings))
        config = configuration(settings)
        begin = int(piece.removeprefix(TRIALS)) * config.size.chunk
        end = min(begin + config.size.chunk, config.size.trials)
        return trial_records(config.distribution, config.seed, range(begin, end))

    def gather(
        self, settings: RunSettings, frames: Mapping[str, pd.DataFrame], progress: Progress
    ) -> Sequence[Row]:
        rows = [row for part in PARTS for row in loaded(frames[part])]
        chunks = [frame for name, frame in frames.items() if name.startswith(TRIALS)]
        records = pd.concat(chunks, ignore_index=True)
        return [*rows, *trial_rows.rows(NAME, records), *side_by_side.rows(NAME, records)]

    def findings(self, results: Results) -> Sequence[Finding]:
        return findings.findings(results)

    def section(self, results: Results) -> Section:
        return page.section(results)
