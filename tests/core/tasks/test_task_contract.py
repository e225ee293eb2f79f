"""The contract of an optimizee, on every family in the registry and each of its distributions.

A new family is tested by existing. Each property is a function `check_…(task)`, so that the
negative controls at the end can show that it fails on a task with a planted defect.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import jacrev, vmap

from ml2o_core.seeding import generator
from ml2o_core.tasks import Optimum, Task, TaskBatch, TaskFamily
from ml2o_core.tasks.lasso import Lasso, LassoTask
from ml2o_core.tasks.linear_rastrigin import LinearRastrigin
from ml2o_core.tasks.mixture import FrozenTasks
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_core.tasks.rastrigin import Rastrigin
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso

ROUNDING = 1e-11
"""Relative; for identities that hold exactly in real arithmetic (sums of some ten products)."""

DIFFERENCE = 1e-5
"""Step of central differences of fourth order: rounding 3e-11·(value), truncation far below."""

DIFFERENCE_ERROR = 1e-6
"""Relative; what central differences with that step may be off by."""


def families() -> Iterator[Any]:
    """Every distribution that needs no option, and the corners that no default reaches."""
    for name, family in TaskFamily.registry().items():
        yield pytest.param(family(), id=name)
        for distribution, constructor in family.distributions().items():
            options = inspect.signature(constructor).parameters.values()
            optional = all(o.default is not o.empty or o.kind is o.VAR_KEYWORD for o in options)
            if optional and family.named(distribution) != family():
                yield pytest.param(family.named(distribution), id=f"{name}/{distribution}")
    yield pytest.param(Lasso.normal(200), id="lasso, σ = 200")
    yield pytest.param(Quadratic.normal(100, rows=3, cols=5), id="quadratic, rank 3 of 5")
    yield pytest.param(Quadratic.normal(0), id="quadratic, A = 0")
    yield pytest.param(Lasso(rows=1, cols=1, weight=0.0), id="lasso, d = 1, λ = 0")
    yield pytest.param(Lasso(rows=5, cols=3, weight=10.0), id="lasso, λ large")
    yield pytest.param(SmoothedLasso(cols=4, smoothing=1e-4), id="smoothed LASSO, small ε")
    yield pytest.param(Rosenbrock(cols=5, steepness=3.0), id="rosenbrock, d = 5")
    yield pytest.param(Rastrigin(cols=1, alpha=0.0), id="rastrigin, d = 1, α = 0")
    yield pytest.param(LinearRastrigin(rows=3, cols=5), id="linear rastrigin, rank 3 of 5")


over_families = pytest.mark.parametrize("family", list(families()))


def first_task(family: TaskFamily) -> Task:
    return family.sample(generator(0, purpose="contract"))


def points(task: Task, count: int = 4) -> list[Tensor]:
    """Random points of sizes 0.01 to 3, with every coordinate at least 1e-3 off a kink at 0."""
    draw = generator(1, purpose="points")
    z = torch.randn(count, task.dim, dtype=torch.float64, generator=draw)
    x = z * torch.logspace(-2, 0.5, count, dtype=torch.float64)[:, None]
    return list(x + 1e-3 * x.sign())


def close(actual: Tensor, expected: Tensor, tolerance: float, scale: float = 1.0) -> bool:
    """Within `tolerance` of the larger of `scale` and the largest expected entry."""
    size = max(scale, expected.abs().max().item())
    return actual.shape == expected.shape and bool(
        (actual - expected).abs().max() <= tolerance * size
    )


def central_differences(f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """∂f/∂x_k on the last axis."""
    steps = DIFFERENCE * torch.eye(x.shape[0], dtype=x.dtype)

    def along(e: Tensor) -> Tensor:
        return (8 * (f(x + e) - f(x - e)) - (f(x + 2 * e) - f(x - 2 * e))) / (12 * DIFFERENCE)

    return torch.stack([along(e) for e in steps], -1)


# The properties.


def check_gradient(task: Task) -> None:
    for x in points(task):
        assert close(task.gradient(x), central_differences(task.loss, x), DIFFERENCE_ERROR)
        smooth = central_differences(task.smooth_loss, x)
        assert close(task.smooth_gradient(x), smooth, DIFFERENCE_ERROR)


def check_hessian(task: Task) -> None:
    for x in points(task):
        H = task.hessian(x)
        assert close(H, H.mT, ROUNDING)
        assert close(H, jacrev(task.smooth_gradient)(x), ROUNDING)
        assert close(H, central_differences(task.smooth_gradient, x), DIFFERENCE_ERROR)
        for v in points(task):
            assert close(task.hvp(x, v), H @ v, ROUNDING, scale=H.abs().max().item())


def check_third_derivative(task: Task) -> None:
    """Autograd twice through the gradient's formula, as the graph mode `full` does."""
    for x in points(task):
        v = torch.linspace(-1, 1, task.dim, dtype=x.dtype) + 0.1
        at = x.clone().requires_grad_()
        (Hv,) = torch.autograd.grad(task.gradient(at) @ v, at, create_graph=True)
        assert close(Hv, task.hvp(x, v), ROUNDING, scale=task.hessian(x).abs().max().item())
        if Hv.requires_grad:
            (third,) = torch.autograd.grad(Hv @ v, at, materialize_grads=True)
        else:  # the gradient is affine in x
            third = torch.zeros_like(x)
        expected = central_differences(lambda y, v=v: v @ task.hvp(y, v), x)
        size = task.hessian(x).abs().max().item()
        assert close(third, expected, DIFFERENCE_ERROR, scale=max(1.0, size))


