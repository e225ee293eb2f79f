"""The artefact of Proposition 1: its rows, its sentences, its page, and an honest VIOLATED."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyses.proposition1 import PAIRS, Proposition1Artefact, draw_pair
from analyses.proposition1_page import GAP, ROUNDING, TRIVIAL, bound_label, fitted_growth, section
from analyses.rendering.blocks import Text
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from ml2o_core.progress import Progress
from ml2o_core.results import (
    CheckVerdict,
    ConstantRow,
    CurveRow,
    Interval,
    Level,
    Results,
    Vacuity,
)
from ml2o_theory.statements.proposition1 import Proposition1

LEVELS = {Level.UNIFORM, Level.CLOSED_LOOP, Level.TRAJECTORY}
INSTANCES = sum(len(pair.gains) for pair in PAIRS)


@pytest.fixture(scope="module")
def results() -> Results:
    return Results(tuple(Proposition1Artefact().run(RunSettings(), Progress())))


def test_every_certified_instance_holds(results: Results) -> None:
    assert len(results.checks) == 20 * INSTANCES * len(LEVELS)
    assert {row.verdict for row in results.checks} == {CheckVerdict.HOLDS}
    assert {row.level for row in results.checks} == LEVELS
    assert {row.T for row in results.checks} == set(range(1, 21))


def test_every_check_names_constants_that_are_there(results: Results) -> None:
    assert len(results.constants) == 11 * len(PAIRS)
    for row in results.checks:
        # A tube has its own constants at every step; they are not stored.
        assert len(row.constants) == (0 if row.level is Level.TRAJECTORY else 8)
        assert all(id in results.constants for id in row.constants)


def test_the_expansive_rule_shows_the_growth_of_the_bound(results: Results) -> None:
    """Q = 2: both grow by 4 a step; a rule that contracts stays far below."""
    curves = results.curves.where(panel="close tasks, expansive rule", quantity=GAP)
    for curve in curves:
        if curve.method != TRIVIAL:
            before, after = curve.estimate[-2:]
            assert before is not None
            assert after is not None
            assert 10 ** (after - before) == pytest.approx(4.0, rel=0.1)
    contracting = results.curves.where(panel="close tasks", quantity=GAP)
    uniform = bound_label(Level.UNIFORM)
    (bound,) = (curve.estimate[-1] for curve in contracting if curve.method == uniform)
    others = [c.estimate[-1] for c in contracting if c.method.startswith("observed")]
    assert bound is not None
    assert all(value is not None and bound - value > 20 for value in others)


def test_close_tasks_have_an_informative_bound_at_first(results: Results) -> None:
    first, last = (results.checks.where(tasks="close tasks", T=T) for T in (1, 20))
    assert {row.vacuity for row in first.where(level=Level.UNIFORM)} == {Vacuity.INFORMATIVE}
    assert {row.vacuity for row in last.where(level=Level.UNIFORM)} == {Vacuity.VACUOUS}


def test_each_level_is_sharper_than_the_one_before(results: Results) -> None:
    """By many orders of magnitude, where the rule contracts; the trajectory is within 10⁴."""
    for row in results.checks.where(tasks="close tasks", T=20, level=Level.UNIFORM):
        bounds = []
        for level in (Level.UNIFORM, Level.CLOSED_LOOP, Level.TRAJECTORY):
            (same,) = results.checks.where(tasks="close tasks", T=20, level=level, rule=row.rule)
            assert same.bound is not None
            bounds.append(same.bound.upper.log10)
            assert same.ratio is not None
        assert bounds[0] > bounds[1] + 5 > bounds[2] + 5
        assert same.ratio.upper.log10 > -4


def test_the_fitted_growth_is_that_of_a_geometric_curve() -> None:
    curve = CurveRow(
        id="a/b",
        artefact="a",
        panel="p",
        method="m",
        quantity=GAP,
        step=tuple(range(1, 11)),
        estimate=tuple(0.5 * t + 3 for t in range(1, 11)),
    )
    assert fitted_growth(curve) == pytest.approx(10**0.5)


def without_growth(results: Results) -> list[str]:
    blocks = section(results).blocks
    return [b.text for b in blocks if isinstance(b, Text) and "power of T" in b.text]


def test_a_growth_that_is_polynomial_is_said_to_be(results: Results) -> None:
    """Q̄ = 2 of the expansive rule is certainly above 1; where all are, nothing is said."""
    said = without_growth(results)
    assert len(said) == 2
    assert not any("expansive" in text for text in said)
    above = Interval.between(2, 3)
    others = [
        row.with_changes(value=above) if isinstance(row, ConstantRow) else row
        for row in results.rows
    ]
    assert not without_growth(Results(tuple(others)))


def test_autodiff_agrees_with_the_enclosures(results: Results) -> None:
    """The close tasks' gradients agree in three digits, which the difference loses."""
    for curve in results.curves.where(quantity=ROUNDING):
        assert all(value is not None and value < 1e-9 for value in curve.estimate)


def test_the_same_seed_gives_the_same_rows(results: Results) -> None:
    rows = Proposition1Artefact().run(RunSettings(), Progress())
    assert Results(tuple(rows)) == results


def test_another_seed_gives_other_tasks() -> None:
    configs = [Proposition1Artefact().configuration(RunSettings(seed=seed)) for seed in (0, 1)]
    first, second = (draw_pair(config, config.pairs[0]) for config in configs)
    assert first.sample != second.sample


def test_close_pairs_share_their_first_task() -> None:
    config = Proposition1Artefact().configuration(RunSettings())
    unrelated, close, expansive = (draw_pair(config, part) for part in config.pairs)
    assert close.sample == expansive.sample
    assert bool((close.first.A == unrelated.first.A).all())
    assert 0 < (close.second.A - close.first.A).abs().max() < 0.01


def test_larger_presets_look_further() -> None:
    horizons = [
        Proposition1Artefact().configuration(RunSettings(preset=preset)).horizon
        for preset in Preset
    ]
    assert horizons == [20, 50, 100]


def test_its_page_has_every_row_that_a_sentence_points_to(tmp_path: Path) -> None:
    found = run_artefacts(["proposition1"], RunSettings(), tmp_path)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    sentences = Proposition1Artefact().findings(found)
    assert "holds in all 420" in sentences[0].text
    for sentence in sentences:
        assert all(f'id="{row}"' in page for row in sentence.rows)


def test_a_violation_is_said_and_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Proposition1.formula
    monkeypatch.setattr(Proposition1, "formula", lambda *a: sound(*a) / 10**27)
    found = run_artefacts(["proposition1"], RunSettings(), tmp_path)
    first = Proposition1Artefact().findings(found)[0]
    assert "× VIOLATED" in first.text
    assert "holds in all" not in first.text
    assert all(found.checks[id].verdict is CheckVerdict.VIOLATED for id in first.rows)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f'id="{row}"' in page for row in first.rows)
