"""`ml2o train`, `adapt` and `evaluate`: thin wrappers of the Python calls."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch

from ml2o_core.checkpoints import load_checkpoint
from ml2o_core.meta.config import TrainConfig, adaptation
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.scoring import evaluate
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.training_store import TrainingStore
from ml2o_theory.optima import certified_optima

from .conftest import SMALL, Program

TINY = {"windows": 2, "unroll_steps": 3, "batch_size": 4}


def same(first: Trained, second: Trained) -> bool:
    return first.config == second.config and all(
        torch.equal(first.params[name], second.params[name]) for name in first.params
    )


def test_train_adapt_evaluate_are_the_python_calls(ml2o: Program) -> None:
    assert ml2o(f"train {SMALL} --repeats 2 --seed 5 --out a").code == 0
    trained = train(TrainConfig(family=Lasso(), meta_gradient=MAML(), repeats=2, seed=5, **TINY))
    assert same(load_checkpoint("a"), trained)

    options = "--family lasso --distribution normal --sigma 100"
    assert ml2o(f"adapt a {options} --windows 1 --out b").code == 0
    target = Lasso.normal(100.0)
    adapted = train(adaptation(trained.config, target, 1), trained.params)
    assert same(load_checkpoint("b"), adapted)

    answer = json.loads(ml2o(f"evaluate b {options} --steps 4 --size 8 --json").out)
    result = evaluate(adapted, target, steps=4, size=8)
    assert answer["score"] == result.score.tolist()
    assert answer["mean_loss"] == result.mean.tolist()
    interval = result.interval()
    assert interval is not None
    assert answer["score_interval"]["mean"] == interval.mean

    optima = certified_optima(result.problems.tasks)
    excess = optima.mean_excess(result.mean)
    assert answer["score_suboptimality"] == excess.log().amin(1).tolist()
    assert all(a < b for a, b in zip(answer["score_suboptimality"], answer["score"], strict=True))


@pytest.mark.parametrize(
    ("options", "method"),
    [
        ("", MAML()),
        ("--method m-l2o", MAML()),
        ("--method m-l2o --alpha 0.01", MAML(alpha=0.01)),
        ("--alpha 0.01", MAML(alpha=0.01)),
        ("--method tl", Plain()),
        ("--method dt", Plain()),
        ("--config first-order.toml", FirstOrderMAML(alpha=0.5)),
        ("--config first-order.toml --method tl", Plain()),
    ],
)
def test_the_method_decides_the_meta_gradient(
    ml2o: Program, options: str, method: MAML | Plain | FirstOrderMAML
) -> None:
    text = '[meta_gradient]\nname = "first-order-maml"\nalpha = 0.5\n'
    Path("first-order.toml").write_text(text, encoding="utf-8")
    assert ml2o(f"train {SMALL} {options} --out a").code == 0
    assert load_checkpoint("a").config.meta_gradient == method


def test_a_stopped_training_goes_on_with_the_same_command(ml2o: Program) -> None:
    settings = "train --windows 100 --unroll-steps 3 --batch-size 4"
    assert ml2o(f"{settings} --out whole").code == 0
    command, codes = f"{settings} --out parts --time-limit 0.3", []
    while not codes or codes[-1] == 3:
        answer = ml2o(command)
        codes.append(answer.code)
        assert (answer.code == 0) != ("the same command goes on from window" in answer.out)
    assert codes == [3] * (len(codes) - 1) + [0]
    assert len(codes) > 1
    assert same(load_checkpoint("parts"), load_checkpoint("whole"))
    assert {path.name for path in Path("parts").iterdir()} == {
        path.name for path in Path("whole").iterdir()
    }
    assert "was finished before" in ml2o(command).out


def test_an_unfinished_training_is_not_taken_for_another(ml2o: Program) -> None:
    assert ml2o(f"train {SMALL} --out a --time-limit 0.001").code == 3
    answer = ml2o(f"train {SMALL} --out a --seed 3")
    assert answer.code == 2
    assert "unfinished training with seed = 0, not 3" in answer.err
    assert ml2o(f"train {SMALL} --out a").code == 0


def test_a_training_that_was_stopped_elsewhere_is_moved_on_request(ml2o: Program) -> None:
    assert ml2o(f"train {SMALL} --out a").code == 0
    config = load_checkpoint("a").config
    states: list[TrainingState] = []
    train(config, keep=lambda state, now: states.append(copy.deepcopy(state)))
    TrainingStore(Path("b"), config, "cuda")(states[0], True)
    refused = ml2o(f"train {SMALL} --out b")
    assert (refused.code, "ml2o train --move" in refused.err) == (2, True)
    assert ml2o(f"train {SMALL} --out b --move").code == 0
    assert load_checkpoint("b").device.startswith("cuda (torch 2")
    assert load_checkpoint("b").device.endswith("to window 1, then cpu")


def test_without_out_the_folder_is_named_by_the_configuration(ml2o: Program) -> None:
    for seed in (0, 1, 0):
        assert ml2o(f"train {SMALL} --seed {seed}").code == 0
    assert len(list(Path("runs").iterdir())) == 2


def test_a_profile_is_a_beginning_and_options_win(ml2o: Program) -> None:
    for options, method in (("--method m-l2o", "next-window"), ("--method tl", "plain")):
        line = f"train --profile released --windows 1 --repeats 1 --batch-size 2 {options} --out a"
        assert json.loads(ml2o(f"{line} --json").out)["config"]["meta_gradient"]["name"] == method
        config = load_checkpoint("a").config
        assert (config.windows, config.batch_size) == (1, 2)
        assert config.rule.layers == 2  # type: ignore[attr-defined]
    assert config.family.name == "frozen"
    refused = ml2o("train --profile paper --family rosenbrock --out b")
    assert (refused.code, Path("b").exists()) == (2, False)
    assert "--family: got 'rosenbrock'; allowed: lasso, quadratic" in refused.err
    assert "--meta-gradient" in ml2o(f"train {SMALL} --method tl --meta-gradient anil").err
    assert "--alpha" in ml2o(f"train {SMALL} --meta-gradient plain --alpha 1").err


def test_a_file_gives_settings_and_options_win(ml2o: Program) -> None:
    text = """
        windows = 7
        unroll_steps = 2
        batch_size = 3
        rule = {name = "gain", scale = 0.5}
        family = {name = "lasso", rows = 4, cols = 3}
    """
    Path("run.toml").write_text(text, encoding="utf-8")
    assert ml2o("train --config run.toml --windows 1 --out a").code == 0
    config = load_checkpoint("a").config
    assert (config.windows, config.unroll_steps, config.batch_size) == (1, 2, 3)
    assert config.rule == LinearGain(scale=0.5)
    assert config.family == Lasso(rows=4, cols=3)


def test_json_settings_are_those_of_a_checkpoint(ml2o: Program) -> None:
    """The configuration saved in a checkpoint is a valid `--config`: a run can be repeated."""
    ml2o(f"train {SMALL} --out a")
    config = json.loads(Path("a/checkpoint.json").read_text(encoding="utf-8"))["config"]
    Path("again.json").write_text(json.dumps(config), encoding="utf-8")
    assert ml2o("train --config again.json --out b").code == 0
    assert same(load_checkpoint("a"), load_checkpoint("b"))


def test_family_options_are_read_as_json_or_text(ml2o: Program) -> None:
    line = f"train {SMALL} --rows 4 --cols 3 --scales [0.5,2] --weight .25 --out a"
    assert ml2o(line).code == 0
    expected = Lasso.uniform_mixture([0.5, 2.0], rows=4, cols=3, weight=0.25)
    assert load_checkpoint("a").config.family == expected


OWN = """
from typing import ClassVar
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.optimizers.gain import LinearGain

