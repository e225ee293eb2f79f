"""Real processes that train and are killed: what they leave is resumed to the same checkpoint."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ml2o_core.checkpoints import load_checkpoint

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("trainings_demo.py")


def deaths(*arguments: object) -> int:
    """How often the demonstration's processes died."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def files(folder: Path) -> dict[str, bytes]:
    """The one training there, hidden files and all."""
    (training,) = folder.iterdir()
    return {path.name: path.read_bytes() for path in training.iterdir()}


@pytest.mark.slow
def test_killed_before_any_of_its_writes_it_ends_at_the_same_bytes(tmp_path: Path) -> None:
    count = deaths("writes", tmp_path)
    assert count > 15  # two states, the checkpoint and the end, each more than one write
    whole = files(tmp_path / "whole")
    assert len(whole) == 2
    for number in range(1, count + 1):
        assert files(tmp_path / str(number)) == whole


def test_killed_within_any_validation_it_ends_at_the_same_bytes(tmp_path: Path) -> None:
    count = deaths("validations", tmp_path)
    (training,) = (tmp_path / "whole").iterdir()
    assert count == len(load_checkpoint(training).history.stage) == 5
    for number in range(1, count + 1):
        assert files(tmp_path / str(number)) == files(tmp_path / "whole")


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))]
)
def test_killed_at_random_moments_it_ends_at_the_same_bytes(tmp_path: Path, seed: int) -> None:
    assert deaths("moments", tmp_path, seed) > 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
