"""Every statement and every assumption, by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from ml2o_core.discovery import modules
from ml2o_core.errors import InvalidArgument
from ml2o_theory.assumptions.base import Assumption
from ml2o_theory.statements.base import Statement
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.statements.risk import RiskStatement

S = TypeVar("S", bound=Statement)


def statements() -> dict[str, Statement]:
    """Every statement found in `ml2o_theory.statements`, by name."""
    return _members(Statement, "ml2o_theory.statements")


def ladder_statements() -> dict[str, LadderStatement]:
    """Those about T steps of a rule, by name."""
    members = statements().items()
    return {name: member for name, member in members if isinstance(member, LadderStatement)}


def risk_statements() -> dict[str, RiskStatement]:
    """Those about errors of trained parameters, by name."""
    members = statements().items()
    return {name: member for name, member in members if isinstance(member, RiskStatement)}


def statement(name: str) -> Statement:
    """One statement; `InvalidArgument` lists the names there are."""
    return _one(name, statements())


def ladder_statement(name: str) -> LadderStatement:
    """One about T steps of a rule; `InvalidArgument` lists the names there are."""
    return _one(name, ladder_statements())


def risk_statement(name: str) -> RiskStatement:
    """One about errors of trained parameters; `InvalidArgument` lists the names there are."""
    return _one(name, risk_statements())


def _one(name: str, found: Mapping[str, S]) -> S:
    """By its name, or by another number that it has in the paper: lemma12 is proposition1."""
    others = {
        number.lower().replace(" ", ""): member
        for member in found.values()
        for number in member.also
    }
    known = {**others, **found}
    if name not in known:
        raise InvalidArgument("statement", name, ", ".join(found))
    return known[name]


def assumptions() -> dict[str, Assumption]:
    """Every assumption found in `ml2o_theory.assumptions`, by name: A1, A2, A3a … A3f, A4."""
    return _members(Assumption, "ml2o_theory.assumptions")


def assumption(name: str) -> Assumption:
    """One assumption; `InvalidArgument` lists the names there are."""
    found = assumptions()
    if name not in found:
        raise InvalidArgument("assumption", name, ", ".join(found))
    return found[name]


def _members(kind: type, package: str) -> dict[str, Any]:
    """One of each named, concrete class of this kind that a module of the package defines."""
    found = {}
    for module in modules(package):
        for _, member in inspect.getmembers(module, inspect.isclass):
            own = member.__module__ == module.__name__ and vars(member).get("name")
            if own and issubclass(member, kind) and not inspect.isabstract(member):
                found[vars(member)["name"]] = member()
    return dict(sorted(found.items()))
