"""The artefact of the assumptions: its rows, its sentences and its page."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyses.assumptions import AssumptionsArtefact
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.results import AssumptionVerdict, Results

HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("assumptions")


@pytest.fixture(scope="module")
def results(folder: Path) -> Results:
    return run_artefacts(["assumptions"], RunSettings(), folder)


def verdict(results: Results, *parts: str) -> AssumptionVerdict:
    return results.assumptions["/".join(("assumptions", *parts))].verdict


def test_the_readings_of_a2_are_told_apart(results: Results) -> None:
    found = [verdict(results, "joint", reading) for reading in "epm"]
    assert found == [REFUTED, HOLDS, OPEN]


def test_the_matrix_says_what_theory_says(results: Results) -> None:
    for name in ("a3b", "a3c"):
        for where in ("r-d", "a-box"):
            assert verdict(results, "matrix", name, where, "any-rule", "lasso") is REFUTED
            assert verdict(results, "matrix", name, where, "any-rule", "quadratic") is HOLDS
            assert verdict(results, "matrix", name, where, "any-rule", "smoothed-lasso") is HOLDS
        assert verdict(results, "matrix", name, "r-d", "any-rule", "rosenbrock") is REFUTED
        assert verdict(results, "matrix", name, "a-box", "any-rule", "rosenbrock") is HOLDS
    for rule in ("scalar-gain", "diagonal-gain"):
        assert verdict(results, "matrix", "a1", "a-box", rule, "quadratic") is HOLDS
    for family in ("quadratic", "lasso", "smoothed-lasso", "rosenbrock"):
        assert verdict(results, "matrix", "a3a", "r-d", "any-rule", family) is REFUTED
        assert verdict(results, "matrix", "a1", "a-box", "rnnprop", family) is REFUTED
        assert verdict(results, "matrix", "a4", "a-box", "any-rule", family) is HOLDS


def test_every_refutation_has_a_witness_and_every_piece_of_evidence_a_row(results: Results) -> None:
    assert sum(row.verdict is REFUTED for row in results.assumptions) > 20
    for row in results.assumptions:
        assert row.verdict is not REFUTED or row.witness
        assert all(id in results.constants for id in row.evidence)


def test_its_page_shows_every_row_that_a_sentence_points_to(results: Results, folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    sentences = AssumptionsArtefact().findings(results)
    assert "E refuted, P holds, M open" in sentences[0].text
    assert sentences[-1].text.startswith("9 of 9 facts")
    for sentence in sentences:
        assert all(f'id="{row}"' in page for row in sentence.rows)
    assert page.index("Joint satisfiability") < page.index("Which assumption about tasks")
