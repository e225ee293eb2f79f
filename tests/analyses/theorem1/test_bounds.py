"""Bounds from sampled constants: the paper's formula, and a lower end of it."""

from __future__ import annotations

import pytest
import torch
from flint import fmpq
from torch.func import grad

from analyses.theorem1.bounds import AlongRuns, Sampled, Theorem1Part, risk_gradients
from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.arithmetic import exact
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import uniform
from ml2o_theory.models import flat_params
from ml2o_theory.statements.proposition1 import Proposition1

T = 3


def sampled(**by_step: list[float]) -> AlongRuns:
    constants = {
        symbol: Sampled(torch.tensor(values, dtype=torch.float64), "by hand")
        for symbol, values in by_step.items()
    }
    return AlongRuns(constants, "by hand", seed=0, reach=1.0)


BY_HAND = {
    "M": [1.0, 2.0, 4.0],
    "L": [2.0, 2.0, 2.0],
    "M_m1": [0.5, 1.0, 99.0],
    "M_m2": [1.0, 3.0, 99.0],
    "L_m": [0.25, 0.5, 99.0],
    "Delta": [1.0, 1.0, 2.0],
    "Delta_tilde": [0.5, 0.5, 0.5],
}
"""99: the rule takes no step from x_T, so what it is there must not enter after T = 2 steps."""


def test_the_bound_is_proposition_1_of_the_constants_up_to_each_step() -> None:
    values = dict.fromkeys(MEANING, fmpq(0)) | {
        "M": fmpq(4),
        "L": fmpq(2),
        "M_m1": fmpq(1),
        "M_m2": fmpq(3),
        "L_m": fmpq(1, 2),
        "Delta": fmpq(2),
        "Delta_tilde": fmpq(1, 2),
    }
    expected = Proposition1().formula(*uniform(values, 2))
    found = sampled(**BY_HAND).bound(Proposition1().formula, 2)
    assert found == exact(int(expected.p)) / exact(int(expected.q))


@pytest.mark.parametrize("symbol", list(BY_HAND))
def test_a_larger_constant_never_gives_a_smaller_bound(symbol: str) -> None:
    """So that sampling gives a lower end."""
    larger = BY_HAND | {symbol: [2 * value for value in BY_HAND[symbol]]}
    for steps in (1, 2):
        low, high = (sampled(**c).bound(Proposition1().formula, steps) for c in (BY_HAND, larger))
        assert low <= high


def test_the_evaluated_part_is_the_product_of_its_factors() -> None:
    hand = sampled(**BY_HAND)
    part = Theorem1Part.of(hand, hand, 0.5, 1)
    # T = 1: P = M_m2 = 1 and M = 2 at x_1; M_g = 2.
    assert part.M_g == 2
    assert part.evaluated == part.M_g * part.gap / 2
    assert Theorem1Part.of(hand, hand, 0.0, 1).evaluated == 0


def gradients_by_loop(rule: RNNprop, params: Params, given: Problems, steps: int) -> torch.Tensor:
    def risk(phi: Params) -> torch.Tensor:
        losses = [
            trajectory(rule, phi, given.tasks[0, n], given.start[0, n], steps).losses[-1]
            for n in range(given.tasks.shape[1])
        ]
        return torch.stack(losses).mean()

    return flat_params(grad(risk)({name: value[0] for name, value in params.items()}))


def small_problem() -> tuple[RNNprop, Params, Problems]:
    rule = RNNprop(hidden=2, output_scale=0.3)
    params = {k: v[None] for k, v in rule.init_params(generator(0, purpose="φ")).items()}
    family = Lasso.normal(2.0, rows=3, cols=2)
    return rule, params, sample_problems(family, seed=0, purpose="gradients", repeats=1, size=2)


def test_risk_gradients_are_those_of_each_horizon() -> None:
    rule, params, given = small_problem()
    found = risk_gradients(rule, params, given, T, GraphMode.FULL)
    for steps in range(1, T + 1):
        expected = gradients_by_loop(rule, params, given, steps)
        torch.testing.assert_close(found[steps - 1, 0], expected, rtol=1e-10, atol=1e-12)


def test_the_detached_gradient_parts_from_the_full_one_after_a_step() -> None:
    """x_1 depends on φ through no gradient; the later iterates do."""
    full, detached = (
        risk_gradients(*small_problem(), T, graph) for graph in (GraphMode.FULL, GraphMode.DETACHED)
    )
    torch.testing.assert_close(full[0], detached[0])
    assert (full[-1] - detached[-1]).abs().max() > 1e-3 * full[-1].abs().max()
