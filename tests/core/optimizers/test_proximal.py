"""ISTA and FISTA on LASSO problems whose optimum is known by construction."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.optimizers.fista import FISTA
from ml2o_core.optimizers.ista import ISTA
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.unroll import Trajectory, trajectory

ONE: Params = {"step_scale": torch.ones((), dtype=torch.float64)}
BOTH = pytest.mark.parametrize("rule", [ISTA(), FISTA()], ids=["ista", "fista"])


def solved_lasso(seed: int, dim: int, weight: float, spread: float) -> tuple[LassoTask, Tensor]:
    """A LASSO problem and its minimiser x*, by choosing x* and its dual certificate first.

    x* is optimal iff Aᵀ(b − Ax*) = λs with s_k = sign(x*_k) where x*_k ≠ 0 and |s_k| ≤ 1 elsewhere;
    for an invertible A, b = Ax* + λA⁻ᵀs makes it so. A's singular values go from 1 to 1/spread.
    """
    g = generator(seed, purpose="lasso")
    draw = torch.randn(2, dim, dim, generator=g, dtype=torch.float64)
    U, V = torch.linalg.qr(draw).Q
    A = U @ torch.diag(torch.logspace(0, -1, dim, spread, dtype=torch.float64)) @ V
    x = torch.randn(dim, generator=g, dtype=torch.float64)
    x = torch.where(torch.rand(dim, generator=g, dtype=torch.float64) < 0.5, 0.0, x)
    inside = 2 * torch.rand(dim, generator=g, dtype=torch.float64) - 1
    s = torch.where(x == 0, 0.9 * inside, x.sign())
    lam = torch.tensor(weight, dtype=torch.float64)
    return LassoTask(A, A @ x + lam * torch.linalg.solve(A.mT, s), lam), x


def ill_conditioned() -> tuple[QuadraticTask, Tensor]:
    """Two curvatures, 1 and 1/400, and a start at distance √2 of the optimum 0."""
    A = torch.diag(torch.tensor([1.0, 0.05], dtype=torch.float64))
    return QuadraticTask(A, torch.zeros(2, dtype=torch.float64)), torch.ones(2).double()


def gaps(run: Trajectory, minimum: Tensor) -> Tensor:
    """l(x_t) − l* for t ≥ 1."""
    return run.losses[1:] - minimum


problems = st.builds(
    solved_lasso,
    seed=st.integers(0, 2**32),
    dim=st.integers(1, 6),
    weight=st.sampled_from([0.0, 0.005, 0.3]),
    spread=st.sampled_from([1.0, 3.0, 30.0]),
)


@BOTH
@given(problem=problems)
def test_the_fixed_points_are_the_minimisers(
    rule: UpdateRule, problem: tuple[LassoTask, Tensor]
) -> None:
    """x = prox_ηh(x − η∇s(x)) iff 0 ∈ ∇s(x) + ∂h(x), for every η."""
    task, star = problem
    for scale in (0.5, 1.0, 1.7):
        params = {"step_scale": torch.tensor(scale, dtype=torch.float64)}
        state = rule.init_state(task, star)
        d, _ = rule.update(rule.observe(task, star, state), state, params)
        assert d.abs().max() <= 1e-13 * (1 + star.norm())
        away = star + 0.1
        d, _ = rule.update(rule.observe(task, away, state), state, params)
        # The step from `away` contracts the distance to x* by max |1 − ησ²|, σ² = 1 … 1/spread².
        curvatures = torch.linalg.svdvals(task.A) ** 2
        contraction = (1 - scale * curvatures).abs().max()
        assert d.norm() >= (1 - contraction) * (away - star).norm() * (1 - 1e-9)


@given(problem=problems, scale=st.sampled_from([0.3, 1.0]))
def test_ista_decreases_within_its_bound(problem: tuple[LassoTask, Tensor], scale: float) -> None:
    """l(x_{t+1}) ≤ l(x_t) and l(x_t) − l* ≤ L‖x_0 − x*‖²/(2φt), for φ ≤ 1."""
    task, star = problem
    x0 = star + 1
    params = {"step_scale": torch.tensor(scale, dtype=torch.float64)}
    run = trajectory(ISTA(), params, task, x0, 30)
    rounding = 1e-13 * (1 + run.losses[0])
    assert (run.losses.diff() <= rounding).all()
    t = torch.arange(1, 31)
    bound = task.smooth_lipschitz() * (x0 - star).square().sum() / (2 * scale * t)
    assert (gaps(run, task.loss(star)) <= bound + rounding).all()


@given(problem=problems)
def test_fista_keeps_its_bound(problem: tuple[LassoTask, Tensor]) -> None:
    """l(x_t) − l* ≤ 2L‖x_0 − x*‖²/(t + 1)² (Beck and Teboulle 2009, Theorem 4.4)."""
    task, star = problem
    x0 = star + 1
    run = trajectory(FISTA(), ONE, task, x0, 40)
    t = torch.arange(1, 41)
    bound = 2 * task.smooth_lipschitz() * (x0 - star).square().sum() / (t + 1) ** 2
    assert (gaps(run, task.loss(star)) <= bound + 1e-13 * (1 + run.losses[0])).all()


def test_ista_does_not_keep_fistas_bound() -> None:
    """On curvature L/(2t), ISTA's gap is (1 − 1/2t)^{2t} L/(4t): of order 1/t, not 1/t²."""
    task, x0 = ill_conditioned()
    t = torch.arange(1, 201)
    bound = 2 * task.smooth_lipschitz() * x0.square().sum() / (t + 1) ** 2
    slow, fast = (gaps(trajectory(r, ONE, task, x0, 200), 0 * x0[0]) for r in (ISTA(), FISTA()))
    assert slow[-1].item() == pytest.approx((1 - 1 / 400) ** 400 / 800, rel=1e-10)
    assert slow[-1] > 2 * bound[-1]
    assert (fast <= bound).all()
    assert fast[-1] < slow[-1] / 10


