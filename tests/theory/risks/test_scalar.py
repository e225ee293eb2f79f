"""The polynomial is the run: values, derivatives, minimum of the curvature, all signs proved."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.risks.scalar import BITS, ScalarRisk, increasing_root

ENTRIES = st.integers(-8, 8).map(lambda k: k / 8)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[QuadraticTask], Tensor, int]:
    """d ≤ 3, n ≤ 3, T ≤ 4; rank-deficient A and starts at an optimum are among them."""
    d, n = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def take(*shape: int) -> Tensor:
        size = math.prod(shape)
        values = draw(st.lists(ENTRIES, min_size=size, max_size=size))
        return torch.tensor(values, dtype=torch.float64).reshape(shape)

    return [QuadraticTask(take(2, d), take(2)) for _ in range(n)], take(d), draw(st.integers(1, 4))


def by_running(tasks: list[QuadraticTask], x0: Tensor, steps: int, phi: Tensor) -> Tensor:
    """The mean final loss of the real rule."""
    runs = [
        trajectory(LinearGain(), {"gain": phi}, task, x0, steps, GraphMode.FULL).losses[-1]
        for task in tasks
    ]
    return torch.stack(runs).mean()


@settings(max_examples=60)
@given(problems(), st.integers(-8, 8))
def test_it_is_the_run_with_its_derivatives_by_autodiff(
    problem: tuple[list[QuadraticTask], Tensor, int], at: int
) -> None:
    phi = torch.tensor(at / 8, dtype=torch.float64, requires_grad=True)
    value = by_running(*problem, phi)
    slope = torch.autograd.grad(value, phi, create_graph=True)[0]
    bend = torch.autograd.grad(slope, phi, create_graph=True)[0] if slope.requires_grad else slope
    third = torch.autograd.grad(bend, phi)[0] if bend.requires_grad else torch.zeros(())
    risk, point = ScalarRisk.of(*problem), exact(at / 8)
    for expected, found in [
        (value, risk.value(point)),
        (slope, risk.derivative(point)),
        (bend, risk.curvature(point)),
        (third, risk.third(point)),
    ]:
        # Float64 runs of at most 4 steps with factors up to 7: 2400 roundings of 1e-16.
        assert float(found) == pytest.approx(expected.item(), rel=1e-10, abs=1e-9)


@settings(max_examples=60)
@given(problems(), st.tuples(st.integers(-8, 8), st.integers(1, 8)))
def test_the_extremes_of_the_curvature_hold_all_and_are_attained(
    problem: tuple[list[QuadraticTask], Tensor, int], side: tuple[int, int]
) -> None:
    risk = ScalarRisk.of(*problem)
    low, width = side[0] / 8, side[1] / 8
    with precision(BITS):
        found = risk.extremes(exact(low), exact(low + width))
        values = [risk.curvature(exact(low + width * k / 16)) for k in range(17)]
        for value in values:
            assert found.lower <= value.upper()
            assert value.lower() <= found.supremum.upper()
        assert 0 <= found.lower <= found.upper
        assert risk.curvature(found.end).overlaps(found.supremum)
        # The upper end of a ball is rounded up, and so may lie just outside.
        assert risk.curvature(found.point).lower() <= found.upper
        assert abs(found.upper - risk.curvature(found.point)) < 1e-100
        assert float(found.upper) <= float(found.lower) * (1 + 1e-9) + 1e-12


def one_dimensional(*tasks: tuple[float, float], steps: int = 1) -> ScalarRisk:
    """½(ax − b)² from x_0 = 0 for each (a, b)."""
    made = [
        QuadraticTask(
            torch.tensor([[a]], dtype=torch.float64), torch.tensor([b], dtype=torch.float64)
        )
        for a, b in tasks
    ]
    return ScalarRisk.of(made, torch.zeros(1).double(), steps)


def test_a_minimum_of_the_curvature_in_the_middle_is_found_to_the_end() -> None:
    """At 65/257, wherever the halvings go; g'' = 3 (1 − φ)² + 48 (1 − 4φ)²."""
    risk = one_dimensional((1.0, 1.0), (2.0, 1.0), steps=2)
    expected = arb(432) / 257
    for low, high in ((0.0, 1.0), (65 / 257 - 0.25, 65 / 257 + 0.25)):
        found = risk.extremes(exact(low), exact(high))
        assert found.lower <= expected.upper()
        assert float(found.lower) == pytest.approx(float(expected), rel=1e-11)


def test_one_task_alone_is_flat_where_it_is_solved_and_its_lower_end_is_0() -> None:
    """Not below 0: a curvature never is."""
    for steps in (2, 5):
        found = one_dimensional((1.0, 1.0), steps=steps).extremes(exact(0.5), exact(1.5))
        assert found.lower == 0
        assert float(found.upper) < 1e-30


@settings(max_examples=60)
@given(problems(), st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_weights_are_repetitions(
    problem: tuple[list[QuadraticTask], Tensor, int], counts: list[int]
) -> None:
    tasks, x0, steps = problem
    weights = counts[: len(tasks)]
    if not any(weights):
        weights[0] = 2
    repeated = [task for task, count in zip(tasks, weights, strict=True) for _ in range(count)]
    weighted, plain = ScalarRisk.of(*problem).weighted(weights), ScalarRisk.of(repeated, x0, steps)
    for f in (ScalarRisk.value, ScalarRisk.derivative, ScalarRisk.curvature):
        assert f(weighted, exact(0.375)).overlaps(f(plain, exact(0.375)))
    indices = [k for k, count in enumerate(weights) for _ in range(count)]
    assert ScalarRisk.of(*problem).subset(indices) == weighted


def test_the_minimiser_is_scipys() -> None:
    generator = torch.Generator().manual_seed(5)
    for steps in (1, 2, 5):
        tasks = [
            QuadraticTask(
                torch.eye(2).double() + 0.2 * torch.randn(2, 2, generator=generator).double(),
                torch.randn(2, generator=generator).double(),
            )
            for _ in range(3)
        ]
        risk = ScalarRisk.of(tasks, torch.zeros(2).double(), steps)
        root = increasing_root(risk.derivative, exact(0.0), exact(4.0))
        assert root is not None
        scipys = minimize_scalar(
            lambda phi, risk=risk: float(risk.value(exact(float(phi)))),
            bounds=(0, 4),
            method="bounded",
            options={"xatol": 1e-9},
        )
        assert float(root) == pytest.approx(scipys.x, abs=1e-6)
        assert float(root.rad()) < 1e-50
        with precision(BITS):
            assert risk.derivative(root).contains(arb(0))


@pytest.mark.parametrize("side", [(0.5, 1.5), (0.875, 1.125), (0.0, 1.0), (1.0, 2.0), (0.3, 1.4)])
def test_a_root_that_halving_meets_is_known_as_well_as_any(side: tuple[float, float]) -> None:
    """φ = 1 is the middle, an end, or neither; b = √½ is not exact, and neither is g'(1) = 0."""
    risk = one_dimensional((1.0, math.sqrt(0.5)), (0.5, 0.1), (3.0, 0.1))
    with precision(BITS):
        target = risk.derivative(exact(1.0))
    root = increasing_root(lambda phi: risk.derivative(phi) - target, *map(exact, side))
    if root is None:
        assert 1.0 in side
    else:
        assert root.contains(arb(1))
        assert float(root.rad()) < 1e-50


def test_without_a_change_of_sign_there_is_no_root() -> None:
    risk = one_dimensional((1.0, 1.0))
    assert increasing_root(risk.derivative, exact(1.25), exact(2.0)) is None
    assert increasing_root(risk.derivative, exact(0.0), exact(0.5)) is None
    assert increasing_root(lambda phi: phi, exact(0.0), exact(1.0)) == 0


def test_bad_input_is_refused() -> None:
    task, x0 = QuadraticTask(torch.eye(1).double(), torch.ones(1).double()), torch.zeros(1).double()
    for tasks, steps in (([], 1), ([task], 0)):
        with pytest.raises(InvalidArgument, match=r"^tasks, steps"):
            ScalarRisk.of(tasks, x0, steps)
    risk = ScalarRisk.of([task, task], x0, 1)
    for weights in ([1], [0, 0], [-1, 2], [1, 1, 1]):
        with pytest.raises(InvalidArgument, match=r"^weights"):
            risk.weighted(weights)
    with pytest.raises(InvalidArgument, match="finite"):
        ScalarRisk.of([QuadraticTask(task.A * np.inf, task.b)], x0, 1)
