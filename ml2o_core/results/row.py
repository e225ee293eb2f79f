"""What every row of the results tables is: an id, an artefact, and columns with a meaning.

A row's class is its table's schema: type, unit, meaning. When the meaning of a column changes, or a
column comes or goes, its table's `version` goes up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.number import Interval, Number
from ml2o_core.spec import Spec

_ID = re.compile(r"[a-z0-9][a-z0-9.=_/-]*")
_SYMBOLS = str.maketrans({"α": "alpha", "σ": "sigma", "φ": "phi"})


def row_id(*parts: object) -> str:
    """A row id: `row_id("figure2", "M-L2O", "σ=50")` is "figure2/m-l2o/sigma=50"."""
    names = (str(part).lower().translate(_SYMBOLS) for part in parts)
    tight = (re.sub(r"\s*=\s*", "=", name) for name in names)
    return "/".join(re.sub(r"[^a-z0-9.=_-]+", "-", name).strip("-") for name in tight)


def column(description: str, *, unit: str | None = None, **options: Any) -> Any:
    """A column: its meaning, its unit if it has one, and pydantic's field options."""
    return Field(description=description, json_schema_extra={"unit": unit}, **options)


def _finite_or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


End = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""An end of an interval; ±∞ becomes None."""


class Row(Spec):
    """One row. `table` names its table, `version` is the schema's.

    `oldest` is the oldest version that is still read: columns that came since have a default, and
    no column that stayed has changed its meaning. None means that only the present one is read.
    """

    table: ClassVar[str]
    version: ClassVar[int] = 1
    oldest: ClassVar[int | None] = None

    id: str = column("what sentences and links point to; unique in a run")
    artefact: str = column("the artefact that the row belongs to")

    @field_validator("id")
    @classmethod
    def _linkable(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise InvalidArgument("id", value, "lower-case letters, digits and . = _ / - (row_id)")
        return value

    def records(self) -> Iterable[dict[str, Any]]:
        """The row as flat records for a data frame: one, unless a row holds a whole series."""
        yield flatten(self)


def flatten(row: Row) -> dict[str, Any]:
    """Scalars as they are; a number x as x, x_decimal, x_log10; an interval as two numbers."""
    flat: dict[str, Any] = {}
    for name in type(row).model_fields:
        flat |= _cells(name, getattr(row, name), type(row).model_fields[name].annotation)
    return flat


def record_columns(row_type: type[Row]) -> list[str]:
    """The columns of a data frame of such rows."""
    fields = row_type.model_fields.items()
    return [column for name, field in fields for column in _cells(name, None, field.annotation)]


def _cells(name: str, value: Any, annotation: Any) -> dict[str, Any]:
    if _mentions(annotation, Interval):
        lower, upper = (value.lower, value.upper) if value is not None else (None, None)
        return _cells(f"{name}_lower", lower, Number) | _cells(f"{name}_upper", upper, Number)
    if _mentions(annotation, Number):
        return {
            name: None if value is None else float(value),
            f"{name}_decimal": None if value is None else value.decimal,
            f"{name}_log10": None if value is None else value.log10,
        }
    if isinstance(value, tuple):
        return {name: " ".join(map(str, value))}
    return {name: str(value) if hasattr(value, "value") else value}


def _mentions(annotation: Any, kind: type) -> bool:
    return annotation is kind or kind in getattr(annotation, "__args__", ())


def _series(values: Any) -> tuple[Any, ...]:
    return tuple(map(_finite_or_none, values))


def _band(values: Any) -> tuple[Any, ...]:
    series = _series(values)
    return () if all(value is None for value in series) else series


Series = Annotated[tuple[float | None, ...], BeforeValidator(_series)]
Band = Annotated[tuple[float | None, ...], BeforeValidator(_band)]
