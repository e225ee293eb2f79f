"""The speed of a window as rows: programs, ratios, and where the time goes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from analyses import bench_training, operation_times, speed
from analyses.runner import run_artefacts
from analyses.settings import Preset, RunSettings
from ml2o_core.results import Results


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of a few problems, and no JAX."""
    config = speed.SpeedConfig(problems=2, replicates=(1, 2), runs=2, compile=False)
    monkeypatch.setattr(speed.Speed, "configuration", lambda self, settings: config)
    monkeypatch.setattr(bench_training, "find_spec", lambda name: None)


@pytest.mark.usefixtures("small")
def test_every_case_is_a_row_and_the_shares_of_a_window_are_one(tmp_path: Path) -> None:
    run_artefacts(["speed"], RunSettings(), tmp_path)
    found = Results.load(tmp_path)
    cases = {(row.method, row.replicates) for row in found.speed}
    assert cases == {(m.name, R) for m in bench_training.METHODS for R in (1, 2)}
    assert all(row.ratio is None for row in found.speed)
    for method in bench_training.METHODS:
        costs = found.costs.where(method=method.name)
        assert sum(row.share for row in costs) == pytest.approx(1)
        assert {row.replicates for row in costs} == {2}
        kinds = {row.kind_of_operation for row in costs}
        assert {"batched products", "sigmoid and tanh", operation_times.AROUND} <= kinds
    assert speed.Speed().findings(found) == []  # nothing is said without a peer


def test_what_was_aimed_at_is_said_with_what_is_reached() -> None:
    def case(program: str, seconds: float, ratio: float) -> bench_training.Timed:
        return bench_training.Timed("maml", 10, program, (seconds,) * 2, 9.0, 0.0, ratio)

    cases = (
        case(bench_training.EAGER, 0.6, 0.6),
        case(bench_training.COMPILED, 0.3, 0.3),
        case(bench_training.JAX, 1.0, 1.0),
    )
    found = bench_training.Benchmark(128, 2, 2, "JAX 0", cases)
    results = Results(tuple(speed._speed_rows("speed", found)))
    said = [finding.text for finding in speed.Speed().findings(results)]
    assert len(said) == 2
    assert "0.60 times as long as in JAX (ours); our aim of 0.4 is not reached" in said[0]
    assert "0.30 times as long as in JAX (ours, compiled); our aim of 0.4 is reached" in said[1]


def test_the_clock_finds_the_operation_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(operation_times._Clock):
        """Sleeps in every product, in the time that the clock measures."""

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            def slowed(*a, **k):  # type: ignore[no-untyped-def]
                time.sleep(0.02)
                return func(*a, **k)

            slowed.overloadpacket = func.overloadpacket  # type: ignore[attr-defined]
            chosen = slowed if func.overloadpacket.__name__ == "mm" else func
            return super().__torch_dispatch__(chosen, types, args, kwargs)

    monkeypatch.setattr(operation_times, "_Clock", Slow)
    x = torch.ones(3, 3, requires_grad=True)

    def run() -> None:
        torch.autograd.grad((x @ x).sigmoid().sum(), x)

    first, *others = operation_times.operation_times(run, whole=1.0)
    # Forwards, and twice backwards: x is on both sides of the product.
    assert (first.kind, first.calls) == ("batched products", 3)
    assert first.seconds >= 0.06
    assert others[-1].kind == operation_times.AROUND
    assert sum(share.seconds for share in (first, *others)) == pytest.approx(1.0)


def test_only_the_larger_presets_compile() -> None:
    assert not speed.Speed().configuration(RunSettings()).compile
    assert speed.Speed().configuration(RunSettings(preset=Preset.STANDARD)).compile
