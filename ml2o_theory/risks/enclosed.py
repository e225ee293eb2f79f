r"""The optimizer risk of rules and tasks for which it is no polynomial: enclosed over boxes of φ.

g(φ) = Σ_n w_n l_n(x_T,n(φ)) / Σ_n w_n, of a finite population of smoothed LASSO or quadratic tasks
and a memoryless rule with few parameters. At a point, its value and derivatives are balls around
the exact numbers (`ml2o_theory.risks.jets_of_runs`). On a box Φ the numbers that Theorem 1 asks for
are suprema, known from both sides:

    M_g = sup ‖∇g‖     L_g = sup ‖∇²g‖     ρ_g = Lipschitz constant of ∇²g     μ = inf λ_min(∇²g)

The certified ends are extremes over parts that cover Φ (`ml2o_theory.risks.parts`); the other ends
are attained at points. The parts are halved, the loosest first, until μ is known within a factor of
2 (or negative curvature is found), or `parts` are reached.

A minimiser is certified where μ > 0 is: for φ̂ ∈ Φ and φ_* = argmin g on Φ, optimality of φ_* gives
⟨∇g(φ_*), φ̂ − φ_*⟩ ≥ 0, so that

    μ‖φ̂ − φ_*‖² ≤ ⟨∇g(φ̂) − ∇g(φ_*), φ̂ − φ_*⟩ ≤ ‖∇g(φ̂)‖ ‖φ̂ − φ_*‖:   ‖φ̂ − φ_*‖ ≤ ‖∇g(φ̂)‖/μ.

φ̂ comes from Newton's method in `BITS` bits; a ball that is inside Φ makes ∇g(φ_*) = 0. Where μ > 0
is not certified there is only `searched`: the point at which a descent in Φ ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.results import EndMethod
from ml2o_core.tasks.base import Task
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.base import infimum_from
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.intervals.subdivision import grid
from ml2o_theory.meta_risk import RiskConstants
from ml2o_theory.models.conversion import enclose
from ml2o_theory.regions import Box
from ml2o_theory.risks.jets import Jet, mean
from ml2o_theory.risks.jets_of_runs import RunJets, parameters
from ml2o_theory.risks.parts import Attained, Part, column, largest_norm
from ml2o_theory.risks.searches import lowest
from ml2o_theory.risks.separable import Vector, length, sides

BITS = 256
"""Working precision at points."""

PARTS = 16
"""How many boxes cover Φ, at most, by default."""

NORMS = (Norm.EUCLIDEAN, Norm.SPECTRAL, Norm.SPECTRAL)
"""Those of M_g, L_g and ρ_g."""

NEWTON_STEPS = 8
"""Each doubles the digits, from float64's to those of `BITS`."""


