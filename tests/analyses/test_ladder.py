"""The ladder of bounds: its instances, its rows, and the page; uniform checks beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from analyses.ladder import Ladder, LadderConfig, draw, quantiles
from analyses.ladder_page import QUOTIENT
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from analyses.uniform import CELLS, Uniform
from ml2o_core.progress import Progress
from ml2o_core.results import CheckVerdict, Level, Results
from ml2o_theory.registry import ladder_statements


@pytest.fixture(scope="module")
def small() -> pytest.MonkeyPatch:  # type: ignore[misc]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Ladder,
            "configuration",
            lambda self, settings: LadderConfig(
                seed=settings.seed, per_cell=1, dims=(2,), horizons=(2,), hidden=1
            ),
        )
        yield patch


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ladder")


@pytest.fixture(scope="module")
def results(small: pytest.MonkeyPatch, folder: Path) -> Results:
    return run_artefacts(["ladder"], RunSettings(), folder)


def test_every_statement_is_checked_at_each_of_its_levels(results: Results) -> None:
    found = {(row.statement, row.level) for row in results.looseness}
    expected = {(s.number, level) for s in ladder_statements().values() for level in s.levels}
    assert found == expected | {("Lemma 1", Level.UNIFORM)}
    assert all(row.checks == 1 for row in results.looseness)


def test_none_is_violated_and_nearly_all_hold(results: Results) -> None:
    """Lemma 7's ρ_m has a loose lower end for the MLP: its checks may stay undecided."""
    rows = list(results.looseness)
    assert not sum(row.violated for row in rows)
    undecided = [row for row in rows if row.undecided]
    assert {(row.statement, row.rule) for row in undecided} <= {("Lemma 7", "MLP")}
    assert len(list(results.checks)) == sum(row.undecided for row in rows)


def test_the_trajectory_is_the_sharpest_level(results: Results) -> None:
    rows = {
        row.level: row
        for row in results.looseness.where(
            statement="Proposition 1", tasks="quadratic", rule="gain"
        )
    }
    sharpest, uniform = rows[Level.TRAJECTORY].median, rows[Level.UNIFORM].median
    assert sharpest is not None
    assert uniform is not None
    assert 0 <= sharpest < uniform


def test_an_instance_is_drawn_by_its_number() -> None:
    config = LadderConfig(seed=0, per_cell=2)
    first, again, other = (draw(config, "quadratic", "gain", k)[0] for k in (0, 0, 1))
    assert first.sample == again.sample != other.sample
    assert torch.equal(first.parameters[0], again.parameters[0])


def test_quantiles_are_those_of_the_sample() -> None:
    assert quantiles([3.0, 1.0, 2.0], (0.0, 0.5, 1.0)) == [1.0, 2.0, 3.0]
    assert quantiles([], (0.5,)) == [None]


def test_its_page_has_every_row_that_a_sentence_points_to(results: Results, folder: Path) -> None:
    page = (folder / "index.html").read_text(encoding="utf-8")
    sentences = Ladder().findings(results)
    assert "0 × VIOLATED" in sentences[0].text
    assert len(results.curves.where(quantity=QUOTIENT)) == 4 * 4
    for sentence in sentences:
        assert all(f'id="{row}"' in page for row in sentence.rows)


def test_a_violation_is_counted_and_shown(
    small: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kind = type(ladder_statements()["lemma08"])
    sound = kind.formula
    monkeypatch.setattr(kind, "formula", lambda *a: sound(*a) / 10**6)
    found = run_artefacts(["ladder"], RunSettings(), tmp_path)
    assert sum(row.violated for row in found.looseness.where(statement="Lemma 8")) == 12
    shown = {row.verdict for row in found.checks if row.statement == "Lemma 8"}
    assert shown == {CheckVerdict.VIOLATED}
    assert Ladder().findings(found)[0].rows == tuple(row.id for row in found.checks)


def test_a_uniform_check_never_says_that_a_statement_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CELLS, Preset.QUICK, (("quadratic", "gain"),))
    sound = Uniform().configuration(RunSettings())
    monkeypatch.setattr(
        Uniform,
        "configuration",
        lambda self, settings: sound.model_copy(
            update={"trials": 16, "T": 2, "levels": (Level.UNIFORM,)}
        ),
    )
    found = Results(tuple(Uniform().run(RunSettings(), Progress())))
    verdicts = {row.verdict for row in found.checks}
    assert verdicts <= {CheckVerdict.NO_VIOLATION_FOUND, CheckVerdict.INCONCLUSIVE}
    assert all(row.trials for row in found.checks if row.verdict != CheckVerdict.INCONCLUSIVE)
