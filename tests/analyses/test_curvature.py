"""The top curvature is that of the Hessian, and never above it."""

from __future__ import annotations

import torch
from torch import Tensor

from analyses.curvature import top_curvature
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.descent import Layout
from ml2o_core.meta.trainer import train
from ml2o_core.meta.window import WindowRisk
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.problems import sample_problems
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.unroll import begin

CONFIG = TrainConfig(
    family=Quadratic(rows=3, cols=2),
    rule=MLPRule(hidden=2, depth=1, output_scale=0.3),
    windows=1,
    unroll_steps=3,
    batch_size=4,
    repeats=2,
    precision="float64",
)


def hessian_eigenvalues() -> Tensor:
    """All eigenvalues of each replicate's Hessian on the first window, from the whole matrix."""
    trained = train(CONFIG)
    layout = Layout.of(trained.params)
    problems = sample_problems(
        CONFIG.family, seed=0, purpose="curvature", repeats=2, size=4, dtype=CONFIG.dtype
    )
    risk = WindowRisk(CONFIG, problems.tasks, begin(CONFIG.rule, problems.tasks, problems.start))
    flat = layout.join(trained.params)

    def value(phi: Tensor) -> Tensor:
        return risk(layout.split(phi)).value.sum()

    whole = torch.autograd.functional.hessian(value, flat)
    return torch.stack([torch.linalg.eigvalsh(whole[r, :, r, :]) for r in range(2)])


def test_it_is_the_largest_eigenvalue_from_below() -> None:
    run = train(CONFIG)
    largest = hessian_eigenvalues()[:, -1]
    found = top_curvature(run, windows=1, iterations=300)
    assert (found <= largest * (1 + 1e-9)).all()
    torch.testing.assert_close(found, largest, rtol=1e-3, atol=0)


def test_few_iterations_claim_less_and_more_windows_no_less() -> None:
    run = train(CONFIG)
    few, many = (top_curvature(run, windows=1, iterations=k) for k in (1, 300))
    assert (few <= many).all()
    assert (top_curvature(run, windows=3, iterations=300) >= many).all()
