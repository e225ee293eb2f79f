"""Do the CPU and a GPU compute the same, and how fast is each?

From the same seeds and the same data: unrolls of every rule on every task family, the risk and the
meta-gradient of one window for every method, 20 windows of training; float64 on the two devices,
float32 on each against its float64, and two runs on the GPU bit for bit. Beside it, the seconds of
a window. It needs a GPU: `ml2o run device-parity --preset standard --device cuda`, or `make gpu`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import torch
from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.device_parity_compare import Computation
from analyses.device_parity_computations import (
    MetaWindow,
    Risk,
    Training,
    methods,
    refusal,
    unrolls,
)
from analyses.device_parity_rows import Comparison, PartOf
from analyses.device_parity_speed import Timing, speed_rows
from analyses.rendering.blocks import Cell, Estimate, Heading, RowTable, Section, Text
from analyses.settings import Preset, RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.meta.config import TrainConfig
from ml2o_core.progress import Progress
from ml2o_core.results import ParityRow, ParityVerdict, Results, Row, SpeedRow
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.unroll import GraphMode

GRAPHS = (GraphMode.DETACHED, GraphMode.FULL)
REFERENCE = torch.device("cpu")


class DeviceParityConfig(Spec):
    """Everything that is compared and timed, resolved."""

    window: TrainConfig = Field(description="one window, and the training of as many as it says")
    timed: TrainConfig = Field(description="the window that is timed, for each method")
    timing: Timing = Timing()
    roundings: int = Field(64, ge=1, description="units of rounding that the allowance stands for")
    draws: int = Field(2, ge=1, description="nudged computations of an allowance")


class DeviceParity(Artefact):
    """CPU against GPU: the same numbers up to rounding, the same bytes twice, and the speed."""

    name: ClassVar[str] = "device-parity"
    title: ClassVar[str] = "CPU and GPU: the same numbers, and how fast"
    chapter: ClassVar[Chapter] = Chapter.PROGRAM
    presets: ClassVar[tuple[Preset, ...]] = (Preset.STANDARD, Preset.PAPER)
    devices: ClassVar[tuple[str, ...]] = ("cuda",)

    def configuration(self, settings: RunSettings) -> DeviceParityConfig:
        window = TrainConfig(
            family=Lasso.uniform_mixture(),
            windows=20,
            batch_size=32,
            repeats=2,
            seed=settings.seed,
        )
        return DeviceParityConfig(
            window=window, timed=window.with_changes(batch_size=128, repeats=1)
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        device = resolve_device(settings.device)
        return measure(self.configuration(settings), REFERENCE, device, progress)

    def findings(self, results: Results) -> Sequence[Finding]:
        return [*_agreement(results), *_reproducibility(results), *_speed(results)]

    def section(self, results: Results) -> Section:
        config = DeviceParityConfig.parse(results.configuration[self.name])
        numbers: dict[str, Cell] = {
            "compared": "compared",
            "cases": "cases",
            "difference": "difference",
            "tolerance": "tolerance",
            "verdict": "verdict",
            "note": lambda row: "" if row.verdict is ParityVerdict.REPORTED else row.reason,
        }

        def table(part: PartOf, caption: str, *columns: str) -> RowTable:
            shown: dict[str, Cell] = {column: column for column in columns}
            rows = sorted(
                results.parity.where(part=part.value),
                key=lambda row: row.verdict is ParityVerdict.NOT_APPLICABLE,
            )
            return RowTable.of(caption, rows, shown | numbers)

        window, timed = config.window, config.timed
        return Section(
            (
                Text(
                    "Every draw is made on the CPU, so that both devices see the same data. A "
                    "difference is the largest entry of the difference of two results over the "
                    "largest entry of the reference, for each case (a problem, a replicate or one "
                    "tensor of parameters); a row shows the case that is furthest towards its "
                    "tolerance."
                ),
                Text(
                    "The tolerance is measured, not chosen: the reference is computed "
                    f"{config.draws} more times with every input changed at random by "
                    f"{config.roundings} units of rounding ($2^{{-53}}$ in float64, $2^{{-24}}$ in "
                    "float32), and what that changes, plus as many units of the result itself, is "
                    "allowed. Some thousand roundings follow one another in a window, and being as "
                    "good as random they add up like the square root of their number. So float32 "
                    "is judged by its rounding, against the float64 value of the same device."
                ),
                Heading("Unrolls"),
                Text(
                    f"Every registered rule on every registered family, {window.unroll_steps} "
                    f"steps on {window.repeats} × {window.batch_size} problems, without a graph. "
                    "Two defaults are replaced by milder ones, since with them some rules diverge "
                    "on Rosenbrock's valley: the gain's scale is $10^{-3}$, and the valley's "
                    "starting points have the standard deviation 0.3."
                ),
                table(PartOf.UNROLL, "Iterates and losses.", "setting"),
                Heading("One window of meta-training"),
                Text(
                    f"{window.rule.name} on {window.family.name}: the risk, and the meta-gradient "
                    "of every registered method in both graph modes that are differentiated. "
                    "In the mode `none` there is the risk alone."
                ),
                table(PartOf.WINDOW, "Risk and meta-gradient.", "setting", "quantity"),
                Heading("Training"),
                Text(
                    f"{window.windows} windows with Adam, of which every fifth draws new tasks. "
                    r"The allowance changes $\phi_0$ alone. Over many windows float32 is not "
                    "judged: what it drifts by is reported."
                ),
                table(PartOf.TRAINING, "Parameters after training.", "setting", "quantity"),
                Heading("Bit for bit"),
                table(
                    PartOf.REPRODUCIBILITY,
                    "Two runs on one device, with deterministic algorithms and without TF32.",
                    "setting",
                    "quantity",
                ),
                Heading("Speed"),
                Text(
                    f"One window's meta-gradient, {timed.unroll_steps} steps on "
                    f"{timed.batch_size} problems for each replicate, in {timed.precision}, with "
                    "deterministic algorithms; synchronised before and after each window, after a "
                    "warm-up. The CPU uses one thread, as every run of this program does. The "
                    "interval is the two quartiles. CPU / GPU is the ratio of the medians. Where "
                    "the seconds on a GPU do not grow with the replicates, they are spent on "
                    "starting its many small operations, not on computing them."
                ),
                RowTable.of(
                    "Seconds for one window.",
                    results.speed,
                    {
                        "method": "method",
                        "replicates": "replicates",
                        "device": "device",
                        "seconds": lambda row: Estimate.of(row, "seconds"),
                        "windows": "windows",
                        "CPU / GPU": "ratio",
                        "peak memory, MiB": "memory",
                        "note": "reason",
                    },
                ),
            )
        )


def measure(
    config: DeviceParityConfig,
    reference: torch.device,
    other: torch.device,
    progress: Progress,
) -> list[Row]:
    """Everything, on two devices, which may be the same one."""
    compare = Comparison(DeviceParity.name, reference, other, config.roundings, config.draws)
    runs = unrolls(config.window)
    missing = [(run, why) for run in runs if (why := refusal(run.config)) is not None]
    absent = [run for run, _ in missing]
    there = [run for run in runs if run not in absent]
    windows = [MetaWindow(one) for one in methods(config.window, GRAPHS)]
    trainings = [Training(one) for one in methods(config.window, GRAPHS[:1])]

    todo: list[Callable[[], Sequence[Row]]] = []
    for run in there:
        todo.append(partial(compare.rows, PartOf.UNROLL, run.setting, run))
    of_window: list[Computation] = [Risk(config.window), *windows]
    for window in of_window:
        todo.append(partial(compare.rows, PartOf.WINDOW, window.setting, window))
    for training in trainings:
        todo.append(
            partial(compare.rows, PartOf.TRAINING, training.setting, training, judged=False)
        )
    twice: dict[str, list[Computation]] = {"every rule on every family": [*there]}
    twice |= {f"one window: {window.setting}": [window] for window in windows}
    for precision in (torch.float64, torch.float32):
        for name, computations in twice.items():
            todo.append(partial(compare.reproducibility, name, computations, precision))
    for training in trainings:
        name = f"training: {training.setting}"
        todo.append(partial(compare.reproducibility, name, [training], torch.float32))
    for repeats in config.timing.replicates:
        for one in methods(config.timed.with_changes(repeats=repeats), GRAPHS[:1]):
            devices = (reference, other)
            todo.append(partial(speed_rows, DeviceParity.name, one, devices, config.timing))

    rows: list[Row] = [
        compare.missing(run.setting, "iterates and losses", why) for run, why in missing
    ]
    with progress.task("compare devices", total=len(todo)) as advance:
        for step in todo:
            rows += step()
            advance()
    return rows


def _agreement(results: Results) -> list[Finding]:
    """How many comparisons agree, in float64 and in float32, and the worst of each."""
    found = []
    for precision, meaning in (("float64", "the two devices"), ("float32", "float32 and float64")):
        judged = [
            row
            for row in results.parity
            if row.tolerance and row.compared.split()[1] == precision and "runs" not in row.compared
        ]
        if not judged:
            continue
        agree = sum(row.verdict is ParityVerdict.AGREES for row in judged)
        worst = max(judged, key=_share)
        found.append(
            Finding(
                f"{agree} of {len(judged)} comparisons of {meaning} agree within what rounding "
                f"explains. The furthest towards its tolerance: {worst.setting}, {worst.quantity}, "
                f"{worst.compared}, at {_share(worst):.2g} of it "
                f"(relative difference {_number(worst.difference)}).",
                (worst.id,),
            )
        )
    return found


def _share(row: ParityRow) -> float:
    """How much of its tolerance a difference takes."""
    if row.difference is None or not row.tolerance:
        return float("inf")
    return row.difference / row.tolerance


def _number(value: float | None) -> str:
    """3.9 × 10⁻¹⁵, as a formula."""
    if not value:
        return "∞" if value is None else "0"
    mantissa, exponent = f"{value:.1e}".split("e")
    return rf"${mantissa} \times 10^{{{int(exponent)}}}$"


def _reproducibility(results: Results) -> list[Finding]:
    twice = list(results.parity.where(part=PartOf.REPRODUCIBILITY.value))
    if not twice:
        return []
    same = sum(row.verdict is ParityVerdict.IDENTICAL for row in twice)
    return [
        Finding(
            f"Two runs on one device give the same bytes in {same} of {len(twice)} comparisons.",
            (next((r for r in twice if r.verdict is ParityVerdict.DIFFERS), twice[0]).id,),
        )
    ]


def _speed(results: Results) -> list[Finding]:
    """The ratio of each method, from the fewest replicates to the most."""
    compared: list[SpeedRow] = [row for row in results.speed if row.ratio is not None]
    found = []
    for method in dict.fromkeys(row.method for row in compared):
        rows = [row for row in compared if row.method == method]
        ratios = ", ".join(f"{row.ratio:.2g} at {row.replicates}" for row in rows)
        found.append(
            Finding(
                f"One window of {method}: seconds on one CPU thread over seconds on the GPU are "
                f"{ratios} replicates.",
                tuple(row.id for row in rows),
            )
        )
    return found


if __name__ == "__main__":
    main("device-parity")
