"""Constants at the points that runs visit: exact for the gain, and lower ends for RNNprop."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.constants.along_runs import (
    Visits,
    differences,
    first_order,
    paired_problems,
    second_order,
    up_to_step,
    visits,
)
from ml2o_theory.models import flat_params

R, N, T, D = 2, 3, 4, 3

ROUNDING = 1e-9
"""Relative; float64 sums of a few hundred terms are far better."""


def problems(family: Lasso | Quadratic, purpose: str = "along runs") -> Problems:
    return sample_problems(family, seed=0, purpose=purpose, repeats=R, size=N)


def lasso(sigma: float) -> Lasso:
    return Lasso.normal(sigma, rows=4, cols=D)


def network(hidden: int = 2) -> tuple[RNNprop, Params]:
    rule = RNNprop(hidden=hidden)
    draws = [rule.init_params(generator(r, purpose="along runs φ")) for r in range(R)]
    return rule, {name: torch.stack([draw[name] for draw in draws]) for name in draws[0]}


def test_the_gain_on_quadratics_has_its_closed_forms() -> None:
    """m = −φz: M_m1 = |φ|, M_m2 = ‖z‖, L_m = 1, and A_t = I − φH."""
    family = Quadratic.normal(1.0, rows=4, cols=D)
    gains = torch.tensor([0.1, -0.2], dtype=torch.float64)
    points = visits(LinearGain(), {"gain": gains}, problems(family), T)
    found = first_order(LinearGain(), points)
    H = points.tensors["A"].mT @ points.tensors["A"]
    z = (H @ points.x.unsqueeze(-1)).squeeze(-1) - (
        points.tensors["A"].mT @ points.tensors["b"].unsqueeze(-1)
    ).squeeze(-1)
    phi = gains[points.replicate]
    closed = torch.eye(D, dtype=torch.float64) - phi[:, None, None] * H
    expected = {
        "M": z.norm(dim=-1),
        "L": torch.linalg.matrix_norm(H, 2),
        "M_m1": phi.abs(),
        "M_m2": z.norm(dim=-1),
        "Q_bar": torch.linalg.matrix_norm(closed, 2),
    }
    for symbol, value in expected.items():
        torch.testing.assert_close(found[symbol], value, rtol=ROUNDING, atol=ROUNDING)
    L_m = second_order(LinearGain(), points, seed=0)
    torch.testing.assert_close(L_m, torch.ones_like(L_m), rtol=ROUNDING, atol=ROUNDING)


def test_the_points_are_those_of_the_runs() -> None:
    rule, params = network()
    given = problems(lasso(1.0))
    points = visits(rule, params, given, T)
    assert len(points) == (T + 1) * R * N
    for r in range(R):
        for n in range(N):
            phi = {name: value[r] for name, value in params.items()}
            run = trajectory(
                rule, phi, given.tasks[r, n], given.start[r, n], T, graph=GraphMode.NONE
            )
            own = (points.replicate == r) & (points.problem == n)
            torch.testing.assert_close(points.x[own], run.iterates)
    assert points.where(len(points) - 1) == f"step {T}, problem {N - 1}, seed {R - 1}"


def _at(points: Visits, rule: RNNprop, params: Params, i: int) -> tuple[Tensor, Tensor]:
    """∇₁m and ∇₂m at one point, by loops over coordinates."""
    state = {name: value[i] for name, value in points.state.items()}
    task = points.task_type(**{name: value[i] for name, value in points.tensors.items()})
    phi = {name: value[points.replicate[i]] for name, value in params.items()}
    z = task.gradient(points.x[i]).requires_grad_()
    leaves = {name: value.clone().requires_grad_() for name, value in phi.items()}
    d, _ = rule.update({"gradient": z}, state, leaves)
    rows_z, rows_phi = [], []
    for entry in d:
        wrt = [z, *(leaves[name] for name in sorted(leaves))]
        in_z, *in_phi = torch.autograd.grad(entry, wrt, retain_graph=True)
        rows_z.append(in_z)
        rows_phi.append(torch.cat([g.flatten() for g in in_phi]))
    return torch.stack(rows_z), torch.stack(rows_phi)


@pytest.mark.parametrize("i", [0, 7, 20])
def test_rnnprop_at_a_point_is_what_a_loop_gives(i: int) -> None:
    rule, params = network()
    points = visits(rule, params, problems(lasso(1.0)), T)
    found = first_order(rule, points)
    in_z, in_phi = _at(points, rule, params, i)
    for symbol, matrix in (("M_m1", in_z), ("M_m2", in_phi)):
        expected = torch.linalg.matrix_norm(matrix, 2).item()
        assert found[symbol][i].item() == pytest.approx(expected, rel=ROUNDING)


def test_the_state_enters() -> None:
    """Negative control: with the state of a fresh start everywhere, M_m1 is another number."""
    rule, params = network()
    points = visits(rule, params, problems(lasso(1.0)), T)
    fresh = {name: torch.zeros_like(value) for name, value in points.state.items()}
    forgetful = Visits(**{**vars(points), "state": fresh})
    later = points.step > 0
    found, wrong = (first_order(rule, p)["M_m1"][later] for p in (points, forgetful))
    assert (found > 10 * wrong).any()


def test_second_derivatives_come_from_below_and_close() -> None:
    """Against the norms of the whole blocks, for d = 1, where ∂z∂φ and ∂φ∂φ are matrices."""
    rule, params = network(hidden=1)
    family = Lasso.normal(1.0, rows=2, cols=1)
    points = visits(rule, params, problems(family), T)
    found = second_order(rule, points, seed=0)
    names = sorted(params)
    shapes = [params[name][0].shape for name in names]
    norms = []
    for i in range(len(points)):
        state = {name: value[i] for name, value in points.state.items()}
        task = points.task_type(**{name: value[i] for name, value in points.tensors.items()})
        z = task.gradient(points.x[i])
        phi = flat_params({n: v[points.replicate[i]] for n, v in params.items()})

        def step(both: Tensor, state: dict[str, Tensor] = state) -> Tensor:
            parts = both[1:].split([shape.numel() for shape in shapes])
            given = {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}
            return rule.update({"gradient": both[:1]}, state, given)[0][0]

        H = torch.autograd.functional.hessian(step, torch.cat([z, phi]))
        blocks = (H[:1, :1], H[:1, 1:], H[1:, 1:])
        exact = max(torch.linalg.matrix_norm(block, 2).item() for block in blocks)
        assert found[i].item() <= exact * (1 + ROUNDING)
        norms.append(exact)
    assert found.max().item() >= 0.8 * max(norms)


def test_up_to_a_step_is_a_running_maximum() -> None:
    rule, params = network()
    points = visits(rule, params, problems(lasso(1.0)), T)
    values = torch.rand(len(points), generator=generator(0, purpose="values"), dtype=torch.float64)
    found = up_to_step(values, points)
    expected = [values[points.step <= t].max().item() for t in range(T + 1)]
    assert found.tolist() == expected
    assert found.diff().min() >= 0


def test_differences_are_those_at_the_iterates_of_both_runs() -> None:
    rule, params = network()
    one, two = problems(lasso(1.0), "first"), problems(lasso(3.0), "second")
    first, second = paired_problems(one.tasks, two.tasks, one.start)
    runs = [visits(rule, params, given, T) for given in (first, second)]
    found = differences(*runs)
    assert torch.equal(runs[0].x[runs[0].step == 0], runs[1].x[runs[1].step == 0])
    for i in (0, 11, 29):
        tasks = [p.task_type(**{k: v[i] for k, v in p.tensors.items()}) for p in runs]
        gaps = [(tasks[0].gradient(p.x[i]) - tasks[1].gradient(p.x[i])).norm() for p in runs]
        assert found["Delta"][i].item() == pytest.approx(max(gaps).item(), rel=ROUNDING)
        H = tasks[0].hessian(runs[0].x[i]) - tasks[1].hessian(runs[0].x[i])
        norm = torch.linalg.matrix_norm(H, 2).item()
        assert found["Delta_tilde"][i].item() == pytest.approx(norm, rel=ROUNDING)
    assert differences(runs[0], runs[0])["Delta"].max() == 0


def test_runs_that_are_not_paired_are_refused() -> None:
    rule, params = network()
    given = problems(lasso(1.0))
    with pytest.raises(InvalidArgument, match="second"):
        differences(visits(rule, params, given, T), visits(rule, params, given, T - 1))
    fewer = sample_problems(lasso(1.0), seed=0, purpose="x", repeats=R, size=N - 1)
    with pytest.raises(InvalidArgument, match="second"):
        paired_problems(given.tasks, fewer.tasks, given.start)
