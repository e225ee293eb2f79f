"""Rastrigin's function: the released code's formulas, the egg box, and the one with a matrix."""

from __future__ import annotations

import math

import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks import TaskFamily
from ml2o_core.tasks.distributions import Fixed, Normal, Uniform
from ml2o_core.tasks.linear_rastrigin import LinearRastrigin, LinearRastriginTask
from ml2o_core.tasks.mixture import TaskMixture
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rastrigin import Rastrigin, RastriginTask

COORDINATES = st.lists(st.floats(-5, 5), min_size=1, max_size=6)
ALPHAS = st.one_of(st.just(0.0), st.floats(1e-3, 100))
PI = math.pi


def point(x: list[float]) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def linear(seed: int = 0, alpha: float = 5.0, rows: int = 3, cols: int = 4) -> LinearRastriginTask:
    return LinearRastrigin(rows=rows, cols=cols, alpha=alpha).sample(generator(seed))


@given(COORDINATES, ALPHAS)
def test_loss_is_the_released_formula(x: list[float], alpha: float) -> None:
    """‖x‖² − α Σ cos 2πx_k + α d."""
    task = Rastrigin(cols=len(x), alpha=alpha).sample(generator(0))
    expected = sum(u * u - alpha * math.cos(2 * PI * u) for u in x) + alpha * len(x)
    assert task.dim == len(x)
    assert task.loss(point(x)).item() == pytest.approx(expected, rel=1e-12, abs=1e-12 * (1 + alpha))


def test_one_dimension_by_hand() -> None:
    """On the grid the loss is k²; between two of its points it is 2α higher than the parabola."""
    task = RastriginTask(point([10.0]))
    for u, value, slope, curvature in [
        (0.0, 0.0, 0.0, 2 + 40 * PI**2),
        (0.5, 20.25, 1.0, 2 - 40 * PI**2),
        (2.0, 4.0, 4.0, 2 + 40 * PI**2),
        (0.25, 10.0625, 0.5 + 20 * PI, 2.0),
    ]:
        x = point([u])
        assert task.loss(x).item() == pytest.approx(value, abs=1e-12)
        assert task.gradient(x).item() == pytest.approx(slope, abs=1e-12)
        assert task.hessian(x).item() == pytest.approx(curvature)


@given(COORDINATES, st.floats(0, 100))
def test_zero_is_the_only_zero(x: list[float], alpha: float) -> None:
    task = Rastrigin(cols=len(x), alpha=alpha).sample(generator(0))
    assert task.optimum().x.tolist() == [0.0] * len(x)
    assert task.optimum().value == task.loss(task.optimum().x) == 0
    assert task.loss(point(x)) >= (point(x) ** 2).sum()


def test_the_loss_keeps_its_digits_near_the_minimum() -> None:
    """As l = (1 + 2π²α) x² to first order; 1 − cos 2πx itself would be 0 at x = 1e-9."""
    task = RastriginTask(point([10.0]))
    assert task.loss(point([1e-9])).item() == pytest.approx((1 + 20 * PI**2) * 1e-18, rel=1e-12)
    assert 1 - math.cos(2 * PI * 1e-9) == 0


def test_every_cell_near_the_middle_has_a_valley_of_its_own() -> None:
    """Newton's method from a grid point ends at a minimum in its cell, higher than those inside."""
    task = RastriginTask(point([10.0]))
    values = []
    for k in range(5):
        x = point([float(k)])
        for _ in range(30):
            x = x - task.gradient(x) / task.hessian(x)[0]
        assert abs(x.item() - k) < 0.5
        assert task.gradient(x).abs() < 1e-12
        assert task.hessian(x) > 0
        values.append(task.loss(x).item())
    assert values == sorted(values)
    assert len(set(values)) == 5


def test_it_is_convex_up_to_alpha_one_over_two_pi_squared() -> None:
    limit = 1 / (2 * PI**2)
    top = point([0.5])
    assert RastriginTask(point([0.999 * limit])).hessian(top) > 0
    assert RastriginTask(point([1.001 * limit])).hessian(top) < 0


@given(COORDINATES)
def test_without_waves_it_is_a_quadratic(x: list[float]) -> None:
    """α = 0: ‖x‖² for Rastrigin's own, ½‖Ax − b‖² for the one with a matrix."""
    at = point(x)
    plain = RastriginTask(torch.zeros_like(at))
    assert plain.loss(at).item() == pytest.approx((at @ at).item())
    assert torch.equal(plain.gradient(at), 2 * at)
    task = linear(alpha=0.0, cols=len(x))
    quadratic = QuadraticTask(task.A, task.b)
    assert torch.equal(task.loss(at), quadratic.loss(at))
    assert torch.equal(task.gradient(at), quadratic.gradient(at))
    assert torch.equal(task.hessian(at), quadratic.hessian(at))


