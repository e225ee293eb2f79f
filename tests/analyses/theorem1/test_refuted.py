"""What refutes the assumptions in the experiment, and what would not."""

from __future__ import annotations

import pytest
import torch

from analyses.theorem1 import refuted
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import AssumptionVerdict
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.assumptions.risk import Risk
from ml2o_theory.models import flat_params

REFUTED, OPEN = AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN


def on_one_task(seed: int, hidden: int = 2) -> refuted.Experiment:
    family = Lasso.normal(2.0, rows=3, cols=2)
    rule = RNNprop(hidden=hidden, output_scale=0.1)
    task = family.sample(generator(seed, purpose="theorem 1 test"))
    return refuted.Experiment(
        rule=rule,
        params=rule.init_params(generator(seed, purpose="theorem 1 test φ")),
        training=task,
        adaptation=task,
        test=task,
        x0=torch.tensor([0.5, -0.25], dtype=torch.float64),
        test_family=family,
        training_family=Lasso.uniform_mixture(),
        radius=1.0,
        horizon=2,
        curvature_horizon=2,
        batch=4,
        seed=0,
    )


def test_the_exchange_refutes_exactly_where_the_risk_rises_towards_the_twin() -> None:
    """With two hidden units there is one twin; a risk that falls towards it refutes nothing."""
    verdicts = set()
    for seed in range(6):
        e = on_one_task(seed)
        setting = e.setting(e.test, about="one task", steps=2)
        check = refuted.exchange(e, setting)
        risk, phi = Risk.of(setting), flat_params(e.params)
        twin = flat_params(refuted.exchanged(e.rule, e.params, 0, 1))
        # By a difference along the way there, not by the gradient that the check uses.
        h = 1e-6
        rises = (risk.value(phi + h * (twin - phi)) - risk.value(phi)).item() > 0
        assert check.verdict is (REFUTED if rises else OPEN)
        assert risk.value(twin).item() == pytest.approx(risk.value(phi).item(), rel=1e-12)
        verdicts.add(check.verdict)
    assert verdicts == {REFUTED, OPEN}


def test_every_constant_of_the_population_is_exceeded() -> None:
    e = on_one_task(0)
    for check in (refuted.population_constant(e), refuted.population_difference(e)):
        assert check.refutation is not None
        assert check.refutation.sequence is not None
        values = [float(x.value.lower()) for x in check.refutation.exhibits]
        assert all(value > 0 for value in values)
        assert values == sorted(values, reverse=True)


def test_the_largest_entry_is_that_of_the_widest_distribution() -> None:
    assert refuted.largest_entry(Lasso.uniform_mixture((0.1, 2.0))) == 2.0
    assert refuted.largest_entry(Lasso.normal(1.0)) == torch.inf
