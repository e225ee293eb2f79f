"""Theorem 1 on the paper's experiment: witnesses, sampled bounds, enclosed errors, departures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from analyses.profiles import Size
from analyses.rendering.blocks import Section
from analyses.rendering.page import Facts, Page, Part, html
from analyses.settings import Preset, RunSettings
from analyses.theorem1 import experiment, training
from analyses.theorem1.curves import APART, DISTANCES, EVALUATED, PART, STANDSTILL, THEOREM
from analyses.theorem1.experiment import one_step
from analyses.theorem1.experiment_page import horizon_of_vacuity
from ml2o_core.devices import deterministic
from ml2o_core.meta.plain import Plain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress
from ml2o_core.results import AssumptionVerdict, CurveRow, EndMethod, Results, Row

SMALL = Size(windows=1, repeats=2, batch_size=2, test_steps=4, test_size=2)
"""Far too little of everything: only what the rows say of themselves is tested."""

T = 3
SOLVER = 1e-9
"""Far above the certified gaps, which are of the order of 1e-13."""

HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN


def small(settings: RunSettings) -> experiment.ExperimentConfig:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "QUICK", SMALL)
        found = CONFIGURATION(settings)
    meta = found.training.meta.with_changes(unroll_steps=2, rule=RNNprop(hidden=3))
    plain = meta.with_changes(meta_gradient=Plain(), windows=1)
    pair = found.training.with_changes(meta=meta, plain=plain)
    changes = {"unroll_steps": 2, "rule": meta.rule, "windows": 1}
    return found.with_changes(
        training=pair,
        adaptation=found.adaptation.with_changes(**changes),
        direct=found.direct.with_changes(**changes),
        pairs=2,
        horizon=T,
        curvature_horizon=1,
    )


CONFIGURATION = experiment.configuration


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    with pytest.MonkeyPatch.context() as patch, deterministic():
        patch.setattr(experiment, "configuration", small)
        yield experiment.rows("theorem1", RunSettings(), "cpu", Progress())


@pytest.fixture(scope="module")
def results(rows: list[Row]) -> Results:
    return Results(tuple(rows), {}, {})


def test_every_row_belongs_to_the_part(rows: list[Row]) -> None:
    assert all(row.artefact == "theorem1" for row in rows)
    assert all(row.id.startswith(f"theorem1/{PART}/") for row in rows)


def test_a_training_that_is_handed_over_gives_the_same_rows(rows: list[Row]) -> None:
    """And with that the same seed the same numbers, twice."""
    config = small(RunSettings())
    with pytest.MonkeyPatch.context() as patch, deterministic():
        pretrained = training.train_pair(config.training, "cpu", Progress())
        patch.setattr(experiment, "configuration", small)
        again = experiment.rows("theorem1", RunSettings(), "cpu", Progress(), pretrained)
    assert again == rows


def test_the_assumptions_fall_as_they_should(results: Results) -> None:
    verdicts = {
        row.id.removeprefix(f"theorem1/{PART}/"): row.verdict for row in results.assumptions
    }
    for part in ("a3/a3b", "a3/a3c", "a3/a3f", "a3/population", "a4/population"):
        assert verdicts[part] is REFUTED, part
    for part in ("a3/a3a", "a3/a3d", "a4/drawn"):
        assert verdicts[part] is HOLDS, part
    assert all(row.witness for row in results.assumptions.where(verdict=REFUTED))


def test_the_constant_of_a3d_is_formal(results: Results) -> None:
    """Its bound is of order 1/ε, and the feature's slope without a history is 1/ε = 1e8."""
    prefix = f"theorem1/{PART}/a3/a3d"
    values = {row.symbol: row.value for row in results.constants if row.id.startswith(prefix)}
    assert float(values["M_m1"].upper) > 1e4
    assert float(values["slope of f_1 at g = 0, no history"].lower) == pytest.approx(1e8)


def test_sampled_numbers_never_pass_for_certificates(results: Results) -> None:
    kinds = ("tasks-1-and-2", "task-3", "bound")
    sampled = [row for row in results.constants if row.id.split("/")[2] in kinds]
    assert len(sampled) >= 8 + 4 + 2
    for row in sampled:
        assert row.lower_method is EndMethod.SAMPLED
        assert row.upper_method is EndMethod.TRIVIAL
        assert not row.value.upper.is_finite


