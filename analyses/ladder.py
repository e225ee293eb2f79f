"""The ladder of bounds: every statement on random instances, and how loose each level is.

Quadratic and smoothed LASSO tasks, the scalar gain and the MLP rule, T up to 50, all constants
certified. Run it alone with `python -m analyses.ladder` or `ml2o run ladder`; the preset `standard`
has 1,000 instances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.ladder_page import QUOTIENT, findings, section
from analyses.rendering.blocks import Section
from analyses.settings import Preset, RunSettings
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.progress import Progress
from ml2o_core.results import (
    CheckVerdict,
    CurveRow,
    Level,
    LoosenessRow,
    Results,
    Row,
    Scale,
    Vacuity,
    row_id,
)
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.chain_rule import check_chain_rule
from ml2o_theory.checks import LevelConstants, check_comparison
from ml2o_theory.comparisons import Comparison
from ml2o_theory.instances import Instance
from ml2o_theory.observed.quantities import Between, Quantity
from ml2o_theory.registry import ladder_statements
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.verdict import StatementCheck

Family = Literal["quadratic", "smoothed LASSO"]
Rule = Literal["gain", "MLP"]

PER_CELL = {Preset.QUICK: 3, Preset.STANDARD: 250, Preset.PAPER: 250}
"""Instances of each family with each rule."""

FAMILIES: tuple[Family, ...] = ("quadratic", "smoothed LASSO")
RULES: tuple[Rule, ...] = ("gain", "MLP")
COMPARED = frozenset({Between.TASKS})
"""Every instance is checked for two tasks: Lemmas 8–11 and Proposition 1."""

SOUND = (CheckVerdict.HOLDS, CheckVerdict.ATTAINED)


class LadderConfig(Spec):
    """How the instances are drawn; every A, b and x_0 has N(0, 1) entries."""

    seed: int
    per_cell: int = Field(description="instances of each family with each rule")
    dims: tuple[int, ...] = Field((2, 3, 4, 5), description="d, drawn uniformly")
    horizons: tuple[int, ...] = Field((1, 2, 5, 10, 20, 50), description="T, drawn uniformly")
    closeness: float = Field(
        0.1, description="half of the pairs have A² = A¹ + N(0, closeness²) and b² = b¹"
    )
    weight: float = Field(0.5, description="λ of the smoothed LASSO tasks")
    smoothing: float = Field(0.5, description="ε of the smoothed LASSO tasks")
    gains: tuple[float, float] = Field((0.05, 1.9), description="φL of the gain rule, uniform")
    hidden: int = Field(3, description="hidden units of the MLP rule; its output scale is 1/L")
    nearby: float = Field(0.01, description="‖φ' − φ‖ / ‖φ‖, and ‖x_0' − x_0‖ / ‖x_0‖")
    others_every: int = Field(
        5, description="each such instance is also checked for one task with two φ or two x_0"
    )
    hessian_steps: int = Field(3, description="the largest T at which Lemma 7 is checked")


class Ladder(Artefact):
    """Every statement on random instances at every level: verdicts, and log10(bound/observed)."""

    name: ClassVar[str] = "ladder"
    title: ClassVar[str] = "The ladder of bounds on random instances"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> LadderConfig:
        return LadderConfig(seed=settings.seed, per_cell=PER_CELL[settings.preset])

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        rows: list[Row] = []
        cells = [(family, rule) for family in FAMILIES for rule in RULES]
        with progress.task("The ladder of bounds", len(cells) * config.per_cell) as advance:
            for family, rule in cells:
                found: dict[tuple[str, Level], list[StatementCheck]] = defaultdict(list)
                for index in range(config.per_cell):
                    instance, T = draw(config, family, rule, index)
                    between = set(Between) if index % config.others_every == 0 else COMPARED
                    for check in checks_of(instance, T, between, config, f"{family} {index}"):
                        found[check.statement, check.level].append(check)
                        if check.verdict not in SOUND:
                            rows.append(self._check_row(check, rule))
                    advance()
                for (statement, level), checks in found.items():
                    rows.append(self._looseness(statement, level, family, rule, checks))
                rows += self._curves(family, rule, found)
        return rows

    def _check_row(self, check: StatementCheck, rule: Rule) -> Row:
        where = (check.tasks, rule, check.statement, check.level.value, f"T={check.T}")
        return check.row(self.name, *where)

    def _looseness(
        self, statement: str, level: Level, family: Family, rule: Rule, checks: list[StatementCheck]
    ) -> LoosenessRow:
        verdicts = [check.verdict for check in checks]
        found = quotients(checks)
        holds, attained = (verdicts.count(verdict) for verdict in SOUND)
        violated = verdicts.count(CheckVerdict.VIOLATED)
        median, most, largest = quantiles(found, (0.5, 0.95, 1.0))
        return LoosenessRow(
            id=row_id(self.name, family, rule, statement, level.value),
            artefact=self.name,
            statement=statement,
            level=level,
            tasks=family,
            rule=rule,
            checks=len(checks),
            holds=holds,
            attained=attained,
            violated=violated,
            undecided=len(checks) - holds - attained - violated,
            vacuous=sum(check.vacuity is Vacuity.VACUOUS for check in checks),
            measured=len(found),
            median=median,
            quantile95=most,
            largest=largest,
        )

    def _curves(
        self,
        family: Family,
        rule: Rule,
        found: dict[tuple[str, Level], list[StatementCheck]],
    ) -> Iterator[CurveRow]:
        """Proposition 1's median quotient against T, at each level."""
        for (statement, level), checks in found.items():
            if statement != "Proposition 1":
                continue
            horizons = sorted({check.T for check in checks})
            medians = [
                quantiles(quotients([c for c in checks if c.T == T]), (0.5,))[0] for T in horizons
            ]
            yield CurveRow(
                id=row_id(self.name, family, rule, "median", level.value),
                artefact=self.name,
                panel=f"{family}, {rule}",
                method=level.value,
                quantity=QUOTIENT,
                scale=Scale.LOG10,
                step=tuple(horizons),
                estimate=tuple(medians),
            )

    def findings(self, results: Results) -> Sequence[Finding]:
        return findings(results)

    def section(self, results: Results) -> Section:
        return section(results)


