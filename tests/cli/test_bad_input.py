"""Bad input: one line that says what, exit code 2, nothing written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from ml2o_core.checkpoints import save_checkpoint
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import train
from ml2o_core.tasks.lasso import Lasso

from .conftest import SMALL, Program

FILES = {
    "nan.py": """
import torch
from ml2o_core.tasks.lasso import Lasso, LassoTask

class NanLasso(Lasso):
    "Tasks whose b is not a number."
    name = "nan-lasso"

    def sample(self, generator):
        task = super().sample(generator)
        return LassoTask(task.A, torch.full_like(task.b, float("nan")), task.weight)

    def sample_batch(self, generator, size):
        from ml2o_core.tasks import TaskBatch
        return TaskBatch.stack([self.sample(generator) for _ in range(size)])
""",
    "raises.py": "1 / 0",
    "exits.py": "import sys; sys.exit(7)",
    "deep.json": "[" * 100_000,
    "true.toml": "windows = true",
    "text.toml": "windows = '3'",
    "name.json": '{"rule": {"name": {}}}',
    "other.py": "class Unrelated: pass",
    "unnamed.py": "from ml2o_core.tasks.lasso import Lasso\nclass Mine(Lasso): pass",
    "first.py": "from ml2o_core.tasks.lasso import Lasso\n"
    "class Mine(Lasso):\n    'One of two.'\n    name = 'twice'",
    "second.py": "from ml2o_core.tasks.lasso import Lasso\n"
    "class Mine(Lasso):\n    'One of two.'\n    name = 'twice'",
    "unknown_key.toml": "windos = 3",
    "unknown_nested_key.json": '{"family": {"name": "lasso", "sgima": 3}}',
    "other_family.toml": "family = {name = 'lasso'}",
    "config.toml": "config = 3",
    "wrong_type.toml": 'windows = "three"',
    "broken.toml": "windows = = 3",
    "list.json": "[1, 2]",
    "settings.yaml": "windows: 3",
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = TrainConfig(family=Lasso(), windows=1, unroll_steps=1, batch_size=1)
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint") / "good", train(config))


@pytest.fixture
def inputs(ml2o: Program, checkpoint: Path) -> Program:
    """A folder with one good checkpoint, several damaged ones, and the FILES."""
    for name, text in FILES.items():
        Path(name).write_text(text, encoding="utf-8")
    for damaged in ("good", "truncated", "no-json", "bad-json", "missing"):
        shutil.copytree(checkpoint, damaged)
    tensors = next(Path("truncated").glob("*.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:-100])
    Path("no-json/checkpoint.json").unlink()
    text = Path("bad-json/checkpoint.json").read_text(encoding="utf-8")
    Path("bad-json/checkpoint.json").write_text(text[: len(text) // 2], encoding="utf-8")
    next(Path("missing").glob("*.safetensors")).unlink()
    Path("dangling").symlink_to("nowhere/below")
    Path("precious").mkdir()
    Path("precious/notes.txt").write_text("mine", encoding="utf-8")
    return ml2o


TRAIN = f"train {SMALL} --out out"
ADAPT = "--family lasso --windows 1 --out out"
EVALUATE = "--family lasso --steps 2"

CASES = {
    # the command line itself
    "lst": "command: got 'lst'; allowed: report, run, rebuild, list, bound, check-statement, "
    "train, adapt, evaluate, bench, doctor",
    "list": "KIND: got nothing; allowed: families, rules,",
    "list familes": "KIND: got 'familes'; allowed: families, rules,",
    "list families --jsn": "option: got '--jsn'; allowed: ",
    "list families rules": "argument: got 'rules'; allowed: nothing more here",
    "train --preset quick": "--preset: got 'quick'; allowed: only with --profile",
    "bench optima --compile": "--compile: got True; allowed: only with training",
    "train --time-limit 0": "--time-limit: got 0.0; allowed: a number of seconds > 0",
    f"{TRAIN} --windows": "--windows: got nothing; allowed: an integer",
    f"{TRAIN} --windows 3 --windows 4": "--windows",
    f"{TRAIN} --json=maybe": "--json: got 'maybe'; allowed: ",
    "doctor --device tpu": "device: got 'tpu'; allowed: auto, cpu, cuda",
    # values
    "train --windows 0 --out out": "windows: got 0; allowed: greater than or equal to 1",
    "train --windows 99999999999999 --out out": "allowed: less than or equal to 1000000",
    "train --windows 1.5 --out out": "--windows: got '1.5'; allowed: an integer",
    "train --unroll-steps 0 --out out": "unroll_steps: got 0; allowed: greater than or equal to 1",
    "train --batch-size -1 --out out": "batch_size: got -1; allowed: greater than or equal to 1",
    "train --learning-rate nan --out out": "learning_rate: got nan; allowed: a finite number",
    "train --learning-rate fast --out out": "--learning-rate: got 'fast'; allowed: a number",
    "train --graph none --out out": "--graph: got 'none'; allowed: detached, full",
    f"{TRAIN} --method vanilla": "--method: got 'vanilla'; allowed: m-l2o, tl, dt",
    f"{TRAIN} --method tl --alpha 0.1": "--alpha: got 0.1; allowed: only with --method m-l2o",
    f"{TRAIN} --alpha -1": "alpha: got -1.0; allowed: greater than or equal to 0",
    # families, rules and their options
    f"{TRAIN} --family laso": "task family: got 'laso'; allowed: frozen, lasso,",
    f"{TRAIN} --rule rnnpop": "update rule: got 'rnnpop'; allowed: adam,",
    f"{TRAIN} --family lasso --distribution nrmal": "distribution: got 'nrmal'; allowed: uniform",
    f"{TRAIN} --family lasso --distribution normal": "sigma: got None; allowed: a value",
    f"{TRAIN} --family lasso --distribution normal --sigma -3": "sigma: got -3; allowed: a finite",
    f"{TRAIN} --family lasso --distribution normal --sigma nan": "sigma: got nan; allowed: a",
    f"{TRAIN} --family lasso --windos 3": "--windos: got '3'; allowed: this command",
    f"{TRAIN} --family none": "task family: got 'none'; allowed: ",
    f"{TRAIN} --family lasso --rows 0": "rows: got 0; allowed: greater than or equal to 1",
    # the user's own files
    f"{TRAIN} --family absent.py:Mine": "--family: got 'absent.py'; allowed: an existing .py file",
    f"{TRAIN} --family raises.py:Mine": "a file that runs (it raised ZeroDivisionError: ",
    f"{TRAIN} --family exits.py:Mine": "a file that runs (it raised SystemExit: 7)",
    f"{TRAIN} --family other.py:Mine": "--family: got 'other.py:Mine'; allowed: a task family of",
    f"{TRAIN} --family unnamed.py:Mine": "--family: got ",
    f"{TRAIN} --plugin first.py --family second.py:Mine": "--family: got 'twice'; allowed: a name",
    f"{TRAIN} --plugin absent.py": "--plugin: got 'absent.py'; allowed: an existing .py file",
    f"{TRAIN} --family nan.py:NanLasso": "b: got nan; allowed: finite numbers",
    # configuration files
    f"{TRAIN} --config absent.toml": "--config: got 'absent.toml'; allowed: an existing .toml or",
    f"{TRAIN} --config settings.yaml": "--config: got 'settings.yaml'; allowed: an existing .toml",
    f"{TRAIN} --config broken.toml": "--config: got 'broken.toml'; allowed: a valid file (",
    f"{TRAIN} --config deep.json": "--config: got 'deep.json'; allowed: a valid file (",
    "train --out out --config true.toml": "windows: got True; allowed: a valid integer",
    "train --out out --config text.toml": "windows: got '3'; allowed: a valid integer",
    f"{TRAIN} --config name.json": "update rule: got {}; allowed: adam,",
    f"{TRAIN} --config list.json": "--config: got 'list.json'; allowed: a file with keys",
    f"{TRAIN} --config unknown_key.toml": "windos: got 3; allowed: known keys (",
    f"{TRAIN} --config unknown_nested_key.json": "sgima: got 3; allowed: known keys (",
    f"{TRAIN} --config unknown_nested_key.json --sigma 3": "--sigma: got '3'; allowed: only with",
    "train --out out --config wrong_type.toml": "windows: got 'three'; allowed: a valid integer",
    # where to write
    f"train {SMALL} --out precious": "checkpoint precious: exists and is not a checkpoint",
    f"train {SMALL} --out nan.py": "checkpoint nan.py: exists and is not a checkpoint",
    f"train {SMALL} --out nan.py/below": "checkpoint nan.py/below: ",
    # checkpoints
    f"adapt absent {ADAPT}": "checkpoint absent: no such path",
    f"adapt precious {ADAPT}": "checkpoint precious: not a checkpoint (no readable",
    f"adapt nan.py {ADAPT}": "checkpoint nan.py: not a checkpoint",
    f"adapt good {ADAPT} --unroll-steps 0": "unroll_steps: got 0; allowed: ",
    f"adapt good {ADAPT} --config other_family.toml": "family: got {'name': 'lasso'}; allowed: ",
    f"adapt good {ADAPT} --config config.toml": "config: got 3; allowed: known keys (advance, ",
    f"adapt good {ADAPT} --config unknown_key.toml": "windos: got 3; allowed: known keys (",
    "adapt good --out out": "--family: got nothing; allowed: text",
    f"evaluate truncated {EVALUATE}": "is damaged or truncated (SHA-256)",
    f"evaluate no-json {EVALUATE}": "checkpoint no-json: not a checkpoint",
    f"evaluate bad-json {EVALUATE}": "checkpoint.json is damaged or truncated",
    f"evaluate missing {EVALUATE}": "is missing",
    "evaluate good --family lasso --steps 0": "steps: got 0; allowed: an integer ≥ 1",
    f"evaluate good {EVALUATE} --size 99999999999999": "allowed: an integer ≥ 1 and ≤ 1000000",
    f"evaluate good {EVALUATE} --seed -1": "seed: got -1; allowed: an integer ≥ 0",
    "evaluate good --family lasso --steps 1 --size 0": "size: got 0; allowed: an integer ≥ 1",
    # reports
    "run": "ARTEFACTS: got nothing; allowed: text",
    "run figure99 --out out": "artefact: got 'figure99'; allowed: ",
    "run proposition1 --preset slow": "--preset: got 'slow'; allowed: quick, standard, paper",
    "run proposition1 --out precious": "out: got 'precious'; allowed: a folder that is new, empty",
    "run proposition1 --out nan.py/x": "out: got 'nan.py/x'; allowed: a folder that can be made",
    "run proposition1 --repeats 0 --out out": "repeats: got 0; allowed: greater than or equal to 1",
    "run proposition1 --out dangling": "out: got 'dangling'; allowed: a folder that can be made",
    "rebuild": "FOLDER: got nothing; allowed: a path",
    "rebuild precious": "folder: got 'precious'; allowed: a folder with a run's results, or with",
    "rebuild absent": "folder: got 'absent'; allowed: a folder with a run's results, or with",
    "rebuild nan.py": "folder: got 'nan.py'; allowed: a folder with a run's results, or with",
    "report --time-limit -1": "time_limit: got -1.0; allowed: greater than 0",
}


@pytest.mark.parametrize("line", CASES)
def test_it_is_one_line_and_nothing_is_written(inputs: Program, line: str) -> None:
    before = inputs.files()
    answer = inputs(line)
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("ml2o: ")
    assert len(answer.err.splitlines()) == 1
    assert CASES[line] in answer.err
    assert inputs.files() == before


OWN_FAMILY = """
from dataclasses import dataclass
from typing import ClassVar
import torch
from torch import Tensor
from ml2o_core.tasks.base import Task, TaskFamily