@given(COORDINATES, ALPHAS)
def test_with_root_two_as_its_matrix_the_linear_one_is_rastrigin_s(
    x: list[float], alpha: float
) -> None:
    at = point(x)
    ones = torch.ones_like(at)
    plain = RastriginTask(alpha * ones)
    task = LinearRastriginTask(
        2**0.5 * torch.diag(ones), 0 * ones, ones, torch.tensor(alpha).double()
    )
    assert task.loss(at).item() == pytest.approx(
        plain.loss(at).item(), rel=1e-6, abs=1e-12 * (1 + alpha)
    )
    torch.testing.assert_close(task.gradient(at), plain.gradient(at), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(task.hessian(at), plain.hessian(at), rtol=1e-6, atol=1e-6)


@given(seed=st.integers(0, 99), x=st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_the_linear_one_is_the_released_formula(seed: int, x: list[float]) -> None:
    """½‖Ax − b‖² − α cᵀcos(2πx) + α d, entry by entry."""
    task = linear(seed)
    A, b, c = task.A.tolist(), task.b.tolist(), task.c.tolist()
    fit = sum(
        (sum(a * u for a, u in zip(row, x, strict=True)) - t) ** 2
        for row, t in zip(A, b, strict=True)
    )
    waves = sum(w * math.cos(2 * PI * u) for w, u in zip(c, x, strict=True))
    expected = fit / 2 - 5 * waves + 5 * 4
    assert task.loss(point(x)).item() == pytest.approx(expected, rel=1e-11, abs=1e-11)
    assert task.optimum() is None


def worst_point(task: LinearRastriginTask) -> Tensor:
    """cos 2πx_k = sign c_k."""
    return torch.where(task.c > 0, 0.0, 0.5).double()


@given(seed=st.integers(0, 99), x=st.lists(st.floats(-3, 3), min_size=4, max_size=4))
def test_the_lipschitz_constants_are_attained_and_never_exceeded(seed: int, x: list[float]) -> None:
    task = linear(seed)
    plain = RastriginTask(task.c.abs())
    L = task.smooth_lipschitz()
    norm = torch.linalg.matrix_norm
    assert norm(task.hessian(point(x)), 2) <= L * (1 + 1e-12)
    assert norm(task.hessian(worst_point(task)), 2).item() == pytest.approx(L.item(), rel=1e-12)
    assert norm(plain.hessian(point(x)), 2) <= plain.smooth_lipschitz() * (1 + 1e-12)
    at_zero = norm(plain.hessian(torch.zeros(4, dtype=torch.float64)), 2)
    assert at_zero.item() == pytest.approx(plain.smooth_lipschitz().item(), rel=1e-12)


def test_the_released_distributions() -> None:
    plain = Rastrigin()
    assert (plain.cols, plain.alpha, plain.start_distribution) == (2, 10.0, Normal(sd=1))
    assert Rastrigin.named() == Rastrigin.named("random-start") == plain
    assert Rastrigin.named("linear", alpha=3) == LinearRastrigin(alpha=3)
    mixture = Rastrigin.named("alpha-mixture")
    assert isinstance(mixture, TaskMixture)
    batch = mixture.sample_batch(generator(0), 60)
    heights = batch.tensors["height"]
    assert heights.shape == (60, 10)
    assert torch.equal(heights, heights[:, :1].expand(60, 10)), "one α for each problem"
    assert set(heights[:, 0].tolist()) == {0.5, 1.0, 2.0}
    starts = mixture.start_batch(generator(0), 60)
    assert 2.5 < starts.abs().max() <= 3
    own = Rastrigin.alpha_mixture((4.0, 8.0), cols=3)
    assert {family.alpha for family in own.families} == {4.0, 8.0}
    assert {family.cols for family in own.families} == {3}
    assert {family.start_distribution for family in own.families} == {Uniform(low=-3, high=3)}
    assert TaskFamily.parse(mixture.model_dump(mode="json")) == mixture


@pytest.mark.parametrize(
    ("family", "fields", "argument"),
    [
        (Rastrigin, {"cols": 0}, "cols"),
        (Rastrigin, {"alpha": -1.0}, "alpha"),
        (Rastrigin, {"alpha": math.inf}, "alpha"),
        (Rastrigin, {"start_distribution": Fixed(values=(1.0, 2.0, 3.0))}, "start_distribution"),
        (Rastrigin, {"rows": 2}, "rows"),
        (LinearRastrigin, {"rows": 0}, "rows"),
        (LinearRastrigin, {"alpha": -1.0}, "alpha"),
        (LinearRastrigin, {"waves": Fixed(values=(1.0,))}, "waves"),
    ],
)
def test_bad_input(family: type[TaskFamily], fields: dict[str, object], argument: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        family(**fields)
    assert caught.value.argument == argument


def test_data_of_the_wrong_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the tests' own check of shapes, as a user runs it."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    task = linear()
    with pytest.raises(InvalidArgument, match="A: got"):
        LinearRastriginTask(task.A.mT, task.b, task.c, task.alpha)


# Negative controls.


class WrongHeight(RastriginTask):
    def loss(self, x: Tensor) -> Tensor:
        return (x**2 + self.height * torch.sin(PI * x) ** 2).sum()


class NoWaves(LinearRastriginTask):
    def gradient(self, x: Tensor) -> Tensor:
        return self.A.mT @ (self.A @ x - self.b)


def test_planted_defects_are_seen_by_autodiff() -> None:
    """The contract test's own comparison, here on these two formulas."""
    x = point([0.3, -0.7, 0.2, 1.1])
    sound, wrong = RastriginTask(x.abs()), WrongHeight(x.abs())
    assert torch.allclose(torch.func.grad(sound.loss)(x), sound.gradient(x))
    assert not torch.allclose(torch.func.grad(wrong.loss)(x), wrong.gradient(x))
    task = linear()
    defect = NoWaves(**task.tensors())
    assert torch.allclose(torch.func.grad(task.loss)(x), task.gradient(x))
    assert not torch.allclose(torch.func.grad(defect.loss)(x), defect.gradient(x))
