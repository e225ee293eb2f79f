r"""Random trials for which the assumptions hold, from a stated distribution.

A task is ½‖Ax − b‖² with singular values of A in [1 − spread, 1 + spread]; the diagonal gain gets
diagonal A. The adaptation tasks are the training tasks moved by `apart[0]`, the testing tasks by
`apart[1]`, entry by entry. The sample has at least two different tasks where A1 needs them. Φ is a
box around the optima of all six risks, with a margin; the inner step α is a share of the largest
one for which Lemma 7 certifies a convex meta risk (or, for `bold` trials, of 1/(2L_ĝ), where only
Theorem 1's decomposition is claimed).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import float_above, to_tensor
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.trial import Populations, Trial
from ml2o_theory.meta_risk import largest_convex_step
from ml2o_theory.regions import Box
from ml2o_theory.risks.separable import SeparableRisk, Shape


class TrialDistribution(Spec):
    """How trials are drawn; every choice is uniform, or log-uniform between two ends."""

    dims: tuple[int, ...] = Field((1, 2, 3), description="d")
    sizes: tuple[int, ...] = Field((2, 3, 4, 6), description="tasks in a population")
    samples: tuple[int, ...] = Field((2, 4, 16, 64), description="N")
    horizons: tuple[int, ...] = Field((1, 2, 3, 5, 10), description="T")
    epochs: tuple[int, ...] = Field((1, 3, 10, 30), description="K")
    spread: float = Field(0.4, description="of the singular values of A about 1")
    apart: tuple[float, float] = Field((1e-3, 0.3), description="how far populations are moved")
    margin: tuple[float, float] = Field((0.02, 0.5), description="Φ's margin, in units of 1/L")
    share: tuple[float, float] = Field((0.05, 1.0), description="of the largest inner step")
    bold: float = Field(0.2, description="probability of an α that is a share of 1/(2L_ĝ)")


class TrialPlan(Spec):
    """One trial, all but its random data."""

    shape: Literal["scalar", "diagonal"] = Field(description="of the gain")
    reading: Reading = Field(Reading.E, description="of A2")
    d: int = Field(ge=1)
    n: int = Field(ge=1, le=64, description="tasks in a population")
    N: int = Field(ge=1, description="tasks in the sample")
    T: int = Field(ge=1)
    epochs: int = Field(ge=1, description="K")
    spread: float = Field(0.4, description="of the singular values of A about 1")
    target: float = Field(1.0, ge=0, description="standard deviation of b")
    x0: Literal["normal", "ones"] = Field("normal", description="N(0, I), or (1, …, 1)")
    apart: tuple[float, float] = Field(description="how far populations 2 and 3 are moved")
    margin: float = Field(description="Φ's margin, in units of 1/L")
    share: float = Field(description="of the largest inner step")
    bold: bool = Field(False, description="whether α is a share of 1/(2L_ĝ)")

    @property
    def independent(self) -> bool:
        """Whether the sample's tasks are drawn independently, as Lemma 15 asks."""
        return self.T == 1 or (self.shape == "scalar" and self.d > 1)


