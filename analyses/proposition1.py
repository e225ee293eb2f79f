"""Proposition 1: the observed gap between two tasks' optimizer gradients, against its bounds.

Two quadratic tasks and the scalar gain rule, for which every constant has a certified upper end:
three pairs, several gains each, T = 1 to the horizon, at three levels of the ladder. Run it alone
with `python -m analyses.proposition1` or `ml2o run proposition1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.proposition1_page import (
    GAP,
    ROUNDING,
    TRIVIAL,
    bound_label,
    findings,
    gain_label,
    observed_label,
    section,
)
from analyses.rendering.blocks import Section
from analyses.settings import Preset, RunSettings
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Level, Results, Row, Scale, row_id
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_theory.checks import check_comparison
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.base import Constants, TubeConstants
from ml2o_theory.constants.gain_quadratic import gain_instance, pair_constants, pair_region
from ml2o_theory.constants.of_tube import tube_constants
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.observed.autodiff import risk_gradients
from ml2o_theory.observed.quantities import Between
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.statements.proposition1 import Proposition1

HORIZONS = {Preset.QUICK: 20, Preset.STANDARD: 50, Preset.PAPER: 100}

FOR_ALL_GAINS = (Level.UNIFORM, Level.CLOSED_LOOP)
"""The levels whose constants hold for all of Φ; those of the trajectory are each gain's own."""


class PairConfig(Spec):
    """A pair of tasks, Φ, and the φ at which the gap is observed; Φ and φ in units of 1/L."""

    label: str
    closeness: float | None = Field(
        None, gt=0, description="A² = A¹ + N(0, closeness²), b² = b¹; independent tasks without it"
    )
    interval: tuple[float, float]
    gains: tuple[float, ...]


class Proposition1Config(Spec):
    """Everything that is run."""

    seed: int
    horizon: int
    family: Quadratic
    pairs: tuple[PairConfig, ...]


PAIRS = (
    PairConfig(label="unrelated tasks", interval=(0.1, 1.9), gains=(0.1, 1.0, 1.9)),
    PairConfig(label="close tasks", closeness=1e-3, interval=(0.1, 1.9), gains=(0.1, 1.0, 1.9)),
    PairConfig(
        label="close tasks, expansive rule", closeness=1e-3, interval=(-1.0, -0.9), gains=(-1.0,)
    ),
)


class Proposition1Artefact(Artefact):
    """The observed gap of Proposition 1 against its bound, for T = 1 to the horizon."""

    name: ClassVar[str] = "proposition1"
    title: ClassVar[str] = "Proposition 1: the gap between two tasks' optimizer gradients"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> Proposition1Config:
        return Proposition1Config(
            seed=settings.seed,
            horizon=HORIZONS[settings.preset],
            family=Quadratic.normal(1.0),
            pairs=PAIRS,
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        rows: list[Row] = []
        total = sum(len(pair.gains) for pair in config.pairs)
        with progress.task("Proposition 1", total) as advance:
            for part in config.pairs:
                pair = draw_pair(config, part)
                unit = 1 / max(task.gram_norm().item() for task in (pair.first, pair.second))
                interval = ParameterInterval(*(end * unit for end in part.interval))
                constants = pair_constants(pair, pair_region(pair, interval, config.horizon))
                rows += constants.rows(self.name, part.label)
                rows += self._bound_curves(part, constants, config.horizon)
                for gain in part.gains:
                    rows += self._observe(part, pair, constants, gain, gain * unit, config.horizon)
                    advance()
        return rows

    def _bound_curves(self, part: PairConfig, constants: Constants, horizon: int) -> Iterator[Row]:
        statement, horizons = Proposition1(), range(1, horizon + 1)
        for level in FOR_ALL_GAINS:
            values = [statement.bound(constants, T, level) for T in horizons]
            yield self._gap_curve(part, bound_label(level), values)
        trivial = [statement.trivial_bound(constants, T) for T in horizons]
        yield self._gap_curve(part, TRIVIAL, [value for value in trivial if value is not None])

    def _observe(
        self,
        part: PairConfig,
        pair: QuadraticPair,
        constants: Constants,
        gain: float,
        phi: float,
        horizon: int,
    ) -> Iterator[Row]:
        comparison = Comparison(gain_instance(pair, phi), Between.TASKS, horizon)
        horizons = range(1, horizon + 1)
        known: dict[Level, Constants | TubeConstants] = dict.fromkeys(FOR_ALL_GAINS, constants)
        known[Level.TRAJECTORY] = tube_constants(comparison)
        checks = {
            level: check_comparison(
                Proposition1(), comparison, at, horizons, level, tasks=part.label
            )
            for level, at in known.items()
        }
        for level, found in checks.items():
            for check in found:
                yield check.row(self.name, part.label, f"φ={gain:g}", level.value, f"T={check.T}")
        on_tube = checks[Level.TRAJECTORY]
        if gain == part.gains[len(part.gains) // 2]:
            bounds = [check.bound for check in on_tube if check.bound is not None]
            yield self._gap_curve(part, bound_label(Level.TRAJECTORY, gain), bounds)
        gaps = [check.observed for check in on_tube if check.observed is not None]
        yield self._gap_curve(part, observed_label(gain), gaps)
        yield CurveRow(
            id=row_id(self.name, part.label, "rounding", f"φ={gain:g}"),
            artefact=self.name,
            panel=part.label,
            method=gain_label(gain),
            quantity=ROUNDING,
            step=tuple(horizons),
            estimate=tuple(autodiff_error(pair, phi, gaps)),
        )

    def _gap_curve(self, part: PairConfig, method: str, values: Sequence[Enclosure]) -> CurveRow:
        return CurveRow(
            id=row_id(self.name, part.label, method),
            artefact=self.name,
            panel=part.label,
            method=method,
            quantity=GAP,
            scale=Scale.LOG10,
            step=tuple(range(1, len(values) + 1)),
            estimate=tuple(value.upper.log10 for value in values),
        )

    def findings(self, results: Results) -> Sequence[Finding]:
        return findings(results)

    def section(self, results: Results) -> Section:
        return section(results)


def draw_pair(config: Proposition1Config, part: PairConfig) -> QuadraticPair:
    """The pair's two tasks and x_0; close pairs share the first task."""

    def stream(purpose: str) -> torch.Generator:
        return generator(config.seed, purpose=f"proposition1 {purpose}")

    first = config.family.sample(stream("first task"))
    if part.closeness is None:
        second = config.family.sample(stream("second task"))
    else:
        noise = torch.randn(first.A.shape, generator=stream("difference"), dtype=torch.float64)
        second = QuadraticTask(first.A + part.closeness * noise, first.b)
    return QuadraticPair(first, second, config.family.start(stream("start")))


def autodiff_error(pair: QuadraticPair, phi: float, gaps: Sequence[Enclosure]) -> list[float]:
    """How far float64 autodiff of the unroll is from each gap, relative to the gap."""
    params = {"gain": torch.tensor(phi, dtype=torch.float64)}
    first, second = (
        risk_gradients(LinearGain(), params, task, pair.x0, len(gaps))
        for task in (pair.first, pair.second)
    )
    exact = torch.tensor([float(gap.upper.value) for gap in gaps], dtype=torch.float64)
    return ((first - second).norm(dim=1) - exact).abs().div(exact).tolist()


if __name__ == "__main__":
    main("proposition1")
