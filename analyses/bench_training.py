"""How long does one window of meta-training take, beside the same meta-gradient in JAX?

First-order and exact, with 1 and 10 replicates: RNNprop on LASSO problems, T = 20. All programs
compute the same window from the same numbers on the same processor cores, and are held against one
another before they are timed. The times of a case come in turn, so that a machine that is busy for
a while is busy for all of them.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Self

import torch
from torch import Tensor

from ml2o_core.compiled import check_compiler, compiled
from ml2o_core.errors import InvalidArgument, ML2OError
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.descent import Layout
from ml2o_core.meta.first_order import FirstOrderMAML
from ml2o_core.meta.maml import MAML
from ml2o_core.meta.trainer import initial_params
from ml2o_core.meta.window import WindowProgram, inputs_of
from ml2o_core.optimizers.base import Params
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import begin

REPLICATES = (1, 10)
METHODS: tuple[MetaGradient, ...] = (FirstOrderMAML(), MAML())

AGREEMENT = 1e-3
"""Relative to the largest entry of the gradient, in float32: some thousand roundings a window."""


class PeerDisagrees(ML2OError):
    """Two programs compute different meta-gradients: one of them is wrong."""


EAGER, COMPILED, JAX = "ours", "ours, compiled", "JAX"


@dataclass(frozen=True)
class Timed:
    """One program on one case.

    `seconds` are those of every run, `prepared` those of the first call, compilation included.
    `difference` is the largest difference from our gradient over its largest entry, and `ratio` the
    median time over JAX's, None without JAX.
    """

    method: str
    replicates: int
    program: str
    seconds: tuple[float, ...]
    prepared: float
    difference: float
    ratio: float | None = None

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)


@dataclass(frozen=True)
class Benchmark:
    """`peer` says which JAX, or that there is none."""

    problems: int
    runs: int
    cores: int
    peer: str
    cases: tuple[Timed, ...]


def bench_training(
    size: int = 128,
    runs: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    replicates: Sequence[int] = REPLICATES,
    compile: bool = False,
) -> Benchmark:
    """Time every case `runs` times on batches of `size` problems.

    `compile` times our compiled programs too; to compile one takes minutes.
    """
    for argument, value in (("size", size), ("repeats", runs)):
        if value < 1:
            raise InvalidArgument(argument, value, "an integer ≥ 1")
    if compile:
        check_compiler()
    peer = find_spec("jax") is not None
    cases = [Case.of(method, R, size, seed) for R in replicates for method in METHODS]
    found: list[Timed] = []
    with (progress or Progress()).task("training", len(cases)) as advance:
        for case in cases:
            found += case.timed(runs, compile, peer)
            advance()
    name = "not installed (pip install jax)"
    if peer:
        from analyses import jax_window

        name = f"JAX {jax_window.version()}"
    return Benchmark(size, runs, len(os.sched_getaffinity(0)), name, tuple(found))


Gradient = Callable[[], Tensor]


@dataclass(frozen=True)
class Case:
    """One window of `config`: its inputs, as `WindowProgram` takes them."""

    config: TrainConfig
    params: Params
    problems: Problems

    @classmethod
    def of(cls, method: MetaGradient, replicates: int, size: int = 128, seed: int = 0) -> Self:
        """RNNprop at φ_0 on fresh LASSO problems."""
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
        return cls(config, initial_params(config), problems)

    def ours(self, compile: bool = False) -> Gradient:
        """The meta-gradient (R, P) by our program."""
        layout, problems = Layout.of(self.params), self.problems
        carry = begin(self.config.rule, problems.tasks, problems.start)
        inputs = inputs_of(layout.join(self.params), problems.tasks, carry)
        program = WindowProgram(self.config, layout, problems.tasks.task_type).meta_step
        run = compiled(program, "cpu") if compile else program
        return lambda: run(inputs)["gradient"]

    def jax(self) -> Gradient:
        """The same by JAX."""
        from analyses import jax_window

        program = jax_window.meta_gradient(self.config)
        phi = jax_window.to_jax(self.params)
        window = jax_window.to_jax({**self.problems.tasks.tensors, "x": self.problems.start})
        layout = Layout.of(self.params)

        def run() -> Tensor:
            found = jax_window.wait(program(phi, window))
            return layout.join(
                {name: torch.from_numpy(v.__array__().copy()) for name, v in found.items()}
            )

        return run

    def timed(self, runs: int, compile: bool, peer: bool) -> list[Timed]:
        """Every program; `PeerDisagrees` if one computes another gradient."""
        programs = {EAGER: self.ours()}
        if compile:
            programs[COMPILED] = self.ours(compile=True)
        if peer:
            programs[JAX] = self.jax()
        gradients, prepared = {}, {}
        for name, program in programs.items():
            begun = time.perf_counter()
            gradients[name] = program()
            prepared[name] = time.perf_counter() - begun
        method, ours = self.config.meta_gradient.name, gradients[EAGER]
        differences = {
            name: ((gradient - ours).abs().max() / ours.abs().max()).item()
            for name, gradient in gradients.items()
        }
        for name, difference in differences.items():
            if not difference <= AGREEMENT:
                raise PeerDisagrees(f"{method}: the gradient of {name} differs by {difference:.1e}")
        seconds = _in_turn(programs, runs)
        theirs = statistics.median(seconds[JAX]) if peer else None
        return [
            Timed(
                method,
                self.config.repeats,
                name,
                tuple(times),
                prepared[name],
                differences[name],
                None if theirs is None else statistics.median(times) / theirs,
            )
            for name, times in seconds.items()
        ]


def _in_turn(programs: Mapping[str, Gradient], runs: int) -> dict[str, list[float]]:
    """The times of each program; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(runs):
        for name, program in programs.items():
            begun = time.perf_counter()
            program()
            found[name].append(time.perf_counter() - begun)
    return found
