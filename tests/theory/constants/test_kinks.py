"""Bisection to a jump of the gradient: LASSO has one, smooth tasks do not."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.arithmetic import exact, norm, precision, vector
from ml2o_theory.constants.kinks import kink_witness, lipschitz_ratio_search
from ml2o_theory.constants.points import PointSet, point_set
from ml2o_theory.regions import Ball, Box


def ball(d: int, radius: float = 1.0) -> PointSet:
    return point_set(Ball((0.0,) * d, exact(radius)))


@pytest.mark.parametrize("family", [Lasso(), Lasso.normal(100.0)], ids=["training", "sigma 100"])
def test_lasso_refutes_every_lipschitz_constant(family: Lasso) -> None:
    """Across x_k = 0 the gradient jumps by 2λ: the ratio passes any L, here by a factor of 1000."""
    task = family.sample(generator(0))
    L = task.gram_norm().item()
    found = kink_witness(task.gradient, ball(10), seed=0)
    assert found is not None
    assert found.ratio > 1000 * L
    crossed = (found.x.sign() != found.y.sign()).nonzero().flatten()
    assert len(crossed) == 1
    # A reader recomputes it: 2λ/‖x − y‖ but for the smooth part, at most L.
    assert abs(float(found.ratio) - 0.01 / found.distance) <= 2 * L + 1e-6 * float(found.ratio)
    change = task.gradient(found.x) - task.gradient(found.y)
    assert float(found.ratio) <= (change.norm() / (found.x - found.y).norm()).item()


@pytest.mark.parametrize(
    "family", [Quadratic.normal(100.0), SmoothedLasso(), SmoothedLasso.normal(1.0, smoothing=1e-6)]
)
def test_a_smooth_task_has_no_kink_and_its_ratios_stay_below_l(family: object) -> None:
    """Negative control, also for a bend so narrow (ε = 1e-6) that it looks like a kink at first."""
    assert isinstance(family, Quadratic | SmoothedLasso)
    task = family.sample(generator(0))
    L = task.smooth_lipschitz().item()
    assert kink_witness(task.gradient, ball(10), seed=0) is None
    for pair in lipschitz_ratio_search(task.gradient, ball(10), seed=0, pairs=32):
        assert float(pair.ratio) <= L * (1 + 1e-12)


@given(st.integers(0, 2**20))
@settings(max_examples=settings.default.max_examples // 4)
def test_ratios_never_fall_while_distances_halve(seed: int) -> None:
    task = Rosenbrock().sample(generator(0))
    box = point_set(Box((-2.0, -1.0), (2.0, 3.0)))
    found = lipschitz_ratio_search(task.gradient, box, seed=seed, pairs=8, halvings=6)
    assert len(found) == 7
    for long, short in pairwise(found):
        assert short.distance == pytest.approx(long.distance / 2, rel=1e-9)
        # Up to the allowances for rounding, which are subtracted from both.
        assert float(short.ratio) >= float(long.ratio) * (1 - 1e-8)


def test_the_pair_lies_in_the_set() -> None:
    points = ball(4, 0.3)
    for pair in lipschitz_ratio_search(torch.sign, points, seed=0, halvings=5):
        with precision():
            for x in (pair.x, pair.y):
                assert norm(vector(x)) <= exact(0.3)


def test_a_step_function_in_closed_form() -> None:
    """sign(u) on [−1, 1]: the ratio is 2/‖x − y‖ exactly, rounded down."""
    for pair in lipschitz_ratio_search(torch.sign, point_set(Box((-1.0,), (1.0,))), seed=1):
        with precision():
            true = 2 / norm(vector(pair.x) - vector(pair.y))
            assert true * (1 - exact(1e-14)) <= pair.ratio <= true


def test_a_constant_map_is_not_steep() -> None:
    def constant(x: Tensor) -> Tensor:
        return 0 * x + 1

    assert kink_witness(constant, ball(2), seed=0) is None
    assert lipschitz_ratio_search(constant, ball(2, 0.0), seed=0, halvings=0)[0].ratio == 0


@pytest.mark.parametrize("sizes", [{"pairs": 0}, {"halvings": -1}])
def test_sizes_are_checked(sizes: dict[str, int]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(sizes))):
        lipschitz_ratio_search(torch.sign, ball(1), seed=0, **sizes)