@dataclass(frozen=True)
class Bowl(Task):
    c: Tensor

    @property
    def dim(self):
        return 2

    def loss(self, x):
        return {loss}

class Bowls(TaskFamily):
    "Tasks of the user's own."
    name: ClassVar[str] = "{name}"

    def sample(self, generator):
        return {sample}

    def start(self, generator):
        return {start}
"""

OWN_FAULTS = {
    "vector": ({"loss": "x * x"}, "code that runs (it raised RuntimeError: "),
    "nothing": ({"loss": "None"}, "code that runs (it raised RuntimeError: "),
    "raises": (
        {"loss": "(x @ x) / 0 * (1 / 0)"},
        "'raises.py, line 17'; allowed: code that runs",
    ),
    "branches": (
        {"loss": "x.sum() if x.sum() > 0 else -x.sum()"},
        "'branches.py, line 17'",
    ),
    "no-task": ({"sample": "None"}, "code that runs (it raised AttributeError: "),
    "no-start": ({"start": "None"}, "code that runs (it raised TypeError: "),
    "dimension": ({"start": "torch.ones(3)"}, "start: got (1, 4, 3); allowed: shape (1, 4, 2)"),
    "nan-start": ({"start": "torch.full((2,), torch.nan)"}, "start: got nan; allowed: finite"),
    "nan-data": ({"sample": "Bowl(torch.full((2,), torch.nan))"}, "c: got nan; allowed: finite"),
}


def own_family(name: str, **parts: str) -> str:
    """A file with a family of the user's own; the line that runs it."""
    sound = {"loss": "x @ x", "sample": "Bowl(torch.zeros(2))", "start": "torch.ones(2)"}
    Path(f"{name}.py").write_text(OWN_FAMILY.format(**{**sound, **parts}, name=f"own-{name}"))
    return f"{TRAIN} --family {name}.py:Bowls"