def check_optimum(task: Task) -> None:
    best = task.optimum()
    if best is None:
        return
    s, H = task.smooth_gradient(best.x), task.hessian(best.x)
    scale = H.norm() * best.x.norm() + task.smooth_gradient(torch.zeros_like(best.x)).norm()
    # Fixed point of the proximal gradient step: for h = 0 it says ∇l(x*) = 0.
    residual = best.x - task.prox(best.x - s, 1.0)
    assert residual.norm() <= ROUNDING * max(1.0, scale.item())
    assert close(best.value, task.loss(best.x), ROUNDING)
    for direction in points(task):
        for radius in (1e-3, 1e-1, 1.0, 10.0):
            nearby = task.loss(best.x + radius * direction / direction.norm())
            assert nearby >= best.value - ROUNDING * max(1.0, nearby.item())


def check_prox(task: Task) -> None:
    """p = prox(v) minimises F = h + ‖· − v‖²/2s; h is convex, so F(p + δ) ≥ F(p) + ‖δ‖²/2s."""
    for v in points(task):
        for step in (0.1, 1.0, 10.0):
            p = task.prox(v, step)
            assert close(task.prox(v, torch.tensor(step, dtype=v.dtype)), p, 0.0)

            def F(x: Tensor, v: Tensor = v, step: float = step) -> Tensor:
                return task.loss(x) - task.smooth_loss(x) + (x - v) @ (x - v) / (2 * step)

            for direction in points(task):
                for radius in (-1.0, 1e-2, 1.0):
                    delta = radius * direction
                    margin = ROUNDING * (1 + task.loss(p) + task.loss(p + delta))
                    assert F(p + delta) >= F(p) + delta @ delta / (2 * step) - margin


def check_smooth_lipschitz(task: Task) -> None:
    L = task.smooth_lipschitz()
    if L is None:
        return
    for x in [torch.zeros(task.dim, dtype=torch.float64), *points(task)]:
        assert torch.linalg.matrix_norm(task.hessian(x), 2) <= L * (1 + ROUNDING)


CHECKS = [check_gradient, check_hessian, check_third_derivative]
CHECKS += [check_optimum, check_prox, check_smooth_lipschitz]


@over_families
@pytest.mark.parametrize("check", CHECKS)
def test_property(check: Callable[[Task], None], family: TaskFamily) -> None:
    check(first_task(family))


# Batches.


