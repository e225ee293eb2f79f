"""Every task's model: arb against autodiff, boxes against arb, ranges no wider than needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import norm, precision, to_tensor, vector
from ml2o_theory.intervals.subdivision import split
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import TaskModel, task_model
from ml2o_theory.models.quadratic import QuadraticModel, smooth_part
from ml2o_theory.models.rosenbrock import RosenbrockModel
from ml2o_theory.models.smoothed_lasso import SmoothedLassoModel

FLOAT = 1e-10
"""Autodiff in float64, relative to the largest entry: sums of some ten terms, some cancelling."""

ROUNDING = 1e-12
"""The rounding of a few interval operations, relative to the largest number in them."""

DEEP = 2000
"""Bits at which a difference of floats' polynomials is as good as exact."""

fewer = settings(max_examples=settings.default.max_examples // 4)
"""For tests that evaluate every box many times; the profile still decides."""

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-4, 4, width=32))
KINDS = ("quadratic", "smoothed LASSO", "Rosenbrock")


def tensors(*shape: int, entries: st.SearchStrategy[float] = ENTRIES) -> st.SearchStrategy[Tensor]:
    size = torch.Size(shape).numel()
    values = st.lists(entries, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64).reshape(shape))


def scalar(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@st.composite
def tasks(draw: st.DrawFn, kind: str, d: int) -> Task:
    """d ≥ 1 (Rosenbrock d ≥ 2); A zero, or with L = 1e6; ε from 1e-9 to 3, λ = 0 included."""
    if kind == "Rosenbrock":
        steepness = st.one_of(st.sampled_from([1.0, 100.0]), st.floats(0.1, 1e4))
        return RosenbrockTask(draw(tensors(d - 1, entries=steepness)))
    A = draw(tensors(draw(st.integers(1, 3)), d)) * draw(st.sampled_from([0.0, 1.0, 1e3]))
    b = draw(tensors(A.shape[0]))
    if kind == "quadratic":
        return QuadraticTask(A, b)
    weight, eps = draw(st.sampled_from([0.0, 0.005, 2.0])), draw(st.sampled_from([1e-9, 0.01, 3.0]))
    return SmoothedLassoTask(A, b, scalar(weight), scalar(eps))


@st.composite
def boxes(draw: st.DrawFn, d: int) -> IntervalTensor:
    """Points, boxes as narrow as ε, boxes about 0, and wide ones."""
    radius = draw(tensors(d, entries=st.sampled_from([0.0, 1e-9, 0.02, 0.5, 3.0])))
    event(f"box: {'a point' if not radius.any() else 'some width'}")
    return IntervalTensor.about(draw(tensors(d)), radius)


@st.composite
def cases(draw: st.DrawFn, least_d: int = 1) -> tuple[Task, IntervalTensor]:
    kind = draw(st.sampled_from(KINDS))
    d = draw(st.integers(max(least_d, 2 if kind == "Rosenbrock" else 1), 4))
    event(f"{kind}, d = {d}")
    return draw(tasks(kind, d)), draw(boxes(d))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Task, Task, IntervalTensor]:
    kind = draw(st.sampled_from(KINDS))
    d = draw(st.integers(2 if kind == "Rosenbrock" else 1, 3))
    first = draw(tasks(kind, d))
    other = kind if kind == "Rosenbrock" else draw(st.sampled_from(KINDS[:2]))
    second = draw(st.one_of(st.just(first), tasks(other, d)))
    event(f"{kind} and {'the same' if second is first else other}")
    return first, second, draw(boxes(d))


def points_of(box: IntervalTensor, shares: Tensor) -> Tensor:
    """Floats in the box at the given shares in [0, 1], shape (n, d); its two far corners first."""
    inside = box.lower + shares * (box.upper - box.lower)
    inside = inside.maximum(box.lower).minimum(box.upper)
    return torch.cat([box.lower[None], box.upper[None], inside])


SHARES = tensors(3, 4, entries=st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)))