@pytest.mark.parametrize("name", OWN_FAULTS)
def test_a_fault_in_the_users_own_family_is_one_line(ml2o: Program, name: str) -> None:
    parts, expected = OWN_FAULTS[name]
    line = own_family(name, **parts)
    answer = ml2o(line)
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert expected in answer.err
    assert not Path("out").exists()


def test_a_sound_family_of_the_users_own_runs(ml2o: Program) -> None:
    """The negative control of the faults above."""
    assert ml2o(own_family("sound")).code == 0


def test_a_run_that_memory_cannot_hold_is_one_line(ml2o: Program) -> None:
    answer = ml2o(f"{TRAIN} --family lasso --rows 99999999999999")
    assert (answer.code, answer.out) == (2, "")
    assert (
        answer.err == "ml2o: memory: there is not enough for these sizes; allowed: smaller ones\n"
    )
    assert not Path("out").exists()


ABSENT = [
    f"{TRAIN} --device cuda",
    f"adapt good {ADAPT} --device cuda",
    f"evaluate good {EVALUATE} --device cuda",
    "run proposition1 --device cuda --out out",
    "doctor --device cuda",
]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
@pytest.mark.parametrize("line", ABSENT)
def test_an_absent_device_is_bad_input(inputs: Program, line: str) -> None:
    before = inputs.files()
    answer = inputs(line)
    assert (answer.code, answer.out) == (2, "")
    assert len(answer.err.splitlines()) == 1
    assert "device: got 'cuda'" in answer.err
    assert inputs.files() == before


def test_the_same_lines_without_the_fault_are_fine(inputs: Program) -> None:
    """The negative control: it is the fault that is refused, not the rest of the line."""
    assert inputs(f"{TRAIN} --family lasso --distribution normal --sigma 3").code == 0
    assert inputs(f"adapt good {ADAPT}").code == 0
    assert inputs(f"evaluate good {EVALUATE}").code == 0
