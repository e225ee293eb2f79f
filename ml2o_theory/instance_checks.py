"""Proposition 1 held against real instances: two quadratic tasks, the scalar gain rule, one φ."""

from __future__ import annotations

from collections.abc import Sequence

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import CheckKind
from ml2o_core.unroll import GraphMode
from ml2o_theory.constants.base import Constants
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.observed.gain_quadratic import gradient_gaps
from ml2o_theory.statements.proposition1 import Proposition1
from ml2o_theory.verdict import StatementCheck


def check_proposition1(
    pair: QuadraticPair, constants: Constants, phi: float, horizons: Sequence[int], tasks: str
) -> list[StatementCheck]:
    """One instance check for each T of `horizons`; `tasks` says in words what the pair is."""
    statement = Proposition1()
    gaps = gradient_gaps(pair, constants.region, phi, max(horizons))
    return [
        StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=tasks,
            rule=f"{LinearGain.name}, φ = {phi:.6g}",
            region=constants.region,
            T=T,
            graph=GraphMode.FULL,
            constants=statement.constants,
            observed=gaps[T - 1],
            bound=statement.bound(constants, T),
            trivial=statement.trivial_bound(constants, T),
        )
        for T in horizons
    ]
