r"""Trials on a region: two given tasks, copies of them that are moved a little, and a small Φ'.

A population is two kinds of task, ½‖A_k x − b_k‖² + λ Σ ψ(x) with the A_k and b_k below, and
`copies` of each, moved entry by entry by N(0, jitter²); the adaptation and the testing tasks are
the training tasks moved by `apart` more. A sample has as many draws of either kind: the empirical
optimum stays near the population's, and in a Φ' on which enclosures can be tight. (Theorem 1,
Remark 2, Eq. 8 and Lemma 14 hold for any sample; Lemma 15, which needs independent draws, is not
checked here.)

Φ' is a box around the minima of g¹, ĝ¹, g³ and ĝ³ near a given φ, found by descents. The tasks and
that φ were chosen, among random ones, for a minimum that is not nearly degenerate: of the network's
4 parameters most minima have a direction with next to no curvature, and A1 fails close by.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field

from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.generalization.regional import OPTIMA, RegionalPopulations, RegionalTrial
from ml2o_theory.meta_risk import largest_convex_step
from ml2o_theory.regions import Box
from ml2o_theory.risks.separable import Vector

KINDS = (
    (((1.2, 0.1, 0.0), (0.2, 0.9, 0.0), (-0.5, 0.1, 0.7)), (-0.6, -0.9, -0.1)),
    (((0.9, -0.3, 0.1), (0.1, 0.9, -0.2), (-0.5, 0.0, 2.1)), (-1.8, 1.6, -1.3)),
)
"""A and b of each kind of task; d = 3."""

WEIGHT, SMOOTHING = 0.1, 0.5
"""λ and ε of the smoothed LASSO tasks."""

ROOM = 0.25
"""At most this share of Φ' is what an inner step may need on each side."""


class RegionalCase(Spec):
    """A kind of trial."""

    name: str
    family: Literal["quadratic", "smoothed LASSO"]
    rule: Literal["gain", "mlp"]
    start: tuple[float, ...] = Field(description="x_0")
    horizon: int = Field(ge=1, description="T")
    near: tuple[float, ...] = Field(description="φ near the minimum")
    window: float = Field(
        0.05, gt=0, description="how far from there it is looked for, in each entry"
    )
    radius: float = Field(gt=0, description="how far Φ' goes beyond the minima")
    apart: float = Field(ge=0, description="how far populations are moved")
    jitter: float = Field(ge=0, description="how far copies are moved")
    kinds: int = Field(2, ge=1, le=len(KINDS), description="kinds of tasks")
    copies: int = Field(2, ge=1, description="tasks of each kind")
    pairs: int = Field(3, ge=1, description="draws of each kind: N of one kind")
    share: float = Field(0.5, gt=0, le=1, description="of the largest inner step")
    epochs: int = Field(10, ge=1, description="K")
    parts: int = Field(4, ge=1, description="boxes that cover Φ', at most")

    @property
    def about(self) -> str:
        """The tasks in words."""
        return f"{self.family} tasks, d = 3"


def update_rule(case: RegionalCase) -> MemorylessRule:
    """The scalar gain, or a network with one hidden unit for every coordinate: p = 1 or 4."""
    return LinearGain() if case.rule == "gain" else MLPRule(hidden=1, depth=1, output_scale=1.0)


def draw_regional(case: RegionalCase, seed: int, index: int) -> tuple[RegionalTrial, Vector]:
    """Trial number `index` of a case, and the start φ_0 in Φ."""
    stream = generator(seed, purpose="regional trial", case=case.name, index=index)
    populations = _populations(case, stream)
    draws = _sample(case, stream)
    reach = _around_minima(case, populations, draws)
    alpha = case.share * _largest_step(populations, draws, reach, case.radius)
    trial = RegionalTrial(populations, draws, reach, alpha)
    place = torch.rand(len(reach.lower), generator=stream, dtype=torch.float64)
    lower, upper = (
        torch.tensor(e, dtype=torch.float64) for e in (trial.phi.lower, trial.phi.upper)
    )
    start = (lower + (upper - lower) * place).clamp(lower, upper)
    return trial, tuple(map(exact, start.tolist()))


def _around_minima(
    case: RegionalCase, populations: RegionalPopulations, draws: tuple[int, ...]
) -> Box:
    """`radius` beyond the minima of the risks with an argmin in the statements, on every side."""
    center, found = case.near, []
    for i in OPTIMA:
        for risk in (populations.risks[i], populations.risks[i].weighted(draws)):
            window = Box(
                tuple(p - case.window for p in center), tuple(p + case.window for p in center)
            )
            center = tuple(float(p.mid()) for p in risk.searched(window))
            found.append(center)
    sides = list(zip(*found, strict=True))
    return Box(
        tuple(min(side) - case.radius for side in sides),
        tuple(max(side) + case.radius for side in sides),
    )


def _populations(case: RegionalCase, stream: torch.Generator) -> RegionalPopulations:
    def moved(values: torch.Tensor, by: float) -> torch.Tensor:
        return values + by * torch.randn(values.shape, generator=stream, dtype=torch.float64)

    data = [
        tuple(moved(torch.tensor(part, dtype=torch.float64), case.jitter) for part in kind)
        for kind in KINDS[: case.kinds]
        for _ in range(case.copies)
    ]
    tasks = tuple(
        tuple(_task(case, moved(A, apart), moved(b, apart)) for A, b in data)
        for apart in (0.0, case.apart, case.apart)
    )
    x0 = torch.tensor(case.start, dtype=torch.float64)
    return RegionalPopulations(update_rule(case), tasks, x0, case.horizon, case.about, case.parts)


def _task(case: RegionalCase, A: torch.Tensor, b: torch.Tensor) -> Task:
    if case.family == "quadratic":
        return QuadraticTask(A, b)
    return SmoothedLassoTask(A, b, A.new_tensor(WEIGHT), A.new_tensor(SMOOTHING))


def _sample(case: RegionalCase, stream: torch.Generator) -> tuple[int, ...]:
    """How often each task is drawn, `pairs` times in all for each kind."""
    counts: list[int] = []
    for _ in range(case.kinds):
        chosen = torch.randint(case.copies, (case.pairs,), generator=stream)
        counts += torch.bincount(chosen, minlength=case.copies).tolist()
    return tuple(counts)


def _largest_step(
    populations: RegionalPopulations, draws: tuple[int, ...], reach: Box, radius: float
) -> float:
    """Of 1/(2L_ĝ), what leaves the meta risk convex for certain, and what Φ' has room for."""
    each = [g.weighted(draws).on(reach, "Φ'") for g in populations.risks]
    steps = [0.5 / float(c.L_g.upper.value) for c in each]
    steps += [ROOM * radius / float(c.M_g.upper.value) for c in each]
    convex = largest_convex_step(each[0])
    return min([*steps, convex] if convex > 0 else steps)