def test_one_inner_step_is_taken_by_name() -> None:
    params = {"b": torch.ones(2, 3), "a": torch.zeros(2, 1, 2)}
    gradient = torch.arange(10.0).reshape(2, 5)
    moved = one_step(params, gradient, 0.5)
    assert moved["a"].tolist() == [[[-0.0, -0.5]], [[-2.5, -3.0]]]
    assert moved["b"][0].tolist() == [0.0, -0.5, -1.0]


def curve(*values: float | None) -> CurveRow:
    return CurveRow(
        id="x",
        artefact="x",
        panel="x",
        method="x",
        quantity="x",
        step=tuple(range(1, len(values) + 1)),
        estimate=values,
    )


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        ((1.0, 2.0, 3.0), 1),
        ((0.0, 2.0, 3.0), 2),
        ((2.0, 0.0, 3.0), 3),
        ((None, 2.0, 3.0), 2),
        ((2.0, 2.0, 0.0), None),
    ],
)
def test_vacuous_means_never_better_again(bound: tuple[float, ...], expected: int | None) -> None:
    assert horizon_of_vacuity(curve(*bound), curve(1.0, 1.0, 1.0)) == expected


def test_three_of_the_four_terms_have_no_value(results: Results) -> None:
    terms = sorted(results.stages, key=lambda row: row.position)
    assert [float(row.value.lower) == 0 for row in terms[1:5]] == [True, False, True, True]
    assert not any(row.value.upper.is_finite for row in terms[1:])
    assert terms[-1].value == terms[2].value


def test_errors_lie_below_what_standing_still_costs_or_say_so(results: Results) -> None:
    rows = [row for row in results.constants if "/error/" in row.id]
    assert len(rows) == 4 * SMALL.repeats
    for row in rows:
        assert 0 <= float(row.value.lower) <= float(row.value.upper)
        assert row.lower_method is EndMethod.SEARCHED
        assert row.upper_method is EndMethod.DUAL_CERTIFICATE


def test_every_error_has_its_distance(results: Results) -> None:
    """The optima are of the order 1/σ from 0; a rule that hardly trained stays far away."""
    distances = results.curves.where(panel=DISTANCES)
    assert {row.method for row in distances} == set(APART.values())
    for row in distances:
        assert len(row.estimate) == T
        assert all(value is not None and value > -3 for value in row.estimate)


def test_every_optimum_has_its_cvxpy_column(results: Results) -> None:
    assert len(results.optima) == SMALL.repeats
    for row in results.optima:
        assert row.reference == pytest.approx(float(row.value.upper), rel=1e-7)
        assert "CLARABEL" in (row.reference_solver or "")


def test_the_page_shows_every_row_that_a_sentence_rests_on(results: Results) -> None:
    section, found = Section(tuple(experiment.blocks(results))), experiment.findings(results)
    part = Part("theorem1", "Theorem 1", "Theory", section, found)
    page = Page("t", "s", "l", [], [part], [], Facts("p", {}), [])
    drawn = html(page)
    assert "no guarantee" in drawn
    for row in results.rows:
        if row.table in {"assumptions", "stages", "curves"}:
            assert f'id="{row.id}"' in drawn, row.id


def test_the_sentence_about_vacuity_is_that_of_the_curves(results: Results) -> None:
    curves = {(row.panel, row.method): row for row in results.curves}
    T_vacuous = horizon_of_vacuity(curves[THEOREM, EVALUATED], curves[THEOREM, STANDSTILL])
    said = " ".join(found.text for found in experiment.findings(results))
    assert (f"from T = {T_vacuous} on" in said) == (T_vacuous is not None)


@pytest.mark.parametrize("preset", list(Preset))
def test_the_configuration_is_the_papers(preset: Preset) -> None:
    config = CONFIGURATION(RunSettings(preset=preset))
    assert config.adaptation.windows == (2 if preset is Preset.QUICK else 5)
    assert config.training.meta.unroll_steps == 20
    assert config.horizon == 20
    assert config.training.plain.windows == 2 * config.training.meta.windows  # matched
    assert config.direct.objective == "final"
    assert config.alpha == 1e-3