def draw(config: LadderConfig, family: Family, rule: Rule, index: int) -> tuple[Instance, int]:
    """Instance number `index` of a family and a rule, and its horizon T."""
    stream = generator(
        config.seed, purpose="ladder instance", family=family, rule=rule, instance=index
    )

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=stream, dtype=torch.float64)

    def choose(values: Sequence[int]) -> int:
        return values[int(torch.randint(len(values), (), generator=stream))]

    d, T = choose(config.dims), choose(config.horizons)
    A, b = normal(d, d), normal(d)
    if torch.rand((), generator=stream) < 0.5:
        data = [(A, b), (A + config.closeness * normal(d, d), b)]
    else:
        data = [(A, b), (normal(d, d), normal(d))]
    first, second = (_task(config, family, A, b) for A, b in data)
    L = max(_smoothness(task) for task in (first, second))
    update, params = _rule(config, rule, L, stream)
    other = {k: v + config.nearby * v.abs() * normal(*v.shape) for k, v in params.items()}
    x0 = normal(d)
    other_x0 = x0 + config.nearby * x0.norm() * normal(d) / d**0.5
    return Instance(update, params, first, second, x0, other_x0, other), T


def _task(config: LadderConfig, family: Family, A: Tensor, b: Tensor) -> Task:
    if family == "quadratic":
        return QuadraticTask(A, b)
    return SmoothedLassoTask(A, b, A.new_tensor(config.weight), A.new_tensor(config.smoothing))


def _smoothness(task: Task) -> float:
    L = task.smooth_lipschitz()
    assert L is not None
    return float(L)


def _rule(
    config: LadderConfig, rule: Rule, L: float, stream: torch.Generator
) -> tuple[MemorylessRule, Params]:
    if rule == "gain":
        low, high = config.gains
        share = torch.rand((), generator=stream, dtype=torch.float64)
        return LinearGain(), {"gain": (low + (high - low) * share) / L}
    network = MLPRule(hidden=config.hidden, depth=1, output_scale=1 / L)
    return network, network.init_params(stream)


def checks_of(
    instance: Instance, T: int, between: Set[Between], config: LadderConfig, tasks: str
) -> Iterator[StatementCheck]:
    """Every statement about the runs `between`, at every level and at T.

    Lemma 7 at no more than `hessian_steps`.
    """
    if Between.ONE_RUN in between:
        yield from check_chain_rule(instance, [T], tasks=tasks)
    by_pair: dict[Between, list[LadderStatement]] = defaultdict(list)
    for statement in ladder_statements().values():
        if statement.observes is not None and statement.observes.between in between:
            by_pair[statement.observes.between].append(statement)
    for pair, members in by_pair.items():
        comparison = Comparison(instance, pair, T)
        known = LevelConstants(comparison)
        # The constants of T steps serve fewer, too.
        short = Comparison(instance, pair, min(T, config.hessian_steps))
        for statement in members:
            assert statement.observes is not None
            hessian = statement.observes.quantity is Quantity.RISK_HESSIAN
            runs = short if hessian else comparison
            for level in statement.levels:
                yield from check_comparison(
                    statement, runs, known[level], [runs.steps], level, tasks=tasks
                )


def quotients(checks: Sequence[StatementCheck]) -> list[float]:
    """log10(bound / observed), rounded up, where there is one."""
    logs = [None if check.ratio is None else check.ratio.lower.log10 for check in checks]
    return [-log for log in logs if log is not None]


def quantiles(values: Sequence[float], shares: Sequence[float]) -> list[float | None]:
    """Sample quantiles by linear interpolation; None without values."""
    if not values:
        return [None] * len(shares)
    at = torch.tensor(shares, dtype=torch.float64)
    return list(torch.tensor(values, dtype=torch.float64).quantile(at).tolist())


if __name__ == "__main__":
    main("ladder")
