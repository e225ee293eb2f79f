"""Trainings side by side: the same bytes as one after the other, stopped, resumed, left alone."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from analyses.progress import TimeLimited
from analyses.trainings import ParentEnded, Trainings, WhileParentLives, name_of
from ml2o_core.devices import deterministic
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.plain import Plain
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.progress import Progress, Stopped
from ml2o_core.tasks.quadratic import Quadratic

FIRST = TrainConfig(
    family=Quadratic(rows=3, cols=2),
    rule=RNNprop(hidden=2, output_scale=0.1),
    meta_gradient=MAML(),
    windows=20,
    unroll_steps=2,
    batch_size=2,
    repeats=2,
)
CONFIGS = [FIRST.with_changes(seed=seed) for seed in range(3)]
CPU = torch.device("cpu")


def several(folder: Path | None, workers: int, seconds: float | None = None) -> Trainings:
    """The trainings, after all of `CONFIGS` were asked for in one go."""
    progress = Progress() if seconds is None else TimeLimited(Progress(), seconds)
    trainings = Trainings(folder, CPU, progress)
    with deterministic():
        found = trainings.several(CONFIGS, workers)
    assert [run.config for run in found] == CONFIGS
    return trainings


def reaches_its_end(folder: Path, seconds: float) -> bool:
    """Whether two workers reach it in that time."""
    try:
        several(folder, 2, seconds)
    except Stopped:
        return False
    return True


def files(folder: Path) -> dict[str, bytes]:
    """Every file of every training, hidden ones and all."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.glob("*/*")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process leaves, that trains one after the other."""
    folder = tmp_path_factory.mktemp("whole")
    several(folder, 1)
    assert len(files(folder)) == 2 * len(CONFIGS)
    return files(folder)


def test_two_workers_leave_the_same_bytes(whole: dict[str, bytes], tmp_path: Path) -> None:
    several(tmp_path, 2)
    assert files(tmp_path) == whole


def test_workers_stop_by_the_time_limit_and_go_on_to_the_same_bytes(
    whole: dict[str, bytes], tmp_path: Path
) -> None:
    several(tmp_path / "warm", 2)  # the workers are up, so that their time goes to training
    stops = 0
    # Longer each time, so that it comes to an end on a busy machine too.
    while stops < 60 and not reaches_its_end(tmp_path / "parts", seconds=0.1 * (1 + stops)):
        stops += 1
    assert 0 < stops < 60
    assert files(tmp_path / "parts") == whole


def test_only_what_is_missing_is_trained(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with deterministic():
        Trainings(tmp_path, CPU, Progress()).several(CONFIGS[:2], 1)
    asked: list[int] = []

    def watched(function: object, calls: object, workers: int) -> None:
        asked.append(workers)

    monkeypatch.setattr("analyses.trainings.side_by_side", watched)
    several(tmp_path, 2)  # one is missing: no worker is worth its start
    several(tmp_path, 2)
    several(None, 2)
    assert asked == []
    assert {path.name for path in tmp_path.iterdir()} == {name_of(config) for config in CONFIGS}


def test_a_worker_ends_with_the_run_that_it_works_for() -> None:
    made = []
    with WhileParentLives(os.getppid()).task("train", 2) as advance:
        advance()
        made.append(1)
    with WhileParentLives(-1).task("train", 2) as advance, pytest.raises(ParentEnded):
        advance()
    assert made == [1]


def test_the_longest_begins_first_and_the_answer_keeps_the_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain training of four windows takes as many gradients as exact MAML's two."""
    exact = FIRST.with_changes(windows=2)
    plain = exact.with_changes(meta_gradient=Plain())
    configs = [plain, plain.with_changes(windows=4), exact, exact.with_changes(unroll_steps=5)]
    begun: list[TrainConfig] = []

    @contextmanager
    def begin(_: object, calls: Iterable[Any], workers: int) -> Iterator[Iterator[None]]:
        assert workers == 2
        begun.extend(config for _, config, *_ in calls)
        yield iter(())

    monkeypatch.setattr("analyses.trainings.side_by_side", begin)
    with deterministic():
        found = Trainings(tmp_path, CPU, Progress()).several(configs, 2)
    assert begun == configs[::-1]
    assert [run.config for run in found] == configs
