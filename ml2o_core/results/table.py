"""A table: rows of one type, found by id; as a data frame, CSV, Parquet or LaTeX."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import EnumType
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args, get_origin

import pandas as pd

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.row import Row, record_columns

R = TypeVar("R", bound=Row)


@dataclass(frozen=True)
class Column:
    """A column of a schema; `values` is the closed vocabulary of a `word`, None for other types."""

    name: str
    type: str
    unit: str | None
    description: str
    values: tuple[str, ...] | None


@dataclass(frozen=True)
class Table(Generic[R]):
    """The rows of one type, in the order in which they were found."""

    row_type: type[R]
    rows: tuple[R, ...]

    @cached_property
    def _by_id(self) -> dict[str, R]:
        return {row.id: row for row in self.rows}

    def __iter__(self) -> Iterator[R]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, id: str) -> bool:
        return id in self._by_id

    def __getitem__(self, id: str) -> R:
        if id not in self._by_id:
            raise InvalidArgument(f"{self.row_type.table} id", id, "the id of a row of this table")
        return self._by_id[id]

    def where(self, **values: object) -> Table[R]:
        """The rows whose columns have these values."""
        for name, value in values.items():
            if name not in self.row_type.model_fields:
                raise InvalidArgument(name, value, ", ".join(self.row_type.model_fields))
        return Table(
            self.row_type,
            tuple(r for r in self if all(getattr(r, k) == v for k, v in values.items())),
        )

    def to_frame(self) -> pd.DataFrame:
        """A data frame with one row a record; a number `x` also as `x_decimal` and `x_log10`."""
        records = [record for row in self for record in row.records()]
        return pd.DataFrame.from_records(records, columns=record_columns(self.row_type))

    def to_csv(self, path: Path | str) -> None:
        """Write the data frame as CSV."""
        self.to_frame().to_csv(path, index=False)

    def to_parquet(self, path: Path | str) -> None:
        """Write the data frame as Parquet (zstd)."""
        self.to_frame().to_parquet(path, index=False, compression="zstd")

    def to_latex(self, path: Path | str, columns: Iterable[str] | None = None) -> None:
        """Write the data frame, or some of its columns, as a LaTeX tabular."""
        frame = self.to_frame()
        chosen = list(frame.columns) if columns is None else list(columns)
        for name in chosen:
            if name not in frame.columns:
                raise InvalidArgument("columns", name, ", ".join(frame.columns))
        Path(path).write_text(latex_tabular(frame[chosen]), encoding="utf-8")


def latex_tabular(frame: pd.DataFrame) -> str:
    """A `booktabs` tabular, with every cell escaped."""
    lines = [
        rf"\begin{{tabular}}{{{'l' * len(frame.columns)}}}",
        r"\toprule",
        " & ".join(map(_latex_text, frame.columns)) + r" \\",
        r"\midrule",
        *(
            " & ".join(map(_latex_text, record)) + r" \\"
            for record in frame.itertuples(index=False, name=None)
        ),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


_LATEX_ESCAPES = str.maketrans(
    {c: "\\" + c for c in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
)


def _latex_text(value: Any) -> str:
    if pd.isna(value):
        return "--"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text.translate(_LATEX_ESCAPES)


def schema(row_type: type[Row]) -> list[Column]:
    """The columns of a table, in order."""
    found = []
    for name, field in row_type.model_fields.items():
        extra: Any = field.json_schema_extra or {}
        annotation: Any = field.annotation
        options = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
        words = [kind for kind in options if isinstance(kind, EnumType)]
        found.append(
            Column(
                name=name,
                type=_type_name(annotation),
                unit=extra.get("unit"),
                description=field.description or "",
                values=tuple(str(word.value) for word in words[0]) if words else None,  # type: ignore[var-annotated]
            )
        )
    return found


_TYPE_NAMES = {str: "text", float: "number", int: "integer", types.NoneType: "none"}


def _type_name(kind: Any) -> str:
    if get_origin(kind) is tuple:
        return f"list of {_type_name(get_args(kind)[0])}"
    if isinstance(kind, types.UnionType):
        return " or ".join(map(_type_name, get_args(kind)))
    return "word" if isinstance(kind, EnumType) else _TYPE_NAMES.get(kind, kind.__name__.lower())
