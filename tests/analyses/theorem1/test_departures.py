"""Where the experiment leaves the theorem: the lines follow the configuration."""

from __future__ import annotations

import pytest
import torch

from analyses.theorem1 import departures
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.maml import MAML
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import AssumptionVerdict
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import GraphMode

HOLDS, REFUTED = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED
PART = "experiment"


def run(training_config: TrainConfig, **adapting: object) -> departures.Run:
    rule = training_config.rule
    family = Lasso.normal(1.0)
    return departures.Run(
        training=training_config,
        adaptation=adaptation(training_config, family, **adapting),
        test_steps=500,
        test_size=128,
        params=rule.init_params(generator(0, purpose="φ")),
        task=family.sample(generator(0, purpose="task")),
        x0=torch.full((10,), 0.1, dtype=torch.float64),
    )


def verdicts(given: departures.Run) -> dict[str, tuple[AssumptionVerdict, str | None]]:
    rows = departures.rows("theorem1", PART, given)
    return {row.id.rsplit("/", 1)[1]: (row.verdict, row.witness) for row in rows}


def test_the_papers_experiment_differs_in_every_point() -> None:
    found = verdicts(run(TrainConfig(family=Lasso(), meta_gradient=MAML(alpha=0.25))))
    assert len(found) == 7
    assert {verdict for verdict, _ in found.values()} == {REFUTED}
    said = {name: witness or "" for name, (_, witness) in found.items()}
    assert "sum" in said["scored-loss"]
    assert "detached" in said["graph"]
    assert "α = 0.25" in said["meta-optimizer"]
    assert "5 Adam steps" in said["adaptation"]
    assert "128" in said["risk"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("scored-loss", {"objective": "final"}),
        ("graph", {"graph": GraphMode.FULL}),
        ("memory", {"rule": LinearGain()}),
        ("start", {"windows_per_episode": 1}),
    ],
)
def test_the_lines_follow_the_configuration(name: str, changes: dict[str, object]) -> None:
    config = TrainConfig(family=Lasso()).with_changes(**changes)
    given = run(config)
    assert verdicts(given)[name][0] is HOLDS
    others = {key for key, (verdict, _) in verdicts(given).items() if verdict is HOLDS}
    assert others == {name}


def test_a_rule_with_a_state_takes_two_steps_on_one_gradient() -> None:
    given = run(TrainConfig(family=Lasso()))
    first, second = departures.memory(RNNprop(), given.params, given.task, given.x0)
    assert (first - second).abs().max() > 1e-5
    gain = {"gain": torch.tensor(0.1)}
    first, second = departures.memory(LinearGain(), gain, given.task, given.x0)
    assert torch.equal(first, second)
