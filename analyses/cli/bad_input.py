"""A command line that cannot be parsed, in one line: the argument, the value, what is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import NoneType
from typing import Any, get_args

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from ml2o_core.errors import InvalidArgument

NAMES = {int: "an integer", float: "a number", str: "text", Path: "a path"}


def one_line(error: CycloptsError, commands: Sequence[str]) -> str:
    """The parser's complaint, in the form of every other error of bad input."""
    match error:
        case UnknownCommandError(unused_tokens=[first, *_]):
            return str(InvalidArgument("command", first, ", ".join(commands)))
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            return str(InvalidArgument("argument", first, "nothing more here"))
        case UnknownOptionError():
            known = (name for argument in error.argument_collection for name in argument.names)
            given = error.token.keyword or error.token.value
            return str(InvalidArgument("option", given, ", ".join(known)))
        case CoercionError(token=token, target_type=kind) if token is not None:
            name = token.keyword or (error.argument.name if error.argument else "argument")
            return str(InvalidArgument(name, token.value, allowed(kind)))
        case MissingArgumentError(argument=argument) if argument is not None:
            return f"{argument.name}: got nothing; allowed: {allowed(argument.hint)}"
        case _:
            return " ".join(str(error).split())


def allowed(kind: Any) -> str:
    """What a type admits, in words: the choices of a Literal, `an integer`, …"""
    members = [member for member in get_args(kind) if member not in (NoneType, ...)]
    if not members:
        return NAMES.get(kind, str(kind))
    return ", ".join(member if isinstance(member, str) else allowed(member) for member in members)


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out; PyTorch's CPU allocator says so in words alone."""
    words = ("can't allocate memory", "Storage size calculation overflowed")
    # torch.OutOfMemoryError is told by its name: a parser's error has no need of PyTorch.
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or any(word in str(error) for word in words)
    )
