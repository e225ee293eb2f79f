"""Properties of the least-squares tasks on any data: convexity, and the constants of smoothing."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.tasks import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask

ROUNDING = 1e-13
"""Relative to the sizes of the terms that are added up."""

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-10, 10, width=32))
WEIGHTS = st.one_of(st.just(0.0), st.floats(1e-4, 10))
WIDTHS = st.floats(1e-3, 10)


def vectors(size: int) -> st.SearchStrategy[Tensor]:
    values = st.lists(ENTRIES, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64))


@st.composite
def data(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """A (r × d) and b, r and d from 1 to 4, with rank deficiency and large scales among them."""
    r, d = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    A = draw(vectors(r * d)).reshape(r, d)
    if draw(st.booleans()):
        A = A[:, :1].expand(r, d).clone()  # equal columns: rank at most 1
    scale = draw(st.sampled_from([1.0, 1.0, 1e3]))
    event(f"rank {int(torch.linalg.matrix_rank(A))} of {d}, scale {scale:g}")
    return scale * A, draw(vectors(r))


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@st.composite
def convex_tasks(draw: st.DrawFn) -> Task:
    A, b = draw(data())
    weight, width = scalar(draw(WEIGHTS)), scalar(draw(WIDTHS))
    return draw(
        st.sampled_from(
            [
                QuadraticTask(A, b),
                LassoTask(A, b, weight),
                SmoothedLassoTask(A, b, weight, width),
            ]
        )
    )


def convexity_defect(task: Task, x: Tensor, y: Tensor, share: float) -> Tensor:
    """l(θx + (1−θ)y) − θl(x) − (1−θ)l(y), relative to the values: at most 0 for a convex l."""
    between = task.loss(share * x + (1 - share) * y)
    chord = share * task.loss(x) + (1 - share) * task.loss(y)
    return (between - chord) / (1 + task.loss(x) + task.loss(y))


@given(task=convex_tasks(), share=st.floats(0, 1), points=st.data())
def test_convex(task: Task, share: float, points: st.DataObject) -> None:
    x, y = points.draw(vectors(task.dim)), points.draw(vectors(task.dim))
    assert convexity_defect(task, x, y, share) <= ROUNDING


@given(task=convex_tasks(), points=st.data())
def test_gradient_is_a_subgradient_everywhere(task: Task, points: st.DataObject) -> None:
    """l(y) ≥ l(x) + ⟨∇l(x), y − x⟩, at the kinks of ‖x‖₁ too."""
    x, y = points.draw(vectors(task.dim)), points.draw(vectors(task.dim))
    event("x at a kink" if (x == 0).any() else "x off the kinks")
    tangent = task.gradient(x) @ (y - x)
    size = 1 + task.loss(x) + task.loss(y) + (task.gradient(x) * (y - x)).abs().sum()
    # The gradient itself is a sum with cancellation: AᵀAx − Aᵀb.
    size = size + torch.linalg.matrix_norm(task.hessian(x)) * (x.norm() + 1) * (y - x).norm()
    assert task.loss(y) >= task.loss(x) + tangent - ROUNDING * size


def test_rosenbrock_is_not_convex() -> None:
    """Negative control: the chord between the valley's two arms runs below the ridge at x₁ = 0."""
    task = RosenbrockTask(torch.tensor([100.0], dtype=torch.float64))
    arms = torch.tensor([[1.0, 1.0], [-1.0, 1.0]], dtype=torch.float64)
    assert convexity_defect(task, arms[0], arms[1], 0.5) > 1


# Smoothing. Suprema of the second, third and fourth derivatives of λ√(u² + ε²).


def penalty(task: SmoothedLassoTask, order: int, u: Tensor) -> Tensor:
    """The derivative of that order of λψ, at each entry of u, by autograd."""
    u = u.clone().requires_grad_()
    value = task.loss(u) - task.fit(u)
    for _ in range(order):
        (value,) = torch.autograd.grad(value.sum(), u, create_graph=True)
    return value.detach()


def only_penalty(weight: float, width: float, size: int) -> SmoothedLassoTask:
    zero = torch.zeros(1, size, dtype=torch.float64)
    return SmoothedLassoTask(zero, zero[:, 0], scalar(weight), scalar(width))


