"""`ml2o bench`: how fast a part of the program is, beside what it replaces."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from cyclopts import Parameter

from analyses.bench_optima import bench_optima
from analyses.cli.options import option
from analyses.cli.output import AsJson, print_columns, print_json
from analyses.cli.running import Device, computing


def bench(
    part: Annotated[Literal["optima"], Parameter(help="What to time.")],
    /,
    *,
    size: Annotated[int, option("Problems.")] = 1280,
    repeats: Annotated[int, option("Runs, of which the median is shown.")] = 5,
    seed: Annotated[int, option("Root of the problems.")] = 0,
    device: Device = "cpu",
    json: AsJson = False,
) -> None:
    """Time a part of the program, and print ratios that come from one run."""
    with computing(device) as (place, progress):
        found = bench_optima(size, repeats, seed, place, progress)
    if json:
        print_json({"part": part} | asdict(found))
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
