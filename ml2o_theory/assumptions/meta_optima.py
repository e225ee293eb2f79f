r"""The optima of A2 for the scalar gain on a finite population of quadratic tasks, certified.

The population's risk g_T is the mean over all tasks, uniformly; the empirical risk ĝ_T that over a
batch. With T̂(φ) = φ − αĝ_T'(φ) and αL_ĝ < 1 on Φ, T̂' ≥ 1 − αL_ĝ > 0: T̂ increases, and every
optimum is the root of an increasing function, enclosed by the proved signs at both ends of a ball.

    φ_*     g'(φ) = 0                        φ̃_E    T̂(φ) = φ̂_*, hence φ = φ̂_*
    φ̂_*     ĝ'(φ) = 0                        φ̃_P    T̂(φ) = φ_*
    φ̃_M     Σ_b ĝ_b'(T̂_b(φ)) T̂_b'(φ) = 0, the mean over all batches b of one size
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import combinations, pairwise

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.base import Setting
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.risks.scalar import BITS, ScalarRisk, increasing_root

PIECES = 64
"""Pieces of Φ on which the slope of the meta risk's derivative is enclosed."""

MOST_BATCHES = 100


@dataclass(frozen=True)
class MetaOptima:
    """Population and empirical risk, the inner step α, and Φ."""

    population: ScalarRisk
    empirical: ScalarRisk
    batches: tuple[ScalarRisk, ...]
    alpha: arb
    interval: ParameterInterval

    @classmethod
    def of(cls, setting: Setting) -> MetaOptima:
        """From a setting with quadratic tasks and Φ an interval; ĝ is over its first `batch`."""
        tasks = [task for task in setting.tasks if isinstance(task, QuadraticTask)]
        if len(tasks) < len(setting.tasks) or not isinstance(setting.phi, ParameterInterval):
            raise InvalidArgument("setting", setting.subject, "quadratic tasks, Φ an interval")
        if not 1 <= setting.batch <= len(tasks):
            raise InvalidArgument("batch", setting.batch, f"1 to {len(tasks)}")
        everything = ScalarRisk.of(tasks, setting.x0, setting.steps)
        chosen = list(combinations(range(len(tasks)), setting.batch))[:MOST_BATCHES]
        batches = tuple(everything.subset(indices) for indices in chosen)
        return cls(everything, batches[0], batches, exact(setting.alpha), setting.phi)

    @property
    def ends(self) -> tuple[arb, arb]:
        """Of Φ."""
        return exact(self.interval.lower), exact(self.interval.upper)

    def step(self, phi: arb, risk: ScalarRisk | None = None) -> arb:
        """T̂(φ)."""
        risk = risk or self.empirical
        return phi - self.alpha * risk.derivative(phi)

    @cached_property
    def L_hat(self) -> arb:
        """αL_ĝ < 1 is asked of L_ĝ = sup_Φ ĝ''."""
        return self.empirical.extremes(*self.ends).supremum

    @cached_property
    def mu_hat(self) -> arb:
        """A lower bound of inf_Φ ĝ''."""
        return self.empirical.extremes(*self.ends).lower

    @cached_property
    def is_injective(self) -> bool:
        """Whether αL_ĝ < 1 on Φ, for certain."""
        with precision(BITS):
            return bool(self.alpha * self.L_hat < 1)

    @cached_property
    def minimiser(self) -> arb | None:
        """φ_*, if it is inside Φ."""
        return increasing_root(self.population.derivative, *self.ends)

    @cached_property
    def empirical_minimiser(self) -> arb | None:
        """φ̂_*, if it is inside Φ."""
        return increasing_root(self.empirical.derivative, *self.ends)

    @cached_property
    def reading_P(self) -> arb | None:
        """φ̃_P, where T̂ takes it to φ_*, if that is in Φ; T̂ must be injective."""
        target = self.minimiser
        if target is None or not self.is_injective:
            return None
        return increasing_root(lambda phi: self.step(phi) - target, *self.ends)

    @cached_property
    def reading_M(self) -> arb | None:
        """φ̃_M, the minimiser of the mean over all batches; None unless its uniqueness is proved."""
        if not self._meta_risk_is_convex():
            return None
        return increasing_root(self.meta_derivative, *self.ends)

    def meta_derivative(self, phi: arb) -> arb:
        """The derivative of Ḡ(φ), the mean over batches of ĝ_b(T̂_b(φ))."""
        total = arb(0)
        for batch in self.batches:
            inner = self.step(phi, batch)
            total += batch.derivative(inner) * (1 - self.alpha * batch.curvature(phi))
        return total / len(self.batches)

    def _meta_risk_is_convex(self) -> bool:
        """Ḡ'' > 0 on pieces that cover Φ, in ball arithmetic."""
        with precision():
            return all(self._meta_curvature(piece) > 0 for piece in self._pieces())

    def composed_curvature(self) -> tuple[arb, arb]:
        """A lower bound of inf_Φ G'' for G = g∘T̂, and an upper bound."""
        with precision():
            values = [self._composed(self.population, self.empirical, p) for p in self._pieces()]
            lower = min((value.lower() for value in values), key=lambda end: float(end.mid()))
            low, high = self.ends
            middle = self._composed(self.population, self.empirical, (low + high) / 2)
            return lower, middle.upper()

    def _pieces(self) -> list[arb]:
        """Balls that cover Φ."""
        low, high = self.ends
        width = (high - low) / PIECES
        return [(low + k * width).union(low + (k + 1) * width) for k in range(PIECES)]

    def _composed(self, outer: ScalarRisk, inner: ScalarRisk, phi: arb) -> arb:
        """The second derivative of φ ↦ outer(φ − α inner'(φ))."""
        moved = self.step(phi, inner)
        slope = 1 - self.alpha * inner.curvature(phi)
        bend = outer.derivative(moved) * self.alpha * inner.third(phi)
        return outer.curvature(moved) * slope * slope - bend

    def _meta_curvature(self, phi: arb) -> arb:
        total = sum((self._composed(batch, batch, phi) for batch in self.batches), arb(0))
        return total / len(self.batches)


def second_solution(optima: MetaOptima, candidates: Sequence[float]) -> arb | None:
    """A φ ≠ φ̂_* of Φ with T̂(φ) = φ̂_*, between two of the candidates; None if none is found.

    It can only exist where αL_ĝ ≥ 1. The signs of T̂(φ) − φ̂_* at the ends of the ball are proved.
    """
    target = optima.empirical_minimiser
    if target is None:
        return None
    with precision(BITS):
        values = [(exact(c), optima.step(exact(c)) - target) for c in sorted(candidates)]
    for (a, at_a), (b, at_b) in pairwise(values):
        apart = bool(b < target) or bool(a > target)
        if apart and (at_a < 0 < at_b or at_a > 0 > at_b):
            sign = 1 if at_b > 0 else -1
            return increasing_root(partial(_signed, optima, target, sign), a, b)
    return None


def _signed(optima: MetaOptima, target: arb, sign: int, phi: arb) -> arb:
    """± (T̂(φ) − target)."""
    return sign * (optima.step(phi) - target)
