"""A training that was stopped goes on to the bytes of one that was not, or is refused by name."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from ml2o_core.checkpoints import check_destination, load_checkpoint, save_checkpoint
from ml2o_core.errors import CheckpointError
from ml2o_core.meta.anil import ANIL
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.curriculum import Curriculum
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.hf_maml import HessianFreeMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.next_window import NextWindow
from ml2o_core.meta.plain import Plain
from ml2o_core.meta.reptile import Reptile
from ml2o_core.meta.state import TrainingState
from ml2o_core.meta.trainer import Trained, initial_params, train
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress, Stopped
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.training_store import TrainingStore

BASE = TrainConfig(
    family=Quadratic(rows=3, cols=2),
    rule=RNNprop(hidden=2, output_scale=0.1),
    windows=5,
    windows_per_episode=2,
    unroll_steps=2,
    batch_size=2,
    repeats=2,
)
STAGES = Curriculum(lengths=(2, 4), episodes=1, validations=2, patience=2)
NEVER = math.inf


class StopAt(Progress):
    """Stops at the n-th moment at which a time limit could: a loop begins, or a step is done."""

    def __init__(self, moments: float) -> None:
        self.left = moments

    def _check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Stopped("enough")

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        self._check()
        yield self._check


def files(trained: Trained, folder: Path) -> dict[str, bytes]:
    save_checkpoint(folder, trained)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("curriculum", [None, STAGES], ids=["one length", "curriculum"])
def test_stopped_at_any_moment_it_goes_on_to_the_same_bytes(
    curriculum: Curriculum | None, tmp_path: Path
) -> None:
    """Between windows, within validations, before the first window and after the last."""
    config = BASE.with_changes(curriculum=curriculum, windows=3)
    counter = StopAt(1000)
    whole = files(train(config, progress=counter), tmp_path / "whole")
    moments = 1000 - int(counter.left)
    # The start and three windows; and five validations of two windows each: before every window,
    # two of them where the stage changes, and at the end.
    assert moments == 4 + (0 if curriculum is None else 5 * 3)
    for stop in range(moments):
        folder = tmp_path / str(stop)
        store = TrainingStore(folder, config, seconds=NEVER)
        with pytest.raises(Stopped):
            train(config, progress=StopAt(stop), keep=store)
        resumed = train(config, resume=store.load())
        store.clear()
        assert files(resumed, folder) == whole, f"stopped at moment {stop}"


def test_stopped_again_and_again_it_ends_at_the_same_bytes(tmp_path: Path) -> None:
    config = BASE.with_changes(curriculum=STAGES)
    sessions, trained = 0, None
    while trained is None:
        store = TrainingStore(tmp_path / "run", config, seconds=NEVER)
        sessions += 1
        try:
            trained = train(config, progress=StopAt(5), resume=store.load(), keep=store)
        except Stopped:
            assert sessions < 20
    assert sessions > 3
    store.clear()
    assert files(trained, tmp_path / "run") == files(train(config), tmp_path / "whole")


CASES: list[tuple[MetaGradient, dict[str, Any]]] = [
    (Plain(), {"descent": "sgd"}),
    (MAML(), {"advance": "adapted", "graph": "full"}),
    (MAML(), {"curriculum": STAGES, "descent": "sgd"}),
    (FirstOrderMAML(), {"curriculum": STAGES, "advance": "adapted"}),
    (Reptile(), {"advance": "adapted", "descent": "sgd", "curriculum": STAGES}),
    (HessianFreeMAML(), {"curriculum": STAGES}),
    (ANIL(), {"advance": "adapted"}),
    (NextWindow(), {"objective": "final", "curriculum": STAGES}),
]


def test_every_meta_gradient_is_a_case() -> None:
    assert {method.name for method, _ in CASES} == MetaGradient.registry().keys()


@pytest.mark.parametrize(("method", "changes"), CASES, ids=lambda v: getattr(v, "name", ""))
def test_after_every_window_it_goes_on_to_the_same_bytes(
    method: MetaGradient, changes: dict[str, Any], tmp_path: Path
) -> None:
    config = BASE.with_changes(meta_gradient=method, windows=4, **changes)

    def keep(state: TrainingState, now: bool) -> None:
        TrainingStore(tmp_path / str(state.window), config)(state, True)

    whole = files(train(config, keep=keep), tmp_path / "whole")
    for window in range(1, config.windows + 1):
        folder = tmp_path / str(window)
        store = TrainingStore(folder, config)
        state = store.load()
        assert state is not None
        assert state.window == window
        resumed = train(config, resume=state)
        store.clear()
        assert files(resumed, folder) == whole


def test_a_diverged_replicate_is_still_diverged_after_a_resume(tmp_path: Path) -> None:
    config = BASE.with_changes(rule=LinearGain(), curriculum=STAGES)
    init = {name: value.clone() for name, value in initial_params(config).items()}
    init["gain"][1] = 1e30
    store = TrainingStore(tmp_path, config, seconds=-1)
    whole = train(config, init, keep=store)
    state = store.load()
    assert state is not None
    resumed = train(config, init, resume=state)
    assert resumed.diverged_at.tolist() == whole.diverged_at.tolist() == [-1, 0]
    assert torch.equal(resumed.params["gain"], whole.params["gain"])


def test_a_stage_that_its_first_validation_ends_is_resumed_like_any_other(tmp_path: Path) -> None:
    """With a patience of 1 and a replicate whose validation is infinite."""
    stages = Curriculum(lengths=(2, 4, 6), episodes=1, validations=2, patience=1)
    config = BASE.with_changes(rule=LinearGain(), curriculum=stages, windows=3)
    init = {name: value.clone() for name, value in initial_params(config).items()}
    init["gain"][1] = 1e30
    whole = train(config, init)
    assert whole.history.stage[:3].tolist() == [0, 1, 2]
    for stops in range(12):
        store = TrainingStore(tmp_path / str(stops), config, seconds=NEVER)
        with pytest.raises(Stopped):
            train(config, init, progress=StopAt(stops), keep=store)
        resumed = train(config, init, resume=store.load())
        assert torch.equal(resumed.history.validated_at, whole.history.validated_at)
        assert torch.equal(resumed.history.stage, whole.history.stage)
        assert torch.equal(resumed.params["gain"], whole.params["gain"])


def test_it_is_kept_when_the_time_has_come_or_it_must_be(tmp_path: Path) -> None:
    now, config = [0.0], BASE
    store = TrainingStore(tmp_path / "a", config, seconds=10, clock=lambda: now[0])
    seen = []

    def keep(state: TrainingState, must: bool) -> None:
        now[0] += 4
        store(state, must)
        kept = store.load()
        seen.append(None if kept is None else kept.window)

    train(config, keep=keep)
    assert seen == [None, None, 3, 3, 3]
    final = TrainingStore(tmp_path / "b", config, seconds=NEVER)
    with pytest.raises(Stopped):
        train(config, progress=StopAt(3), keep=final)
    kept = final.load()
    assert kept is not None
    assert kept.window == 3


def test_without_a_folder_or_a_state_there_is_nothing_to_resume(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "new"):
        store = TrainingStore(folder, BASE)
        assert store.load() is None
        store.clear()
    assert not list(tmp_path.iterdir())


def test_what_a_kill_has_half_written_is_cleared_away(tmp_path: Path) -> None:
    store = stopped(tmp_path)
    orphan = tmp_path / "training-0123456789abcdef.safetensors"
    for left in (tmp_path / ".training.json.77.tmp", orphan):
        left.write_bytes(b"half")
    assert check_destination(tmp_path) == tmp_path
    assert store.load() is not None
    store.clear()
    assert not list(tmp_path.iterdir())
    orphan.write_bytes(b"half")  # killed in the first write of all
    assert check_destination(tmp_path) == tmp_path
    assert store.load() is None
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        check_destination(tmp_path)


# What is not the state of this training is refused.


def stopped(folder: Path, config: TrainConfig = BASE) -> TrainingStore:
    """A training of `config` that was stopped after three windows."""
    store = TrainingStore(folder, config, seconds=NEVER)
    with pytest.raises(Stopped):
        train(config, progress=StopAt(8 if config.curriculum else 3), keep=store)
    return store


def refused(store: TrainingStore, match: str) -> None:
    with pytest.raises(CheckpointError, match=match) as error:
        store.load()
    assert str(store.directory) in str(error.value)
    assert "\n" not in str(error.value)


def rewrite(
    folder: Path,
    change: Callable[[dict[str, Any]], Any] = lambda manifest: None,
    **tensors: torch.Tensor | None,
) -> None:
    """Change the manifest, replace (None: leave out) tensors, and make the hashes right again."""
    path = folder / "training.json"
    manifest = json.loads(path.read_text())
    found = load_file(folder / manifest["tensors"]) | tensors
    payload = save({name: value for name, value in found.items() if value is not None})
    digest = hashlib.sha256(payload).hexdigest()
    manifest |= {"tensors": f"training-{digest[:16]}.safetensors", "sha256": digest}
    del manifest["checksum"]
    change(manifest)
    (folder / manifest["tensors"]).write_bytes(payload)
    path.write_text(json.dumps(manifest))


def test_a_state_of_other_settings_is_refused_and_the_first_of_them_named(tmp_path: Path) -> None:
    stopped(tmp_path)
    for changes, said in (
        ({"seed": 1}, "seed = 0, not 1"),
        ({"windows": 6, "seed": 1}, "windows = 5, not 6"),
        ({"learning_rate": 0.5}, r"learning_rate = 0\.001, not 0\.5"),
        ({"descent": "sgd"}, "descent = 'adam', not 'sgd'"),
        ({"curriculum": STAGES}, "curriculum = None, not"),
        ({"meta_gradient": MAML()}, "meta_gradient = .*plain.*maml"),
    ):
        store = TrainingStore(tmp_path, BASE.with_changes(**changes))
        refused(store, f"an unfinished training with {said}")
    assert TrainingStore(tmp_path, BASE).load() is not None


def test_a_state_of_another_device_or_torch_or_format_is_refused(tmp_path: Path) -> None:
    store = stopped(tmp_path)
    refused(TrainingStore(tmp_path, BASE, "cuda"), "device 'cpu', not 'cuda'")
    changes: list[tuple[dict[str, Any], str]] = [
        ({"torch": "1.0"}, "torch '1.0', not '2"),
        ({"torch": None}, "torch None"),
        ({"format": "ml2o-trained"}, "not of format ml2o-training"),
        ({"version": 99}, "version 99; this program reads 1"),
        ({"state": None}, "not those of a training"),
        ({"state": {}}, "not those of a training"),
    ]
    for change, said in changes:
        stopped(tmp_path)
        rewrite(tmp_path, lambda manifest, change=change: manifest.update(change))
        refused(store, said)
    stopped(tmp_path)
    rewrite(tmp_path)
    assert store.load() is not None  # the negative control: the hashes alone were made anew


def test_a_training_can_be_moved_and_says_where_it_was_computed(tmp_path: Path) -> None:
    """Here both devices are this one, so that it also has to end at the same parameters."""
    stopped(tmp_path)
    rewrite(tmp_path, lambda manifest: manifest.update(torch="1.0", device="cuda"))
    here = TrainingStore(tmp_path, BASE, seconds=NEVER)
    refused(here, "or move it")
    refused(TrainingStore(tmp_path, BASE.with_changes(seed=1), "cuda"), "another folder$")
    with pytest.raises(CheckpointError, match="seed = 0, not 1"):
        TrainingStore(tmp_path, BASE.with_changes(seed=1)).load(move=True)
    with pytest.raises(Stopped):  # and after another stop it still knows
        train(BASE, progress=StopAt(1), resume=here.load(move=True), keep=here)
    again = here.load()
    assert again is not None
    assert again.elsewhere == [("cuda (torch 1.0)", 3)]
    moved, whole = train(BASE, resume=again), train(BASE)
    assert moved.device == "cuda (torch 1.0) to window 3, then cpu"
    assert whole.device == "cpu"
    for name, value in whole.params.items():
        assert torch.equal(moved.params[name], value)
    save_checkpoint(tmp_path / "moved", moved)
    assert load_checkpoint(tmp_path / "moved").device == moved.device


def test_what_has_not_begun_was_computed_nowhere_else(tmp_path: Path) -> None:
    store = TrainingStore(tmp_path, BASE, "cuda", seconds=NEVER)
    with pytest.raises(Stopped):
        train(BASE, progress=StopAt(0), keep=store)
    state = TrainingStore(tmp_path, BASE).load(move=True)
    assert train(BASE, resume=state).device == "cpu"


@pytest.mark.parametrize("kind", ["flipped", "truncated", "missing"])
@pytest.mark.parametrize("pattern", ["training.json", "*.safetensors"])
def test_a_damaged_state_is_refused(tmp_path: Path, pattern: str, kind: str) -> None:
    store = stopped(tmp_path)
    (path,) = tmp_path.glob(pattern)
    content = bytearray(path.read_bytes())
    if kind == "missing":
        path.unlink()
        if pattern == "training.json":
            assert store.load() is None  # there is no training here, only what a kill left
            return
    else:
        at = content.index(b'"window": 3') + 10 if pattern == "training.json" else -1
        content[at] ^= 1
        path.write_bytes(
            bytes(content) if kind == "flipped" else bytes(content)[: len(content) // 2]
        )
    refused(store, "missing" if kind == "missing" else "damaged")


def test_tensors_of_another_shape_or_kind_are_refused(tmp_path: Path) -> None:
    config = BASE.with_changes(curriculum=STAGES)
    store = stopped(tmp_path / "run", config)
    copytree(store.directory, tmp_path / "kept")
    state = store.load()
    assert state is not None
    tensors = state.tensors()
    assert {"learner.phi", "carry.state.t", "stage.best.memory.v", "validations"} <= tensors.keys()
    for name, value in tensors.items():
        other = value.int() if value.is_floating_point() else value.double()
        for fault in (None, value[None].clone(), value[:-1].clone(), other):
            copytree(tmp_path / "kept", store.directory, dirs_exist_ok=True)
            rewrite(store.directory, **{name: fault})
            refused(store, "tensors are not those of a training")
    copytree(tmp_path / "kept", store.directory, dirs_exist_ok=True)
    rewrite(store.directory, extra=torch.zeros(1))
    assert store.load() is not None  # what nobody asks for does no harm


@pytest.mark.parametrize("number", [-1, 6, "3", None, 0])
def test_numbers_that_no_training_leaves_are_refused(tmp_path: Path, number: object) -> None:
    store = stopped(tmp_path)
    rewrite(tmp_path, lambda manifest: manifest["state"].update(window=number))
    refused(store, "not those of a training")


def test_a_finished_training_is_no_unfinished_one(tmp_path: Path) -> None:
    store = stopped(tmp_path)
    save_checkpoint(tmp_path, train(BASE, resume=store.load()))
    assert store.load() is not None  # both are there until the training is cleared away
    store.clear()
    assert store.load() is None
    assert load_checkpoint(tmp_path).config == BASE
    assert len(list(tmp_path.iterdir())) == 2
