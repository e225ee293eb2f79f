"""Options that are read to the letter.

The parser's own conversion rounds `--windows 1.5` to 2 and takes `--graph none` for "not given";
here a value is what was written, or it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from cyclopts import CoercionError, Parameter, Token


def option(text: str, **settings: Any) -> Parameter:
    """A parameter with `text` as its help: `Annotated[int | None, option("K, windows.")]`."""
    return Parameter(help=text, converter=to_the_letter, **settings)


def to_the_letter(kind: Any, tokens: Sequence[Token]) -> Any:
    """The one token's value as an int, float, str, Path or one of a Literal's choices."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (member for member in get_args(kind) if member is not NoneType)
    (token,) = tokens
    if get_origin(kind) is Literal:
        if token.value not in get_args(kind):
            raise CoercionError(token=token, target_type=kind)
        return token.value
    try:
        return kind(token.value)
    except ValueError:
        raise CoercionError(token=token, target_type=kind) from None
