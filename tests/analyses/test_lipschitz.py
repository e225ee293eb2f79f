"""The artefact of the constants: its cases, its rows, its sentences and its page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from analyses import lipschitz
from analyses.lipschitz import Lipschitz
from analyses.lipschitz_cases import FAMILIES, RULE_SYMBOLS, Case, RegionKind, cases
from analyses.lipschitz_rows import (
    DRAWN,
    FORMULA,
    POPULATION,
    SLOPE,
    STEEPNESS,
    feature_slope,
    population_rows,
)
from analyses.publish import render
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import Results
from ml2o_theory.arithmetic import norm, precision, vector
from ml2o_theory.regions import Ball, Box, Shape, Tube

SMALL = {
    "samples": 9,
    "starts": 1,
    "rounds": 1,
    "network": MLPRule(hidden=2, depth=1),
    "families": FAMILIES[-1:],
    "network_on": (),
    "draws": 3,
    "steps": 2,
    "sigmas": (10.0,),
}
"""A search that is far too short, so that the tests are: it changes how tight the ends are."""

CONSTANTS = 11


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("lipschitz")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lipschitz, "QUICK", SMALL)
        run_artefacts(["lipschitz"], RunSettings(), folder)
        yield folder


@pytest.fixture(scope="module")
def results(out: Path) -> Results:
    return Results.load(out)


def by_place(results: Results) -> dict[tuple[str, ...], object]:
    return {
        (row.symbol, *row.subject.split("; ")): row.value
        for row in results.constants
        if "; " in row.subject
    }


def test_every_rule_and_region_has_every_constant(results: Results) -> None:
    found = by_place(results)
    kinds = len(RegionKind)
    assert len(found) == kinds * (CONSTANTS + len(RULE_SYMBOLS))
    for value in found.values():
        assert value.upper.is_finite
        assert value.lower <= value.upper


def test_a_set_has_no_larger_supremum_than_one_that_holds_it(results: Results) -> None:
    """The tube lies in the box and in the ball, so its lower ends are below their upper ends."""
    found = by_place(results)
    compared = 0
    for (symbol, family, rule, kind), value in found.items():
        if kind == "tube":
            for larger in ("box", "ball"):
                assert value.lower <= found[symbol, family, rule, larger].upper
                compared += 1
    assert compared == 2 * (CONSTANTS + len(RULE_SYMBOLS))


def holds(shape: Shape, x: torch.Tensor) -> bool:
    match shape:
        case Ball():
            center = torch.tensor(shape.center, dtype=torch.float64)
            with precision():
                return bool(norm(vector(x) - vector(center)) <= shape.radius)
        case Box():
            return x in shape
        case Tube():
            return bool(((shape.cover.lower <= x) & (x <= shape.cover.upper)).all(-1).any())


@pytest.fixture(scope="module")
def all_cases() -> list[Case]:
    return list(cases(0, 3, MLPRule(hidden=2, depth=1), network_on=FAMILIES[-1:]))


def test_every_family_has_every_rule_and_region(all_cases: list[Case]) -> None:
    subjects = {case.subject for case in all_cases}
    assert len(subjects) == len(all_cases) == 3 * (2 * len(FAMILIES) + 1)
    assert {case.pair.label for case in all_cases} == set(FAMILIES)


def test_the_regions_hold_the_runs_and_their_gradients(all_cases: list[Case]) -> None:
    for case in all_cases:
        tasks = (case.pair.first, case.pair.second)
        for task, run in zip(tasks, case.comparison.iterates, strict=True):
            for x in run.midpoint:
                assert holds(case.region.x, x)
                if case.kind is not RegionKind.TUBE:
                    assert holds(case.region.z, task.gradient(x))


def test_the_parameters_lie_in_their_set(all_cases: list[Case]) -> None:
    for case in all_cases:
        phi = torch.cat([value.reshape(-1) for _, value in sorted(case.rule.params.items())])
        assert phi in case.region.phi or phi.item() in case.region.phi


def test_populations_by_hand(results: Results) -> None:
    """H = rσ²I against r E[a²](I/12 + 11ᵀ/4), with E[a²] = 0.42, r = 10: Δ̃ = 10σ² − 0.35."""
    for row in results.constants.where(symbol=POPULATION["Delta_tilde"]):
        sigma = float(row.subject.split(" = ")[1])
        assert float(row.value.upper) == pytest.approx(10 * sigma**2 - 0.35, rel=1e-12)
    for row in results.constants.where(symbol=DRAWN["Delta"]):
        assert row.value.lower <= row.value.upper
        assert row.region.endswith("3 pairs")


def test_the_drawn_pairs_depend_on_the_seed_and_populations_do_not() -> None:
    first, again, other = (list(population_rows("a", seed, (10.0,), 1.0, 2)) for seed in (0, 0, 1))
    assert first == again
    assert [a == b for a, b in zip(first, other, strict=True)] == [True, False] * 4


def test_only_lasso_grows_with_every_halving(results: Results) -> None:
    for curve in results.curves.where(quantity=STEEPNESS):
        first, last = curve.estimate[0], curve.estimate[-1]
        assert first is not None
        assert last is not None
        assert (last > first + 8) if curve.method == "LASSO" else abs(last - first) < 0.1


def test_the_slope_of_the_features_is_the_formula(results: Results) -> None:
    measured, formula = (results.curves.where(quantity=q) for q in (SLOPE, FORMULA))
    for found, known in zip(measured, formula, strict=True):
        assert found.estimate == pytest.approx(known.estimate, rel=1e-12)
    # Ten gradients of size 1: v = 1 − β₂¹⁰, v̂ = β₂v/(1 − β₂¹¹).
    rule = RNNprop(beta2=0.5, epsilon=0.25)
    v_hat = 0.5 * (1 - 0.5**10) / (1 - 0.5**11)
    assert feature_slope(rule, 1.0)[0] == pytest.approx(1 / (v_hat**0.5 + 0.25), rel=1e-12)
    assert feature_slope(rule, 0.0) == (4.0, 4.0)


def test_the_page_has_every_row_that_a_sentence_points_to(out: Path, results: Results) -> None:
    page = (out / "index.html").read_text(encoding="utf-8")
    sentences = Lipschitz().findings(results)
    assert len(sentences) == 5
    assert "48 of 48" in sentences[0].text
    for sentence in sentences:
        assert all(f'id="{row}"' in page for row in sentence.rows)
    render(out)
    assert (out / "index.html").read_text(encoding="utf-8") == page


def test_larger_presets_search_longer_and_leave_nothing_out() -> None:
    quick, standard = (
        Lipschitz().configuration(RunSettings(preset=preset))
        for preset in (Preset.QUICK, Preset.STANDARD)
    )
    assert standard.samples * standard.rounds > quick.samples * quick.rounds
    assert standard.network_on == FAMILIES
    assert set(quick.network_on) < set(FAMILIES)
