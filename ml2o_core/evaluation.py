"""Testing update rules: loss curves on common problems, scores, and tuned analytic optimizers.

Everything is computed in float64, so that f(x_t) − f* means something near the optimum. A curve is
a tensor of losses of shape (R, N, S+1): R replicates, N problems, steps 0 … S.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.compiled import Program, compiled
from ml2o_core.errors import InvalidArgument
from ml2o_core.named import Tensors, prefixed, under
from ml2o_core.optimizers.base import Params, UpdateRule
from ml2o_core.problems import Problems
from ml2o_core.progress import Progress
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task, TaskBatch
from ml2o_core.unroll import Carry, GraphMode, begin, unroll

WINDOW = 50
"""Steps a window of an evaluation: a bound on memory, without influence on the result."""

COMPILED_WINDOW = 5
"""Steps that are compiled as one program: more would take longer to compile, and not run faster."""

STEP_GRID = tuple(10 ** (-4 + k / 4) for k in range(17))
"""The stated grid for the analytic optimizers' step: 10^−4, 10^−3.75, …, 1."""


@dataclass(frozen=True)
class Curves:
    """Losses l(x_t) and distances ‖x_t − y‖ from stated points y, each (R, N, S+1)."""

    losses: Float[Tensor, "R N S"]
    distances: Float[Tensor, "R N S"]


def loss_curves(
    rule: UpdateRule,
    params: Params,
    problems: Problems,
    steps: int,
    *,
    compile: bool = False,
    progress: Progress | None = None,
    label: str = "evaluate",
) -> Float[Tensor, "R N S"]:
    """l(x_0) … l(x_steps) of `rule` with `params` (leading axis R) on `problems` (R, N)."""
    places = torch.zeros_like(problems.start)
    return curves(
        rule, params, problems, steps, places, compile=compile, progress=progress, label=label
    ).losses


@torch.no_grad()
def curves(
    rule: UpdateRule,
    params: Params,
    problems: Problems,
    steps: int,
    places: Float[Tensor, "R N d"],
    *,
    compile: bool = False,
    progress: Progress | None = None,
    label: str = "evaluate",
) -> Curves:
    """The same with the distances ‖x_t − y‖ from `places`, one y for each problem.

    `compile` makes long runs on a CPU faster, with the same result up to rounding; on a GPU it
    changes nothing.
    """
    if steps < 1:
        raise InvalidArgument("steps", steps, "an integer ≥ 1")
    dtype, device = problems.start.dtype, problems.start.device
    compile = compile and device.type == "cpu"
    carry = begin(rule, problems.tasks, problems.start)
    fixed = {
        **prefixed("phi.", {name: value.to(device, dtype) for name, value in params.items()}),
        **prefixed("task.", problems.tasks.tensors),
    }
    longest = COMPILED_WINDOW if compile else WINDOW
    windows = [min(longest, steps - first) for first in range(0, steps, longest)]
    parts: list[Tensor] = []
    apart: list[Tensor] = []
    target = places.to(device, dtype).unsqueeze(2)
    with (progress or Progress()).task(label, total=len(windows)) as advance:
        for length in windows:
            program = _run(rule, problems.tasks.task_type, length)
            inputs = {**fixed, **carry.named()}
            if compile and length == longest:
                shapes = tuple((name, value.shape, value.dtype) for name, value in inputs.items())
                program = _compiled_run(rule, problems.tasks.task_type, length, shapes)
            found = program(inputs)
            first = 0 if not parts else 1
            parts.append(found["losses"][..., first:])
            apart.append((found["iterates"][:, :, first:] - target).norm(dim=-1))
            carry = Carry.of(found)
            advance()
    return Curves(torch.cat(parts, dim=-1), torch.cat(apart, dim=-1))


def _run(rule: UpdateRule, kind: type[Task], steps: int) -> Program:
    """`steps` steps as a function of named tensors: φ, the tasks, and where the runs stand."""

    @torch.no_grad()
    def run(named: Tensors) -> Tensors:
        tasks = TaskBatch(kind, under(named, "task."), tuple(named["x"].shape[:2]))
        window = unroll(rule, under(named, "phi."), tasks, Carry.of(named), steps, GraphMode.NONE)
        return {"losses": window.losses, "iterates": window.iterates, **window.end.named()}

    return run


@lru_cache(maxsize=32)
def _compiled_run(rule: UpdateRule, kind: type[Task], steps: int, shapes: object) -> Program:
    """The same, compiled; kept for the next run with inputs of these shapes."""
    return compiled(_run(rule, kind, steps), "cpu")


def min_log_mean(losses: Float[Tensor, "R N S"]) -> Float[Tensor, " R"]:
    """The paper's score: the minimum over the steps of ln (mean objective over the problems).

    Steps whose mean is not a number or not positive are left out; +∞ when none is left.
    """
    mean = losses.mean(1)
    return torch.where(mean > 0, mean, torch.inf).log().amin(1)


@dataclass(frozen=True)
class Tuned:
    """An analytic rule with its best shared step for each replicate, and all scores on the grid.

    `params` has the leading axis R; `scores` has shape (G, R), lower is better.
    """

    rule: UpdateRule
    params: Params
    step: Tensor
    scores: Tensor


def default_params(rule: UpdateRule, copies: int, device: torch.device | str = "cpu") -> Params:
    """The rule's initial parameters for `copies` replicates, all the same (float64)."""
    drawn = rule.init_params(generator(0, purpose="default", rule=rule.name))
    return {k: v.to(device).expand(copies, *v.shape).clone() for k, v in drawn.items()}


def tune_step(
    rule: UpdateRule,
    problems: Problems,
    steps: int,
    *,
    grid: tuple[float, ...] = STEP_GRID,
    score: Callable[[Tensor], Tensor] = min_log_mean,
    compile: bool = False,
    progress: Progress | None = None,
) -> Tuned:
    """Choose, for each replicate, the step of `grid` with the lowest `score` on `problems`.

    One step is shared by all N problems of a replicate. All of the grid runs as one batch: its
    points are further replicates.
    """
    replicates = problems.tasks.shape[0]
    params = default_params(rule, len(grid) * replicates, problems.start.device)
    if "learning_rate" not in params:
        raise InvalidArgument("rule", rule.name, "a rule with a parameter learning_rate")
    values = torch.tensor(grid, dtype=torch.float64, device=problems.start.device)
    params["learning_rate"] = values.repeat_interleave(replicates)
    label = f"tune {rule.name}"
    copies = problems.repeat(len(grid))
    losses = loss_curves(
        rule, params, copies, steps, compile=compile, progress=progress, label=label
    )
    scores = score(losses).reshape(len(grid), replicates)
    scores = torch.where(torch.isnan(scores), torch.inf, scores)
    best = values[scores.argmin(0)]
    chosen = default_params(rule, replicates, problems.start.device) | {"learning_rate": best}
    return Tuned(rule, chosen, best, scores)
