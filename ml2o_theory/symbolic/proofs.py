"""Every identity between what is printed and what is computed, in one list."""

from __future__ import annotations

from collections.abc import Iterator

from ml2o_theory.registry import ladder_statements, risk_statements
from ml2o_theory.symbolic.chain_rule import product_sum, scalar_chain_rule
from ml2o_theory.symbolic.identities import as_printed, at_horizon, induction
from ml2o_theory.symbolic.quantity import Identity

SCALAR_HORIZON = 3
"""Up to which T Lemma 1 is differentiated by SymPy; the expression doubles with each step."""


def proofs(horizon: int = 6) -> Iterator[Identity]:
    """All of them, those for a fixed T up to `horizon`. Takes seconds."""
    yield from induction()
    for T in range(1, horizon + 1):
        yield product_sum(T)
        if T <= SCALAR_HORIZON:
            yield scalar_chain_rule(T)
        for statement in ladder_statements().values():
            if statement.right.is_commutative:
                yield at_horizon(statement, T)
    for member in risk_statements().values():
        yield as_printed(member)
