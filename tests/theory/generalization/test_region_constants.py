"""The constants of a trial are never exceeded on X × Φ', and X holds every trajectory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.unroll import trajectory
from ml2o_theory.generalization.region_constants import TrialConstants
from ml2o_theory.generalization.trial import Trial
from ml2o_theory.regions import as_ball

from ..trials import SMALL, box_trial, draw_trial, plans

ROUNDING = 1 + 1e-12
"""Of float64 samples."""


def gains(trial: Trial) -> list[Tensor]:
    """Points of Φ', its corners included."""
    low, high = (
        torch.tensor(end, dtype=torch.float64) for end in (trial.reach.lower, trial.reach.upper)
    )
    turns = torch.tensor([k % 2 for k in range(len(low))], dtype=torch.float64)
    shares = [turns * 0, turns * 0 + 1, turns, 1 - turns, turns * 0 + 0.4]
    return [low + share * (high - low) for share in shares]


def exceeded(trial: Trial) -> dict[str, float]:
    """The largest sampled value of each constant, over what is certified for it."""
    known, d = TrialConstants(trial), trial.populations.x0.numel()
    region, tasks, pair = known.region, trial.populations.tasks, known.pair
    X, Z = as_ball(region.x), as_ball(region.z)
    stream = torch.Generator().manual_seed(0)
    directions = torch.randn(12, d, generator=stream, dtype=torch.float64)
    directions /= directions.norm(dim=1, keepdim=True)
    center = torch.tensor(X.center, dtype=torch.float64)
    points = [center + share * float(X.radius) * u for u in directions for share in (0.5, 1.0)]
    shape = trial.populations.shape
    rule = LinearGain() if shape == "scalar" else LinearGain(shape="diagonal", dim=d)
    found = dict.fromkeys(("X", "Z", "M", "L", "Q_bar", "M_m1", "Delta", "Delta_tilde"), 0.0)

    def see(name: str, value: float, limit: float) -> None:
        found[name] = max(found[name], value / limit if limit else float(value > 1e-12))

    top = {
        s: [float(known.population(i)[s].upper.value) for i in range(3)]
        for s in ("M", "L", "Q_bar")
    }
    for i, population in enumerate(tasks):
        for task in population:
            see("L", torch.linalg.matrix_norm(task.hessian(center), 2).item(), top["L"][i])
            for x in points:
                see("M", task.gradient(x).norm().item(), top["M"][i])
                see("Z", task.gradient(x).norm().item(), float(Z.radius))
            for phi in gains(trial):
                gain = phi if shape == "diagonal" else phi[0]
                loop = torch.eye(d, dtype=torch.float64) - gain * task.hessian(center).mT
                loop = loop.mT if shape == "diagonal" else loop
                see("Q_bar", torch.linalg.matrix_norm(loop, 2).item(), top["Q_bar"][i])
                see("M_m1", phi.abs().max().item(), float(pair["M_m1"].upper.value))
                run = trajectory(rule, {"gain": gain}, task, trial.populations.x0, trial.steps)
                for x in run.iterates:
                    see("X", (x - center).norm().item(), float(X.radius))
    for first, second in zip(tasks[0], tasks[1], strict=True):
        apart = first.hessian(center) - second.hessian(center)
        limit = float(pair["Delta_tilde"].upper.value)
        see("Delta_tilde", torch.linalg.matrix_norm(apart, 2).item(), limit)
        for x in points:
            away = (first.gradient(x) - second.gradient(x)).norm().item()
            see("Delta", away, float(pair["Delta"].upper.value))
    return found


@settings(max_examples=25)
@given(plans())
def test_no_sample_is_above_on_boxes(plan: dict[str, Any]) -> None:
    trial = box_trial(**{name: value for name, value in plan.items() if name != "ends"})
    found = exceeded(trial)
    assert all(share <= ROUNDING for share in found.values()), found
    # Constants of matrices and boxes are attained, not only bounded.
    assert found["L"] > 0.999
    assert found["M_m1"] > 0.999
    assert found["Q_bar"] > 0.999


@pytest.mark.parametrize("index", range(6))
def test_no_sample_is_above_on_drawn_trials(index: int) -> None:
    """The scalar gain on tasks in two dimensions is among them."""
    trial, _, _ = draw_trial(SMALL, 7, index)
    found = exceeded(trial)
    assert all(share <= ROUNDING for share in found.values()), found
    assert found["L"] > 0.999


def test_equal_populations_do_not_differ() -> None:
    task = [[(1.25, 1.0), (1.5, 2.0)]]
    known = TrialConstants(box_trial([task] * 3, (1,), 0.1, 2))
    for i, j in ((0, 1), (1, 2), (0, 2)):
        for value in known.differences(i, j).values():
            assert value.upper.value == 0
    moved = TrialConstants(box_trial([task, task, [[(1.25, 1.0), (1.75, 2.0)]]], (1,), 0.1, 2))
    assert moved.differences(0, 1)["Delta"].upper.value == 0
    assert moved.differences(0, 2)["Delta"].lower.value > 0


def test_the_region_holds_on_its_own_trial_alone() -> None:
    task = [[(1.25, 1.0)]]
    one, other = (
        TrialConstants(box_trial([task] * 3, (count,), 0.1, 2)).region.id for count in (1, 2)
    )
    assert one != other
