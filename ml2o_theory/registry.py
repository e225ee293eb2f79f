"""Every statement, by name."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from ml2o_core.errors import InvalidArgument
from ml2o_theory import statements as package
from ml2o_theory.statements.base import Statement


def statements() -> dict[str, Statement]:
    """Every statement found in `ml2o_theory.statements`, by name."""
    found: dict[str, Statement] = {}
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for _, member in inspect.getmembers(module, inspect.isclass):
            own = member.__module__ == module.__name__
            if own and issubclass(member, Statement) and not inspect.isabstract(member):
                found[member.name] = member()
    return dict(sorted(found.items()))


def statement(name: str) -> Statement:
    """One statement; `InvalidArgument` lists the names there are."""
    found = statements()
    if name not in found:
        raise InvalidArgument("statement", name, ", ".join(found))
    return found[name]
