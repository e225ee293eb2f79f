r"""A trial: three populations of quadratic tasks, samples of them, and what is trained on what.

The populations (1 training, 2 adaptation, 3 testing) are finite and uniform, so that a risk is an
exact sum. A sample of N tasks, drawn with replacement, is a weight for each task. Tasks are paired
by their index (common random numbers): one draw of indices serves all three populations, as Δ_12
and Δ̃_12 need it.

    g^i      the population risk of population i            ĝ^i      that of its sample
    T̂^i(φ) = φ − α∇ĝ^i(φ), the inner step

The meta risk that Algorithm 1 descends is Ĝ = ĝ¹∘T̂¹ in reading E of A2, G = g¹∘T̂¹ in reading P;
projection onto Φ is a deviation from the algorithm as printed, which A1 forces (a strongly convex
function is Lipschitz on a bounded set alone). The gain rule acts as in `ml2o_theory.risks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, float_above, float_below, precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.paired import PairedPopulations, SampledTrial
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import SeparableRisk, Shape, Vector, largest, sides

TRAINING, ADAPTATION, TESTING = range(3)
"""Where each population stands."""


@dataclass(frozen=True)
class Populations(PairedPopulations[SeparableRisk]):
    """Three populations of quadratic tasks, for the gain of one shape."""

    shape: Shape
    tasks: tuple[tuple[QuadraticTask, ...], ...]
    x0: Float[Tensor, " d"]
    steps: int

    @cached_property
    def risks(self) -> tuple[SeparableRisk, ...]:
        """g¹, g², g³."""
        return tuple(
            SeparableRisk.of(tasks, self.x0, self.steps, self.shape) for tasks in self.tasks
        )


@dataclass(frozen=True)
class Trial(SampledTrial[SeparableRisk]):
    """The populations, the sample and the parameters' set Φ of one train–adapt–test pipeline.

    `draws`: how often each index was drawn. `alpha` is α.
    """

    populations: Populations
    draws: tuple[int, ...]
    phi: Box
    alpha: float
    reading: Reading = Reading.E

    def __post_init__(self) -> None:
        if len(self.draws) != self.populations.size or min(self.draws) < 0 or not any(self.draws):
            allowed = f"{self.populations.size} numbers ≥ 0, not all 0"
            raise InvalidArgument("draws", self.draws, allowed)
        if not 0 <= self.alpha < math.inf:
            raise InvalidArgument("alpha", self.alpha, "a finite number ≥ 0")
        entries = 1 if self.populations.shape == "scalar" else self.populations.x0.numel()
        if len(self.phi.lower) != entries:
            raise InvalidArgument("Φ", str(self.phi), f"a box of {entries} sides")
        if self.reading is Reading.M:
            raise InvalidArgument("reading", self.reading.value, "E or P")

    @property
    def outer(self) -> SeparableRisk:
        """What the meta risk is evaluated in after the inner step: ĝ¹ (reading E) or g¹ (P)."""
        risks = self.empirical if self.reading is Reading.E else self.population
        return risks[TRAINING]

    def meta_gradient(self, phi: Vector) -> Vector:
        """(I − α∇²ĝ¹(φ)) ∇g(T̂¹(φ)), with g the outer risk."""
        inner, alpha = self.empirical[TRAINING].coordinates, exact(self.alpha)
        slopes = self.outer.gradient(self.step(TRAINING, phi))
        terms = zip(inner, phi, slopes, strict=True)
        return tuple((1 - alpha * g.curvature(p)) * slope for g, p, slope in terms)

    @cached_property
    def reach(self) -> Box:
        """A box that holds Φ and T̂^i(Φ) for i = 1, 2, 3.

        An inner step with αg_k'' ≤ 1 on Φ increases, so that it takes the ends of Φ_k to the ends
        of its image; any other moves φ_k by at most α max |g_k'|.
        """
        lower, upper = [], []
        with precision(BITS):
            alpha = exact(self.alpha)
            for k, (low, high) in enumerate(sides(self.phi)):
                lows, highs = [low], [high]
                for risk in self.empirical:
                    g = risk.coordinates[k]
                    ends = [g.derivative(low), g.derivative(high)]
                    if alpha * g.curvature(low).max(g.curvature(high)) <= 1:
                        lows.append(low - alpha * ends[0])
                        highs.append(high - alpha * ends[1])
                    else:
                        away = alpha * abs(ends[0]).max(abs(ends[1]))
                        lows.append(low - away)
                        highs.append(high + away)
                lower.append(float_below(-largest([-end for end in lows])))
                upper.append(float_above(largest(highs)))
        return Box(tuple(lower), tuple(upper))


def as_vector(phi: tuple[float, ...]) -> Vector:
    """Floats as they are, without rounding."""
    return tuple(exact(value) for value in phi)


def middles(phi: Vector) -> Vector:
    """The exact midpoints: a sequence of these is a run of an algorithm that rounds to `BITS`."""
    return tuple(arb(p.mid()) for p in phi)
