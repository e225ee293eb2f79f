"""Rows as the data frame of a piece, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from ml2o_core.results import ROW_TYPES, Row


def stored(rows: Iterable[Row]) -> pd.DataFrame:
    """The table's name and the row in JSON."""
    found = [(row.table, json.dumps(row.model_dump(mode="json"))) for row in rows]
    return pd.DataFrame(found, columns=["table", "row"])


def loaded(frame: pd.DataFrame) -> list[Row]:
    """The rows of a frame."""
    return [
        ROW_TYPES[table].parse(json.loads(row))
        for table, row in zip(frame["table"], frame["row"], strict=True)
    ]
