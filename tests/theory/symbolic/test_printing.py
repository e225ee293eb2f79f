"""Expressions are printed in the paper's notation, and every symbol is explained."""

from __future__ import annotations

import pytest
from sympy import Expr

from analyses.rendering.formulas import mathml
from ml2o_theory.constants.base import MEANING
from ml2o_theory.registry import ladder_statements, risk_statements
from ml2o_theory.symbolic import quantities as of
from ml2o_theory.symbolic.chain_rule import PRODUCT_SUM
from ml2o_theory.symbolic.printing import glossary, latex
from ml2o_theory.symbolic.quantity import Quantity, QuantityKind, quantity, unfolded
from ml2o_theory.symbolic.symbols import CONSTANTS, L, M_m1, Q, T, alpha, delta_phi, mu, t

PRINTED: list[tuple[Expr, str]] = [
    (1 + M_m1 * L, r"1 + M_{m1} L"),
    (of.P.definition(t), r"M_{m2} S_{t}"),
    (of.S.definition(t), r"\sum_{s=0}^{t - 1} Q^{s}"),
    (of.V.definition(t), r"1 + L P_{t}"),
    (of.L_A.definition(t), r"M_{m1} \rho P_{t} + L L_{m} V_{t}"),
    (of.L_g.definition(T), r"M L_{J,T} + L P_{T}^{2}"),
    (of.rho_g.definition(T), r"M L_{K,T} + 3 L L_{J,T} P_{T} + \rho P_{T}^{3}"),
    (
        of.Delta_A.definition(t),
        r"M_{m1} \left(\tilde\Delta + M_{m1} \rho \Delta S_{t}\right) + L L_{m} \Delta Q^{t}",
    ),
    (
        of.Delta_J.definition(T),
        r"\sum_{s=0}^{T - 1} Q^{T - 1 - s} \left(\Delta_{A,s} P_{s} + \Delta_{B,s}\right)",
    ),
    (of.L_J(T) * delta_phi, r"L_{J,T} \| \varphi - \varphi' \|"),
    (
        of.mu_G.definition(T),
        r"\mu \left(1 - \alpha L_g\right)^{2} - \alpha \rho_g M_g",
    ),
    (PRODUCT_SUM, r"\sum_{i=0}^{T - 1} A_{T - 1} \cdots A_{i + 1} B_{i}"),
    (alpha * mu - Q**t, r"\alpha \mu - Q^{t}"),
]


@pytest.mark.parametrize(("expression", "printed"), PRINTED, ids=[p for _, p in PRINTED])
def test_it_reads_as_in_the_paper(expression: Expr, printed: str) -> None:
    assert latex(expression) == printed
    assert "<math" in mathml(printed)


@pytest.mark.parametrize("name", ladder_statements())
def test_every_named_quantity_is_explained_down_to_the_constants(name: str) -> None:
    member = ladder_statements()[name]
    entries = {entry.split(" = ")[0]: entry for entry in member.glossary}
    explained = {key.replace("{t}", "").replace(",t}", "}") for key in entries}
    pending, seen = [member.right], set[QuantityKind]()
    while pending:
        for kind in {part.func for part in pending.pop().atoms(Quantity)} - seen:
            seen.add(kind)
            pending.append(kind.definition(t))
            bare = kind.symbol.replace("{?}", "").replace(",?}", "}")
            assert bare in explained
    assert len(seen) + (member.right.has(Q) or any(kind is of.S for kind in seen)) == len(entries)
    assert all(member.glossary.values())


def test_the_symbols_are_the_constants() -> None:
    """Q̄ is the Q of its level."""
    assert {*CONSTANTS, "Q_bar"} == set(MEANING)
    assert all(str(symbol) == key for key, symbol in CONSTANTS.items())
    assert all(symbol.is_nonnegative for symbol in CONSTANTS.values())


def test_what_is_unfolded_depends_on_the_constants_alone() -> None:
    whole = unfolded(of.L_K(T))
    assert whole.free_symbols <= {*CONSTANTS.values(), Q, T}


def test_a_quantity_of_the_users_own_is_printed_and_explained() -> None:
    twice = quantity("D_{?}", "doubles")(lambda t: 2 * of.P(t))
    assert latex(twice(T) * of.S(T)) == "D_{T} S_{T}"
    assert glossary(twice(T))["D_{t} = 2 P_{t}"] == "doubles"


@pytest.mark.parametrize("name", risk_statements())
def test_every_symbol_of_a_statement_about_risks_is_explained(name: str) -> None:
    member = risk_statements()[name]
    assert len(member.glossary) == len(member.right.free_symbols)
    for symbol in member.right.free_symbols:
        assert member.glossary[latex(symbol)]
