"""Rosenbrock's function: the paper's formula, its chain, and that it escapes global constants."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks.distributions import Fixed, Normal
from ml2o_core.tasks.rosenbrock import Rosenbrock, RosenbrockTask

COORDINATES = st.lists(st.floats(-5, 5), min_size=2, max_size=6)


@given(COORDINATES)
def test_loss_is_the_paper_s_formula_summed_along_the_chain(x: list[float]) -> None:
    task = Rosenbrock(cols=len(x)).sample(generator(0))
    links = pairwise(x)
    expected = sum((1 - u) ** 2 + 100 * (v - u**2) ** 2 for u, v in links)
    assert task.dim == len(x)
    assert task.loss(torch.tensor(x, dtype=torch.float64)).item() == pytest.approx(expected)


def test_two_dimensions_by_hand() -> None:
    task = Rosenbrock().sample(generator(0))
    x = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    assert task.loss(x).item() == pytest.approx(24.2)
    assert task.gradient(x).tolist() == pytest.approx([-215.6, -88.0])
    expected = torch.tensor([[1330.0, 480.0], [480.0, 200.0]], dtype=torch.float64)
    assert torch.allclose(task.hessian(x), expected)


@given(COORDINATES)
def test_ones_are_the_only_zero(x: list[float]) -> None:
    task = Rosenbrock(cols=len(x), steepness=3.0).sample(generator(0))
    at = torch.tensor(x, dtype=torch.float64)
    assert task.optimum().x.tolist() == [1.0] * len(x)
    assert task.optimum().value == 0
    far = (at - 1).abs().max() > 1e-3
    assert task.loss(at) > 0 if far else task.loss(at) >= 0


def test_optimum_is_ill_conditioned_but_strict() -> None:
    eigenvalues = torch.linalg.eigvalsh(
        RosenbrockTask(torch.tensor([100.0])).hessian(torch.ones(2))
    )
    assert eigenvalues[0] > 0.39
    assert eigenvalues[1] / eigenvalues[0] > 2500


def test_no_global_lipschitz_constant() -> None:
    """A3 holds on bounded regions only; ‖∇²l‖ grows like |x|²."""
    task = Rosenbrock().sample(generator(0))
    assert task.smooth_lipschitz() is None
    near, far = (
        torch.linalg.matrix_norm(task.hessian(torch.full((2,), s, dtype=torch.float64)), 2)
        for s in (10.0, 1000.0)
    )
    assert far / near > 5000


def test_starts() -> None:
    assert Rosenbrock().start_distribution == Normal(sd=1)
    assert Rosenbrock.fixed_start().start(generator(0)).tolist() == [-1.2, 1.0]
    chain = Rosenbrock.named("fixed-start", point=(0.0, 0.5, 1.0), steepness=1.0)
    assert chain.sample(generator(0)).dim == 3
    assert chain.start(generator(0)).tolist() == [0.0, 0.5, 1.0]
    assert Rosenbrock.named() == Rosenbrock.named("random-start") == Rosenbrock()


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"cols": 1}, "cols"),
        ({"steepness": 0.0}, "steepness"),
        ({"steepness": float("inf")}, "steepness"),
        ({"start_distribution": Fixed(values=(1.0, 2.0, 3.0))}, "start_distribution"),
        ({"rows": 2}, "rows"),
    ],
)
def test_bad_input(fields: dict[str, object], argument: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Rosenbrock(**fields)
    assert caught.value.argument == argument


def test_fixed_start_needs_two_coordinates() -> None:
    with pytest.raises(InvalidArgument, match="cols: got 1"):
        Rosenbrock.fixed_start(point=(1.0,))
