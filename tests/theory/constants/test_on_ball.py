"""M, L, ρ, τ of every task with a model on a ball: above every point, and attained."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import norm, precision, vector
from ml2o_theory.constants import smoothed_lasso
from ml2o_theory.constants.on_ball import GAP, task_constants_on_ball
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.models import task_model
from ml2o_theory.regions import Ball, Box, ParameterInterval, Region

TIGHT = 1e-12
"""Rounding, and the points' distance from the sphere."""

fewer = settings(max_examples=settings.default.max_examples // 4)


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def floats(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def region(center: Tensor, radius: str | float) -> Region:
    with precision():
        ball = Ball(tuple(center.tolist()), arb(radius).lower().max(arb(0)))
    return Region(ball, ParameterInterval(0, 1), ball, "a sample", 1)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Task, Tensor, str]:
    kind = draw(st.sampled_from(["quadratic", "LASSO", "smoothed LASSO"]))
    d = draw(st.integers(1, 3))
    entry = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(-2, 2, width=32))

    def drawn(*shape: int) -> Tensor:
        size = math.prod(shape)
        return floats(draw(st.lists(entry, min_size=size, max_size=size))).reshape(shape)

    A, b = drawn(2, d), drawn(2)
    weight, eps = draw(st.sampled_from([0.0, 0.5])), draw(st.sampled_from([1e-3, 1.0]))
    task: Task = {
        "quadratic": lambda: QuadraticTask(A, b),
        "LASSO": lambda: LassoTask(A, b, scalar(weight)),
        "smoothed LASSO": lambda: SmoothedLassoTask(A, b, scalar(weight), scalar(eps)),
    }[kind]()
    radius = draw(st.sampled_from(["0", "1e-20", "1e-3", "0.5", "30"]))
    return task, drawn(d), radius


def norms(task: Task, x: arb_mat) -> dict[str, arb]:
    """Lower ends of M, L and ρ at one point, from arb."""
    smooth = QuadraticTask(task.A, task.b) if isinstance(task, LassoTask) else task
    model = task_model(smooth)
    directions = [vector(row) for row in torch.eye(x.nrows(), dtype=torch.float64)]
    thirds = [norm(model.third(x, u, u)).lower() for u in directions]
    return {
        "M": norm(model.gradient(x)).lower(),
        "L": spectral_norm(model.hessian(x))[0].lower(),
        "rho": max(thirds),
    }


def witness(found: Enclosure, ball: Ball) -> arb_mat | None:
    """The point of the ball where a lower end is attained; None where it is attained everywhere."""
    seen = found.lower.witness or {}
    if "x" in seen:
        return vector(floats(list(seen["x"])))
    if "direction" in seen:
        y = vector(floats(list(seen["direction"])))
        center = vector(floats(list(ball.center)))
        return center + ball.radius * y / norm(y).max(arb(1))
    return None


def check(task: Task, on: Region, share: list[float]) -> dict[str, Enclosure]:
    """A point of the ball does not exceed the constants, and the witnesses attain them."""
    ball = on.x
    assert isinstance(ball, Ball)
    found = task_constants_on_ball(task, on)
    assert set(found) == {"M", "L", "rho", "tau"}
    with precision():
        y, center = vector(floats(share[: task.dim])), vector(floats(list(ball.center)))
        at = norms(task, center + ball.radius * y / norm(y).max(arb(1)))
        for symbol, value in at.items():
            assert bool(value <= found[symbol].upper.value)
        for symbol in ("M", "L"):
            x = witness(found[symbol], ball)
            if x is not None:
                assert bool(norm(x - center).lower() <= ball.radius)
                assert bool(norms(task, x)[symbol] >= found[symbol].lower.value * (1 - TIGHT))
    return found


@fewer
@given(cases(), st.lists(st.floats(-1, 1), min_size=3, max_size=3))
def test_no_point_of_the_ball_exceeds_them_and_the_witness_attains_them(
    case: tuple[Task, Tensor, str], share: list[float]
) -> None:
    task, center, radius = case
    check(task, region(center, radius), share)


