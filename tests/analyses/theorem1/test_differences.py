"""Task differences beside scores: what is averaged, what is ranked, and what is then said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from analyses.profiles import Size
from analyses.rendering.blocks import Section
from analyses.rendering.page import Facts, Page, Part, html
from analyses.settings import Preset, RunSettings
from analyses.theorem1 import differences, training
from analyses.theorem1.differences_rows import (
    ADVANTAGE,
    ML2O,
    PART,
    TL,
    Quantity,
    Scored,
    claim_rows,
    correlation_rows,
    score_rows,
)
from ml2o_core.devices import deterministic
from ml2o_core.meta.plain import Plain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import ClaimVerdict, CorrelationRow, EndMethod, Results, Row, Score
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.arithmetic import exact
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.optima import certified_optima

SMALL = Size(windows=1, repeats=2, batch_size=2, test_steps=3, test_size=2)
SIGMAS = (10.0, 100.0, 200.0)
CONFIGURATION = differences.configuration
PAPER = (Score.MIN_LN_MEAN_OBJECTIVE, None)


def small(settings: RunSettings) -> differences.DifferencesConfig:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "QUICK", SMALL)
        found = CONFIGURATION(settings)
    meta = found.training.meta.with_changes(unroll_steps=2, rule=RNNprop(hidden=2))
    plain = meta.with_changes(meta_gradient=Plain(), windows=1)
    pair = found.training.with_changes(meta=meta, plain=plain)
    return found.with_changes(training=pair, sigmas=SIGMAS, adaptation_windows=1, pairs=2)


@pytest.fixture(scope="module")
def rows() -> Iterator[list[Row]]:
    with pytest.MonkeyPatch.context() as patch, deterministic():
        patch.setattr(differences, "configuration", small)
        yield differences.rows("theorem1", RunSettings(), "cpu", Progress())


@pytest.fixture(scope="module")
def results(rows: list[Row]) -> Results:
    return Results(tuple(rows), {}, {})


def test_every_row_belongs_to_the_part(rows: list[Row]) -> None:
    assert all(row.artefact == "theorem1" for row in rows)
    assert all(row.id.startswith(f"theorem1/{PART}/") for row in rows)


def difference(results: Results, kind: str, symbol: str, sigma: float) -> tuple[float, float]:
    subject = f"{kind}: adaptation tasks of σ = {sigma:g}"
    (row,) = results.constants.where(symbol=symbol, subject=subject)
    assert row.upper_method is EndMethod.DUAL_CERTIFICATE or float(row.value.upper) == 0
    return float(row.value.lower), float(row.value.upper)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_population_of_adaptation_against_test_is_the_closed_form(
    results: Results, sigma: float
) -> None:
    """H = rσ²I with r = 10: Δ̃₂₃ = 10|σ² − 100²|, and on the unit ball Δ₂₃ is the same."""
    expected = 10 * abs(sigma**2 - 100.0**2)
    for symbol in ("Delta_23", "Delta_tilde_23"):
        lower, upper = difference(results, "population", symbol, sigma)
        assert lower <= expected * (1 + 1e-12)
        assert expected * (1 - 1e-12) <= upper
        assert upper - lower <= 1e-9 * expected


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_drawn_difference_is_the_mean_over_the_tasks_that_the_runs_see(
    results: Results, sigma: float
) -> None:
    """Δ̃₁₂, recomputed in float64 from the same streams of random numbers."""
    common = {"seed": 0, "repeats": SMALL.repeats, "size": 2}
    first = sample_problems(Lasso.uniform_mixture(), purpose="train", **common).tasks.tensors["A"]
    second = sample_problems(Lasso.normal(sigma), purpose="adapt", **common).tasks.tensors["A"]
    expected = torch.linalg.matrix_norm(first.mT @ first - second.mT @ second, 2).mean().item()
    lower, upper = difference(results, "drawn", "Delta_tilde_12", sigma)
    assert lower <= expected * (1 + 1e-10)
    assert expected * (1 - 1e-10) <= upper <= expected * (1 + 1e-6)
    population = difference(results, "population", "Delta_tilde_12", sigma)
    assert upper != population[1]


def test_scores_are_reported_as_objective_suboptimality_and_distance(results: Results) -> None:
    kinds = {Score.MIN_LN_MEAN_OBJECTIVE, Score.LN_MEAN_SUBOPTIMALITY, Score.LN_MEAN_DISTANCE}
    for rows in (results.scores, [row for row in results.curves if row.quantity == "score"]):
        assert {getattr(row, "score", None) or row.panel for row in rows} == kinds


def test_the_distance_is_that_of_the_test_problems_minimisers(results: Results) -> None:
    """No coordinate moves by more than s = 0.01 a step, so ‖x_T − x*‖ is near ‖x_0 − x*‖."""
    family = Lasso.normal(100.0)
    problems = sample_problems(
        family, seed=0, purpose="test", repeats=SMALL.repeats, size=SMALL.test_size
    )
    points = certified_optima(problems.tasks).points
    begin = (problems.start - points).norm(dim=-1).mean(1)
    moved = SMALL.test_steps * 0.01 * family.cols**0.5
    for row in results.scores.where(score=Score.LN_MEAN_DISTANCE, reference=None):
        assert row.mean is not None
        lower, upper = ((begin + sign * moved).clamp(min=1e-9).log().mean() for sign in (-1, 1))
        assert lower <= row.mean <= upper


def quantity(sigma: float, value: float, symbol: str = "Delta_12") -> Quantity:
    number = Enclosure.exactly(exact(value), EndMethod.CLOSED_FORM, region="x")
    return Quantity("population", symbol, sigma, number, "x")


def scored(ml2o: list[float], tl: list[float], kept: Tensor | None = None) -> Scored:
    """Two replicates, ±0.25 about the given means."""
    sigmas = tuple(float(10 + k) for k in range(len(ml2o)))
    spread = torch.tensor([-0.25, 0.25], dtype=torch.float64)
    values = {(s, "m-l2o"): m + spread for s, m in zip(sigmas, ml2o, strict=True)}
    values |= {(s, "tl"): t + spread for s, t in zip(sigmas, tl, strict=True)}
    everyone = torch.ones(2, dtype=torch.bool)
    return Scored(sigmas, {PAPER: values}, everyone if kept is None else kept)


RISING = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]


def correlations(given: Scored, values: list[float] = RISING) -> dict[str, CorrelationRow]:
    quantities = [quantity(s, v) for s, v in zip(given.sigmas, values, strict=True)]
    quantities += [quantity(s, -v, "Delta_23") for s, v in zip(given.sigmas, values, strict=True)]
    return {
        f"{row.quantity.split()[1]} {row.score.partition(':')[0]}": row
        for row in correlation_rows("theorem1", given, quantities, 100.0)
    }


def test_ranks_agree_or_are_reversed() -> None:
    """A score that rises with Δ, one that falls with it, and one that never changes."""
    found = correlations(scored([v**3 for v in RISING], [-v for v in RISING]))
    assert found[f"Delta_12 {ML2O}"].rho == 1
    assert found[f"Delta_12 {TL}"].rho == -1
    assert found[f"Delta_23 {ML2O}"].rho == -1
    assert found[f"Delta_12 {ADVANTAGE}"].rho == 1
    assert found[f"Delta_12 {ML2O}"].points == len(RISING)
    constant = correlations(scored([0.0] * 7, RISING))[f"Delta_12 {ML2O}"]
    assert constant.rho is None
    assert constant.reason


def test_replicates_that_diverged_do_not_count() -> None:
    kept = torch.tensor([True, False])
    given = scored(RISING, RISING, kept)
    for row in score_rows("theorem1", given, 100.0):
        assert (row.repeats, row.masked) == (1, 1)
        if row.method == ML2O and row.reference is None:
            assert row.mean == RISING[int(row.sigma or 0) - 10] - 0.25
    nobody = scored(RISING, RISING, torch.tensor([False, False]))
    assert all(row.mean is None and row.reason for row in score_rows("t", nobody, 100.0))
    assert all(row.rho is None and row.reason for row in correlations(nobody).values())


def verdicts(ml2o: list[float], preset: Preset) -> list[ClaimVerdict]:
    found = list(correlations(scored(ml2o, RISING)).values())
    return [row.verdict for row in claim_rows("theorem1", found, RunSettings(preset=preset))]


def test_a_claim_is_what_the_ranks_say() -> None:
    """Δ₂₃ falls where Δ₁₂ rises here, so its claim comes out the other way round."""
    reproduced, reversed_ = ClaimVerdict.REPRODUCED, ClaimVerdict.REVERSED
    assert verdicts(RISING, Preset.STANDARD) == [reproduced, reversed_]
    assert verdicts(RISING[::-1], Preset.STANDARD) == [reversed_, reproduced]
    mixed = [4.0, 1.0, 6.0, 2.0, 7.0, 3.0, 5.0]
    assert verdicts(mixed, Preset.STANDARD) == [ClaimVerdict.UNDECIDED] * 2
    assert verdicts([0.0] * 7, Preset.STANDARD) == [ClaimVerdict.UNDECIDED] * 2


def test_the_quick_preset_assesses_nothing_but_shows_the_numbers(results: Results) -> None:
    assert verdicts(RISING, Preset.QUICK) == [ClaimVerdict.NOT_ASSESSED] * 2
    assert {row.verdict for row in results.claims} == {ClaimVerdict.NOT_ASSESSED}
    # A rule that hardly trained never gets below l(x_0), whatever σ; the other score differs.
    assert any(row.rho is not None for row in results.correlations)
    assert all(row.rho is not None or row.reason for row in results.correlations)


def test_the_page_shows_every_row_that_a_sentence_rests_on(results: Results) -> None:
    section, found = Section(tuple(differences.blocks(results))), differences.findings(results)
    part = Part("theorem1", "Theorem 1", "Theory", section, found)
    page = Page("t", "s", "l", [], [part], [], Facts("p", {}), [])
    drawn = html(page)
    for row in results.rows:
        if row.table in {"scores", "claims", "curves", "fits"}:
            assert f'id="{row.id}"' in drawn, row.id


def test_the_smallest_difference_is_named_at_its_sigma(results: Results) -> None:
    said = " ".join(found.text for found in differences.findings(results))
    assert r"$\Delta_{12}$ at σ = 10" in said
    assert r"$\Delta_{23}$ at σ = 100" in said
    assert "Not assessed" in said


def test_the_sweep_is_figure_4s_where_it_is_not_quick() -> None:
    config = CONFIGURATION(RunSettings(preset=Preset.STANDARD))
    assert config.sigmas == (10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0)
    assert config.test_sigma == 100
    assert config.adaptation_windows == 5
