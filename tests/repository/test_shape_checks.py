"""The checks of shapes and types that tests/conftest.py turns on do look at calls."""

from __future__ import annotations

import jaxtyping
import pytest
import torch

from ml2o_core.tasks.quadratic import QuadraticTask


def test_a_call_with_a_wrong_shape_is_refused() -> None:
    task = QuadraticTask(torch.eye(2).double(), torch.zeros(2).double())
    task.loss(torch.zeros(2).double())
    with pytest.raises(jaxtyping.TypeCheckError):
        task.loss(torch.tensor(0.0).double())
