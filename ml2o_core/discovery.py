"""Finding the members of a package, so that adding one is one file and no edit elsewhere."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any


def modules(package: str) -> list[ModuleType]:
    """Every module of the package with this dotted name, imported, in alphabetical order."""
    found = pkgutil.iter_modules(importlib.import_module(package).__path__)
    return [importlib.import_module(f"{package}.{info.name}") for info in found]


def subclasses(kind: type) -> Iterator[type]:
    """Every class below `kind` that has been imported, `kind` itself first."""
    pending = [kind]
    while pending:
        member = pending.pop()
        pending += member.__subclasses__()
        yield member


def by_subject(kind: Any, package: str) -> dict[type, Any]:
    """The subclasses of `kind` by the type that each is `of`, after an import of the package."""
    modules(package)
    return {vars(member)["of"]: member for member in subclasses(kind) if "of" in vars(member)}
