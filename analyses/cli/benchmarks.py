"""`ml2o bench`: how fast a part of the program is, beside what it replaces."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from cyclopts import Parameter

from analyses.cli.options import option
from analyses.cli.output import AsJson, print_columns, print_json
from analyses.cli.running import Device, computing
from ml2o_core.errors import InvalidArgument


def bench(
    part: Annotated[Literal["optima", "training"], Parameter(help="What to time.")],
    /,
    *,
    size: Annotated[int | None, option("Problems. [default: optima 1280, training 128]")] = None,
    repeats: Annotated[int, option("Runs, of which the median is shown.")] = 5,
    seed: Annotated[int, option("Root of the problems.")] = 0,
    compile: Annotated[
        bool, Parameter(negative=(), help="Time the compiled training window too (minutes).")
    ] = False,
    device: Device = "cpu",
    json: AsJson = False,
) -> None:
    """Time a part of the program, and print ratios that come from one run."""
    if part == "training":
        _training(size, repeats, seed, compile, device, json)
        return
    if compile:
        raise InvalidArgument("--compile", True, "only with training")
    _optima(size, repeats, seed, device, json)


def _optima(size: int | None, repeats: int, seed: int, device: str, json: bool) -> None:
    from analyses.bench_optima import bench_optima

    with computing(device) as (place, progress):
        found = bench_optima(1280 if size is None else size, repeats, seed, place, progress)
    if json:
        print_json({"part": "optima"} | asdict(found))
        return
    print_columns(
        [("method", "seconds", "ratio", "largest relative gap", "90 % of the gaps")]
        + [
            (
                method.method,
                f"{method.seconds:.3g}",
                f"{method.ratio:.3g}",
                f"{method.gap:.1e}",
                f"{method.gap_90:.1e}",
            )
            for method in found.methods
        ]
    )
    print(f"{found.agreed} of {found.problems} problems agree with every CVXPY solver")


def _training(
    size: int | None, repeats: int, seed: int, compile: bool, device: str, json: bool
) -> None:
    from analyses.bench_training import bench_training

    if device != "cpu":
        raise InvalidArgument("--device", device, "cpu (make gpu times the GPU)")
    with computing(device) as (_, progress):
        problems = 128 if size is None else size
        found = bench_training(problems, repeats, seed, progress, compile=compile)
    if json:
        print_json({"part": "training"} | asdict(found))
        return
    print_columns(
        [("meta-gradient", "replicates", "program", "seconds", "over JAX", "first", "difference")]
        + [
            (
                case.method,
                str(case.replicates),
                case.program,
                f"{case.median:.3g}",
                "–" if case.ratio is None else f"{case.ratio:.2f}",
                f"{case.prepared:.3g}",
                f"{case.difference:.1e}",
            )
            for case in found.cases
        ]
    )
    print(
        f"one window, {found.problems} problems, medians of {found.runs} runs in turn; first: "
        f"seconds of the first call, compilation included; ours with one thread, JAX with "
        f"{found.cores} cores at hand; peer: {found.peer}"
    )
