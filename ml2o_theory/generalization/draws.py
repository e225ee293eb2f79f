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

import torch
from pydantic import Field
from torch import Tensor

from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import float_above, float_below, to_tensor
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


class Draw(Spec):
    """One trial as it was drawn: everything beside the tasks."""

    shape: str
    reading: Reading
    epochs: int
    bold: bool


def draw_trial(
    distribution: TrialDistribution, seed: int, index: int
) -> tuple[Trial, Draw, tuple[float, ...]]:
    """Trial number `index`, how it was drawn, and the start φ_0 in Φ."""
    stream = generator(seed, purpose="trial", index=index)

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * torch.rand((), generator=stream, dtype=torch.float64).item()

    def log_uniform(ends: tuple[float, float]) -> float:
        return math.exp(uniform(*map(math.log, ends)))

    def choose(values: tuple[int, ...]) -> int:
        return values[int(torch.randint(len(values), (), generator=stream))]

    shape: Shape = "scalar" if uniform(0, 1) < 0.5 else "diagonal"
    reading = Reading.E if uniform(0, 1) < 0.5 else Reading.P
    d, n, T = choose(distribution.dims), choose(distribution.sizes), choose(distribution.horizons)
    N, K = choose(distribution.samples), choose(distribution.epochs)
    moves = (0.0, log_uniform(distribution.apart), log_uniform(distribution.apart))
    first = [_matrix(shape, d, distribution.spread, stream) for _ in range(n)]
    targets = [torch.randn(d, generator=stream, dtype=torch.float64) for _ in range(n)]
    tasks = tuple(
        tuple(
            QuadraticTask(A + move * _noise(shape, d, stream), b + move * _noise("row", d, stream))
            for A, b in zip(first, targets, strict=True)
        )
        for move in moves
    )
    x0 = torch.randn(d, generator=stream, dtype=torch.float64)
    draws = _sample(n, N, alone=T == 1 or (shape == "scalar" and d > 1), stream=stream)
    populations = Populations(shape, tasks, x0, T)
    risks, samples = populations.risks, [g.weighted(draws) for g in populations.risks]
    phi = surrounding([*risks, *samples], log_uniform(distribution.margin))
    bold = uniform(0, 1) < distribution.bold
    share = uniform(*distribution.share)
    alpha = share * _largest_step(risks[0], samples, phi, bold=bold)
    start = tuple(uniform(low, high) for low, high in zip(phi.lower, phi.upper, strict=True))
    trial = Trial(populations, draws, phi, alpha, reading)
    return trial, Draw(shape=shape, reading=reading, epochs=K, bold=bold), start


def surrounding(risks: list[SeparableRisk], margin: float) -> Box:
    """A box around the minimisers of the risks, `margin`/L beyond them on every side.

    −g' has the sign of 1 − φh at both ends of [0, 1/h_min], so that the minimisers are inside.
    """
    lower, upper = [], []
    for k in range(risks[0].dim):
        curvatures = torch.cat(
            [
                torch.linalg.eigvalsh(to_tensor(task.H))
                for g in risks
                for task in g.coordinates[k].tasks
            ]
        )
        largest, smallest = curvatures.max().item(), curvatures.min().item()
        everywhere = Box((0.0,), (1.01 / smallest,))
        found = [SeparableRisk((g.coordinates[k],)).minimiser(everywhere)[0] for g in risks]
        lower.append(min(float_below(p) for p in found) - margin / largest)
        upper.append(max(float_above(p) for p in found) + margin / largest)
    return Box(tuple(lower), tuple(upper))


def _largest_step(
    population: SeparableRisk, samples: list[SeparableRisk], phi: Box, *, bold: bool
) -> float:
    """At most 1/(2L_ĝ) for every sample; not `bold`: what leaves task 1's meta risk convex."""
    steps = [0.5 / float_above(g.on(phi, "Φ").L_g.upper.value) for g in samples]
    if not bold:
        steps += [largest_convex_step(g.on(phi, "Φ")) for g in (population, samples[0])]
    return min(steps)


def _sample(n: int, N: int, *, alone: bool, stream: torch.Generator) -> tuple[int, ...]:
    """How often each of n tasks is drawn in N ≥ 2 draws; at least two of them, unless `alone`.

    One task alone has a risk that is flat at φ = 1/h, where it has a single h and T ≥ 2.
    """
    while True:
        indices = torch.randint(n, (N,), generator=stream)
        draws = tuple(torch.bincount(indices, minlength=n).tolist())
        if alone or draws.count(0) <= n - 2:
            return draws


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
