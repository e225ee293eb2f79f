"""A statement held against real instances: quadratic tasks and the scalar gain rule."""

from __future__ import annotations

from collections.abc import Sequence

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import CheckKind
from ml2o_core.unroll import GraphMode
from ml2o_theory.constants.base import Constants
from ml2o_theory.observed.gain_quadratic import Instance, distances, observe
from ml2o_theory.statements.base import Statement
from ml2o_theory.verdict import StatementCheck


def check_instances(
    statement: Statement,
    instance: Instance,
    constants: Constants,
    horizons: Sequence[int],
    tasks: str,
) -> list[StatementCheck]:
    """One instance check for each T of `horizons`; `tasks` says in words what the tasks are."""
    if statement.observes is None:
        raise InvalidArgument("statement", statement.name, "one that says what is observed for it")
    region = constants.region
    found = observe(statement.observes, instance, region, max(horizons))
    known = Constants(region, {**constants, **distances(statement.observes, instance, region)})
    parameters = dict.fromkeys(run.phi for run in instance.runs(statement.observes.between))
    return [
        StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=tasks,
            rule=f"{LinearGain.name}, φ = {' and '.join(f'{phi:.6g}' for phi in parameters)}",
            region=region,
            T=T,
            graph=GraphMode.FULL,
            constants=statement.constants,
            observed=found[T - 1],
            bound=statement.bound(known, T),
            trivial=statement.trivial_bound(known, T),
        )
        for T in horizons
    ]