def encloses(interval: IntervalTensor, exact: arb_mat) -> bool:
    """Whether every entry, a ball as a whole, lies in its interval."""
    with precision():
        lower, upper = interval.lower.flatten().tolist(), interval.upper.flatten().tolist()
        return all(
            bool(a <= v.lower()) and bool(v.upper() <= b)
            for a, v, b in zip(lower, exact.entries(), upper, strict=True)
        )


def meets(interval: IntervalTensor, exact: arb_mat) -> bool:
    """Whether every interval has a point in common with its ball."""
    lower, upper = interval.lower.flatten().tolist(), interval.upper.flatten().tolist()
    return all(
        bool(a <= v.upper()) and bool(v.lower() <= b)
        for a, v, b in zip(lower, exact.entries(), upper, strict=True)
    )


def size(interval: IntervalTensor) -> float:
    return interval.magnitude().max().item()


# --- points ---------------------------------------------------------------------------------------


@given(cases(), st.data())
def test_at_a_point_it_is_what_autodiff_gives(
    case: tuple[Task, IntervalTensor], data: st.DataObject
) -> None:
    task, box = case
    x = box.midpoint
    u, v = data.draw(tensors(task.dim)), data.draw(tensors(task.dim))
    gradient = torch.func.grad(task.loss)
    hessian = torch.func.jacrev(gradient)
    third = torch.func.grad(lambda y: u @ hessian(y) @ v)
    model = task_model(task)
    with precision():
        found = [
            model.gradient(vector(x)),
            model.hessian(vector(x)),
            model.third(vector(x), vector(u), vector(v)),
        ]
    for exact, expected in zip(found, (gradient(x), hessian(x), third(x)), strict=True):
        assert exact.nrows() == task.dim
        # Autodiff passes through the terms of the loss, and these may be larger than the result.
        terms = expected.abs().max() + task.hessian(x).abs().max() * (1 + x.abs().max()) + 1
        error = (to_tensor(exact).squeeze(-1) - expected).abs().max()
        assert error <= FLOAT * terms.item() * _stiffness(task, x)


def _stiffness(task: Task, x: Tensor) -> float:
    """How much a rounding of x is magnified by the sharp corner of ψ."""
    if isinstance(task, SmoothedLassoTask):
        return 1 + (x.abs().max() / task.smoothing).item()
    return 1 + x.abs().max().item()


@given(cases(), SHARES)
def test_balls_go_in_and_balls_come_out(case: tuple[Task, IntervalTensor], shares: Tensor) -> None:
    task, box = case
    model = task_model(task)
    with precision():
        middle = vector(box.midpoint).entries()
        reach = vector(box.radius).entries()
        ball = arb_mat([[m + arb(0, r)] for m, r in zip(middle, reach, strict=True)])
        direction = vector(torch.ones(task.dim, dtype=torch.float64))
        over = (model.gradient(ball), model.hessian(ball), model.third(ball, direction, direction))
        assert all(v.is_finite() for result in over for v in result.entries())
        for point in points_of(box, shares[:, : task.dim]):
            x = vector(point)
            at = (model.gradient(x), model.hessian(x), model.third(x, direction, direction))
            assert all(whole.overlaps(part) for whole, part in zip(over, at, strict=True))


# --- boxes ----------------------------------------------------------------------------------------


def check_containment(model: TaskModel, box: IntervalTensor, points: Tensor) -> None:
    """The values at points of the box, in arb, lie in what the model gives for the box."""
    gradient, hessian = model.gradient_on(box), model.hessian_on(box)
    (third, third_above), (_, fourth_above) = model.third_norm_on(box), model.fourth_norm_on(box)
    assert third <= third_above
    with precision():
        for point in points:
            x = vector(point)
            assert encloses(gradient, model.gradient(x))
            assert encloses(hessian, model.hessian(x))
            for direction in torch.eye(len(point), dtype=torch.float64):
                u = vector(direction)
                assert norm(model.third(x, u, u)).lower() <= third_above.item()
        # ∇³l is τ-Lipschitz along each edge of the box.
        lower, upper = points[:2]
        for k, direction in enumerate(torch.eye(len(lower), dtype=torch.float64)):
            u = vector(direction)
            moved = vector(torch.where(direction > 0, upper, lower))
            change = model.third(moved, u, u) - model.third(vector(lower), u, u)
            largest = arb(fourth_above.item()) * (arb(upper[k].item()) - lower[k].item())
            assert norm(change).lower() <= largest.upper()


