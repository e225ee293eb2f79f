"""What commands print: aligned columns for people, JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from cyclopts import Parameter

AsJson = Annotated[bool, Parameter("--json", negative=(), help="Print JSON, for programs.")]


def print_json(value: Any) -> None:
    """One JSON document on stdout; what is not a finite number is null, as JSON knows no other."""
    print(json.dumps(_finite(value), indent=2, ensure_ascii=False))


def _finite(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
        case _:
            return value


def numbers(values: Iterable[float]) -> str:
    """Numbers to four digits, one for each replicate."""
    return "  ".join(f"{float(value):.4g}" for value in values)


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Rows of cells, one row a line, every column but the last padded to its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(padded).rstrip())