@pytest.mark.parametrize(("center", "radius"), [((-1.2, 1.0), "1"), ((1.0, 1.0), "1e-9")])
def test_rosenbrock_is_enclosed_tightly(center: tuple[float, float], radius: str) -> None:
    task = RosenbrockTask(floats([100.0]))
    found = check(task, region(floats([*center]), radius), [-0.6, 0.8])
    for enclosure in found.values():
        assert enclosure.upper.value <= enclosure.lower.value * (1 + 2 * GAP)


def test_rosenbrock_on_a_disc_by_hand() -> None:
    """∇l = (2u − 2 − 4u(v − u²), 2(v − u²)) on the disc of radius 2, against a fine grid."""
    found = task_constants_on_ball(RosenbrockTask(floats([1.0])), region(floats([0.0, 0.0]), 2.0))
    angle = torch.linspace(0, 2 * math.pi, 20001, dtype=torch.float64)
    u, v = 2 * angle.cos(), 2 * angle.sin()
    grid = torch.hypot(2 * u - 2 - 4 * u * (v - u**2), 2 * (v - u**2)).max().item()
    assert float(found["M"].upper.value) == pytest.approx(grid, rel=2 * GAP)
    assert float(found["tau"].upper.value) == pytest.approx(24, rel=TIGHT)


@pytest.mark.parametrize("radius", ["0.5", "3", "1e300"])
def test_about_the_origin_smoothed_lasso_has_its_global_constants(radius: str) -> None:
    task = SmoothedLassoTask(
        torch.diag(floats([1.0, 2.0])), floats([0.0, 1.0]), scalar(0.3), scalar(0.1)
    )
    found = task_constants_on_ball(task, region(floats([0.0, 0.0]), radius))
    expected = {
        "L": task.smooth_lipschitz(),
        "rho": task.hessian_lipschitz(),
        "tau": task.third_derivative_lipschitz(),
    }
    for symbol, value in expected.items():
        assert float(found[symbol].lower.value) == pytest.approx(value.item(), rel=TIGHT)
        assert float(found[symbol].upper.value) == pytest.approx(value.item(), rel=TIGHT)


@pytest.mark.parametrize(("radius", "loosest"), [("0", TIGHT), ("1e-6", 1e-5), ("100", 0.01)])
def test_smoothed_lasso_s_gradient_is_enclosed_tightly_on_small_and_on_large_balls(
    radius: str, loosest: float
) -> None:
    task = SmoothedLassoTask(
        floats([[1.0, 2.0], [0.5, -1.0]]), floats([3.0, 1.0]), scalar(0.3), scalar(0.1)
    )
    M = task_constants_on_ball(task, region(floats([0.4, -0.2]), radius))["M"]
    assert M.upper.value <= M.lower.value * (1 + loosest)


def test_lasso_has_the_constants_of_its_fit() -> None:
    A, b = floats([[1.0, 2.0], [0.5, -1.0]]), floats([3.0, 1.0])
    on = region(floats([0.4, -0.2]), 2.0)
    lasso = task_constants_on_ball(LassoTask(A, b, scalar(0.5)), on)
    assert lasso == task_constants_on_ball(QuadraticTask(A, b), on)
    assert lasso["rho"].contains(arb(0))
    norm_of_fit = torch.linalg.matrix_norm(A, 2).item() ** 2
    assert float(lasso["L"].upper.value) == pytest.approx(norm_of_fit, rel=TIGHT)


def test_a_region_that_is_no_ball_is_refused() -> None:
    box = Box((0.0, 0.0), (1.0, 1.0))
    on = Region(box, ParameterInterval(0, 1), box, "a sample", 1)
    with pytest.raises(InvalidArgument, match="balls"):
        task_constants_on_ball(RosenbrockTask(floats([1.0])), on)


def test_a_planted_sign_is_seen(
    mutated: Callable[..., Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """H − λ diag(ψ'') is too small: the upper end falls below the attained lower one."""
    planted = mutated(smoothed_lasso._hessian_above, "+ matrix", "- matrix")
    monkeypatch.setattr(smoothed_lasso, "_hessian_above", planted)
    task = SmoothedLassoTask(floats([[1.0]]), floats([1.0]), scalar(0.3), scalar(0.1))
    with pytest.raises(InvalidArgument, match="lower ≤ upper"):
        task_constants_on_ball(task, region(floats([0.0]), 1.0))
