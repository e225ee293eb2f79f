"""A small artefact in pieces, and a program that runs it and is killed, for `test_pieces`.

    python pieces_demo.py run OUT WORKERS PAUSE LIMIT   one run; PAUSE seconds a piece, LIMIT in all
    python pieces_demo.py writes OUT         killed before each of its writes, then resumed
    python pieces_demo.py moments OUT SEED   killed (SIGKILL) at random moments, then resumed

`writes` and `moments` leave a folder for each case beside `whole`, the uninterrupted run, and print
the number of deaths.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import pandas as pd
import torch

from analyses.artefact import Artefact
from analyses.pieces import PiecewiseArtefact
from analyses.rendering.blocks import Finding, RowTable, Section
from analyses.runner import run_artefacts
from analyses.settings import RunSettings
from ml2o_core.errors import InvalidArgument
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, Row, ScoreRow
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec

SETTINGS = RunSettings(seed=3)


class SquaresConfig(Spec):
    """What the demonstration resolves to."""

    seed: int
    count: int


class Squares(PiecewiseArtefact):
    """Sums of squared random numbers; `name` is set while a test wants it in the registry."""

    title: ClassVar[str] = "Squares"
    side_by_side: ClassVar[int] = 1

    def configuration(self, settings: RunSettings) -> SquaresConfig:
        return SquaresConfig(seed=settings.seed, count=settings.repeats or 5)

    def pieces(self, settings: RunSettings) -> Sequence[str]:
        return [f"n={n}" for n in range(self.configuration(settings).count)]

    def workers(self, settings: RunSettings) -> int:
        return self.side_by_side

    def compute(self, settings: RunSettings, piece: str) -> pd.DataFrame:
        time.sleep(float(os.environ.get("SQUARES_PAUSE", "0")))
        if os.environ.get("SQUARES_REFUSE") == piece:
            raise InvalidArgument("piece", piece, "another one")
        stream = generator(settings.seed, purpose="squares", piece=piece)
        values = torch.randn(1000, generator=stream, dtype=torch.float64)
        assert torch.get_num_threads() == 1
        return pd.DataFrame(
            {
                "sum": [float(values @ values), float("nan")],
                "count": [len(values), 0],
                "text": [piece, None],
            }
        )

    def gather(
        self, settings: RunSettings, frames: Mapping[str, pd.DataFrame], progress: Progress
    ) -> Sequence[Row]:
        sums = [float(frame["sum"][0]) for frame in frames.values()]
        steps = tuple(range(len(sums)))
        with progress.task("gather", total=1) as advance:
            advance()
        return [
            ScoreRow(
                id="squares/mean",
                artefact="squares",
                family="normal",
                distribution=" ".join(str(frame["text"][0]) for frame in frames.values()),
                method="sum",
                score="mean suboptimality",
                mean=float(np.mean(sums)),
                repeats=int(sum(frame["count"].sum() for frame in frames.values())),
            ),
            CurveRow(
                id="squares/curve",
                artefact="squares",
                panel="p",
                method="sum",
                quantity="sum",
                step=steps,
                estimate=tuple(sums),
            ),
        ]

    def findings(self, results: Results) -> Sequence[Finding]:
        return [Finding("There is a mean.", ("squares/mean",))]

    def section(self, results: Results) -> Section:
        return Section((RowTable.of("A mean.", results.scores, {"Mean": "mean"}),))


def run(out: Path, **changes: Any) -> None:
    run_artefacts(["squares"], SETTINGS.with_changes(**changes), out)


def found(out: Path) -> tuple[str, list[bytes]]:
    """A run's results, bytes and all, but for its provenance: times, and somebody's commit."""
    document = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert document.pop("provenance")["not_run"] == {}
    curves = [path.read_bytes() for path in sorted(out.glob("curves-*.parquet"))]
    return json.dumps(document), curves


def pieces(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.rglob("pieces/*/*/*.parquet"))}


def child(work: Callable[[], None]) -> int:
    """The pid of a new process that does `work`."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return pid


def ends(pid: int) -> bool:
    """Whether the process came to its end by itself and in order."""
    return os.waitpid(pid, 0)[1] == 0


def die_at(number: int, out: Path) -> None:
    """Run, and end like a killed process before the write of that number."""
    made = itertools.count(1)

    def watched(write: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **options: Any) -> Any:
            if next(made) == number:
                os._exit(9)
            return write(*arguments, **options)

        return instead

    for name in ("mkdir", "fsync", "replace", "unlink", "rmdir"):
        setattr(os, name, watched(getattr(os, name)))
    run(out)


def at_every_write(out: Path) -> int:
    """One folder for each write at which a run can die: killed there, then resumed."""
    for number in itertools.count(1):
        folder = out / str(number)
        died = not ends(child(lambda k=number, at=folder: die_at(k, at)))  # type: ignore[misc]
        if not died:
            return number - 1
        assert ends(child(lambda at=folder: run(at)))  # type: ignore[misc]
    raise AssertionError("unreachable")


def at_random_moments(out: Path, seed: int) -> int:
    """Killed up to five times on the way, then left alone."""
    draw = np.random.default_rng(seed)
    kills = 0
    while kills < 5:
        pid = child(lambda: run(out))
        time.sleep(draw.uniform(0, 0.25))
        os.kill(pid, signal.SIGKILL)
        if ends(pid):
            break
        kills += 1
    assert ends(child(lambda: run(out)))
    return kills


def main(what: str, out: str, *more: str) -> NoReturn:
    Squares.name = "squares"
    Artefact.registry = classmethod(lambda cls: {"squares": Squares})  # type: ignore[method-assign,assignment]
    if what == "run":
        Squares.side_by_side = int(more[0])
        os.environ["SQUARES_PAUSE"] = more[1]
        run(Path(out), time_limit=float(more[2]))
        raise SystemExit(0)
    run(Path(out) / "whole")  # uninterrupted; and everything is imported before the first fork
    if what == "writes":
        print(at_every_write(Path(out)))
    else:
        os.environ["SQUARES_PAUSE"] = "0.02"
        print(at_random_moments(Path(out) / "killed", int(more[0])))
    raise SystemExit(0)


if __name__ == "__main__":
    import pieces_demo  # a worker finds the class by this name, not as __main__'s

    pieces_demo.main(*sys.argv[1:])
