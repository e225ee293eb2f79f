"""Compiled for a CPU, a window and a run give what they give otherwise, up to rounding."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ml2o_core.checkpoints import load_checkpoint, save_checkpoint
from ml2o_core.compiled import NoCompiler, check_compiler, compiled, place
from ml2o_core.devices import deterministic
from ml2o_core.errors import CheckpointError
from ml2o_core.evaluation import COMPILED_WINDOW, curves, default_params
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.trainer import Trained, train
from ml2o_core.named import Tensors
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Stopped
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.training_store import TrainingStore

from .test_training_store import StopAt

ROUNDING = 1e-4
"""Relative; float32 over a few windows of Adam, whose first steps divide by |g|."""


def _compiles() -> bool:
    try:
        check_compiler()
    except NoCompiler:
        return False
    return True


needs_compiler = pytest.mark.skipif(not _compiles(), reason="no C++ compiler, or no Python.h")


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compile afresh, and leave nothing on the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiler")))
        yield


def configuration(method: MetaGradient) -> TrainConfig:
    return TrainConfig(
        family=Lasso.uniform_mixture(rows=3, cols=3),
        rule=RNNprop(hidden=4),
        meta_gradient=method,
        windows=4,
        unroll_steps=2,
        windows_per_episode=2,
        batch_size=4,
        repeats=2,
    )


def alike(first: Trained, second: Trained, tolerance: float) -> None:
    for name, value in first.params.items():
        torch.testing.assert_close(value, second.params[name], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(
        first.history.objective, second.history.objective, rtol=tolerance, atol=tolerance
    )


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("method", [Plain(), MAML()], ids=lambda m: m.name)
def test_a_compiled_training_is_another_up_to_rounding(method: MetaGradient) -> None:
    with deterministic():
        eager, other = (train(configuration(method), compile=c) for c in (False, True))
    alike(eager, other, ROUNDING)
    assert (eager.device, other.device) == ("cpu", "cpu, compiled")


@needs_compiler
@pytest.mark.slow
def test_a_compiled_training_that_was_stopped_ends_at_the_same_bytes(tmp_path: Path) -> None:
    """Compiled anew when it goes on, as in another process."""
    config = configuration(Plain())
    with deterministic():
        whole = train(config, compile=True)
        store = TrainingStore(tmp_path, config, compile=True, seconds=math.inf)
        with pytest.raises(Stopped):
            train(config, compile=True, progress=StopAt(3), keep=store)
        resumed = train(config, compile=True, resume=store.load())
    for name, value in whole.params.items():
        assert torch.equal(value, resumed.params[name])
    assert torch.equal(whole.history.objective, resumed.history.objective)


@needs_compiler
@pytest.mark.slow
def test_a_run_of_a_rule_is_the_same_with_and_without() -> None:
    problems = sample_problems(
        Lasso.normal(1.0, rows=3, cols=3),
        seed=0,
        purpose="test",
        repeats=2,
        size=3,
        dtype=torch.float64,
    )
    # Two programs' worth and a remainder, so that both ways of running a window are met.
    steps, rule = 2 * COMPILED_WINDOW + 1, SGD()
    params, places = default_params(rule, 2), torch.ones_like(problems.start)
    eager, other = (curves(rule, params, problems, steps, places, compile=c) for c in (False, True))
    torch.testing.assert_close(eager.losses, other.losses, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(eager.distances, other.distances, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@needs_compiler
def test_inputs_may_lie_in_memory_in_another_order() -> None:
    def function(named: Tensors) -> Tensors:
        return {"y": (named["x"] * 2).sin()}

    program = compiled(function, "cpu")
    x = torch.arange(6.0).reshape(2, 3)
    for given in (x, x.t().contiguous().t()):
        torch.testing.assert_close(program({"x": given})["y"], (2 * x).sin())


@pytest.mark.slow
@needs_compiler
def test_inputs_are_taken_by_their_names_in_whatever_order_they_come() -> None:
    """Those of a state from a file come in the order of the alphabet."""

    def function(named: Tensors) -> Tensors:
        return {"difference": named["x"].sin() - named["a"].cos()}

    program = compiled(function, "cpu")
    a, x = torch.zeros(3), torch.ones(3)
    for given in ({"x": x, "a": a}, {"a": a, "x": x}):
        torch.testing.assert_close(program(given)["difference"], x.sin() - a.cos())


def test_the_state_of_a_compiled_training_is_refused_by_another(tmp_path: Path) -> None:
    config = configuration(Plain())
    store = TrainingStore(tmp_path, config, compile=True)
    state = []
    train(config, keep=lambda found, now: state.append(found))
    store(state[-1], True)
    assert store.load() is not None
    with pytest.raises(CheckpointError, match="device 'cpu, compiled', not 'cpu'"):
        TrainingStore(tmp_path, config).load()


def test_a_checkpoint_says_that_it_was_compiled(tmp_path: Path) -> None:
    trained = train(configuration(Plain()))
    where = place("cpu", compile=True)
    compiled_one = Trained(**{**vars(trained), "device": where})
    save_checkpoint(tmp_path / "it", compiled_one)
    assert load_checkpoint(tmp_path / "it").device == "cpu, compiled"
    assert (place("cpu", compile=False), place("cuda", compile=True)) == ("cpu", "cuda")


def test_without_a_compiler_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoCompiler, match=r"--compile: needs a C\+\+ compiler on the PATH"):
        check_compiler()


def test_without_the_headers_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ml2o_core.compiled.COMPILERS", ("sh",))
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(tmp_path))
    with pytest.raises(NoCompiler, match=r"needs Python's headers, and there is no .*Python\.h"):
        check_compiler()