@fewer
@given(cases(), SHARES)
def test_a_box_contains_what_its_points_give(
    case: tuple[Task, IntervalTensor], shares: Tensor
) -> None:
    task, box = case
    check_containment(task_model(task), box, points_of(box, shares[:, : task.dim]))


@fewer
@given(cases())
def test_the_ranges_are_as_narrow_as_those_of_the_parts(case: tuple[Task, IntervalTensor]) -> None:
    """The hull of the ranges over parts of a box is no narrower, up to rounding."""
    task, box = case
    model, parts = task_model(task), split(box, 16)
    for on in (model.gradient_on, model.hessian_on):
        whole, pieces = on(box), on(parts)
        # Terms may be larger than their sum.
        slack = ROUNDING * (1 + size(model.hessian_on(box)) * (1 + size(box)) + size(whole))
        assert (pieces.lower.amin(0) - whole.lower).max() <= slack
        assert (whole.upper - pieces.upper.amax(0)).max() <= slack


@fewer
@given(cases())
def test_both_ends_of_the_norms_are_those_of_the_parts(case: tuple[Task, IntervalTensor]) -> None:
    task, box = case
    model, parts = task_model(task), split(box, 16)
    exact = not isinstance(task, RosenbrockTask) or task.dim == 2
    for on in (model.third_norm_on, model.fourth_norm_on):
        (low, high), (pieces_low, pieces_high) = on(box), on(parts)
        assert low <= pieces_high.amax() * (1 + ROUNDING)
        assert pieces_high.amax() <= high * (1 + ROUNDING)
        if exact:
            assert high <= low * (1 + ROUNDING)
            assert high <= pieces_low.amax() * (1 + ROUNDING)


@fewer
@given(cases())
def test_a_batch_of_boxes_is_a_loop_over_boxes(case: tuple[Task, IntervalTensor]) -> None:
    task, box = case
    model, batch = task_model(task), split(box, 2).unsqueeze(1)
    # Sums of products may be computed in another order.
    slack = ROUNDING * (1 + size(model.hessian_on(box)) * (1 + size(box)))
    for on in (model.gradient_on, model.hessian_on):
        together, alone = on(batch), [on(part) for part in batch.squeeze(1)]
        for ends in ("lower", "upper"):
            loop = torch.stack([getattr(part, ends) for part in alone]).unsqueeze(1)
            assert getattr(together, ends).shape == loop.shape
            assert (getattr(together, ends) - loop).abs().max() <= slack
    for norms in (model.third_norm_on, model.fourth_norm_on):
        for together, *parts in zip(norms(batch), *map(norms, batch.squeeze(1)), strict=True):
            loop = torch.stack(parts).unsqueeze(1)
            assert together.shape == loop.shape
            assert torch.allclose(together, loop, rtol=ROUNDING, atol=0)


@fewer
@given(pairs(), SHARES)
def test_a_difference_contains_what_its_points_give(
    pair: tuple[Task, Task, IntervalTensor], shares: Tensor
) -> None:
    first, second, box = pair
    one, two = task_model(first), task_model(second)
    gradient, hessian = one.difference_on(two, box)
    for point in points_of(box, shares[:, : first.dim]):
        x = vector(point)
        with precision(DEEP):
            apart = one.gradient(x) - two.gradient(x), one.hessian(x) - two.hessian(x)
        # Not `encloses`: where the tasks agree the interval is 0, and the ball is about 0.
        assert meets(gradient, apart[0])
        assert meets(hessian, apart[1])
    if first is second:
        assert size(gradient) == size(hessian) == 0


def test_what_two_tasks_share_cancels_on_a_wide_box() -> None:
    """Two valleys, 100 and 101 steep: the difference is a valley of steepness 1."""
    valleys = [task_model(RosenbrockTask(scalar(c).reshape(1))) for c in (100.0, 101.0)]
    box = IntervalTensor.about(torch.zeros(2).double(), 1.0)
    gradient, hessian = valleys[1].difference_on(valleys[0], box)
    # 4u³ − 4uv and 2(v − u²); 12u² − 4v, −4u and 2.
    assert gradient.upper.tolist() == pytest.approx([8, 2], rel=ROUNDING)
    assert gradient.lower.tolist() == pytest.approx([-8, -4], rel=ROUNDING)
    assert hessian.upper.flatten().tolist() == pytest.approx([16, 4, 4, 2], rel=ROUNDING)


