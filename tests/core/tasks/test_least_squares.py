"""Quadratic and LASSO: closed forms, their named distributions, and the population moments."""

from __future__ import annotations

import jaxtyping
import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks import TaskFamily
from ml2o_core.tasks.distributions import Fixed, Normal, Uniform
from ml2o_core.tasks.lasso import Lasso, LassoTask
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_core.tasks.mixture import FrozenTasks
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso

FAMILIES = [Quadratic, Lasso, SmoothedLasso]


def tensor(*values: object) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


# Quadratic.


def test_quadratic_by_hand() -> None:
    """½((x₁ − 1)² + (2x₂ − 2)²)."""
    task = QuadraticTask(A=tensor([1, 0], [0, 2]), b=tensor(1, 2))
    assert task.loss(tensor(3, 0)) == 4
    assert task.gradient(tensor(3, 0)).tolist() == [2, -4]
    assert task.hessian(tensor(3, 0)).tolist() == [[1, 0], [0, 4]]
    assert task.smooth_lipschitz() == 4
    assert task.optimum().x.tolist() == [1, 1]
    assert task.optimum().value == 0


def conditioned(rows: int, cols: int, singular: Tensor) -> Tensor:
    """A matrix with the given singular values."""
    g = generator(7, rows=rows, cols=cols)
    left, right = (torch.randn(n, n, dtype=torch.float64, generator=g) for n in (rows, cols))
    U, V = torch.linalg.qr(left).Q, torch.linalg.qr(right).Q
    return (U[:, : len(singular)] * singular) @ V[:, : len(singular)].mT


@pytest.mark.parametrize(
    ("rows", "cols", "rank"), [(5, 5, 5), (5, 5, 2), (3, 6, 3), (6, 3, 3), (6, 3, 1), (4, 4, 0)]
)
def test_quadratic_optimum_is_the_minimiser_of_least_norm(rows: int, cols: int, rank: int) -> None:
    A = conditioned(rows, cols, torch.linspace(1, 2, rank, dtype=torch.float64))
    b = torch.randn(rows, dtype=torch.float64, generator=generator(0))
    task = QuadraticTask(A, b)
    best = task.optimum()
    assert task.gradient(best.x).norm() < 1e-14 * (1 + b.norm())
    reference = torch.linalg.lstsq(A, b, driver="gelsd").solution
    assert torch.allclose(best.x, reference, rtol=0, atol=1e-13)
    # Moving inside the null space of A keeps the loss, and lengthens x.
    null = torch.linalg.svd(A).Vh[rank:]
    assert len(null) == cols - rank
    for direction in null:
        moved = best.x + direction
        assert torch.isclose(task.loss(moved), best.value, atol=1e-13)
        assert moved.norm() > best.x.norm()


def test_quadratic_optimum_is_backward_stable() -> None:
    """At condition 1e11 the residual stays at rounding; A⁺ formed as a matrix loses nine digits."""
    A = conditioned(10, 10, torch.logspace(0, -11, 10, dtype=torch.float64))
    b = A @ torch.randn(10, dtype=torch.float64, generator=generator(1))
    residual = (A @ QuadraticTask(A, b).optimum().x - b).norm()
    assert residual < 1e-14
    assert (A @ (torch.linalg.pinv(A) @ b) - b).norm() > 1e3 * residual  # negative control


# LASSO.


def lasso(weight: float, rows: int = 6, cols: int = 4) -> LassoTask:
    g = generator(3, rows=rows, cols=cols)
    A = torch.randn(rows, cols, dtype=torch.float64, generator=g)
    return LassoTask(A, torch.randn(rows, dtype=torch.float64, generator=g), tensor(weight)[0])


def test_lasso_subgradient_is_zero_sign_at_zero() -> None:
    task = lasso(0.7)
    x = tensor(1, 0, -1, 0)
    by_sign = task.gradient(x) - task.smooth_gradient(x)
    assert torch.allclose(by_sign, 0.7 * tensor(1, 0, -1, 0), rtol=0, atol=1e-15)


def test_soft_threshold_by_hand() -> None:
    task = lasso(0.5)
    v = tensor(3, 0.9, -1, -2.5)
    assert task.prox(v, 2.0).tolist() == [2, 0, 0, -1.5]


