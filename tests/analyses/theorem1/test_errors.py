"""The observed error is enclosed, tightly where the best φ is among those found."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from analyses.theorem1.errors import errors
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.problems import Problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.quadratic import QuadraticTask

T = 3


def identity_tasks(n: int) -> Problems:
    """½‖x − b‖²: the gain φ leaves ½(1 − φ)^{2T}‖x_0 − b‖², the gain 1 nothing."""
    b = torch.randn(n, 2, generator=generator(0, purpose="targets"), dtype=torch.float64)
    tasks = TaskBatch.stack([QuadraticTask(torch.eye(2, dtype=torch.float64), row) for row in b])
    return Problems(TaskBatch.stack([tasks]), torch.zeros(1, n, 2, dtype=torch.float64))


def test_errors_are_enclosed_and_the_enclosure_is_tight_where_the_best_is_found() -> None:
    given = identity_tasks(4)
    b = given.tasks.tensors["b"][0]
    half, one = ({"gain": torch.tensor([g], dtype=torch.float64)} for g in (0.5, 1.0))
    found = errors(LinearGain(), {"half": half}, {"one": one}, given, T)
    true = (0.5 ** (2 * T) * (b * b).sum(1) / 2).mean().item()
    assert found.lower("half")[0, T].item() == pytest.approx(true, rel=1e-12)
    assert found.upper("half")[0, T].item() == pytest.approx(true, rel=1e-12)
    assert found.standstill.item() == pytest.approx((b * b).sum(1).mean().item() / 2, rel=1e-12)
    distance = (0.5**T * b.norm(dim=1)).mean().item()
    assert found.distances["half"][0, T].item() == pytest.approx(distance, rel=1e-12)
    assert set(found.distances) == {"half"}
    # Negative control: without the better φ the lower end falls to 0, and stays true.
    alone = errors(LinearGain(), {"half": half}, {}, given, T)
    assert alone.lower("half")[0, T].item() == 0
    assert alone.upper("half")[0, T].item() == pytest.approx(true, rel=1e-12)


def test_a_diverged_run_does_not_spoil_the_errors_of_the_others() -> None:
    broken = {"gain": torch.tensor([torch.nan], dtype=torch.float64)}
    half = {"gain": torch.tensor([0.5], dtype=torch.float64)}
    found = errors(LinearGain(), {"half": half}, {"broken": broken}, identity_tasks(2), T)
    assert found.lower("half")[0, T].item() == 0
    assert found.over_seeds("half", T).upper.is_finite


def test_an_error_is_not_below_its_certificate() -> None:
    """The gain 1 ends at the optimum: what is left is the gap of the certificates, and no less."""
    one = {"gain": torch.tensor([1.0], dtype=torch.float64)}
    found = errors(LinearGain(), {"one": one}, {}, identity_tasks(3), T)
    gap = found.optima.gap.mean().item()
    assert gap >= 0
    assert found.upper("one")[0, T].item() == pytest.approx(gap, abs=1e-30)
    wide = replace(found, optima=replace(found.optima, primal=found.optima.dual + 0.5))
    assert wide.upper("one")[0, T].item() == 0.5
    assert wide.upper("one")[0, 0] == found.upper("one")[0, 0].clamp(min=0.5)