@dataclass(frozen=True, eq=False)
class EnclosedRisk:
    """g of the tasks in `runs`, weighted by `weights` (integers, not all 0)."""

    runs: tuple[RunJets, ...]
    weights: tuple[int, ...]
    parts: int = PARTS

    @classmethod
    def of(
        cls,
        tasks: Sequence[Task],
        rule: MemorylessRule,
        x0: Float[Tensor, " d"],
        steps: int,
        parts: int = PARTS,
    ) -> Self:
        """The population risk of the tasks, uniformly weighted."""
        if not tasks or parts < 1:
            raise InvalidArgument("tasks, parts", (len(tasks), parts), "at least one of each")
        return cls(tuple(RunJets(t, rule, x0, steps) for t in tasks), (1,) * len(tasks), parts)

    def weighted(self, weights: Sequence[int]) -> EnclosedRisk:
        """The empirical risk of a sample in which task n was drawn `weights[n]` times."""
        if len(weights) != len(self.runs) or min(weights) < 0 or not any(weights):
            raise InvalidArgument("weights", tuple(weights), "one number ≥ 0 a task, not all 0")
        return replace(self, weights=tuple(weights))

    @property
    def dim(self) -> int:
        """p."""
        return parameters(self.runs[0].rule)

    def jet(self, phi: Vector, order: int) -> Jet:
        """g and its derivatives at φ, or over a box of balls, at the current precision."""
        return mean([run.loss(phi, order) for run in self.runs], self.weights)

    def value(self, phi: Vector) -> arb:
        """g(φ)."""
        return self.jet(phi, 0).value

    def gradient(self, phi: Vector) -> Vector:
        """∇g(φ)."""
        return self.jet(phi, 1).gradient()

    def hessian(self, phi: Vector) -> arb_mat:
        """∇²g(φ)."""
        return self.jet(phi, 2).hessian()

    def on(self, box: Box, region: str) -> RiskConstants:
        """M_g, L_g, μ and ρ_g on the box, as constants of `region`."""
        cover = self.cover(box)
        below, above, least = cover.largest, cover.above, cover.least
        M_g, L_g, rho_g = (
            Enclosure.supremum(
                value,
                arb(bound),
                EndMethod.INTERVAL_ARITHMETIC,
                witness={"φ": point},
                norm=norm,
                region=region,
            )
            for (value, point), bound, norm in zip(below, above, NORMS, strict=True)
        )
        mu = infimum_from(
            least.least,
            arb(cover.below),
            witness={"φ": least.point, "v": least.direction},
            norm=Norm.SPECTRAL,
            region=region,
            method=EndMethod.INTERVAL_ARITHMETIC,
        )
        return RiskConstants(L_g=L_g, rho_g=rho_g, M_g=M_g, mu=mu)

    def cover(self, box: Box) -> Cover:
        """Parts that cover the box, and points in it; computed once."""
        if len(box.lower) != self.dim:
            raise InvalidArgument("Φ", str(box), f"a box of {self.dim} sides")
        if box not in self._covers:
            self._covers[box] = self._cover(box)
        return self._covers[box]

    @cached_property
    def _covers(self) -> dict[Box, Cover]:
        return {}

    def _cover(self, box: Box) -> Cover:
        # In one dimension all halvings are along one side: half of them at once.
        first = grid(box.interval, [max(self.parts // 2, 1) if self.dim == 1 else 1] * self.dim)
        parts = [self._part(Box.of(first[k])) for k in range(first.shape[0])]
        attained = [self._attained(middle(box), 3)]
        corners = self._corners(box)
        if min(part.below for part in parts) > 0:
            # Only where convexity is in doubt are all of them worth a look.
            corners = corners[-2:]
        attained += [self._attained(corner, 2) for corner in corners]
        while len(parts) < self.parts:
            parts.sort(key=lambda part: part.below)
            least = min(float(at.least.mid()) for at in attained)
            if least <= 0 or parts[0].below >= least / 2:
                break
            found = [self._part(half) for half in parts.pop(0).halves]
            attained += [Attained.of(part.point, part.center) for part in found]
            parts += found
        return Cover(tuple(parts), tuple(attained))

    def _part(self, box: Box) -> Part:
        return Part.of(box, self._over(Box(middle(box), middle(box)), 2), self._over(box, 3))

    def _over(self, box: Box, order: int) -> Jet:
        with precision():
            return mean([run.over(box, order) for run in self.runs], self.weights)

    def _attained(self, point: tuple[float, ...], order: int) -> Attained:
        return Attained.of(point, self._over(Box(point, point), order))

    def _corners(self, box: Box) -> list[tuple[float, ...]]:
        """The corners that the eigenvectors of ∇²g at the middle point to, forth and back.

        The last two are those along the largest curvature, where ∇g is longest.
        """
        H = enclose(self._over(Box(middle(box), middle(box)), 2).hessian()).midpoint
        found = []
        for v in torch.linalg.eigh((H + H.mT) / 2).eigenvectors.mT.tolist():
            ends = list(zip(box.lower, box.upper, v, strict=True))
            found.append(tuple(high if s >= 0 else low for low, high, s in ends))
            found.append(tuple(low if s >= 0 else high for low, high, s in ends))
        return found

    def minimiser(self, box: Box, mu: Enclosure) -> Vector:
        """argmin g on the box, inside it; μ is A1's on a box that holds this one.

        `InvalidArgument` unless μ > 0 and the ball around the argmin is inside.
        """
        if not mu.lower.value > 0:
            raise InvalidArgument("mu", str(mu), "A1 with a certified lower end > 0")
        phi = self.searched(box)
        with precision(BITS):
            for _ in range(NEWTON_STEPS):
                jet = self.jet(phi, 2)
                slope, H = column(jet.gradient()).mid(), jet.hessian().mid()
                moved = zip(phi, H.solve(slope).entries(), strict=True)
                phi = tuple(arb((p - step).mid()) for p, step in moved)
                if float(length(tuple(slope.entries())).upper()) < 2.0 ** -(BITS - 40):
                    break
            radius = (length(self.gradient(phi)) / mu.lower.value).upper()
            found = tuple(p + arb(0, radius) for p in phi)
            ends = zip(found, sides(box), strict=True)
            if not all(low < p < high for p, (low, high) in ends):
                raise InvalidArgument("Φ", str(box), "a box with the minimiser inside")
        return found

    def searched(self, box: Box) -> Vector:
        """Where a projected Levenberg–Marquardt descent from the box's middle ends, in float64."""

        def at(phi: Tensor) -> tuple[float, Tensor, Tensor]:
            with precision():
                jet = self.jet(tuple(map(exact, phi.tolist())), 2)
            slope = [float(v.mid()) for v in jet.gradient()]
            rows = [[float(v.mid()) for v in row] for row in jet.hessian().tolist()]
            numbers = (torch.tensor(v, dtype=torch.float64) for v in (slope, rows))
            return float(jet.value.mid()), *numbers  # type: ignore[return-value]

        return tuple(map(exact, lowest(at, box.interval).tolist()))


@dataclass(frozen=True, eq=False)
class Cover:
    """Parts that cover a box, and what the risk attains at points of it."""

    parts: tuple[Part, ...]
    attained: tuple[Attained, ...]

    @cached_property
    def above(self) -> tuple[float, float, float]:
        """Upper bounds of M_g, L_g and ρ_g."""
        return (
            largest_norm([part.gradient for part in self.parts]),
            largest_norm([part.hessian for part in self.parts]),
            largest_norm([part.third for part in self.parts]),
        )

    @cached_property
    def largest(self) -> list[tuple[arb, tuple[float, ...]]]:
        """The largest that is attained of each, and where."""
        each = [[(v, at.point) for v in at.suprema] for at in self.attained]
        found = zip(*each, strict=True)
        return [max(pairs, key=lambda pair: float(pair[0].mid())) for pairs in found]

    @property
    def below(self) -> float:
        """A lower bound of μ."""
        return min(part.below for part in self.parts)

    @property
    def least(self) -> Attained:
        """The point with the smallest curvature."""
        return min(self.attained, key=lambda at: float(at.least.mid()))

    @property
    def value(self) -> tuple[float, float]:
        """A range of g over the box."""
        ends = [(part.value.lower.item(), part.value.upper.item()) for part in self.parts]
        return min(low for low, _ in ends), max(high for _, high in ends)


def middle(box: Box) -> tuple[float, ...]:
    """The float midpoint."""
    return tuple(box.interval.midpoint.tolist())