def test_too_long_steps_do_not_decrease() -> None:
    """η = 2.5/L multiplies the coordinate of curvature L by −1.5: the loss grows."""
    task, x0 = ill_conditioned()
    run = trajectory(ISTA(), {"step_scale": torch.tensor(2.5).double()}, task, x0, 3)
    torch.testing.assert_close(run.iterates[:, 0], torch.tensor([1, -1.5, 2.25, -3.375]).double())
    assert (run.losses.diff() > 0).all()


@given(problem=problems)
def test_fista_is_the_textbooks(problem: tuple[LassoTask, Tensor]) -> None:
    """Beck and Teboulle's FISTA with constant step, as printed: x_k, y_k and t_k kept apart."""
    task, star = problem
    x0 = star + 1
    eta = 1 / task.smooth_lipschitz()
    x, y, t = x0, x0, 1.0
    expected = [x0]
    for _ in range(20):
        v = y - eta * task.A.mT @ (task.A @ y - task.b)
        x_next = v.sign() * (v.abs() - eta * task.weight).clamp(min=0)
        t_next = (1 + (1 + 4 * t * t) ** 0.5) / 2
        y = x_next + (t - 1) / t_next * (x_next - x)
        x, t = x_next, t_next
        expected.append(x)
    iterates = trajectory(FISTA(), ONE, task, x0, 20).iterates
    torch.testing.assert_close(iterates, torch.stack(expected), rtol=0, atol=1e-11)


@BOTH
def test_the_step_size_is_found_once(rule: UpdateRule, monkeypatch: pytest.MonkeyPatch) -> None:
    task, star = solved_lasso(0, 3, 0.1, 3.0)
    state = rule.init_state(task, star)
    assert state["inverse_lipschitz"].item() == pytest.approx(1.0)
    monkeypatch.setattr(LassoTask, "smooth_lipschitz", lambda self: pytest.fail("asked again"))
    rule.update(rule.observe(task, star, state), state, ONE)


@BOTH
def test_a_task_without_lipschitz_constant_is_refused(rule: UpdateRule) -> None:
    family, g = Rosenbrock(), generator(0)
    task = family.sample(g)
    with pytest.raises(InvalidArgument, match=rf"task: got '{type(task).__name__}'.*{rule.name}"):
        rule.init_state(task, family.start(g))


@BOTH
def test_a_flat_task_leaves_x_where_it_is(rule: UpdateRule) -> None:
    """A = 0: ∇s = 0 and L = 0."""
    task = QuadraticTask(torch.zeros(2, 2).double(), torch.ones(2).double())
    x0 = torch.tensor([1.0, -2.0], dtype=torch.float64)
    assert torch.equal(trajectory(rule, ONE, task, x0, 3).iterates[-1], x0)
