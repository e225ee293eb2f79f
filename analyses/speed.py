"""How long a window of meta-training takes, beside JAX, and where the time goes.

What `ml2o bench training` prints, kept in the report: first-order and exact meta-gradients with 1
and 10 replicates on the CPU. The presets beyond `quick` time the compiled window too. Run it alone
with `python -m analyses.speed` or `ml2o run speed`.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.bench_training import (
    COMPILED,
    EAGER,
    JAX,
    METHODS,
    REPLICATES,
    Benchmark,
    Case,
    Timed,
    bench_training,
)
from analyses.operation_times import operation_times
from analyses.rendering.blocks import Estimate, RowTable, Section, Text
from analyses.settings import Preset, RunSettings
from ml2o_core.progress import Progress
from ml2o_core.results import CostRow, Results, Row, SpeedRow, row_id
from ml2o_core.spec import Spec

AIMS = {"first-order-maml": 0.5, "maml": 0.4}
"""The largest times over JAX's at ten replicates that we set out for."""


class SpeedConfig(Spec):
    """What is timed."""

    problems: int = Field(128, ge=1, description="N, problems of each replicate")
    replicates: tuple[int, ...] = REPLICATES
    runs: int = Field(ge=1, description="runs of each program, in turn")
    compile: bool = Field(description="whether the compiled window is timed too")
    seed: int = 0


class Speed(Artefact):
    """Seconds for one window, beside JAX."""

    name: ClassVar[str] = "speed"
    title: ClassVar[str] = "Speed: one window of meta-training"
    chapter: ClassVar[Chapter] = Chapter.PROGRAM
    devices: ClassVar[tuple[str, ...]] = ("cpu",)

    def configuration(self, settings: RunSettings) -> SpeedConfig:
        quick = settings.preset is Preset.QUICK
        return SpeedConfig(
            replicates=REPLICATES[-1:] if quick else REPLICATES,
            runs=2 if quick else 7,
            compile=not quick,
            seed=settings.seed,
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        c = self.configuration(settings)
        found = bench_training(
            c.problems, c.runs, c.seed, progress, replicates=c.replicates, compile=c.compile
        )
        return [*_speed_rows(self.name, found), *_cost_rows(self.name, c, found)]

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        largest = max(row.replicates for row in results.speed)
        for method, aim in AIMS.items():
            rows = {r.device: r for r in results.speed.where(method=method, replicates=largest)}
            for program in (EAGER, COMPILED):
                row = rows.get(_device(program))
                if row is None or row.ratio is None:
                    continue
                share = 1 / row.ratio
                met = "reached" if share <= aim else "not reached"
                found.append(
                    Finding(
                        f"A window of {method} with {largest} replicates takes {share:.2f} times "
                        f"as long as in JAX ({program}); our aim of {aim:g} is {met}.",
                        (row.id,),
                    )
                )
        return found

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    "One window is T = 20 steps of RNNprop on LASSO problems, with its "
                    "meta-gradient. All programs compute it from the same numbers, are held "
                    "against one another first, and take turns on the same processor cores. Ours "
                    "uses one thread. Compiled, it is one program made by PyTorch's compiler: that "
                    "takes minutes once, and pays for long runs. The interval is the two quartiles."
                ),
                RowTable.of(
                    "Seconds for one window, and the time over JAX's where JAX is installed.",
                    results.speed,
                    {
                        "meta-gradient": "method",
                        "replicates": "replicates",
                        "program": "device",
                        "seconds": lambda row: Estimate.of(row, "seconds"),
                        "over JAX": lambda row: None if row.ratio is None else 1 / row.ratio,
                        "runs": "windows",
                        "note": "reason",
                    },
                ),
                RowTable.of(
                    "Where the time goes, in a window that is not compiled: the seconds inside "
                    "each kind of operation, and around them (Python, autograd, dispatch).",
                    results.costs,
                    {
                        "meta-gradient": "method",
                        "replicates": "replicates",
                        "kind of operation": "kind_of_operation",
                        "seconds": "seconds",
                        "share": lambda row: f"{100 * row.share:.0f} %",
                        "calls": "calls",
                    },
                ),
            )
        )


def _device(program: str) -> str:
    return "JAX" if program == JAX else f"cpu, 1 thread: {program}"


def _speed_rows(artefact: str, found: Benchmark) -> list[SpeedRow]:
    return [_speed_row(artefact, found, case) for case in found.cases]


def _speed_row(artefact: str, found: Benchmark, case: Timed) -> SpeedRow:
    lower, _, upper = statistics.quantiles(case.seconds, n=4, method="inclusive")
    notes = [f"first call {case.prepared:.0f} s"] if case.program != EAGER else []
    if case.program == JAX:
        notes.append(f"{found.peer}, {found.cores} cores at hand")
    return SpeedRow(
        id=row_id(
            artefact, case.method, f"replicates={case.replicates}", case.program.replace(", ", "-")
        ),
        artefact=artefact,
        method=case.method,
        device=_device(case.program),
        precision="float32",
        replicates=case.replicates,
        problems=found.problems,
        steps=20,
        windows=len(case.seconds),
        seconds=case.median,
        lower=lower,
        upper=upper,
        ratio=None if case.ratio is None or case.program == JAX else 1 / case.ratio,
        reason="; ".join(notes),
    )


def _cost_rows(artefact: str, config: SpeedConfig, found: Benchmark) -> list[CostRow]:
    whole = {(c.method, c.replicates): c.median for c in found.cases if c.program == EAGER}
    rows = []
    for method in METHODS:
        replicates = config.replicates[-1]
        run = Case.of(method, replicates, config.problems, config.seed).ours()
        shares = operation_times(run, whole[method.name, replicates])
        total = sum(share.seconds for share in shares)
        rows += [
            CostRow(
                id=row_id(artefact, "cost", method.name, share.kind.replace(" ", "-")),
                artefact=artefact,
                method=method.name,
                replicates=replicates,
                kind_of_operation=share.kind,
                seconds=share.seconds,
                share=share.seconds / total,
                calls=share.calls,
            )
            for share in shares
        ]
    return rows


if __name__ == "__main__":
    main("speed")
