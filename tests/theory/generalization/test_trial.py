"""Trials: the inner step, its reach, and the meta-gradient, held against ml2o_core's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from flint import arb
from hypothesis import given, settings

from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.base import Risk
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.unroll import GraphMode, begin, unroll
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.trial import TRAINING, Populations, Trial, as_vector
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS

from ..trials import box_trial, line_trial, on_a_line, plans

TASKS = [(1.25, 1.0), (1.5, 2.0)]


def without_ends(plan: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in plan.items() if name != "ends"}


@settings(max_examples=60)
@given(plans())
def test_the_reach_holds_every_inner_step(plan: dict[str, Any]) -> None:
    """On a grid of Φ, for α far beyond 1/L_ĝ too."""
    trial = box_trial(**without_ends(plan))
    for one in (trial, replace(trial, alpha=trial.alpha * 1000)):
        ends = list(zip(one.reach.lower, one.reach.upper, strict=True))
        for k in range(9):
            phi = as_vector((1 + k / 8,) * len(ends))
            for i in range(3):
                moved = [*one.step(i, phi), *phi]
                for p, (low, high) in zip(moved, [*ends, *ends], strict=True):
                    assert low <= p.lower()
                    assert p.upper() <= high


def test_a_short_step_reaches_just_the_images_of_the_ends() -> None:
    """ĝ = ½(φ − 1)² and α = ½ on [½, 3]: T̂(Φ) = [¾, 2] ⊂ Φ. At α = 1.5, Φ' ends 3 beyond it."""
    one = [(1.0, 1.0)]
    trial = line_trial(one, one, one, phi=(0.5, 3.0), alpha=0.5)
    assert trial.reach == Box((0.5,), (3.0,))
    longer = replace(trial, alpha=1.5)
    assert longer.reach == Box((0.5 - 3.0,), (3.0 + 3.0,))
    other = line_trial(one, [(2.0, 1.0)], one, phi=(0.5, 1.5), alpha=0.5)
    # T̂² = 2 + (φ − 2)/2 takes the upper end to 1.75.
    assert other.reach.upper[0] == pytest.approx(1.75, rel=1e-15)
    assert other.reach.upper[0] >= 1.75 - 1e-15


def risk_of(trial: Trial) -> tuple[Any, tuple[int, ...]]:
    """ĝ¹ as ml2o_core runs it, of params with one replicate."""
    shape, p = trial.populations.shape, len(trial.phi.lower)
    rule = LinearGain() if shape == "scalar" else LinearGain(shape="diagonal", dim=p)
    tasks = [
        task
        for task, count in zip(trial.populations.tasks[TRAINING], trial.draws, strict=True)
        for _ in range(count)
    ]
    batch = TaskBatch.stack([TaskBatch.stack(tasks)])
    x0 = trial.populations.x0.expand(1, len(tasks), -1).clone()

    def risk(params: Params) -> Risk:
        run = unroll(rule, params, batch, begin(rule, batch, x0), trial.steps, GraphMode.FULL)
        return Risk(run.losses[:, :, -1].mean(1), run.end)

    return risk, (1,) if shape == "scalar" else (1, p)


@settings(max_examples=25)
@given(plans())
def test_the_meta_gradient_is_that_of_algorithm_1(plan: dict[str, Any]) -> None:
    """ml2o_core's MAML differentiates through the inner step: reading E, final loss."""
    trial = replace(box_trial(**without_ends(plan)), reading=Reading.E)
    risk, shape = risk_of(trial)
    phi = as_vector(tuple(1.125 + k / 4 for k in range(len(trial.phi.lower))))
    params = {"gain": torch.tensor([float(p) for p in phi], dtype=torch.float64).reshape(shape)}
    found = MAML(alpha=trial.alpha)(risk, params).gradient["gain"].flatten().tolist()
    exact_ones = [float(entry) for entry in trial.meta_gradient(phi)]
    assert exact_ones == pytest.approx(found, rel=1e-8, abs=1e-8)


