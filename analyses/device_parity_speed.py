"""Seconds for one window of meta-training, by method, replicates and device."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

import torch
from pydantic import Field

from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import initial_params
from ml2o_core.meta.window import WindowRisk
from ml2o_core.problems import sample_problems
from ml2o_core.results import SpeedRow, row_id
from ml2o_core.spec import Spec
from ml2o_core.unroll import begin

MIB = 2**20


class Timing(Spec):
    """How long each window is timed."""

    replicates: tuple[int, ...] = Field((1, 10, 100), min_length=1)
    least: int = Field(3, ge=1, description="windows that are timed at least")
    most: int = Field(15, ge=1, description="and at most")
    seconds: float = Field(5.0, gt=0, description="after which no further window is begun")


@dataclass(frozen=True)
class Timed:
    """The seconds of each window, and the largest memory that tensors took, in MiB."""

    seconds: list[float]
    memory: float | None


def time_windows(config: TrainConfig, device: torch.device, timing: Timing) -> Timed:
    """Time the meta-gradient of one window of `config`, after a warm-up of two."""
    problems = sample_problems(
        config.family,
        seed=config.seed,
        purpose="speed",
        repeats=config.repeats,
        size=config.batch_size,
        device=device,
        dtype=config.dtype,
    )
    carry = begin(config.rule, problems.tasks, problems.start)
    params = initial_params(config, device)
    risk = WindowRisk(config, problems.tasks, carry)

    def window() -> float:
        _synchronize(device)
        begun = time.perf_counter()
        config.meta_gradient(risk, params)
        _synchronize(device)
        return time.perf_counter() - begun

    # The first window pays for what is loaded and allocated once; a slow one needs no second.
    if window() < timing.seconds:
        window()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds: list[float] = []
    while len(seconds) < timing.most and (
        len(seconds) < timing.least or sum(seconds) < timing.seconds
    ):
        seconds.append(window())
    memory = torch.cuda.max_memory_allocated(device) / MIB if device.type == "cuda" else None
    return Timed(seconds, memory)


def _synchronize(device: torch.device) -> None:
    """Wait until everything that was asked of the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def speed_rows(
    artefact: str, config: TrainConfig, devices: tuple[torch.device, ...], timing: Timing
) -> list[SpeedRow]:
    """One method and number of replicates on every device; the first one is the reference."""
    rows: list[SpeedRow] = []
    for position, device in enumerate(devices):
        reason = ""
        try:
            timed = time_windows(config, device, timing)
        except torch.OutOfMemoryError:
            timed, reason = Timed([], None), "out of memory"
        lower, median, upper = _quartiles(timed.seconds)
        reference = rows[0].seconds if rows else None
        ratio = reference / median if reference and median else None
        threads = torch.get_num_threads()
        rows.append(
            SpeedRow(
                id=row_id(
                    artefact,
                    "speed",
                    config.meta_gradient.name,
                    f"replicates={config.repeats}",
                    f"{device.type}-{position}",
                ),
                artefact=artefact,
                method=config.meta_gradient.name,
                device=f"cpu, {threads} thread{'s' if threads > 1 else ''}"
                if device.type == "cpu"
                else device.type,
                precision=config.precision,
                replicates=config.repeats,
                problems=config.batch_size,
                steps=config.unroll_steps,
                windows=len(timed.seconds),
                lower=lower,
                seconds=median,
                upper=upper,
                ratio=ratio,
                memory=timed.memory,
                reason=reason,
            )
        )
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return rows


def _quartiles(seconds: list[float]) -> tuple[float, float, float] | tuple[None, None, None]:
    """Lower quartile, median, upper quartile; None without any seconds."""
    if not seconds:
        return None, None, None
    if len(seconds) == 1:
        return seconds[0], seconds[0], seconds[0]
    lower, median, upper = statistics.quantiles(seconds, n=4, method="inclusive")
    return lower, median, upper