def evaluations(task: Task, x: Tensor) -> dict[str, Tensor]:
    """Everything a task can be asked, as tensors."""
    L, best = task.smooth_lipschitz(), task.optimum()
    return {
        "loss": task.loss(x),
        "gradient": task.gradient(x),
        "hessian": task.hessian(x),
        "hvp": task.hvp(x, x + 1),
        "smooth_loss": task.smooth_loss(x),
        "smooth_gradient": task.smooth_gradient(x),
        "prox": task.prox(x, 0.5),
        **({} if L is None else {"smooth_lipschitz": L}),
        **({} if best is None else {"optimum": best.x, "optimal value": best.value}),
    }


@over_families
def test_map_over_replicates_and_problems_equals_loop(family: TaskFamily) -> None:
    batches = [family.sample_batch(generator(0, repeat=r), 3) for r in range(2)]
    tasks = TaskBatch.stack(batches)
    assert tasks.shape == (2, 3)
    x = torch.stack([family.start_batch(generator(1, repeat=r), 3) for r in range(2)])
    mapped = vmap(vmap(lambda data, x: evaluations(tasks.task_type(**data), x)))(tasks.tensors, x)
    for r in range(2):
        for i in range(3):
            alone = evaluations(batches[r][i], x[r, i])
            assert alone.keys() == mapped.keys()
            for name, expected in alone.items():
                # x* = A⁺b amplifies rounding by the condition of A, here up to some 1e3.
                tolerance = 1e-8 if name == "optimum" else ROUNDING
                assert close(mapped[name][r, i], expected, tolerance), name


@over_families
def test_full_graph_reaches_the_gradient_through_a_map(family: TaskFamily) -> None:
    tasks = family.sample_batch(generator(0), 3)
    x = family.start_batch(generator(1), 3).requires_grad_()

    def gradient(data: dict[str, Tensor], x: Tensor) -> Tensor:
        return tasks.task_type(**data).gradient(x)

    (Hv,) = torch.autograd.grad(vmap(gradient)(tasks.tensors, x).sum(), x, create_graph=True)
    ones = torch.ones(tasks.dim, dtype=x.dtype)
    for i in range(3):
        H = tasks[i].hessian(x[i].detach())
        assert close(Hv[i], H @ ones, ROUNDING, scale=H.abs().max().item())


@over_families
def test_batch_holds_its_tasks_and_changes_precision(family: TaskFamily) -> None:
    tasks = [family.sample(generator(0, problem=i)) for i in range(3)]
    batch = TaskBatch.stack(tasks)
    assert batch.shape == (3,)
    assert batch.dim == tasks[0].dim
    for i, task in enumerate(tasks):
        assert type(batch[i]) is type(task)
        for name, value in task.tensors().items():
            assert torch.equal(getattr(batch[i], name), value)
    single = batch.to("cpu", torch.float32)
    x = family.start(generator(1)).float()
    for name, value in evaluations(single[1], x).items():
        assert value.dtype == torch.float32, name
    assert close(single[1].loss(x).double(), tasks[1].loss(x.double()), 1e-4)


@over_families
def test_data_that_is_not_finite_is_refused_by_field(family: TaskFamily) -> None:
    task = first_task(family)
    for name, value in task.tensors().items():
        for bad in (float("nan"), float("inf")):
            poisoned = value.clone()
            poisoned.view(-1)[-1] = bad
            with pytest.raises(ValueError, match=rf"^{name}: got {bad}; allowed: finite numbers$"):
                TaskBatch.stack([task, replace(task, **{name: poisoned})])  # type: ignore[type-var]


# Draws.


def same(a: Task, b: Task) -> bool:
    return all(
        torch.equal(u, v) for u, v in zip(a.tensors().values(), b.tensors().values(), strict=True)
    )


@over_families
def test_a_seed_is_a_draw(family: TaskFamily) -> None:
    ambient = torch.random.get_rng_state()

    def draw(seed: int) -> tuple[Task, Tensor]:
        return family.sample(generator(seed)), family.start(generator(seed, purpose="start"))

    (task, start), (again, start_again), (other, other_start) = draw(0), draw(0), draw(1)
    assert same(task, again)
    assert torch.equal(start, start_again)
    varies = not (same(task, other) and torch.equal(start, other_start))
    assert varies is (family != Rosenbrock.fixed_start())  # there, nothing is random
    assert start.shape == (task.dim,)
    assert {start.dtype, *(v.dtype for v in task.tensors().values())} == {torch.float64}
    assert torch.equal(torch.random.get_rng_state(), ambient)


