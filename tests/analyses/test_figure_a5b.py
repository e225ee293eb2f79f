"""Figure A5b: the ends of the interpolation are Figure 4's panels, and what is computed is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from analyses import figure4, profiles
from analyses.comparison import ANALYTIC_LABELS
from analyses.figure_a5b import CLAIMED, OPTIMUM, FigureA5b, _by_factor
from analyses.interpolation import Interpolation, between
from analyses.lasso_test import SCORES
from analyses.profiles import Size
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from ml2o_core.methods import METHODS
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import certified_optima

TINY = Size(windows=3, repeats=2, batch_size=3, test_steps=4, test_size=3, lengths=(20, 40))
SETTINGS = RunSettings(preset=Preset.STANDARD, profile="paper")
NAME = FigureA5b.name


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every preset at a size of seconds, in this process."""
    monkeypatch.setattr(profiles, "SIZES", dict.fromkeys(Preset, TINY))
    monkeypatch.setattr("analyses.kept_frames.WORKERS", 1)
    monkeypatch.setattr("analyses.trainings.WORKERS", 1)


def test_interpolated_weights_are_the_ends_at_the_ends() -> None:
    first, second = {"a": torch.tensor([0.1, 7.0])}, {"a": torch.tensor([0.3, -1e9])}
    assert torch.equal(between(first, second, 0)["a"], first["a"])
    assert torch.equal(between(first, second, 1)["a"], second["a"])
    torch.testing.assert_close(between(first, second, 0.25)["a"], torch.tensor([0.15, -2.5e8]))


@pytest.fixture
def three_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = FigureA5b.configuration

    def shorter(self: FigureA5b, settings: RunSettings) -> Interpolation:
        return whole(self, settings).with_changes(factors=(0.0, 0.5, 1.0))

    monkeypatch.setattr(FigureA5b, "configuration", shorter)


@pytest.mark.slow
@pytest.mark.usefixtures("three_factors")
def test_its_ends_are_panels_of_figure_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figure4, "SIGMAS", (10.0, 100.0))
    found = run_artefacts(["figure4", NAME], SETTINGS, tmp_path)
    by_sigma = {c.method: c for c in found.of("figure4").curves.where(quantity=figure4.QUANTITY)}
    curves = found.of(NAME).curves.where(quantity="score by a")
    others = {OPTIMUM, *ANALYTIC_LABELS.values()}
    learned = [curve for curve in curves if curve.method not in others]
    assert {curve.method for curve in learned} == {method.label for method in METHODS.values()}
    for curve in learned:
        near, far = by_sigma[curve.method].estimate
        assert curve.x[0] == 0
        assert curve.x[-1] == 1
        assert curve.estimate[0] == pytest.approx(near, rel=1e-12)
        assert curve.estimate[-1] == pytest.approx(far, rel=1e-12)
        if curve.method in {METHODS[name].label for name in CLAIMED}:
            assert near != far
    for name in ("SGD", "Momentum", "Adam", "ISTA", "FISTA", OPTIMUM):
        (flat,) = curves.where(method=name)
        near, far = by_sigma[name].estimate
        assert flat.estimate == pytest.approx([far] * len(flat.x), rel=1e-12)
        if name in {"ISTA", "FISTA", OPTIMUM}:  # not adapted to anything
            assert near == far
    assert len(by_sigma) == len(curves)


@pytest.mark.usefixtures("three_factors")
def test_it_has_every_method_and_the_optimum_and_what_is_computed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_artefacts([NAME], SETTINGS, tmp_path)
    curves = found.curves.where(quantity="score by a")
    everyone = {*(method.label for method in METHODS.values()), *ANALYTIC_LABELS.values(), OPTIMUM}
    assert {curve.method for curve in curves} == everyone
    assert {curve.x for curve in curves} == {(0.0, 0.5, 1.0)}

    tasks = sample_problems(
        Lasso.normal(100.0), seed=0, purpose="test", repeats=2, size=3, dtype=torch.float64
    ).tasks
    (line,) = curves.where(method=OPTIMUM)
    expected = certified_optima(tasks).primal.mean(1).log().mean().item()
    assert line.estimate == pytest.approx([expected] * len(line.x), rel=1e-12)

    def computed(*_: object) -> pd.DataFrame:
        raise AssertionError("computed again")

    monkeypatch.setattr("analyses.figure_a5b.interpolated", computed)
    monkeypatch.setattr("analyses.figure_a5b.analytic_scores", computed)
    assert run_artefacts([NAME], SETTINGS, tmp_path).rows == found.rows


def test_a_seed_that_diverges_at_one_factor_counts_at_none() -> None:
    frame = pd.DataFrame(
        {
            "a": [0.0, 0.0, 1.0, 1.0],
            "seed": [0, 1, 0, 1],
            "counted": [True, True, False, True],
            **{score.value: [1.0, 2.0, np.inf, 4.0] for score in SCORES},
        }
    )
    for values in _by_factor(frame):
        assert values.tolist() == [[2.0, 4.0]]