@pytest.mark.parametrize(
    "task",
    [
        SmoothedLassoTask(torch.eye(2).double(), torch.ones(2).double(), scalar(1), scalar(0.1)),
        RosenbrockTask(torch.ones(2).double()),
    ],
    ids=["smoothed LASSO", "Rosenbrock"],
)
def test_an_unbounded_box_gives_no_nan(task: Task) -> None:
    model, everywhere = task_model(task), torch.full((task.dim,), torch.inf).double()
    box = IntervalTensor(-everywhere, everywhere)
    ends = [*model.third_norm_on(box), *model.fourth_norm_on(box)]
    assert not any(end.isnan().any() for end in ends)
    assert model.gradient_on(box).contains(torch.zeros(task.dim).double()).all()
    assert model.hessian_on(box).contains(task.hessian(torch.zeros(task.dim).double())).all()


def test_the_smooth_part_of_lasso_is_its_fit() -> None:
    task = LassoTask(torch.eye(2).double(), torch.ones(2).double(), scalar(0.5))
    x = torch.tensor([3.0, -1.0], dtype=torch.float64)
    assert smooth_part(task).loss(x) == task.smooth_loss(x)


# --- negative controls ----------------------------------------------------------------------------

DEFECTS: list[tuple[type, str, str, str]] = [
    (QuadraticModel, "gradient", "self.exact.gradient(x)", "-self.exact.gradient(x)"),
    (SmoothedLassoModel, "gradient_on", "+ self.psi", "- self.psi"),
    (SmoothedLassoModel, "hessian_on", "+ (self.psi", "- (self.psi"),
    (SmoothedLassoModel, "third", "self.weight *", "2 * self.weight *"),
    (RosenbrockModel, "gradient_on", "- 2.0", "+ 2.0"),
    (RosenbrockModel, "gradient_on", "2 * c, (1, 0)", "0 * c, (1, 0)"),
    (RosenbrockModel, "hessian_on", "2.0", "-2.0"),
    (RosenbrockModel, "third", "6 * x", "7 * x"),
    (RosenbrockModel, "fourth_norm_on", "* 24.0", "* 23.0"),
]


@pytest.mark.parametrize(("of", "method", "old", "new"), DEFECTS)
def test_a_planted_defect_is_seen(
    of: type,
    method: str,
    old: str,
    new: str,
    mutated: Callable[..., Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    d = 3
    A, ones = torch.tensor([[1.0, -2.0, 0.5]]).double(), torch.ones(1).double()
    task = {
        QuadraticModel: QuadraticTask(A, ones),
        SmoothedLassoModel: SmoothedLassoTask(A, ones, scalar(2), scalar(0.5)),
        RosenbrockModel: RosenbrockTask(torch.tensor([1.0, 100.0]).double()),
    }[of]
    box = IntervalTensor.about(torch.tensor([0.3, 1.0, -1.0]).double(), 0.1)
    points = points_of(box, torch.full((1, d), 0.5).double())
    model = task_model(task)
    check_containment(model, box, points)
    monkeypatch.setattr(of, method, mutated(getattr(of, method), old, new))
    with pytest.raises(AssertionError):
        check_containment(model, box, points)


@pytest.mark.parametrize(
    ("task", "argument"),
    [
        (SmoothedLassoTask(torch.eye(1), torch.ones(1), scalar(1), scalar(0)), "smoothing"),
        (SmoothedLassoTask(torch.eye(1), torch.ones(1), scalar(-1), scalar(1)), "weight"),
        (RosenbrockTask(torch.tensor([1.0, 0.0])), "steepness"),
    ],
)
def test_data_without_a_theory_is_refused(task: Task, argument: str) -> None:
    with pytest.raises(InvalidArgument, match=argument):
        task_model(task)