@over_families
def test_batches_equal_loops_of_single_draws(family: TaskFamily) -> None:
    if isinstance(family, FrozenTasks):  # a batch is the set in its order: test_mixture.py
        assert same(family.sample_batch(generator(0), 2)[1], family.tasks[1])
        return
    one, many = generator(0), generator(0)
    batch = family.sample_batch(many, 5)
    assert all(same(batch[i], family.sample(one)) for i in range(5))
    starts = family.start_batch(many, 5)
    assert all(torch.equal(starts[i], family.start(one)) for i in range(5))


@over_families
def test_spec_survives_json(family: TaskFamily) -> None:
    text = family.model_dump_json()
    again = TaskFamily.parse(json.loads(text))
    assert again == family
    assert type(again) is type(family)
    assert hash(again) == hash(family)
    assert again.model_dump_json() == text
    assert same(first_task(again), first_task(family))


def test_lookup_finds_what_the_registry_lists() -> None:
    known = TaskFamily.registry()
    least_squares = {"quadratic", "lasso", "smoothed-lasso"}
    others = {"rosenbrock", "rastrigin", "linear-rastrigin", "mixture", "frozen"}
    assert least_squares | others <= known.keys()
    assert all(TaskFamily.lookup(name) is family for name, family in known.items())


# Negative controls: a planted defect makes the property fail.


class WrongSign(QuadraticTask):
    def gradient(self, x: Tensor) -> Tensor:
        return self.A.mT @ (self.A @ x + self.b)


class WrongFactor(QuadraticTask):
    def loss(self, x: Tensor) -> Tensor:
        return 2 * self.fit(x)


class ConstantTerm(QuadraticTask):
    def hessian(self, x: Tensor) -> Tensor:
        return self.gram() + torch.eye(self.dim, dtype=x.dtype)


class Asymmetric(QuadraticTask):
    def hessian(self, x: Tensor) -> Tensor:
        return self.A


class SubgradientOfTheWrongSide(LassoTask):
    def gradient(self, x: Tensor) -> Tensor:
        return self.fit_gradient(x) - self.weight * x.sign()


class NoDoubleBackward(QuadraticTask):
    def gradient(self, x: Tensor) -> Tensor:
        return self.fit_gradient(x.detach()) + 0 * x


class NotTheMinimiser(QuadraticTask):
    def optimum(self) -> Optimum:
        x = super().optimum().x + 1e-4
        return Optimum(x, self.loss(x))


class NotTheMinimum(QuadraticTask):
    def optimum(self) -> Optimum:
        best = super().optimum()
        return Optimum(best.x, best.value + 1e-6)


class ProxWithoutStep(LassoTask):
    def prox(self, v: Tensor, step: Tensor | float) -> Tensor:
        return super().prox(v, 1.0)


class HardThreshold(LassoTask):
    def prox(self, v: Tensor, step: Tensor | float) -> Tensor:
        return torch.where(v.abs() > self.weight * step, v, 0.0)


class HalfTheConstant(QuadraticTask):
    def smooth_lipschitz(self) -> Tensor:
        return super().smooth_lipschitz() / 2


@pytest.mark.parametrize(
    ("defect", "check"),
    [
        (WrongSign, check_gradient),
        (WrongFactor, check_gradient),
        (SubgradientOfTheWrongSide, check_gradient),
        (ConstantTerm, check_hessian),
        (Asymmetric, check_hessian),
        (NoDoubleBackward, check_third_derivative),
        (NotTheMinimiser, check_optimum),
        (NotTheMinimum, check_optimum),
        (ProxWithoutStep, check_prox),
        (HardThreshold, check_prox),
        (HalfTheConstant, check_smooth_lipschitz),
    ],
)
def test_planted_defect_is_caught(defect: type[Task], check: Callable[[Task], None]) -> None:
    sound = first_task(Lasso(weight=0.3) if issubclass(defect, LassoTask) else Quadratic())
    check(sound)
    with pytest.raises(AssertionError):
        check(defect(**sound.tensors()))
