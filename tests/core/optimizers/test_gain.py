"""The linear gain: closed-form iterates, exact constants."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.seeding import generator
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_core.unroll import trajectory

D = 3
FAMILY = Quadratic(rows=4, cols=D)
SHAPES = {
    "scalar": LinearGain(),
    "diagonal": LinearGain(shape="diagonal", dim=D),
    "full": LinearGain(shape="full", dim=D),
}


def matrix(gain: Tensor) -> Tensor:
    """Φ as a (d, d) matrix, whatever the gain's shape."""
    eye = torch.eye(D, dtype=torch.float64)
    return gain if gain.ndim == 2 else gain * eye


def random_gain(shape: str, seed: int) -> Tensor:
    size = {"scalar": (), "diagonal": (D,), "full": (D, D)}[shape]
    return 0.3 * torch.randn(size, generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 12))
def test_iterates_on_a_quadratic(shape: str, seed: int, steps: int) -> None:
    """x_t = x* + (I − ΦH)^t (x_0 − x*), signs and non-symmetric Φ included."""
    g = generator(seed, purpose="problem")
    task, x0 = FAMILY.sample(g), FAMILY.start(g) + 1
    gain = random_gain(shape, seed)
    closed_loop = torch.eye(D, dtype=torch.float64) - matrix(gain) @ task.hessian(x0)
    star = task.optimum().x
    expected = star + torch.linalg.matrix_power(closed_loop, steps) @ (x0 - star)
    x = trajectory(SHAPES[shape], {"gain": gain}, task, x0, steps).iterates[-1]
    growth = torch.linalg.matrix_norm(closed_loop, 2).clamp(min=1) ** steps
    torch.testing.assert_close(x, expected, rtol=0, atol=float(1e-12 * growth * (1 + star.norm())))


def test_a_transposed_gain_is_another_rule() -> None:
    g = generator(0)
    task, x0 = FAMILY.sample(g), FAMILY.start(g) + 1
    gain = random_gain("full", 0)
    one, other = (
        trajectory(SHAPES["full"], {"gain": phi}, task, x0, 3).iterates[-1]
        for phi in (gain, gain.mT)
    )
    assert (one - other).abs().max() > 1e-3


def test_the_best_gain_solves_a_scalar_task_in_one_step_and_a_negative_one_ascends() -> None:
    task = QuadraticTask(torch.tensor([[2.0]]).double(), torch.tensor([6.0]).double())
    x0 = torch.zeros(1, dtype=torch.float64)
    solved = trajectory(LinearGain(), {"gain": torch.tensor(0.25).double()}, task, x0, 1)
    assert solved.iterates[-1].item() == 3.0
    worse = trajectory(LinearGain(), {"gain": torch.tensor(-0.25).double()}, task, x0, 3)
    assert (worse.iterates[:, 0] - 3).abs().tolist() == [3.0, 6.0, 12.0, 24.0]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_constants_of_a3_are_exact(shape: str) -> None:
    """∇₁m = −Φ, so M_m1 = ‖Φ‖ and L_m = 1; ∇₂m has norm ‖z‖, so M_m2 = sup‖z‖."""
    rule, gain = SHAPES[shape], random_gain(shape, 1)
    z = torch.randn(D, generator=generator(2), dtype=torch.float64)
    in_z = torch.func.jacrev(lambda z: rule.m(z, {"gain": gain}))(z)
    assert torch.equal(in_z, -matrix(gain))
    in_phi = torch.func.jacrev(lambda phi: rule.m(z, {"gain": phi}))(gain).reshape(D, -1)
    norm = {"scalar": z.norm(), "diagonal": z.abs().max(), "full": z.norm()}[shape]
    torch.testing.assert_close(torch.linalg.matrix_norm(in_phi, 2), norm, rtol=1e-14, atol=0)


def test_first_gains_descend() -> None:
    for rule in SHAPES.values():
        gain = rule.init_params(generator(0))["gain"]
        eigenvalues = torch.linalg.eigvalsh(matrix(gain))
        assert eigenvalues.min() > 0
        assert eigenvalues.max() < rule.scale


@pytest.mark.parametrize(
    "fields",
    [
        {"shape": "diagonal"},
        {"shape": "full"},
        {"shape": "scalar", "dim": 2},
        {"shape": "full", "dim": 0},
        {"shape": "cubic"},
        {"scale": 0.0},
        {"scale": float("nan")},
    ],
)
def test_bad_fields_are_refused(fields: dict) -> None:
    with pytest.raises(InvalidArgument):
        LinearGain(**fields)


@pytest.mark.parametrize("shape", ["diagonal", "full"])
def test_another_dimension_is_refused(shape: str) -> None:
    """Also where broadcasting would let it pass: a diagonal gain of dimension 1."""
    g = generator(0)
    task, x0 = FAMILY.sample(g), FAMILY.start(g)
    with pytest.raises(InvalidArgument, match="dim: got 1; allowed: 3"):
        LinearGain(shape=shape, dim=1).init_state(task, x0)
