"""Tables as data frames and files."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import ROW_TYPES, Results


def test_a_number_is_three_columns_and_an_interval_six(results: Results) -> None:
    (check,) = results.checks.to_frame().to_dict("records")
    assert check["observed_lower"] == check["observed_upper"] == 1.5
    assert check["bound_lower"] == math.inf
    assert check["bound_lower_decimal"] == "1.25e+5000"
    assert check["bound_lower_log10"] == pytest.approx(5000 + math.log10(1.25))
    assert check["verdict"] == "HOLDS"
    assert check["constants"] == "demo/constant/l"


def test_a_curve_is_one_record_a_step(results: Results) -> None:
    frame = results.curves.to_frame()
    assert frame["step"].tolist() == [0, 1, 2, 0, 2, 0, 1]
    assert frame["x"].isna().tolist() == [True] * 5 + [False] * 2
    assert frame["estimate"].tolist()[:2] == [4.0, 0.1 + 0.2]
    assert frame["estimate"].isna().tolist() == [False, False, True, False, False, False, True]


@pytest.mark.parametrize("table", ROW_TYPES)
def test_an_empty_table_has_the_columns_of_a_full_one(results: Results, table: str) -> None:
    full = results.tables[table].to_frame()
    empty = Results(()).tables[table].to_frame()
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)


def test_rows_are_found_by_id_and_by_column(results: Results) -> None:
    assert results.scores["demo/score/m-l2o"].mean == -3.25
    assert "demo/claim" in results.claims
    assert "demo/claim" not in results.scores
    assert len(results.curves.where(method="optimum", panel="σ = 50")) == 1
    assert len(results.curves.where(method="nobody")) == 0
    with pytest.raises(InvalidArgument, match="nobody"):
        results.scores["nobody"]
    with pytest.raises(InvalidArgument, match="mood"):
        results.scores.where(mood="good")


def test_csv_and_parquet_hold_the_data_frame(results: Results, tmp_path: Path) -> None:
    for table in results.tables.values():
        table.to_parquet(tmp_path / "t.parquet")
        pd.testing.assert_frame_equal(
            pd.read_parquet(tmp_path / "t.parquet"), table.to_frame(), check_dtype=False
        )
    results.scores.to_csv(tmp_path / "t.csv")
    (score,) = pd.read_csv(tmp_path / "t.csv").to_dict("records")
    assert (score["id"], score["mean"]) == ("demo/score/m-l2o", -3.25)


def test_latex_is_escaped_and_takes_chosen_columns(results: Results, tmp_path: Path) -> None:
    results.constants.to_latex(tmp_path / "t.tex", ["symbol", "subject", "value_lower", "witness"])
    lines = (tmp_path / "t.tex").read_text().splitlines()
    assert r"symbol & subject & value\_lower & witness \\" in lines
    assert r"L & quadratic \& <gain> & 0.3 & -- \\" in lines
    assert (lines[0], lines[-1]) == (r"\begin{tabular}{llll}", r"\end{tabular}")
    with pytest.raises(InvalidArgument, match="mood"):
        results.constants.to_latex(tmp_path / "t.tex", ["mood"])


def test_export_writes_every_table_with_rows(results: Results, tmp_path: Path) -> None:
    for form in ("csv", "parquet", "latex"):
        written = results.export(tmp_path / form, form)
        assert {path.stem for path in written} == set(ROW_TYPES)
        assert all(path.stat().st_size for path in written)
    assert Results(()).export(tmp_path / "none", "csv") == []
    with pytest.raises(InvalidArgument, match="xlsx"):
        results.export(tmp_path, "xlsx")