@given(weight=st.floats(1e-4, 10), width=WIDTHS, points=st.lists(st.floats(-20, 20), min_size=1))
def test_constants_are_never_exceeded(weight: float, width: float, points: list[float]) -> None:
    u = width * torch.tensor(points, dtype=torch.float64)
    task = only_penalty(weight, width, len(u))
    L, rho, tau = (
        task.smooth_lipschitz(),
        task.hessian_lipschitz(),
        task.third_derivative_lipschitz(),
    )
    assert penalty(task, 1, u).abs().max() <= weight * (1 + 1e-12)
    assert penalty(task, 2, u).abs().max() <= L * (1 + 1e-12)
    assert penalty(task, 3, u).abs().max() <= rho * (1 + 1e-12)
    assert penalty(task, 4, u).abs().max() <= tau * (1 + 1e-12)


@pytest.mark.parametrize("width", [1e-3, 0.1, 10.0])
def test_constants_are_attained(width: float) -> None:
    """L and τ at u = 0, ρ at |u| = ε/2; a dense grid finds nothing larger elsewhere."""
    weight = 0.005
    u = width * torch.linspace(-3, 3, 1201, dtype=torch.float64)
    task = only_penalty(weight, width, len(u))
    for order, constant, where in [
        (2, task.smooth_lipschitz(), 0.0),
        (3, task.hessian_lipschitz(), width / 2),
        (4, task.third_derivative_lipschitz(), 0.0),
    ]:
        values = penalty(task, order, u).abs()
        assert math.isclose(values.max(), constant, rel_tol=1e-9)
        assert math.isclose(u[values.argmax()].abs(), where, abs_tol=1e-9 * width)


def test_constants_in_numbers() -> None:
    task = only_penalty(0.005, 0.01, 1)
    assert math.isclose(task.smooth_lipschitz(), 0.005 / 0.01)
    assert math.isclose(task.hessian_lipschitz(), 0.8587 * 0.005 / 0.01**2, rel_tol=1e-4)
    assert math.isclose(task.third_derivative_lipschitz(), 3 * 0.005 / 0.01**3)


@given(data=data(), weight=WEIGHTS, width=WIDTHS, points=st.data())
def test_hessian_is_lipschitz_with_rho(
    data: tuple[Tensor, Tensor], weight: float, width: float, points: st.DataObject
) -> None:
    """‖∇²l(x) − ∇²l(y)‖ ≤ ρ‖x − y‖ and ‖∇²l‖ ≤ L in several dimensions, spectral norm."""
    task = SmoothedLassoTask(*data, scalar(weight), scalar(width))
    x, y = points.draw(vectors(task.dim)), points.draw(vectors(task.dim))
    change = torch.linalg.matrix_norm(task.hessian(x) - task.hessian(y), 2)
    # Where x and y nearly agree, what changes is the rounding of AᵀA + D.
    rounding = ROUNDING * torch.linalg.matrix_norm(task.hessian(x))
    assert change <= task.hessian_lipschitz() * (x - y).norm() + rounding
    assert torch.linalg.matrix_norm(task.hessian(x), 2) <= task.smooth_lipschitz() * (1 + 1e-12)


@given(data=data(), weight=WEIGHTS, width=WIDTHS, points=st.data())
def test_smoothing_lies_within_epsilon_of_lasso(
    data: tuple[Tensor, Tensor], weight: float, width: float, points: st.DataObject
) -> None:
    """LASSO ≤ smoothed LASSO ≤ LASSO + λdε, tight from above at x = 0."""
    smoothed = SmoothedLassoTask(*data, scalar(weight), scalar(width))
    sharp = LassoTask(*data, scalar(weight))
    x = points.draw(vectors(sharp.dim))
    margin = ROUNDING * (1 + sharp.loss(x))
    excess = smoothed.loss(x) - sharp.loss(x)
    most = weight * sharp.dim * width
    assert -margin <= excess <= most + margin
    at_zero = smoothed.loss(torch.zeros_like(x)) - sharp.loss(torch.zeros_like(x))
    assert abs(at_zero - most) <= ROUNDING * (1 + sharp.loss(torch.zeros_like(x)) + most)


def test_smoothing_survives_extreme_values() -> None:
    """√(u² + ε²) is taken without squaring: no overflow at 1e200, no lost ε at 1e-200."""
    task = only_penalty(1.0, 1e-170, 2)
    x = torch.tensor([1e200, 0.0], dtype=torch.float64)
    assert task.gradient(x).tolist() == [1, 0]
    assert task.loss(x) == 1e200
    assert task.hessian(x).diagonal().tolist() == [0, pytest.approx(1e170)]