def test_proximal_gradient_reaches_zero_exactly_when_the_weight_is_large_enough() -> None:
    """x* = 0 iff λ ≥ ‖Aᵀb‖_∞: tight at λ = ‖Aᵀb‖_∞, not below it."""
    largest = (lasso(1.0).A.mT @ lasso(1.0).b).abs().max().item()
    for factor, at_zero in [(1.0 + 1e-12, True), (2.0, True), (0.99, False)]:
        task = lasso(largest * factor)
        x, step = torch.zeros(4, dtype=torch.float64), 1 / task.smooth_lipschitz()
        for _ in range(200):
            x = task.prox(x - step * task.smooth_gradient(x), step)
        assert bool((x == 0).all()) is at_zero
        assert task.loss(x) <= task.loss(torch.zeros_like(x))


def test_lasso_breaks_a3b_with_a_witness() -> None:
    """‖∇l(x) − ∇l(x')‖/‖x − x'‖ exceeds any constant; the smooth part's does not."""
    task = lasso(0.005)
    x = tensor(1e-9, 1, 1, 1)
    y = tensor(-1e-9, 1, 1, 1)
    ratio = (task.gradient(x) - task.gradient(y)).norm() / (x - y).norm()
    assert ratio > 1e6
    smooth = (task.smooth_gradient(x) - task.smooth_gradient(y)).norm() / (x - y).norm()
    assert smooth <= task.smooth_lipschitz() * (1 + 1e-6)


def test_no_closed_form_no_optimum() -> None:
    assert lasso(0.1).optimum() is None
    assert SmoothedLasso().sample(generator(0)).optimum() is None


