"""The rows of the results tables, and every table by name.

`row` says what all of them share; the `rows_*` modules hold their columns.
"""

from __future__ import annotations

from ml2o_core.results.row import Row, row_id
from ml2o_core.results.rows_behaviour import CorrelationRow, RateRow, StageRow
from ml2o_core.results.rows_devices import CostRow, ParityRow, SpeedRow
from ml2o_core.results.rows_experiments import (
    ClaimRow,
    CurveRow,
    FitRow,
    OptimaRow,
    OptimumRow,
    PrintedRow,
    ScoreRow,
    SeedRow,
)
from ml2o_core.results.rows_theory import (
    ATTAINED_WIDTH,
    AssumptionRow,
    CheckRow,
    ConstantRow,
    LoosenessRow,
)

__all__ = [
    "ATTAINED_WIDTH",
    "ROW_TYPES",
    "AssumptionRow",
    "CheckRow",
    "ClaimRow",
    "ConstantRow",
    "CorrelationRow",
    "CostRow",
    "CurveRow",
    "FitRow",
    "LoosenessRow",
    "OptimaRow",
    "OptimumRow",
    "ParityRow",
    "PrintedRow",
    "RateRow",
    "Row",
    "ScoreRow",
    "SeedRow",
    "SpeedRow",
    "StageRow",
    "row_id",
]

ROW_TYPES: dict[str, type[Row]] = {
    row_type.table: row_type
    for row_type in (
        AssumptionRow,
        ConstantRow,
        CheckRow,
        LoosenessRow,
        StageRow,
        RateRow,
        CorrelationRow,
        OptimumRow,
        OptimaRow,
        PrintedRow,
        ClaimRow,
        ScoreRow,
        SeedRow,
        FitRow,
        ParityRow,
        SpeedRow,
        CostRow,
        CurveRow,
    )
}
"""Every table, by name."""
