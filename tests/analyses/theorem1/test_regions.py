"""The trials on regions as rows and as told: what is certified, refuted, searched."""

from __future__ import annotations

from collections import Counter

import pytest

from analyses.rendering.blocks import RowTable
from analyses.settings import Preset, RunSettings
from analyses.theorem1 import regions, regions_page
from ml2o_core.results import (
    AssumptionRow,
    AssumptionVerdict,
    CheckRow,
    CheckVerdict,
    ConstantRow,
    Level,
    Results,
    Row,
)

ARTEFACT = "theorem1"


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """One certified trial and one for which A1 is refuted; T = 1 keeps them short."""
    certified = regions.GAIN.model_copy(update={"kinds": 1, "horizon": 1, "parts": 6})
    refuted = regions.MLP_LASSO_WIDER.model_copy(update={"kinds": 1, "horizon": 1})
    return [
        row for case in (certified, refuted) for row in regions.trial_rows(ARTEFACT, case, 0, 0)
    ]


@pytest.fixture(scope="module")
def results(rows: list[Row]) -> Results:
    return Results(tuple(rows))


def test_ids_are_unique_and_name_the_part(rows: list[Row]) -> None:
    assert max(Counter(row.id for row in rows).values()) == 1
    assert all(row.id.startswith("theorem1/regions/") for row in rows)


def test_every_check_names_its_constants_and_its_a1(rows: list[Row]) -> None:
    known = {row.id: row for row in rows}
    for row in rows:
        if isinstance(row, CheckRow):
            assert row.constants
            assert all(isinstance(known[place], ConstantRow) for place in row.constants)
            assert [type(known[place]) for place in row.assumptions] == [AssumptionRow]


def test_certified_checks_hold_and_refuted_ones_do_not_apply(rows: list[Row]) -> None:
    verdicts = {
        name: {row.verdict for row in rows if isinstance(row, CheckRow) and name in row.id}
        for name in ("gain-lasso", "mlp-lasso-wider")
    }
    assert verdicts["gain-lasso"] == {CheckVerdict.HOLDS}
    assert verdicts["mlp-lasso-wider"] == {CheckVerdict.NOT_APPLICABLE, CheckVerdict.HOLDS}
    a1 = {row.id: row.verdict for row in rows if isinstance(row, AssumptionRow)}
    assert a1["theorem1/regions/gain-lasso/0/a1"] is AssumptionVerdict.HOLDS
    assert a1["theorem1/regions/mlp-lasso-wider/0/a1"] is AssumptionVerdict.REFUTED


def test_constants_say_which_end_is_certified(rows: list[Row]) -> None:
    ends = {
        (row.symbol, regions_page.certified(row))
        for row in rows
        if isinstance(row, ConstantRow) and f"gain-lasso/0/{Level.RISK.value}" in row.id
    }
    assert {("M_g", "the upper end"), ("L_g", "the upper end")} <= ends
    (mu,) = [row for row in rows if row.id == "theorem1/regions/gain-lasso/0/a1/mu"]
    assert isinstance(mu, ConstantRow)
    assert regions_page.certified(mu) == "the lower end"


def test_the_page_tells_each_case(results: Results) -> None:
    found = regions_page.findings(results)
    assert len(found) == 2
    assert "A1 is certified in 1" in found[0].text
    assert "A1 is refuted" in found[1].text
    assert "held all the same" in found[1].text
    tables = [block for block in regions_page.blocks(results) if isinstance(block, RowTable)]
    for table in tables:
        assert table.rows
        for cell in table.columns.values():
            assert all(
                getattr(row, cell, None) is not None or cell in ("witness", "ratio")
                if isinstance(cell, str)
                else cell(row)
                for row in table.rows
            )


def test_every_trial_finds_its_evidence_on_the_page(rows: list[Row]) -> None:
    """Presets with several trials a case show the checks of the first alone, but every μ."""
    second = [
        type(row).model_validate_json(row.model_dump_json().replace("/0/", "/1/")) for row in rows
    ]
    results = Results((*rows, *second))
    tables = [block for block in regions_page.blocks(results) if isinstance(block, RowTable)]
    shown = {row.id for table in tables for row in table.rows}
    assert {id for row in results.assumptions for id in row.evidence} <= shown


def test_nothing_is_told_of_what_was_not_run() -> None:
    empty = Results(())
    assert regions_page.findings(empty) == []
    assert regions_page.blocks(empty) == []


@pytest.mark.parametrize("preset", list(Preset))
def test_every_preset_has_every_pair_of_rule_and_tasks(preset: Preset) -> None:
    cases = [case for case, _ in regions.configuration(RunSettings(preset=preset)).cases]
    pairs = {(case.rule, case.family) for case in cases}
    assert {("gain", "smoothed LASSO"), ("mlp", "quadratic"), ("mlp", "smoothed LASSO")} == pairs
    assert {case.name for case in cases} <= set(regions_page.TITLES)
