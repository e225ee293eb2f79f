"""The four methods are their recipes, exactly: where they start, and who is adapted."""

from __future__ import annotations

from dataclasses import replace

import torch

from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import initial_params, train
from ml2o_core.methods import METHODS, Pretrained, fit, pretrain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.tasks.lasso import Lasso

META = TrainConfig(
    family=Lasso(rows=4, cols=3),
    rule=MLPRule(hidden=2),
    meta_gradient=MAML(alpha=0.1),
    windows=2,
    unroll_steps=3,
    batch_size=3,
    repeats=2,
)
PLAIN = META.with_changes(meta_gradient=Plain(), windows=3)
ADAPTATION = adaptation(META, Lasso.normal(5.0, rows=4, cols=3), windows=2)


def test_every_method_is_its_recipe_to_the_last_bit() -> None:
    plain = train(PLAIN).params
    expected = {
        "vanilla": train(ADAPTATION, initial_params(META)).params,
        "dt": plain,
        "tl": train(ADAPTATION, plain).params,
        "m-l2o": train(ADAPTATION, train(META).params).params,
    }
    pretrained = pretrain(META, PLAIN)
    assert set(fit(pretrained, ADAPTATION)) == set(expected), "what was not trained is left out"
    first = train(META.with_changes(meta_gradient=FirstOrderMAML(alpha=0.1)))
    beside = Pretrained.of(pretrained.runs["plain"], pretrained.runs["meta"], first)
    expected["m-l2o-first-order"] = train(ADAPTATION, first.params).params
    fitted = fit(beside, ADAPTATION)
    assert set(fitted) == set(METHODS) == set(expected)
    for method, params in expected.items():
        for name, value in params.items():
            assert torch.equal(fitted[method].params[name], value), method
    first = [fitted[method].params["weight_0"] for method in fitted]
    assert not any(torch.equal(a, b) for i, a in enumerate(first) for b in first[:i])


def test_a_replicate_that_diverged_in_training_stays_out_after_adaptation() -> None:
    pretrained = pretrain(META, PLAIN)
    masked = pretrained.converged | {"meta": torch.tensor([False, True])}
    fitted = fit(replace(pretrained, converged=masked), ADAPTATION)
    assert fitted["m-l2o"].converged.tolist() == [False, True]
    assert fitted["m-l2o"].adapted is not None
    assert fitted["m-l2o"].adapted.converged.all()
    assert fitted["tl"].converged.all()
