"""The benchmark of a window: every case is timed, and a peer that disagrees is an error."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from analyses import bench_training as bench
from ml2o_core.errors import InvalidArgument
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.window import WindowRisk
from ml2o_core.named import Tensors
from ml2o_core.tasks.base import TaskBatch
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.unroll import begin


def test_without_jax_every_case_has_a_time_and_no_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "find_spec", lambda name: None)
    found = bench.bench_training(size=2, runs=1, replicates=(1, 2))
    assert [(case.method, case.replicates, case.program) for case in found.cases] == [
        (method.name, R, bench.EAGER) for R in (1, 2) for method in bench.METHODS
    ]
    assert all(case.median > 0 for case in found.cases)
    assert all(case.ratio is None for case in found.cases)
    assert "not installed" in found.peer


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_a_peer_is_held_against_ours_before_it_is_timed(
    monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    """A peer that computes `factor` times the gradient; in torch, as JAX is not installed here."""

    def peers(config: TrainConfig) -> Callable[[Tensors, Tensors], Tensors]:
        def compute(phi: Tensors, window: Tensors) -> Tensors:
            start = window["x"]
            data = {name: value for name, value in window.items() if name != "x"}
            tasks = TaskBatch(LassoTask, data, tuple(start.shape[:2]))
            risk = WindowRisk(config, tasks, begin(config.rule, tasks, start))
            step = config.meta_gradient(risk, phi)
            return {name: factor * value for name, value in step.gradient.items()}

        return compute

    peer = SimpleNamespace(
        meta_gradient=peers,
        to_jax=lambda tensors: tensors,
        wait=lambda tree: {name: value.detach().numpy() for name, value in tree.items()},
        version=lambda: "0",
    )
    monkeypatch.setattr("analyses.jax_window", peer, raising=False)
    monkeypatch.setattr(bench, "find_spec", lambda name: object())
    monkeypatch.setattr(bench, "METHODS", bench.METHODS[:1])
    if factor == 1:
        ours, theirs = bench.bench_training(size=2, runs=1, replicates=(1,)).cases
        assert (ours.program, theirs.program) == (bench.EAGER, bench.JAX)
        assert theirs.difference < 1e-6
        assert ours.ratio == ours.median / theirs.median
        assert theirs.ratio == 1
    else:
        with pytest.raises(bench.PeerDisagrees, match=r"JAX differs by 1\.0e-02"):
            bench.bench_training(size=2, runs=1, replicates=(1,))


def test_sizes_are_checked() -> None:
    with pytest.raises(InvalidArgument, match="size: got 0"):
        bench.bench_training(size=0)
