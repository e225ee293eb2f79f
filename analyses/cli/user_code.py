"""Families and rules by name, or from a file of the user's own: `path/to/file.py:ClassName`."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from inspect import Parameter, isabstract, signature
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

import cyclopts

from analyses.cli.bad_input import out_of_memory
from ml2o_core.errors import InvalidArgument, ML2OError
from ml2o_core.spec import Registered
from ml2o_core.tasks import TaskFamily

R = TypeVar("R", bound=Registered)

PREFIX = "ml2o_user_"
"""Of the modules that the user's files become."""

Plugins = Annotated[
    tuple[str, ...],
    cyclopts.Parameter(
        "--plugin", negative=(), help="A Python file of your own to load first; repeatable."
    ),
]


def import_file(argument: str, path: str) -> ModuleType:
    """Run a Python file as a module, once; what it registers can then be used by name."""
    file = Path(path)
    if file.suffix != ".py" or not file.is_file():
        raise InvalidArgument(argument, path, "an existing .py file")
    name = f"{PREFIX}{hashlib.sha256(bytes(file.resolve())).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None  # it is a .py file
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        allowed = f"a file that runs (it raised {type(error).__name__}: {error})"
        raise InvalidArgument(argument, path, allowed) from error
    return module


@contextmanager
def blaming_own_files() -> Iterator[None]:
    """What fails while code of the user's own takes part is bad input: one line, with its place.

    Without such code an unexpected error is this program's fault, and keeps its traceback.
    """
    own = {m.__file__ for name, m in sys.modules.items() if name.startswith(PREFIX)}
    try:
        yield
    except ML2OError:
        raise
    except Exception as error:
        if not own or out_of_memory(error):
            raise
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename in own]
        places = [f"{Path(f.filename).name}, line {f.lineno}" for f in frames[-1:]]
        places = places or sorted(Path(file).name for file in own if file)
        reason = str(error).partition("\n")[0]
        allowed = f"code that runs (it raised {type(error).__name__}: {reason})"
        raise InvalidArgument("your code", "; ".join(places), allowed) from error


def import_plugins(paths: Sequence[str]) -> None:
    """Run the user's files, so that a checkpoint made with their classes can be read."""
    for path in paths:
        import_file("--plugin", path)


def find_class(argument: str, text: str, kind: type[R]) -> type[R]:
    """The member of `kind` that `text` names: a registered name, or FILE.py:CLASS."""
    file, separator, class_name = text.rpartition(":")
    if not separator:
        return kind.lookup(text)
    before = kind.registry()
    module = import_file(argument, file)
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, kind)):
        names = [n for n, v in vars(module).items() if isinstance(v, type) and issubclass(v, kind)]
        raise InvalidArgument(argument, text, f"a {kind.kind} of {file} ({', '.join(names)})")
    if isabstract(found) or not found.name:
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ()))) or "a name"
        raise InvalidArgument(argument, text, f"a {kind.kind} that defines {missing}")
    if before.get(found.name, found) is not found or kind.lookup(found.name) is not found:
        raise InvalidArgument(argument, found.name, f"a name of its own for {class_name}")
    return found


def build_family(name: str, distribution: str | None, options: Mapping[str, str]) -> TaskFamily:
    """The family `name` with one of its distributions; `options` are read as JSON or as text."""
    family = find_class("--family", name, TaskFamily)  # type: ignore[type-abstract]
    known = family.distributions()
    constructor = known.get(distribution or next(iter(known)))
    if constructor is not None:
        parameters = signature(constructor).parameters.values()
        own = {p.name for p in parameters if p.kind is not Parameter.VAR_KEYWORD}
        allowed = sorted(own | set(family.model_fields))
        for option, value in options.items():
            if option not in allowed:
                shown = ", ".join(f"--{name.replace('_', '-')}" for name in allowed)
                where = f"{name} {distribution or ''}".strip()
                message = f"this command's options, and for {where}: {shown}"
                raise InvalidArgument(f"--{option.replace('_', '-')}", value, message)
    values: dict[str, Any] = {option: _value(text) for option, text in options.items()}
    return family.named(distribution, **values)


def _value(text: str) -> Any:
    for read in (json.loads, float):  # float for what JSON lacks: 1., .5, nan, inf
        try:
            return read(text)
        except ValueError:
            pass
    return text
