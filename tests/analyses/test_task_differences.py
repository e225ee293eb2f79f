"""Task differences beside the scores: their values, their ranks, and the claims made of them."""

from __future__ import annotations

import numpy as np
import pytest

from analyses.comparison import Panel
from analyses.figure4 import Figure4
from analyses.panels import Scored
from analyses.seed_scores import PAPER
from analyses.settings import Preset, RunSettings
from analyses.table1 import Table1
from analyses.task_differences import (
    SYMBOLS,
    correlation_rows,
    difference_rows,
    differences,
    rank_claim,
    rank_correlations,
)
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.rosenbrock import Rosenbrock

SETTINGS = RunSettings(preset=Preset.STANDARD, profile="paper")
TRAINING = Lasso.uniform_mixture()
PANELS = Figure4().panels(SETTINGS)


def scored(score_of: dict[float, float], counted: tuple[bool, ...] = (True, True)) -> dict:
    """Panels in which both methods score this by σ of the adaptation tasks, with both seeds."""
    return {
        panel.label: Scored(
            {PAPER: {"m-l2o": np.full(2, score_of[sigma]), "tl": np.full(2, -score_of[sigma])}},
            {"m-l2o": np.array(counted), "tl": np.array([True, True])},
        )
        for panel, sigma in zip(PANELS, score_of, strict=True)
    }


RISING = {10.0: 1.0, 25.0: 2.0, 50.0: 3.0, 75.0: 4.0, 100.0: 5.0, 150.0: 6.0, 200.0: 7.0}


def test_the_second_hessian_difference_is_that_of_the_two_variances() -> None:
    """For A ~ N(0, σ²) with 10 rows E[AᵀA] = 10σ²I, so Δ̃₂₃ = 10 |σ_a² − σ_t²|."""
    for panel, sigma in zip(PANELS, RISING, strict=True):
        value = differences(TRAINING, panel)["Delta_tilde_23"]
        expected = 10 * abs(sigma**2 - 100**2)
        assert float(value.lower.value) <= expected <= float(value.upper.value)
        assert float(value.upper.value) <= expected * (1 + 1e-12) + 1e-12


def test_there_are_none_between_families_of_different_kinds() -> None:
    valley = Panel(label="valley", adaptation=Rosenbrock(), test=Rosenbrock())
    assert differences(TRAINING, valley) == {}
    assert difference_rows("it", TRAINING, valley) == []
    assert [row.symbol for row in difference_rows("it", TRAINING, PANELS[0])] == list(SYMBOLS)


def test_a_score_that_rises_with_sigma_ranks_with_the_first_difference() -> None:
    ranked = rank_correlations(TRAINING, PANELS, scored(RISING), "m-l2o")
    assert ranked["Delta_12"] == pytest.approx([1, 1])
    assert ranked["Delta_tilde_12"] == pytest.approx([1, 1])
    # |σ² − 100²| falls up to 100 and rises from there.
    assert -1 < ranked["Delta_tilde_23"][0] < 1
    assert rank_correlations(TRAINING, PANELS, scored(RISING), "tl")["Delta_12"] == (
        pytest.approx([-1, -1])
    )


def test_what_is_the_same_in_all_panels_has_no_rank() -> None:
    panels = Table1().panels(SETTINGS)  # adapted to what is tested
    found = {
        panel.label: Scored({PAPER: {"tl": np.array([float(i)])}}, {"tl": np.array([True])})
        for i, panel in enumerate(panels)
    }
    assert set(rank_correlations(TRAINING, panels, found, "tl")) == {"Delta_12", "Delta_tilde_12"}


def test_seeds_that_do_not_count_do_not_enter_and_none_is_said() -> None:
    found = rank_correlations(TRAINING, PANELS, scored(RISING, (False, True)), "m-l2o")
    assert len(found["Delta_12"]) == 1
    none = rank_correlations(TRAINING, PANELS, scored(RISING, (False, False)), "m-l2o")
    rows = correlation_rows("it", {"m-l2o": none}, len(PANELS))
    assert {(row.rho, row.points) for row in rows} == {(None, 0)}
    assert all("no seed" in row.reason for row in rows)


def test_a_score_that_never_changes_has_no_rank_and_an_interval_stays_within_one() -> None:
    same = rank_correlations(TRAINING, PANELS, scored(dict.fromkeys(RISING, 1.0)), "tl")
    (row, *_) = correlation_rows("it", {"tl": same}, len(PANELS))
    assert (row.rho, row.reason) == (None, "the score is the same in all panels")
    spread = {"Delta_12": np.array([1.0, 0.9, 0.5])}
    (row,) = correlation_rows("it", {"tl": spread}, len(PANELS))
    assert row.rho == pytest.approx(0.8)
    assert row.upper == 1


def test_a_rank_claim_has_a_negative_effect_where_it_is_right() -> None:
    ranked = rank_correlations(TRAINING, PANELS, scored(RISING), "m-l2o")
    claim = rank_claim("it", "m-l2o", "Delta_12", ranked, "Section 5.3")
    assert (claim.better - claim.worse == -1).all()
    (row, *_) = correlation_rows("it", {"m-l2o": ranked}, len(PANELS))
    assert (row.quantity, row.rho, row.points) == ("Delta_12", 1, 2)
