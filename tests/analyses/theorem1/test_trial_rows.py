"""What is told of trials, from their stored records."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from analyses.theorem1.trial_rows import undecided


@pytest.mark.parametrize(
    ("counterexample", "told"), [(None, "they overlap"), ("T = 1", "counter-example: T = 1")]
)
def test_a_counterexample_is_told_exactly_where_there_is_one(
    counterexample: str | None, told: str, tmp_path: Path
) -> None:
    interval = {"lower": "1", "upper": "2"}
    record = {
        "kind": "check",
        "trial": 7,
        "name": "Theorem 1",
        "level": "risk",
        "rule": "scalar gain",
        "T": 2,
        "verdict": "INCONCLUSIVE",
        "reason": "they overlap",
        "counterexample": counterexample,
        "intervals": json.dumps([interval, interval]),
    }
    # Beside a record that has one, a column of text has NaN where there is none.
    records = pd.DataFrame([record, record | {"trial": 8, "counterexample": "φ = 0"}])
    records.to_parquet(tmp_path / "records.parquet")
    row, _ = undecided("theorem1", pd.read_parquet(tmp_path / "records.parquet"))
    assert row.reason is not None
    assert row.reason.endswith(told)
    assert "nan" not in row.reason
