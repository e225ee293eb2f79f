"""The contract of every statement in the registry."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sympy

from analyses.rendering.formulas import mathml
from ml2o_core.errors import InvalidArgument
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import uniform
from ml2o_theory.registry import ladder_statements, risk_statements, statement, statements
from ml2o_theory.statements.base import Statement
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.symbolic.risk_symbols import RISK_MEANING

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("Statement", "Hypotheses", "Constants", "Source", "Derivation", "Checked", "Not checked")


@pytest.fixture(params=sorted(statements()))
def member(request: pytest.FixtureRequest) -> Statement:
    return statement(request.param)


def test_proposition_1_is_there() -> None:
    assert statement("proposition1").number == "Proposition 1"


def test_an_unknown_statement_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InvalidArgument, match="proposition1"):
        statement("lemma99")


def test_it_says_what_it_is(member: Statement) -> None:
    assert member.name
    assert member.number
    assert member.title
    assert member.hypotheses
    meanings = RISK_MEANING if member.name in risk_statements() else MEANING
    assert set(member.constants) <= set(meanings)


def test_its_formulas_can_be_printed(member: Statement) -> None:
    for latex in (member.latex, *member.glossary):
        assert "<math" in mathml(latex)


def test_its_file_and_its_test_exist(member: Statement) -> None:
    assert (ROOT / member.file).is_file()
    assert (ROOT / member.test).is_file()


def test_its_docstring_has_the_fixed_parts_in_order(member: Statement) -> None:
    text = (ROOT / member.file).read_text(encoding="utf-8").split('"""')[1]
    found = [line for line in re.findall(r"^(\w[\w ]*)$", text, re.MULTILINE) if line in PARTS]
    assert found == list(PARTS)


@pytest.mark.parametrize("member", ladder_statements().values(), ids=ladder_statements())
def test_it_declares_exactly_the_constants_that_enter(member: LadderStatement) -> None:
    symbols = {symbol: sympy.Symbol(symbol) for symbol in MEANING}
    expression = sympy.expand(member.formula(*uniform(symbols, 3)))
    assert {str(symbol) for symbol in expression.free_symbols} == set(member.constants)
