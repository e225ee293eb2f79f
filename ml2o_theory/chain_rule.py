"""Lemma 1 held against real instances: ∂x_T/∂φ by Taylor arithmetic against the sum of products.

With J = ∂x_T/∂φ (`observed.taylor`, which knows no Jacobian) and S = Σ_i A_{T−1} ⋯ A_{i+1} B_i
(from the models' Jacobians), both in ball arithmetic, J = S is checked as the inequality

    ‖S‖ + ‖J − S‖ ≤ ‖S‖    (Frobenius norms):

its two sides are equal or it fails. So `ATTAINED` says that J is S, up to 1e-6 of its size (HOLDS,
where both are exactly 0), and `VIOLATED` that J is certainly not S.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from flint import arb, arb_mat

from ml2o_core.results import CheckKind, EndMethod, Level
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import identity, norm, precision
from ml2o_theory.comparisons import MOST_BITS, Comparison
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.instances import Instance
from ml2o_theory.observed.narrowing import narrowed
from ml2o_theory.observed.quantities import Between
from ml2o_theory.observed.runs import run
from ml2o_theory.observed.taylor import jacobians
from ml2o_theory.statements.lemma01 import Lemma01
from ml2o_theory.verdict import StatementCheck

LEVEL = {GraphMode.FULL: Level.UNIFORM, GraphMode.DETACHED: Level.DETACHED}


def check_chain_rule(
    instance: Instance,
    horizons: Sequence[int],
    graph: GraphMode = GraphMode.FULL,
    *,
    tasks: str = "one task",
) -> list[StatementCheck]:
    """One check of Lemma 1 for each T of `horizons`, on the instance's first task.

    In graph mode `detached`, of its counterpart: with z_t constant, ∂x_T/∂φ = Σ_i B_i.
    """
    runs = Comparison(instance, Between.ONE_RUN, max(horizons))
    region = runs.region

    def enclose(size: arb) -> Enclosure:
        return Enclosure.certified(
            size.abs_lower(),
            size.abs_upper(),
            EndMethod.INTERVAL_ARITHMETIC,
            norm=Norm.EUCLIDEAN,
            region=region.id,
        )

    checks = []
    for T in horizons:
        (J, S), bits = narrowed(partial(_both_sides, instance, T, graph), MOST_BITS)
        with precision(bits):
            checks.append(
                StatementCheck(
                    statement=Lemma01.number,
                    kind=CheckKind.INSTANCE,
                    tasks=tasks,
                    rule=runs.rule_in_words,
                    region=region,
                    T=T,
                    graph=graph,
                    level=LEVEL[graph],
                    constants=(),
                    observed=enclose(norm(S) + norm(J - S)),
                    bound=enclose(norm(S)),
                )
            )
    return checks


def product_sum(A: Sequence[arb_mat], B: Sequence[arb_mat]) -> arb_mat:
    """Σ_i A_{T−1} ⋯ A_{i+1} B_i for A_t of shape (d, d) and B_t of shape (d, p), t = 0 … T − 1."""
    total, carried = 0 * B[-1], identity(B[-1].nrows())
    for A_i, B_i in zip(reversed(A), reversed(B), strict=True):
        total, carried = total + carried * B_i, carried * A_i
    return total


def _both_sides(instance: Instance, T: int, graph: GraphMode) -> list[arb_mat]:
    """J and S, at the current precision."""
    rule, params, x0 = instance.rule, instance.params, instance.x0
    J = jacobians(rule, params, instance.first, x0, T, graph)[-1]
    part, _ = instance.runs(Between.ONE_RUN)
    found = run(part.task, instance.rule_model, part.x0, part.phi, T, graph)
    A = found.A if graph is GraphMode.FULL else [identity(x0.numel())] * T
    return [J, product_sum(A, found.B)]
