"""Frozen, validated descriptions: a task family, a rule, a configuration *is* its own config.

A `Spec` is immutable, refuses unknown keys and non-finite numbers, and turns to and from JSON.
A `Registered` spec has a `name` in its kind's registry; `{"name": "lasso", "weight": 0.005}`
becomes the object again wherever a field of its kind is expected.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    model_serializer,
    model_validator,
)

from ml2o_core.discovery import modules, subclasses
from ml2o_core.errors import InvalidArgument


class Spec(BaseModel):
    """A frozen description. `InvalidArgument` names the first value that is not allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise _first_problem(type(self), error) from None

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_numbers(cls, values: Any) -> Any:
        """Neither `true` nor `"3"` is a number here; pydantic would make 1 and 3 of them."""
        words = {int: "a valid integer", float: "a valid number"}
        for name, field in cls.model_fields.items() if isinstance(values, dict) else ():
            if field.annotation in words and isinstance(values.get(name), (bool, str)):
                raise InvalidArgument(name, values[name], words[field.annotation])
        return values

    @classmethod
    def parse(cls, values: Any) -> Self:
        """Validate a mapping (a file, a command line); `InvalidArgument` on the first error."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise _first_problem(cls, error) from None

    def with_changes(self, **changes: Any) -> Self:
        """A copy with some fields replaced, validated again."""
        fields = {key: getattr(self, key) for key in type(self).model_fields}
        return type(self).parse({**fields, **changes})


def _first_problem(cls: type[Spec], error: ValidationError) -> InvalidArgument:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or cls.__name__
    if first["type"] == "extra_forbidden":
        known = (
            ", ".join(sorted(cls.model_fields)) if len(first["loc"]) == 1 else "no such key here"
        )
        return InvalidArgument(where, first["input"], f"known keys ({known})")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InvalidArgument):
        return cause
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return InvalidArgument(where, first["input"], allowed)


class Registered(Spec):
    """A spec with a name. The direct abstract subclasses (`TaskFamily`, `UpdateRule`, …) are kinds;
    a kind's registry is every concrete subclass found in the modules of its `package`.

    Class attributes: `name` (the registry key), `kind` (what the error messages call it) and
    `package` (dotted name of the package whose modules are imported to find the members).
    """

    name: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    package: ClassVar[str] = ""

    @classmethod
    def registry(cls) -> dict[str, type[Self]]:
        """Every named concrete subclass, by name, in alphabetical order."""
        modules(cls.package)
        # An inherited name is the parent's: a subclass without its own is not a member.
        found: dict[str, Any] = {
            vars(member)["name"]: member
            for member in subclasses(cls)
            if vars(member).get("name") and not inspect.isabstract(member)
        }
        return dict(sorted(found.items()))

    @classmethod
    def lookup(cls, name: object) -> type[Self]:
        """The class registered under `name`; `InvalidArgument` lists the names there are."""
        members = cls.registry()
        if not isinstance(name, str) or name not in members:
            raise InvalidArgument(cls.kind, name, ", ".join(members))
        return members[name]

    @model_validator(mode="wrap")
    @classmethod
    def _dispatch_on_name(cls, value: Any, handler: Callable[[Any], Self]) -> Self:
        if isinstance(value, dict) and "name" in value:
            fields = {key: item for key, item in value.items() if key != "name"}
            target = cls.lookup(value["name"])
            return handler(fields) if target is cls else target.model_validate(fields)
        if isinstance(value, dict) and inspect.isabstract(cls):
            raise InvalidArgument(cls.kind, value, f"a name: one of {', '.join(cls.registry())}")
        return handler(value)

    @model_serializer(mode="plain")
    def _with_name(self) -> dict[str, Any]:
        return {"name": self.name} | {key: getattr(self, key) for key in type(self).model_fields}
