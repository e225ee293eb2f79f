"""Uniform checks: the worst run over Φ that a search finds, against constants that hold on all Φ.

One pair of tasks of each family and rule of the ladder, every statement, at the levels whose
constants are one value each. Run it alone with `python -m analyses.uniform` or `ml2o run uniform`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.ladder import Family, LadderConfig, Rule, draw
from analyses.rendering.blocks import RowTable, Section, Text
from analyses.settings import Preset, RunSettings
from ml2o_core.progress import Progress
from ml2o_core.results import CheckRow, CheckVerdict, Level, Results, Row
from ml2o_core.spec import Spec
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.observed.quantities import Quantity
from ml2o_theory.regions import Box
from ml2o_theory.registry import ladder_statements
from ml2o_theory.uniform_checks import check_uniform

CELLS: dict[Preset, tuple[tuple[Family, Rule], ...]] = {
    Preset.QUICK: (("quadratic", "gain"),),
    Preset.STANDARD: (
        ("quadratic", "gain"),
        ("smoothed LASSO", "gain"),
        ("quadratic", "MLP"),
        ("smoothed LASSO", "MLP"),
    ),
}
CELLS[Preset.PAPER] = CELLS[Preset.STANDARD]


class UniformConfig(Spec):
    """Which tasks and parameters, and how hard the search is."""

    seed: int
    cells: tuple[tuple[Family, Rule], ...]
    instances: LadderConfig
    T: int = 5
    width: float = Field(0.05, description="Φ holds φ(1 ± width), entry by entry")
    trials: int = Field(128, description="random points, before the ascent")
    levels: tuple[Level, ...] = (Level.UNIFORM, Level.CLOSED_LOOP)


class Uniform(Artefact):
    """Every statement against the worst run that a search over Φ finds."""

    name: ClassVar[str] = "uniform"
    title: ClassVar[str] = "Uniform checks: a search for the worst parameters"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> UniformConfig:
        return UniformConfig(
            seed=settings.seed,
            cells=CELLS[settings.preset],
            instances=LadderConfig(seed=settings.seed, per_cell=1, dims=(3,), hidden=2),
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        members = [
            statement
            for statement in ladder_statements().values()
            if statement.observes is not None
            and statement.observes.quantity is not Quantity.RISK_HESSIAN
        ]
        rows: list[Row] = []
        total = len(config.cells) * len(members) * len(config.levels)
        with progress.task("Uniform checks", total) as advance:
            for family, rule in config.cells:
                instance, _ = draw(config.instances, family, rule, 0)
                phi, _ = instance.parameters
                around = Box.of(IntervalTensor.about(phi, config.width * phi.abs()))
                for statement in members:
                    for level in config.levels:
                        check = check_uniform(
                            statement,
                            instance,
                            around,
                            config.T,
                            level,
                            trials=config.trials,
                            seed=config.seed,
                            tasks=f"two {family} tasks",
                        )
                        where = (family, rule, statement.name, level.value)
                        rows.append(check.row(self.name, *where))
                        advance()
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        rows = list(results.checks)
        counts = Counter(row.verdict for row in rows)
        said = ", ".join(f"{n} × {verdict.value}" for verdict, n in sorted(counts.items()))
        shown = [row for row in rows if row.verdict is not CheckVerdict.NO_VIOLATION_FOUND]
        return [
            Finding(
                f"A search over Φ for the worst run, in {len(rows)} uniform checks with constants "
                f"certified for all of Φ: {said}.",
                tuple(row.id for row in shown or rows),
            )
        ]

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    "An instance check speaks of one parameter; here the parameters range over a "
                    "box Φ, whose runs lie in a certified tube. The search draws parameters at "
                    "random and ascends from the best; what it finds is enclosed in ball "
                    "arithmetic and is a lower end of the supremum. That it finds no violation is "
                    "not a proof that there is none. Lemma 7 is left out: its ∇² is too slow to "
                    "search."
                ),
                RowTable.of(
                    "The worst that was found, per unit of ‖φ − φ'‖ where two are compared.",
                    results.checks,
                    {
                        "statement": "statement",
                        "tasks": "tasks",
                        "rule": _rule,
                        "level": "level",
                        "$T$": "T",
                        "observed": "observed",
                        "bound": "bound",
                        "verdict": "verdict",
                        "trials": "trials",
                        "reason": "reason",
                    },
                ),
            )
        )


def _rule(row: CheckRow) -> str:
    return row.rule.partition(",")[0]


if __name__ == "__main__":
    main("uniform")
