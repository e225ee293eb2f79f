r"""The optimizer risk of the gain rule as a sum of polynomials, one for each entry of φ.

Scalar gain, m(z, φ) = −φz: one polynomial (`ml2o_theory.risks.scalar`). Diagonal gain,
m(z, φ) = −φ ⊙ z, on tasks whose Hessians are diagonal: no coordinate of x sees another, so that
g_T(φ) = Σ_k g_k(φ_k) with g_k the risk of the scalar gain on the k-th coordinates alone.

For a sum of convex functions of one variable each, on a box Φ:

    sup ‖∇g‖² = Σ_k max(g_k'(lo)², g_k'(hi)²)           (g_k' increases)
    sup ‖∇²g‖ = max_k max(g_k''(lo), g_k''(hi))         (g_k'' is convex)
    inf λ_min(∇²g) = min_k inf g_k''
    Lipschitz constant of ∇²g: max_k max(|g_k'''(lo)|, |g_k'''(hi)|)     (g_k''' increases)

so that M_g, L_g, μ and ρ_g of Lemmas 6, 7, 13 and A1 are known exactly: both ends of each enclosure
come from one ball, except for μ, whose ends are those of a bisection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

import torch
from flint import arb
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.meta_risk import RiskConstants
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS, ScalarRisk, increasing_root

Vector: TypeAlias = tuple[arb, ...]
"""A parameter φ ∈ R^p, entry by entry."""

Shape = Literal["scalar", "diagonal"]


@dataclass(frozen=True)
class SeparableRisk:
    """g(φ) = Σ_k g_k(φ_k), with g_k = `coordinates[k]`."""

    coordinates: tuple[ScalarRisk, ...]

    @classmethod
    def of(
        cls, tasks: Sequence[QuadraticTask], x0: Float[Tensor, " d"], steps: int, shape: Shape
    ) -> Self:
        """The population risk of the tasks for the gain of this shape.

        `InvalidArgument` for the diagonal gain unless every A is diagonal.
        """
        if shape == "scalar":
            return cls((ScalarRisk.of(tasks, x0, steps),))
        parts = [coordinates(task) for task in tasks]
        return cls(
            tuple(
                ScalarRisk.of([part[k] for part in parts], x0[k : k + 1], steps)
                for k in range(x0.numel())
            )
        )

    @property
    def dim(self) -> int:
        """p."""
        return len(self.coordinates)

    @property
    def weights(self) -> tuple[int, ...]:
        """How often each task counts."""
        return self.coordinates[0].weights

    def weighted(self, weights: Sequence[int]) -> SeparableRisk:
        """The empirical risk of a sample in which task n was drawn `weights[n]` times."""
        return SeparableRisk(tuple(g.weighted(weights) for g in self.coordinates))

    @property
    def samples(self) -> tuple[SeparableRisk, ...]:
        """The risk of each task that has a weight."""
        drawn = [k for k, weight in enumerate(self.weights) if weight]
        one = [int(k == 0) for k in range(len(self.weights))]
        return tuple(self.weighted(one[-k:] + one[:-k] if k else one) for k in drawn)

    def value(self, phi: Vector) -> arb:
        """g(φ)."""
        return sum((g.value(p) for g, p in zip(self.coordinates, phi, strict=True)), arb(0))

    def gradient(self, phi: Vector) -> Vector:
        """∇g(φ)."""
        return tuple(g.derivative(p) for g, p in zip(self.coordinates, phi, strict=True))

    def minimiser(self, box: Box) -> Vector:
        """argmin g, which must be inside the box; `InvalidArgument` where it is not."""
        found = [increasing_root(g.derivative, *side) for g, side in self._sides(box)]
        return tuple(_inside(root, box) for root in found)

    def on(self, box: Box, region: str) -> RiskConstants:
        """M_g, L_g, μ and ρ_g on the box, as constants of `region`."""
        with precision(BITS):
            squared, curvatures, lowest, thirds = arb(0), [], [], []
            for g, (low, high) in self._sides(box):
                slope = abs(g.derivative(low)).max(abs(g.derivative(high)))
                squared += slope * slope
                found = g.extremes(low, high)
                curvatures.append(found.supremum)
                lowest.append((found.lower, found.upper))
                thirds.append(abs(g.third(low)).max(abs(g.third(high))))
            M_g, L_g, rho_g = squared.sqrt(), largest(curvatures), largest(thirds)
            mu = [_smallest([ends[k] for ends in lowest]) for k in (0, 1)]

        def certified(lower: arb, upper: arb, norm: Norm) -> Enclosure:
            return Enclosure.certified(
                lower, upper, EndMethod.CLOSED_FORM, norm=norm, region=region
            )

        return RiskConstants(
            L_g=certified(L_g, L_g, Norm.SPECTRAL),
            rho_g=certified(rho_g, rho_g, Norm.SPECTRAL),
            M_g=certified(M_g, M_g, Norm.EUCLIDEAN),
            mu=certified(mu[0], mu[1], Norm.SPECTRAL),
        )

    def _sides(self, box: Box) -> list[tuple[ScalarRisk, tuple[arb, arb]]]:
        if len(box.lower) != self.dim:
            raise InvalidArgument("Φ", str(box), f"a box of {self.dim} sides")
        return list(zip(self.coordinates, sides(box), strict=True))


def coordinates(task: QuadraticTask) -> list[QuadraticTask]:
    """The tasks ½(A_kk x_k − b_k)² that a task with a diagonal A is the sum of."""
    if task.A.shape[0] != task.A.shape[1] or bool((task.A - torch.diag(task.A.diag())).any()):
        raise InvalidArgument("A", tuple(task.A.shape), "a diagonal matrix, for the diagonal gain")
    return [QuadraticTask(task.A[k : k + 1, k : k + 1], task.b[k : k + 1]) for k in range(task.dim)]


def sides(box: Box) -> list[tuple[arb, arb]]:
    """[lower, upper] of each entry of φ."""
    ends = zip(box.lower, box.upper, strict=True)
    return [(exact(low), exact(high)) for low, high in ends]


def subtract(first: Vector, other: Vector) -> Vector:
    """φ − φ'."""
    return tuple(a - b for a, b in zip(first, other, strict=True))


def length(phi: Vector) -> arb:
    """‖φ‖; the ball never reaches below 0."""
    squared = sum((p * p for p in phi), arb(0))
    return squared.sqrt() if squared > 0 else arb(0).union(squared.upper().max(arb(0)).sqrt())


def largest(values: Sequence[arb]) -> arb:
    """A ball around the largest."""
    found = values[0]
    for value in values[1:]:
        found = found.max(value)
    return found


def _smallest(values: Sequence[arb]) -> arb:
    return -largest([-value for value in values])


def _inside(root: arb | None, box: Box) -> arb:
    if root is None:
        raise InvalidArgument("Φ", str(box), "a box with the minimiser inside")
    return root