class OwnTasks(Quadratic):
    "Quadratics under another name."
    name: ClassVar[str] = "own-tasks"

class OwnRule(LinearGain):
    "The gain under another name."
    name: ClassVar[str] = "own-rule"
"""


def test_a_family_and_a_rule_of_the_users_own(ml2o: Program) -> None:
    Path("own.py").write_text(OWN, encoding="utf-8")
    assert ml2o(f"train {SMALL} --family own.py:OwnTasks --rule own.py:OwnRule --out a").code == 0
    assert ml2o("evaluate a --family own.py:OwnTasks --steps 2 --size 2").code == 0
    assert ml2o("evaluate a --family lasso --plugin own.py --steps 2 --size 2").code == 0
    config = load_checkpoint("a").config
    assert (config.family.name, config.rule.name) == ("own-tasks", "own-rule")


UNSOLVED = """
from dataclasses import dataclass
import torch
from ml2o_core.tasks.base import Task, TaskFamily

@dataclass(frozen=True)
class Quartic(Task):
    "(x - a)^4, summed."
    a: torch.Tensor
    dim = 2
    def loss(self, x):
        return ((x - self.a) ** 4).sum()

class Quartics(TaskFamily):
    "Random quartics."
    name = "quartics"
    def sample(self, generator):
        return Quartic(torch.randn(2, generator=generator, dtype=torch.float64))
    def start(self, generator):
        return torch.randn(2, generator=generator, dtype=torch.float64)
