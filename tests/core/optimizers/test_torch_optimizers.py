"""SGD, momentum and Adam: step by step the optimizers of torch.optim."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.adam import Adam
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.momentum import Momentum
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import trajectory

Optimizer = Callable[[list[torch.Tensor], float], torch.optim.Optimizer]
PAIRS: dict[str, tuple[UpdateRule, Optimizer]] = {
    "sgd": (SGD(), lambda p, lr: torch.optim.SGD(p, lr=lr)),
    "momentum": (Momentum(), lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9)),
    "momentum-0.5": (Momentum(beta=0.5), lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.5)),
    "adam": (Adam(), lambda p, lr: torch.optim.Adam(p, lr=lr)),
    "adam-options": (
        Adam(beta1=0.5, beta2=0.9, epsilon=1e-2),
        lambda p, lr: torch.optim.Adam(p, lr=lr, betas=(0.5, 0.9), eps=1e-2),
    ),
}
STEPS = 12


def both(
    name: str, seed: int, learning_rate: float, dtype: torch.dtype
) -> tuple[torch.Tensor, torch.Tensor]:
    """Iterates (STEPS + 1, d) of our rule and of torch's, on one LASSO problem."""
    rule, optimizer = PAIRS[name]
    g = generator(seed)
    family = Lasso(rows=4, cols=3)
    task = family.sample_batch(g, 1).to("cpu", dtype)[0]
    x0 = (family.start(g) + 1).to(dtype)
    params = {"learning_rate": torch.tensor(learning_rate, dtype=dtype)}
    ours = trajectory(rule, params, task, x0, STEPS).iterates
    x = x0.clone().requires_grad_()
    stepper = optimizer([x], learning_rate)
    theirs = [x0]
    for _ in range(STEPS):
        x.grad = task.gradient(x.detach())
        stepper.step()
        theirs.append(x.detach().clone())
    return ours, torch.stack(theirs)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@given(seed=st.integers(0, 2**32), learning_rate=st.sampled_from([1e-4, 1e-2, 0.05]))
def test_every_step_is_torchs(
    name: str, dtype: torch.dtype, seed: int, learning_rate: float
) -> None:
    ours, theirs = both(name, seed, learning_rate, dtype)
    # Rounding, carried through twelve steps that do not expand much: |x| ~ 1.
    rounding = 500 * torch.finfo(dtype).eps * max(1.0, theirs.abs().max().item())
    torch.testing.assert_close(ours, theirs, rtol=0, atol=rounding)
    assert (theirs[1] - theirs[0]).abs().max() > 0


def test_another_beta_is_another_optimizer() -> None:
    ours, _ = both("momentum", 0, 0.01, torch.float64)
    _, theirs = both("momentum-0.5", 0, 0.01, torch.float64)
    assert (ours - theirs).abs().max() > 1e-3


@pytest.mark.parametrize("rule", [SGD, Momentum, Adam])
def test_the_step_size_is_phi(rule: type[UpdateRule]) -> None:
    assert rule(learning_rate=0.25).init_params(generator(0))["learning_rate"].item() == 0.25
    assert rule().init_params(generator(0))["learning_rate"].item() == 1e-3
    for bad in (0.0, -1.0, float("nan"), "fast"):
        with pytest.raises(InvalidArgument, match="learning_rate"):
            rule(learning_rate=bad)
