"""What a run found: typed rows in versioned tables, with provenance and configuration."""

from ml2o_core.results.number import Interval, Number
from ml2o_core.results.rows import (
    ROW_TYPES,
    AssumptionRow,
    CheckRow,
    ClaimRow,
    ConstantRow,
    CurveRow,
    FitRow,
    LoosenessRow,
    OptimumRow,
    Row,
    ScoreRow,
    row_id,
)
from ml2o_core.results.store import Results, ResultsError
from ml2o_core.results.table import Column, Table, schema
from ml2o_core.results.vocabulary import (
    AssumptionVerdict,
    CheckKind,
    CheckVerdict,
    ClaimVerdict,
    EndMethod,
    Level,
    Scale,
    Score,
    Vacuity,
)

__all__ = [
    "ROW_TYPES",
    "AssumptionRow",
    "AssumptionVerdict",
    "CheckKind",
    "CheckRow",
    "CheckVerdict",
    "ClaimRow",
    "ClaimVerdict",
    "Column",
    "ConstantRow",
    "CurveRow",
    "EndMethod",
    "FitRow",
    "Interval",
    "Level",
    "LoosenessRow",
    "Number",
    "OptimumRow",
    "Results",
    "ResultsError",
    "Row",
    "Scale",
    "Score",
    "ScoreRow",
    "Table",
    "Vacuity",
    "row_id",
    "schema",
]
