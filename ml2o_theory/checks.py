"""A statement held against a real instance, at every level of the ladder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, Level
from ml2o_core.unroll import GraphMode
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.base import Constants, TubeConstants
from ml2o_theory.constants.of_region import region_constants
from ml2o_theory.constants.of_tube import tube_constants
from ml2o_theory.instances import Instance
from ml2o_theory.intervals.tensor import concatenate
from ml2o_theory.levels import GRAPH
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.verdict import StatementCheck


def check_instance(
    statement: LadderStatement,
    instance: Instance,
    horizons: Sequence[int],
    levels: Sequence[Level] | None = None,
    *,
    tasks: str = "two tasks",
) -> list[StatementCheck]:
    """One instance check for each level and each T of `horizons`, with certified constants.

    `levels` are all of the statement's by default; `tasks` says in words what the tasks are.
    """
    comparison = comparison_of(statement, instance, max(horizons))
    known = LevelConstants(comparison)
    return [
        check
        for level in (statement.levels if levels is None else levels)
        for check in check_comparison(
            statement, comparison, known[level], horizons, level, tasks=tasks
        )
    ]


def check_with(
    statement: LadderStatement,
    instance: Instance,
    constants: Constants | TubeConstants,
    horizons: Sequence[int],
    level: Level = Level.UNIFORM,
    *,
    tasks: str = "two tasks",
) -> list[StatementCheck]:
    """One instance check for each T of `horizons`, with constants that are known already.

    Their region may be any that holds the runs; `InvalidArgument` if it is one of other data, of
    other parameters or of fewer steps.
    """
    comparison = comparison_of(statement, instance, max(horizons))
    if isinstance(constants, Constants):
        apart = comparison.distances(constants.region)
        constants = Constants(constants.region, {**constants, **apart})
    return check_comparison(statement, comparison, constants, horizons, level, tasks=tasks)


def comparison_of(statement: LadderStatement, instance: Instance, steps: int) -> Comparison:
    """The runs that the statement compares."""
    if statement.observes is None:
        raise InvalidArgument("statement", statement.name, "one that says what is observed for it")
    return Comparison(instance, statement.observes.between, steps)


class LevelConstants:
    """The constants of each level, on the smallest region that holds the runs; computed once."""

    def __init__(self, comparison: Comparison) -> None:
        self._comparison = comparison

    def __getitem__(self, level: Level) -> Constants | TubeConstants:
        return self._on_tube if level is Level.TRAJECTORY else self._on_region

    @cached_property
    def _on_tube(self) -> TubeConstants:
        return tube_constants(self._comparison)

    @cached_property
    def _on_region(self) -> Constants:
        runs, region = self._comparison, self._comparison.region
        tasks = tuple(dict.fromkeys(runs.tasks))
        points = concatenate(runs.iterates, 0)
        known = region_constants(tasks, runs.rule, region, points, runs.first_phi)
        return Constants(region, {**known, **runs.distances(region)})


def check_comparison(
    statement: LadderStatement,
    comparison: Comparison,
    constants: Constants | TubeConstants,
    horizons: Sequence[int],
    level: Level = Level.UNIFORM,
    *,
    tasks: str = "two tasks",
) -> list[StatementCheck]:
    """`check_with` for runs that are known already; the constants include the distances."""
    if statement.observes is None:
        raise InvalidArgument("statement", statement.name, "one that says what is observed for it")
    region, graph = constants.region, GRAPH.get(level, GraphMode.FULL)
    comparison.check_within(region)
    found = comparison.observed(statement.observes.quantity, region, graph)
    used = statement.constants if isinstance(constants, Constants) else ()
    return [
        StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=tasks,
            rule=comparison.rule_in_words,
            region=region,
            T=T,
            graph=graph,
            level=level,
            constants=used,
            observed=found[T - 1],
            bound=statement.bound(constants, T, level),
            trivial=statement.trivial_bound(constants, T, level),
        )
        for T in horizons
    ]