def draw_plan(distribution: TrialDistribution, stream: torch.Generator) -> TrialPlan:
    """A plan from the distribution."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=stream, dtype=torch.float64).item()

    def log_uniform(ends: tuple[float, float]) -> float:
        return math.exp(uniform(*map(math.log, ends)))

    def choose(values: tuple[int, ...]) -> int:
        return values[int(torch.randint(len(values), (), generator=stream))]

    return TrialPlan(
        shape="scalar" if uniform(0, 1) < 0.5 else "diagonal",
        reading=Reading.E if uniform(0, 1) < 0.5 else Reading.P,
        d=choose(distribution.dims),
        n=choose(distribution.sizes),
        N=choose(distribution.samples),
        T=choose(distribution.horizons),
        epochs=choose(distribution.epochs),
        spread=distribution.spread,
        apart=(log_uniform(distribution.apart), log_uniform(distribution.apart)),
        margin=log_uniform(distribution.margin),
        share=uniform(*distribution.share),
        bold=uniform(0, 1) < distribution.bold,
    )


def build(plan: TrialPlan, stream: torch.Generator) -> tuple[Trial, tuple[float, ...]]:
    """The plan with random data: the trial, and a start φ_0 in Φ."""
    populations = draw_populations(plan, stream)
    draws = draw_sample(plan, stream)
    risks, samples = populations.risks, [g.weighted(draws) for g in populations.risks]
    phi = surrounding(risks, samples, plan.margin)
    alpha = plan.share * _largest_step(risks[0], samples, phi, bold=plan.bold)
    shares = torch.rand(len(phi.lower), generator=stream, dtype=torch.float64).tolist()
    start = tuple(
        low + share * (high - low)
        for low, high, share in zip(phi.lower, phi.upper, shares, strict=True)
    )
    return Trial(populations, draws, phi, alpha, plan.reading), start


def draw_populations(plan: TrialPlan, stream: torch.Generator) -> Populations:
    """Three populations, 2 and 3 moved away from 1 in directions of their own."""
    d, shape = plan.d, plan.shape
    first = [_matrix(shape, d, plan.spread, stream) for _ in range(plan.n)]
    targets = [
        plan.target * torch.randn(d, generator=stream, dtype=torch.float64) for _ in range(plan.n)
    ]
    tasks = tuple(
        tuple(
            QuadraticTask(A + move * _noise(shape, d, stream), b + move * _noise("row", d, stream))
            for A, b in zip(first, targets, strict=True)
        )
        for move in (0.0, *plan.apart)
    )
    x0 = torch.ones(d, dtype=torch.float64)
    if plan.x0 == "normal":
        x0 = torch.randn(d, generator=stream, dtype=torch.float64)
    return Populations(shape, tasks, x0, plan.T)


def draw_sample(plan: TrialPlan, stream: torch.Generator) -> tuple[int, ...]:
    """How often each of n tasks is drawn in N draws.

    One task alone has a risk that is flat at φ = 1/h, where it has a single h and T ≥ 2: then it is
    drawn again until two tasks at least are in the sample (not `plan.independent`).
    """
    if not plan.independent and min(plan.n, plan.N) < 2:
        raise InvalidArgument("N, n", (plan.N, plan.n), "2 at least where T ≥ 2 and h is single")
    while True:
        indices = torch.randint(plan.n, (plan.N,), generator=stream)
        draws = tuple(torch.bincount(indices, minlength=plan.n).tolist())
        if plan.independent or draws.count(0) <= plan.n - 2:
            return draws


def draw_trial(
    distribution: TrialDistribution, seed: int, index: int
) -> tuple[Trial, TrialPlan, tuple[float, ...]]:
    """Trial number `index`, its plan, and the start φ_0 in Φ."""
    stream = generator(seed, purpose="trial", index=index)
    plan = draw_plan(distribution, stream)
    trial, start = build(plan, stream)
    return trial, plan, start


def surrounding(
    populations: Sequence[SeparableRisk], samples: Sequence[SeparableRisk], margin: float
) -> Box:
    """A box Φ around all minimisers, `margin`/L beyond them on every side.

    It holds φ_* ± |φ_* − φ̂_*| of each population and its sample too: for αL_ĝ ≤ 1/2 on Φ, T̂ has a
    slope of at least 1/2 and misses φ_* at φ_* by α|ĝ'(φ_*)| ≤ |φ_* − φ̂_*|/2, so that φ̃_M* of
    reading P is inside. −g' has the sign of 1 − φh at both ends of [0, 1/h_min].
    """
    lower, upper = [], []
    for k in range(populations[0].dim):
        parts = [
            (g.coordinates[k], s.coordinates[k]) for g, s in zip(populations, samples, strict=True)
        ]
        h = torch.cat(
            [torch.linalg.eigvalsh(to_tensor(task.H)) for g, _ in parts for task in g.tasks]
        )
        everywhere = Box((0.0,), (1.01 / h.min().item(),))
        found = []
        for pair in parts:
            at, hat = (float(SeparableRisk((g,)).minimiser(everywhere)[0].mid()) for g in pair)
            found += [hat, at - 1.01 * abs(at - hat), at + 1.01 * abs(at - hat)]
        beyond = margin / h.max().item()
        lower.append(min(found) - beyond)
        upper.append(max(found) + beyond)
    return Box(tuple(lower), tuple(upper))


def _largest_step(
    population: SeparableRisk, samples: list[SeparableRisk], phi: Box, *, bold: bool
) -> float:
    """At most 1/(2L_ĝ) for every sample; not `bold`: what leaves task 1's meta risk convex."""
    steps = [0.5 / float_above(g.on(phi, "Φ").L_g.upper.value) for g in samples]
    if not bold:
        steps += [largest_convex_step(g.on(phi, "Φ")) for g in (population, samples[0])]
    return min(steps)


def _matrix(shape: Shape, d: int, spread: float, stream: torch.Generator) -> Tensor:
    values = 1 + spread * (2 * torch.rand(d, generator=stream, dtype=torch.float64) - 1)
    if shape == "diagonal":
        return torch.diag(values)
    U, _ = torch.linalg.qr(torch.randn(d, d, generator=stream, dtype=torch.float64))
    V, _ = torch.linalg.qr(torch.randn(d, d, generator=stream, dtype=torch.float64))
    return U * values @ V


def _noise(kind: str, d: int, stream: torch.Generator) -> Tensor:
    if kind == "row":
        return torch.randn(d, generator=stream, dtype=torch.float64)
    if kind == "diagonal":
        return torch.diag(torch.randn(d, generator=stream, dtype=torch.float64))
    return torch.randn(d, d, generator=stream, dtype=torch.float64)
