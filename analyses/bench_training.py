"""How long does one window of meta-training take, beside the same meta-gradient in JAX?

First-order and exact, with 1 and 10 replicates: RNNprop on LASSO problems, T = 20. Both programs
compute the same window from the same numbers on the same processor cores, and are held against each
other before they are timed. The times of a case come in turn, so that a machine that is busy for a
while is busy for both.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from ml2o_core.errors import InvalidArgument, ML2OError
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.descent import Layout
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.trainer import initial_params
from ml2o_core.meta.window import WindowProgram, inputs_of
from ml2o_core.problems import sample_problems
from ml2o_core.progress import Progress
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import begin

REPLICATES = (1, 10)
METHODS: tuple[MetaGradient, ...] = (FirstOrderMAML(), MAML())

AGREEMENT = 1e-3
"""Relative to the largest entry of the gradient, in float32: some thousand roundings a window."""


class PeerDisagrees(ML2OError):
    """JAX computes another meta-gradient: one of the two programs is wrong."""


@dataclass(frozen=True)
class Timed:
    """One case: medians in seconds; `ratio` is ours over JAX's, None without JAX.

    `difference` is the largest difference of the two gradients over the largest entry.
    """

    method: str
    replicates: int
    seconds: float
    jax_seconds: float | None
    ratio: float | None
    difference: float | None


@dataclass(frozen=True)
class Benchmark:
    """`peer` says which JAX, or that there is none."""

    problems: int
    runs: int
    cores: int
    peer: str
    cases: tuple[Timed, ...]


def bench_training(
    size: int = 128, runs: int = 5, seed: int = 0, progress: Progress | None = None
) -> Benchmark:
    """Time every case `runs` times on batches of `size` problems."""
    for argument, value in (("size", size), ("repeats", runs)):
        if value < 1:
            raise InvalidArgument(argument, value, "an integer ≥ 1")
    peer = find_spec("jax") is not None
    cases = [(method, R) for R in REPLICATES for method in METHODS]
    found = []
    with (progress or Progress()).task("training", len(cases)) as advance:
        for method, replicates in cases:
            found.append(_case(method, replicates, size, runs, seed, peer))
            advance()
    name = "not installed (pip install jax)"
    if peer:
        from analyses import jax_window

        name = f"JAX {jax_window.version()}"
    return Benchmark(size, runs, len(os.sched_getaffinity(0)), name, tuple(found))


def _case(
    method: MetaGradient, replicates: int, size: int, runs: int, seed: int, peer: bool
) -> Timed:
    config = TrainConfig(
        family=Lasso.uniform_mixture(),
        meta_gradient=method,
        batch_size=size,
        repeats=replicates,
        seed=seed,
    )
    problems = sample_problems(
        config.family,
        seed=seed,
        purpose="bench training",
        repeats=replicates,
        size=size,
        dtype=config.dtype,
    )
    params = initial_params(config)
    layout = Layout.of(params)
    carry = begin(config.rule, problems.tasks, problems.start)
    inputs = inputs_of(layout.join(params), problems.tasks, carry)
    program = WindowProgram(config, layout, problems.tasks.task_type)

    def ours() -> Tensor:
        return program.meta_step(inputs)["gradient"]

    gradient = ours()
    if not peer:
        return Timed(method.name, replicates, _seconds([ours], runs)[0], None, None, None)
    from analyses import jax_window

    compiled = jax_window.meta_gradient(config)
    phi = jax_window.to_jax(params)
    window = jax_window.to_jax({**problems.tasks.tensors, "x": problems.start})

    def theirs() -> Any:
        return jax_window.wait(compiled(phi, window))

    other = layout.join(
        {name: torch.from_numpy(v.__array__().copy()) for name, v in theirs().items()}
    )
    difference = ((gradient - other).abs().max() / gradient.abs().max()).item()
    if not difference <= AGREEMENT:
        raise PeerDisagrees(f"{method.name}: JAX's gradient differs by {difference:.1e}")
    seconds, jax_seconds = _seconds([ours, theirs], runs)
    return Timed(method.name, replicates, seconds, jax_seconds, seconds / jax_seconds, difference)


def _seconds(calls: list[Callable[[], object]], runs: int) -> list[float]:
    """The median time of each call; they take turns."""
    found: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, seconds in zip(calls, found, strict=True):
            begun = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begun)
    return [statistics.median(seconds) for seconds in found]