"""


def test_tasks_that_nothing_here_solves_have_no_certified_score(ml2o: Program) -> None:
    Path("unsolved.py").write_text(UNSOLVED, encoding="utf-8")
    family = "--family unsolved.py:Quartics"
    assert ml2o(f"train {SMALL} {family} --out a").code == 0
    scored = json.loads(ml2o(f"evaluate a {family} --steps 2 --size 2 --json").out)
    assert scored["score_suboptimality"] is None
    assert "certified" not in ml2o(f"evaluate a {family} --steps 2 --size 2").out


def test_a_checkpoint_is_replaced_by_a_new_one(ml2o: Program) -> None:
    ml2o(f"train {SMALL} --seed 1 --out a")
    assert ml2o(f"train {SMALL} --seed 2 --out a").code == 0
    assert load_checkpoint("a").config.seed == 2


def test_divergence_is_said_and_the_score_says_who_counts(ml2o: Program) -> None:
    """A gain of −30 on quadratics of size 100 blows up within a window: float32 overflows."""
    Path("wild.toml").write_text('rule = {name = "gain", scale = 1e6}', encoding="utf-8")
    family = "--family quadratic --distribution normal --sigma 100"
    line = "train --windows 2 --batch-size 4 --method tl --config wild.toml --out a"
    answer = ml2o(f"{line} {family}")
    assert answer.code == 0
    assert "replicates diverged     1 of 1" in answer.out
    told = json.loads(ml2o(f"{line} {family} --json").out)
    assert told["diverged_at_window"] == {"0": 0}
    assert told["last_risk"] == [None]
    scored = json.loads(ml2o(f"evaluate a {family} --steps 3 --size 2 --json").out)
    assert scored["converged"] == [False]
    assert scored["score_interval"] is None


def test_the_answer_for_people_has_the_numbers_of_the_answer_for_programs(ml2o: Program) -> None:
    line = f"train {SMALL} --repeats 2 --out a"
    told = json.loads(ml2o(f"{line} --json").out)
    shown = ml2o(line).out
    for value in told["first_risk"] + told["last_risk"]:
        assert f"{value:.4g}" in shown
    evaluation = "evaluate a --family lasso --steps 3 --size 4"
    interval = json.loads(ml2o(f"{evaluation} --json").out)["score_interval"]
    ends = f"[{interval['lower']:.4g}, {interval['upper']:.4g}], 2 replicates"
    shown = ml2o(evaluation).out
    assert ends in shown
    assert "the same of f − f*, certified" in shown
