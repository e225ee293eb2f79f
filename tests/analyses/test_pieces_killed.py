"""Real processes that are killed: what they leave is resumed to the uninterrupted run's bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from analyses.runner import run_artefacts
from ml2o_core.results import Results

from .pieces_demo import SETTINGS, Squares, found, pieces

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(__file__).with_name("pieces_demo.py")


def demo(*arguments: object) -> subprocess.Popen[str]:
    """`pieces_demo.py`, started; its workers end by themselves."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(PROGRAM), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process: subprocess.Popen[str]) -> str:
    said, complaints = process.communicate()
    assert process.returncode == 0, complaints
    return said


@pytest.mark.slow
def test_killed_before_any_of_its_writes_a_run_is_resumed_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    deaths = int(done(demo("writes", tmp_path)))
    assert deaths > 30  # 5 pieces, the note, curves, results and page, each more than one write
    whole = found(tmp_path / "whole")
    for number in range(1, deaths + 1):
        out = tmp_path / str(number)
        assert found(out) == whole
        assert pieces(out) == pieces(tmp_path / "whole")
        assert not list(out.rglob(".*"))


def test_killed_at_random_moments_a_run_is_resumed_to_the_same_bytes(tmp_path: Path) -> None:
    assert int(done(demo("moments", tmp_path, 0))) > 0
    assert found(tmp_path / "killed") == found(tmp_path / "whole")


def test_two_workers_killed_and_resumed_by_one_find_what_one_finds(
    squares: type[Squares], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    process = demo("run", out, 2, 0.5, 1000)
    while not pieces(out):
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    for stream in (process.stdout, process.stderr):
        stream.close()  # type: ignore[union-attr]
    kept = pieces(out)
    assert 0 < len(kept) < 5
    assert not (out / "results.json").exists()
    run_artefacts(["squares"], SETTINGS, out)
    run_artefacts(["squares"], SETTINGS, tmp_path / "one")
    assert found(out) == found(tmp_path / "one")
    assert pieces(out) == pieces(tmp_path / "one")
    assert kept.items() <= pieces(out).items()


@pytest.mark.slow
def test_two_workers_stopped_by_the_limit_and_resumed_find_what_one_finds(
    squares: type[Squares], tmp_path: Path
) -> None:
    """With warnings as errors: joblib's on what was left undone is no news."""
    out = tmp_path / "out"
    done(demo("run", out, 2, 1.5, 2))
    assert len(pieces(out)) < 5
    assert Results.load(out).rows == ()
    done(demo("run", out, 2, 0, 1000))
    limited = SETTINGS.with_changes(time_limit=1000.0)
    assert Results.load(out).rows == run_artefacts(["squares"], limited, tmp_path / "one").rows
    assert found(out) == found(tmp_path / "one")
