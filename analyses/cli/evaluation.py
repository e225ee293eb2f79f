"""`ml2o evaluate`: a trained rule on fresh tasks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
from torch import Tensor

from analyses.cli.options import option
from analyses.cli.output import AsJson, numbers, print_columns, print_json
from analyses.cli.running import Device, FamilyOptions, computing
from analyses.cli.training import FAMILY, Distribution
from analyses.cli.user_code import Plugins, build_family, import_plugins
from ml2o_core.checkpoints import load_checkpoint
from ml2o_core.evaluation import min_log_mean
from ml2o_core.scoring import Evaluation
from ml2o_core.scoring import evaluate as run_evaluation


def evaluate(
    checkpoint: Annotated[Path, option("A checkpoint of `ml2o train` or `ml2o adapt`.")],
    /,
    *,
    family: Annotated[str, option(FAMILY)],
    distribution: Distribution = None,
    steps: Annotated[int, option("Optimizee steps.")] = 500,
    size: Annotated[int, option("Test problems for each replicate.")] = 128,
    seed: Annotated[int | None, option("Root of the test tasks. [default: the training's]")] = None,
    plugin: Plugins = (),
    device: Device = "cpu",
    json: AsJson = False,
    **family_options: FamilyOptions,
) -> None:
    """Score a trained rule on fresh tasks: min over the steps of ln (mean loss).

    And of ln (mean of f − f*), from above, where a solver here proves f*.
    """
    import_plugins(plugin)
    target = build_family(family, distribution, family_options)
    trained = load_checkpoint(checkpoint)
    with computing(device) as (place, progress):
        result = run_evaluation(
            trained, target, steps=steps, size=size, seed=seed, device=place, progress=progress
        )
    interval, certified = result.interval(), _certified(result)
    if json:
        print_json(
            {
                "checkpoint": str(checkpoint),
                "family": target.model_dump(mode="json"),
                "steps": steps,
                "score": result.score.tolist(),
                "score_interval": None if interval is None else asdict(interval),
                "score_suboptimality": None if certified is None else certified.tolist(),
                "converged": result.converged.tolist(),
                "mean_loss": result.mean.tolist(),
                "median_loss": result.median.tolist(),
            }
        )
        return
    rows = [
        (f"mean loss, steps 0 and {steps}", numbers(result.mean[:, [0, -1]].mean(0))),
        (f"median loss, steps 0 and {steps}", numbers(result.median[:, [0, -1]].mean(0))),
        ("score, min ln (mean loss)", numbers(result.score)),
    ]
    if certified is not None:
        rows.append(("the same of f − f*, certified", numbers(certified)))
    if interval is not None and interval.count > 1:
        ends = f"[{interval.lower:.4g}, {interval.upper:.4g}], {interval.count} replicates"
        rows.append(("95 % interval of the score's mean", ends))
    print_columns(rows)


def _certified(result: Evaluation) -> Tensor | None:
    """min over the steps of ln (mean of f − f*), (R,), from above; None without a proved f*."""
    from ml2o_theory.optima import certified_optima
    from ml2o_theory.optima.solver import solvers

    tasks = result.problems.tasks.to("cpu", torch.float64)
    if tasks.task_type not in solvers():
        return None
    return min_log_mean(certified_optima(tasks).mean_excess(result.mean).unsqueeze(1))
