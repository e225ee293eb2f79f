"""Saving and loading: exact, atomic, strict."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckRow, Interval, Results, ResultsError


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_run_comes_back_equal(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path)
    loaded = Results.load(tmp_path)
    assert loaded == results
    assert loaded.checks["demo/check/t=20"].bound == Interval.between("1.25e5000", "1.26e5000")
    assert loaded.curves["demo/curve/m-l2o"].estimate == (4.0, 0.1 + 0.2, None)
    assert loaded.curves["demo/curve/m-l2o"].x == ()
    assert loaded.curves["demo/curve/alpha"].x == (1e-3, 0.1 + 0.2)


def test_saving_again_gives_the_same_bytes(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path)
    first = content(tmp_path)
    Results.load(tmp_path).save(tmp_path)
    assert content(tmp_path) == first


def test_the_json_is_strict_and_needs_no_float_for_huge_numbers(
    results: Results, tmp_path: Path
) -> None:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    document = json.loads(results.save(tmp_path).read_text(), parse_constant=refuse)
    (stored,) = document["tables"]["checks"]["rows"]
    assert stored["bound"]["lower"] == {"decimal": "1.25e+5000", "log10": pytest.approx(5000.09691)}
    (constant,) = document["tables"]["constants"]["rows"]
    assert constant["value"]["upper"] == {"decimal": "inf", "log10": None}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_json_cannot_hold_is_not_written(
    results: Results, tmp_path: Path, value: float
) -> None:
    results.save(tmp_path)
    before = content(tmp_path)
    with pytest.raises(ValueError, match="JSON"):
        Results(results.rows, {"seconds": value}).save(tmp_path)
    assert content(tmp_path) == before


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failing_save_leaves_the_old_run(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    results.save(tmp_path)
    before = content(tmp_path)

    def fail(*arguments: object) -> None:
        raise OSError("no space left on device")

    changed = Results(results.rows[:-1], {"seed": 1}, results.configuration)
    with monkeypatch.context() as patched:
        patched.setattr(os, failing, fail)
        with pytest.raises(OSError, match="no space"):
            changed.save(tmp_path)
    assert content(tmp_path) == before
    assert Results.load(tmp_path) == results


def test_a_save_that_dies_between_its_two_files_leaves_the_old_run(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.save(tmp_path)
    replace = os.replace

    def die_at_the_json(source: Path, target: Path) -> None:
        if target.name == "results.json":
            raise KeyboardInterrupt
        replace(source, target)

    curves = tuple(row for row in results.rows if row.id != "demo/curve/optimum")
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", die_at_the_json)
        with pytest.raises(KeyboardInterrupt):
            Results(curves).save(tmp_path)
    assert Results.load(tmp_path) == results
    Results(curves).save(tmp_path)
    assert len(list(tmp_path.glob("*.parquet"))) == 1
    assert Results.load(tmp_path) == Results(curves)


Edit = Callable[[dict[str, Any]], None]


def _set(*path: str, value: object) -> Edit:
    def edit(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[int(key)] if isinstance(document, list) else document[key]
        document[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (_set("format", value="other"), "not ml2o-results version 1"),
        (_set("version", value=2), "not ml2o-results version 1"),
        (_set("tables", "checks", "version", value=99), "table checks: not schema version 2"),
        (_set("tables", "checks", "columns", value=["id", "mood"]), "unknown or missing column"),
        (_set("tables", "moods", value={"version": 1, "rows": []}), "the tables are not"),
        (_set("tables", "checks", "rows", "0", "mood", value="good"), "mood"),
        (_set("tables", "checks", "rows", "0", "verdict", value="VIOLATED"), "verdict"),
        (_set("tables", "scores", "rows", "0", "mean", value="low"), "mean"),
        (_set("tables", "curves", "file", value="curves-0.parquet"), "no such file"),
        (_set("tables", "checks", "rows", value=None), "table checks"),
    ],
)
def test_what_is_unknown_or_inconsistent_is_refused_in_one_line(
    results: Results, tmp_path: Path, edit: Edit, said: str
) -> None:
    path = results.save(tmp_path)
    document = json.loads(path.read_text())
    edit(document)
    path.write_text(json.dumps(document))
    with pytest.raises(ResultsError, match=said) as refused:
        Results.load(tmp_path)
    assert "\n" not in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_run_from_before_a_column_and_a_table_came_is_read(
    results: Results, tmp_path: Path
) -> None:
    path = results.save(tmp_path)
    document = json.loads(path.read_text())
    checks = document["tables"]["checks"]
    checks["version"] = 1
    for name in ("confidence", "multiplicity"):
        checks["columns"].remove(name)
        for row in checks["rows"]:
            del row[name]
    del document["tables"]["rates"]
    path.write_text(json.dumps(document))
    loaded = Results.load(tmp_path)
    assert loaded.checks.rows == results.checks.rows
    assert len(loaded.rates) == 0
    assert [row for row in results.rows if row.table != "rates"] == list(loaded.rows)


def test_a_version_older_than_the_oldest_and_one_that_lies_about_its_columns_are_refused(
    results: Results, tmp_path: Path
) -> None:
    """`assumptions` reads its present version alone; a present version has every column."""
    path = results.save(tmp_path)
    text = path.read_text()
    for table, edit, said in (
        ("assumptions", {"version": 1}, "table assumptions: not schema version 2"),
        ("checks", {"version": 3}, "table checks: not schema version 2"),
        ("checks", {"version": 2, "columns": ["id", "artefact"]}, "unknown or missing column"),
    ):
        document = json.loads(text)
        document["tables"][table] |= edit
        path.write_text(json.dumps(document))
        with pytest.raises(ResultsError, match=said):
            Results.load(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: text.replace("-3.25", "NaN"),
        lambda text: "[]",
        lambda text: "",
    ],
)
def test_damaged_json_is_refused(
    results: Results, tmp_path: Path, damage: Callable[[str], str]
) -> None:
    path = results.save(tmp_path)
    path.write_text(damage(path.read_text()))
    with pytest.raises(ResultsError, match="JSON"):
        Results.load(tmp_path)


def test_a_damaged_curve_file_is_refused(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path)
    (parquet,) = tmp_path.glob("*.parquet")
    parquet.write_bytes(parquet.read_bytes()[:-1])
    with pytest.raises(ResultsError, match="not the one that was saved"):
        Results.load(tmp_path)


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no such file"):
        Results.load(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_ids_are_unique_over_all_tables(results: Results) -> None:
    twin = results.scores["demo/score/m-l2o"].with_changes(id="demo/claim")
    with pytest.raises(InvalidArgument, match="demo/claim"):
        Results((*results.rows, twin))


def test_one_artefact_can_be_taken_out(results: Results) -> None:
    other = results.scores["demo/score/m-l2o"].with_changes(id="x/score", artefact="x")
    both = Results((*results.rows, other), configuration={"demo": {"a": 1}, "x": {"b": 2}})
    assert [row.id for row in both.of("x").rows] == ["x/score"]
    assert both.of("x").configuration == {"x": {"b": 2}}
    assert both.of("demo").rows == results.rows


def test_faults_are_the_violated_and_the_failed_checks(results: Results) -> None:
    check: CheckRow = results.checks["demo/check/t=20"]
    violated = check.with_changes(
        id="demo/violated", observed=Interval.point("1e6000"), verdict="VIOLATED", reason="x"
    )
    failed = check.with_changes(
        id="demo/failed", observed=None, verdict="SOLVER_FAILED", reason="x"
    )
    assert results.faults == ()
    assert {row.id for row in Results((*results.rows, failed, violated)).faults} == {
        "demo/violated",
        "demo/failed",
    }
