"""The artefact of the optima at toy size: what its rows say, and how printed scores are judged."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from analyses import optima as artefact
from analyses.optima import Distribution, Optima, OptimaConfig, distributions
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import PrintedVerdict, Results
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_theory.optima import certified_optima
from ml2o_theory.printed import TABLE_1, TABLE_1_SIGMAS

SMALL = OptimaConfig(
    seed=0,
    batches=4,
    size=6,
    referred=(2, 3),
    distributions=(
        Distribution(label="σ = 10", sigma=10.0, family=Lasso.normal(10.0)),
        Distribution(label="square", family=Quadratic()),
        Distribution(label="tall", family=Quadratic.normal(1.0, rows=12, cols=2)),
        Distribution(label="the valley", family=Rosenbrock()),
    ),
)


@pytest.fixture(scope="module")
def results() -> Results:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Optima, "configuration", lambda self, settings: SMALL)
        return Results(tuple(Optima().run(RunSettings(), Progress())))


def test_every_distribution_has_its_row(results: Results) -> None:
    rows = list(results.optima_by_distribution)
    assert [row.distribution for row in rows] == ["σ = 10", "square", "tall", "the valley"]
    for row in rows:
        assert (row.batches, row.problems, row.open) == (4, 6, 0)
        assert 0 <= row.gap90 <= row.gap <= 1e-9
        assert row.quantile05 <= row.median <= row.quantile95
        assert (row.referred, row.agreed) == (6, 6)
        assert row.seconds > 0
        assert row.reference_seconds is not None


def test_the_numbers_are_those_of_the_problems(results: Results) -> None:
    tasks = sample_problems(Lasso.normal(10.0), seed=0, purpose="optima", repeats=4, size=6).tasks
    optima = certified_optima(tasks)
    (row,) = results.optima_by_distribution.where(distribution="σ = 10")
    logs = optima.primal.mean(1).log()
    assert row.mean_ln == pytest.approx(logs.mean().item(), rel=1e-12)
    assert row.sd_ln == pytest.approx(logs.std().item(), rel=1e-9)
    assert row.median == pytest.approx(optima.primal.median().item(), rel=0.5)
    values = optima.primal.flatten().sort(descending=True).values
    assert row.worst == pytest.approx((values[:2].sum() / values.sum()).item(), rel=1e-12)
    first = results.optima.where(distribution="σ = 10")
    assert len(first) == 2
    for r, one in enumerate(first):
        assert float(one.value.upper) == pytest.approx(optima.primal[r, :3].mean().item())
        assert one.reference == pytest.approx(optima.primal[r, :3].mean().item(), rel=1e-8)


def test_an_optimum_that_vanishes_has_no_logarithm(results: Results) -> None:
    for label in ("square", "the valley"):
        (row,) = results.optima_by_distribution.where(distribution=label)
        assert (row.mean_ln, row.sd_ln, row.worst) == (None, None, None)
    (tall,) = results.optima_by_distribution.where(distribution="tall")
    assert tall.mean_ln is not None


def test_every_entry_of_the_table_is_there(results: Results) -> None:
    assert {row.method for row in results.printed} == set(TABLE_1)
    for row in results.printed:
        place = TABLE_1_SIGMAS.index(row.sigma)
        assert row.printed == TABLE_1[row.method][place]
        assert row.lower <= row.optimum <= row.upper
        assert row.width <= 1e-10
        assert row.verdict is PrintedVerdict.ABOVE


def test_a_printed_score_is_judged_by_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = sample_problems(Lasso.normal(10.0), seed=0, purpose="optima", repeats=9, size=4).tasks
    optima = certified_optima(tasks)
    logs = optima.primal.mean(1).log().sort().values
    middle = (logs[4] + 1e-6).item()
    entries = {"low": logs[0] - 0.1, "middle": middle, "high": logs[-1] + 0.1}
    table = {name: (float(value),) * 5 for name, value in entries.items()}
    monkeypatch.setattr(artefact, "TABLE_1", table)
    low, among, high = artefact._printed("optima", 10.0, optima)
    assert (low.verdict, among.verdict, high.verdict) == (
        PrintedVerdict.BELOW,
        PrintedVerdict.AT_THE_OPTIMUM,
        PrintedVerdict.ABOVE,
    )
    assert (low.below, among.below, high.below) == (9, 4, 0)
    assert among.share == pytest.approx(4 / 9)
    assert among.share_lower < 4 / 9 < among.share_upper
    assert high.share_lower == 0


def test_the_presets_cover_every_family_and_every_sigma_of_the_paper() -> None:
    found = distributions()
    for family in ("lasso", "smoothed-lasso", "quadratic"):
        sigmas = {one.sigma for one in found if one.family.name == family}
        assert sigmas == {None, 0.1, 1.0, *TABLE_1_SIGMAS}
    assert "rosenbrock" in {one.family.name for one in found}


def test_findings_and_page_come_from_the_stored_rows(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.save(tmp_path)
    again = Results.load(tmp_path)
    texts = [finding.text for finding in Optima().findings(again)]
    assert len(texts) == 3
    assert "24 of 24 problems" in texts[1]
    assert "0 lie among" in texts[2]
    assert len(Optima().section(again).blocks) == 6
    assert "no answer" not in texts[1]
    row = next(row for row in again.optima_by_distribution if row.referred)
    missing = row.model_copy(update={"agreed": row.agreed - 1})
    rows = [missing if other.id == row.id else other for other in again.rows]
    said = Optima().findings(Results(tuple(rows)))[1].text
    assert "23 of 24 problems (of the other 1 one of them has no answer)" in said
    monkeypatch.setattr(Optima, "configuration", lambda self, settings: SMALL)
    run = run_artefacts(["optima"], RunSettings(), tmp_path / "page")
    assert not any(math.isnan(row.gap) for row in run.optima_by_distribution)
    assert "Certified optima" in (tmp_path / "page/index.html").read_text(encoding="utf-8")
