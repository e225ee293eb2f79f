"""Suprema over boxes from the corners: exact for affine fields, above for others."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.constants.vertices import MOST_DIMS, corners, supremum_above
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import task_model

BOX = IntervalTensor(torch.tensor([-1.0, 2.0]).double(), torch.tensor([3.0, 2.5]).double())


def test_the_corners_are_all_combinations_of_ends() -> None:
    assert {tuple(v) for v in corners(BOX).tolist()} == {(-1, 2), (3, 2), (-1, 2.5), (3, 2.5)}
    wide = IntervalTensor.exactly(torch.zeros(MOST_DIMS + 1).double())
    assert corners(wide).shape == (0, MOST_DIMS + 1)


def above(model: object, box: IntervalTensor) -> float:
    at = IntervalTensor.exactly(corners(box))
    return supremum_above(model.gradient_on(at), model.hessian_on(box), box)  # type: ignore[attr-defined]


def test_it_is_attained_for_a_quadratic() -> None:
    """∇l = Ax − b with A = diag(1, 2): the corner (3, 2.5) has ‖(3, 10)‖."""
    task = QuadraticTask(torch.diag(torch.tensor([1.0, 2.0]).double()), torch.zeros(2).double())
    assert above(task_model(task), BOX) == pytest.approx(109**0.5, rel=1e-12)


@given(st.lists(st.floats(-2, 2), min_size=12, max_size=12), st.floats(0, 1), st.floats(0, 1))
def test_no_point_of_the_box_exceeds_it(entries: list[float], s: float, t: float) -> None:
    values = torch.tensor(entries, dtype=torch.float64)
    weight = torch.tensor(0.5).double()
    task = SmoothedLassoTask(values[:4].reshape(2, 2), values[4:6], weight, weight)
    box = IntervalTensor.about(values[6:8], values[8:10].abs())
    x = box.lower + torch.tensor([s, t]).double() * (box.upper - box.lower)
    assert task.gradient(x).norm().item() <= above(task_model(task), box) * (1 + 1e-12) + 1e-300