@settings(max_examples=25)
@given(plans())
def test_the_meta_gradient_is_the_slope_of_the_meta_risk(plan: dict[str, Any]) -> None:
    """Central differences in 512 bits, h = 2⁻¹⁰⁰: in both readings."""
    trial = box_trial(**without_ends(plan))
    with precision(BITS):
        h, phi = arb(2) ** -100, as_vector((1.375,) * len(trial.phi.lower))
        for k, slope in enumerate(trial.meta_gradient(phi)):
            moved = [
                tuple(p + (sign * h if j == k else 0) for j, p in enumerate(phi))
                for sign in (1, -1)
            ]
            sides = [trial.outer.value(trial.step(TRAINING, point)) for point in moved]
            assert abs((sides[0] - sides[1]) / (2 * h) - slope) < arb(2) ** -120


def test_the_outer_risk_is_the_samples_or_the_populations() -> None:
    trial = line_trial(TASKS, TASKS, TASKS, phi=(1.0, 2.0), alpha=0.1, draws=(3, 1))
    phi = as_vector((1.75,))
    assert trial.outer.weights == (3, 1)
    # All of it by hand: T̂¹ and the two risks are parabolas.
    slope = 3 / 4 * 0.5 + 1 / 4 * 2 * 0.25
    bend, moved = 3 / 4 + 2 / 4, 1.75 - 0.1 * slope
    sample = 3 / 4 * (moved - 1.25) + 2 / 4 * (moved - 1.5)
    population = 1 / 2 * (moved - 1.25) + 2 / 2 * (moved - 1.5)
    for reading, outer in ((Reading.E, sample), (Reading.P, population)):
        (found,) = replace(trial, reading=reading).meta_gradient(phi)
        assert float(found) == pytest.approx((1 - 0.1 * bend) * outer, rel=1e-12)


def test_the_sample_is_told_apart_by_every_number() -> None:
    trial = line_trial(TASKS, TASKS, TASKS, phi=(1.0, 2.0), alpha=0.1, draws=(3, 1))
    others = [
        line_trial(TASKS, TASKS, TASKS, phi=(1.0, 2.0), alpha=0.1, draws=(1, 3)),
        line_trial(TASKS, TASKS, TASKS[::-1], phi=(1.0, 2.0), alpha=0.1, draws=(3, 1)),
    ]
    assert len({one.sample for one in (trial, *others)}) == 3
    assert trial.sample == replace(trial, alpha=0.2).sample


def populations(*sizes: int) -> Populations:
    tasks = tuple((on_a_line(1.25, 1.0),) * size for size in sizes)
    return Populations("scalar", tasks, torch.zeros(1, dtype=torch.float64), 1)


def test_bad_input_is_refused() -> None:
    box = Box((1.0,), (2.0,))
    for sizes in ((1, 1), (1, 2, 1), (1, 1, 1, 1)):
        with pytest.raises(InvalidArgument, match="three populations of one size"):
            populations(*sizes)
    good = populations(2, 2, 2)
    for draws in ((1,), (1, 1, 1), (0, 0), (-1, 2)):
        with pytest.raises(InvalidArgument, match=r"^draws"):
            Trial(good, draws, box, 0.1)
    for alpha in (-0.1, float("nan"), float("inf")):
        with pytest.raises(InvalidArgument, match=r"^alpha"):
            Trial(good, (1, 1), box, alpha)
    with pytest.raises(InvalidArgument, match=r"^reading: got 'M'"):
        Trial(good, (1, 1), box, 0.1, Reading.M)
    with pytest.raises(InvalidArgument, match=r"^Φ: .*a box of 1 sides"):
        Trial(good, (1, 1), Box((1.0, 1.0), (2.0, 2.0)), 0.1)


def test_floats_become_exact_numbers() -> None:
    assert as_vector((0.1,))[0] == exact(0.1)