@pytest.mark.parametrize(
    ("A", "b", "argument"),
    [
        (torch.zeros(3), torch.zeros(3), "A"),
        (torch.zeros(3, 2), torch.zeros(2), "b"),
        (torch.zeros(3, 2), torch.zeros(1), "b"),  # would broadcast
        (torch.zeros(3, 2), torch.tensor(0.0), "b"),
    ],
)
def test_data_of_the_wrong_shape(
    A: Tensor, b: Tensor, argument: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Users run without the tests' shape checks, which would speak first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    with pytest.raises(InvalidArgument) as caught:
        QuadraticTask(A, b)
    assert caught.value.argument == argument


# Distributions.


@pytest.mark.parametrize("family", FAMILIES)
def test_defaults_are_the_training_mixture(family: type[LeastSquaresFamily]) -> None:
    assert family() == family.uniform_mixture() == family.uniform_mixture(scales=(0.1, 0.5, 1.0))
    assert family().start_distribution == Normal(sd=0.01)
    assert (family().rows, family().cols) == (10, 10)
    tasks = family().sample_batch(generator(0), 300)
    largest = tasks.tensors["A"].flatten(1).max(1).values
    assert tasks.tensors["A"].min() >= 0
    # A 10×10 matrix of U(0, s) entries has its largest above 0.9 s but for a chance of 0.9^100.
    shares = [((largest > 0.9 * s) & (largest <= s)).double().mean() for s in (0.1, 0.5, 1.0)]
    assert sum(shares) > 0.99
    assert all(abs(share - 1 / 3) < 5 * (2 / 9 / 300) ** 0.5 for share in shares)
    b = tasks.tensors["b"]
    assert 0 <= b.min() < 0.01
    assert 0.99 < b.max() <= 1


def test_targets_of_the_test_tasks() -> None:
    """b ~ U(0, 1) for LASSO, b ~ U(−1, 1) for Quadratic."""
    assert Lasso.normal(50).target == Uniform(low=0, high=1)
    assert SmoothedLasso.normal(50).target == Uniform(low=0, high=1)
    assert Quadratic.normal(50).target == Uniform(low=-1, high=1)
    assert Quadratic.normal(50, target=Normal(sd=1)).target == Normal(sd=1)


@pytest.mark.parametrize(
    ("family", "mean_square", "mean"),
    [
        (Lasso.normal(50), 2500.0, 0.0),
        (Lasso.uniform_mixture(scales=(0.5,)), 0.25 / 3, 0.25),
        (Lasso.uniform_mixture(), (0.01 + 0.25 + 1) / 9, 1.6 / 6),
        (Lasso.normal_mixture(), (0.01 + 0.25 + 1) / 3, 0.0),
    ],
    ids=["normal", "uniform", "uniform mixture", "normal mixture"],
)
def test_population_moments(family: Lasso, mean_square: float, mean: float) -> None:
    """E[AᵀA] = r(E[a²] on the diagonal, E[a a'] off it) and E[Aᵀb] = r E[a] E[b] 1.

    For one U(0, s) the off-diagonal entry is r s²/4; in a mixture s² is averaged, not s.
    """
    r, d = 3, 2
    tasks = family.with_changes(rows=r, cols=d).sample_batch(generator(5), 4000).tensors
    gram = tasks["A"].mT @ tasks["A"]
    correlation = (tasks["A"].mT @ tasks["b"][..., None])[..., 0]
    off = 0.0 if mean == 0 else r * mean_square * 3 / 4

    def check(draws: Tensor, expected: float) -> None:
        assert (draws.mean() - expected).abs() < 5 * draws.std() / len(draws) ** 0.5

    check(gram[:, 0, 0], r * mean_square)
    check(gram[:, 1, 1], r * mean_square)
    check(gram[:, 0, 1], off)
    check(correlation[:, 0], r * mean / 2)


def test_frozen_mixture_has_a_third_of_each_scale() -> None:
    frozen = Lasso.frozen_mixture(rows=4, weight=0.1)
    assert isinstance(frozen, FrozenTasks)
    A, b = frozen.tasks.tensors["A"], frozen.tasks.tensors["b"]
    assert A.shape == (128, 4, 10)
    for i, s in enumerate((0.1, 0.5, 1.0)):
        assert A[i::3].min() >= 0
        assert 0.9 * s < A[i::3].max() <= s
    assert -1 <= b.min() < -0.9
    assert 0.9 < b.max() <= 1
    assert frozen.tasks.tensors["weight"].unique().item() == 0.1
    assert FrozenTasks() == Lasso.frozen_mixture()


@pytest.mark.parametrize("family", FAMILIES)
def test_named_distributions_build_what_the_constructors_do(
    family: type[LeastSquaresFamily],
) -> None:
    assert family.named() == family()
    assert family.named("normal", sigma=50) == family.normal(50)
    assert family.named("normal", sigma=50, cols=3) == family.normal(50, cols=3)
    assert family.named("normal-mixture", scales=(1.0,)) == family.normal_mixture((1.0,))
    assert family.named("frozen-mixture", seed=3) == family.frozen_mixture(seed=3)
    assert list(TaskFamily.lookup(family.name).distributions()) == [
        "uniform-mixture",
        "normal-mixture",
        "normal",
        "frozen-mixture",
    ]


def test_fixed_start_and_fixed_data() -> None:
    family = Quadratic(
        rows=1,
        cols=2,
        matrix=Fixed(values=(3, 4)),
        target=Fixed(values=(0,)),
        start_distribution=Fixed(values=(1, 2)),
    )
    assert family.start(generator(0)).tolist() == [1, 2]
    assert family.sample(generator(0)).smooth_lipschitz() == 25


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("distribution", "options", "message"),
    [
        ("normal", {"sigma": -1.0}, "sigma: got -1.0; allowed: a finite number ≥ 0"),
        ("normal", {"sigma": float("nan")}, "sigma: got nan; allowed: a finite number ≥ 0"),
        ("normal", {}, "sigma: got None; allowed: a value, since distribution 'normal' needs one"),
        ("normal", {"sigma": 1.0, "sgma": 2}, "sgma: got 2; allowed: known keys (cols, matrix,"),
        (
            "norml",
            {},
            "distribution: got 'norml'; allowed: uniform-mixture, normal-mixture, normal",
        ),
        ("uniform-mixture", {"scales": (1.0, -0.5)}, "scales: got (1.0, -0.5); allowed: one or"),
        ("uniform-mixture", {"scales": ()}, "scales: got (); allowed: one or more finite"),
        ("normal-mixture", {"scales": (float("inf"),)}, "scales: got (inf,); allowed: one or more"),
        ("frozen-mixture", {"count": 0}, "count: got 0; allowed: "),
        ("uniform-mixture", {"rows": 0}, "rows: got 0; allowed: "),
        (
            "uniform-mixture",
            {"start_distribution": Fixed(values=(1,))},
            "start_distribution: got (1.0,); allowed: 10 fixed values",
        ),
        ("uniform-mixture", {"target": Fixed(values=(1, 2))}, "target: got (1.0, 2.0); allowed:"),
        ("uniform-mixture", {"matrix": Fixed(values=(1, 2))}, "matrix: got (1.0, 2.0); allowed:"),
    ],
)
def test_bad_input_gets_one_line(
    family: type[LeastSquaresFamily], distribution: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        family.named(distribution, **options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("family", "values"),
    [
        (Lasso, {"weight": -0.1}),
        (SmoothedLasso, {"weight": -0.1}),
        (SmoothedLasso, {"smoothing": 0.0}),
        (Lasso, {"weight": float("nan")}),
    ],
)
def test_bad_regularisation(family: type[TaskFamily], values: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        family(**values)
    assert caught.value.argument in values
