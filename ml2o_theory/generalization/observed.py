r"""What a trial shows: optima, the results of training, errors and the terms of the bounds.

With φ_MK and φ_K the results of meta-training and of transfer learning, and everything else from
the risks themselves:

    φ_*^i, φ̂_*^i    argmin g^i, argmin ĝ^i on Φ
    φ̃_M*^i          argmin of the meta risk: φ̂_*^i in reading E (T̂ fixes it, and μ_G > 0 leaves no
                    other), the root of T̂^i(φ) = φ_*^i in reading P
    φ̃_*^i           T̂^i(φ̃_M*^i)
    E_M             g³(T̂²(φ_MK)) − g³(φ³_*), E_TL likewise with φ_K

All are balls of about 2⁻²⁰⁰ of Φ. Their differences give the distances that Theorem 1, Remark 2 and
Eq. 8 are made of, under the names of `ml2o_theory.symbolic.risk_symbols`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.trial import ADAPTATION, TESTING, TRAINING, Trial
from ml2o_theory.risks.scalar import BITS, increasing_root
from ml2o_theory.risks.separable import Vector, length, sides, subtract


@dataclass(frozen=True)
class Observed:
    """What `trial` shows; `meta` is φ_MK, `transfer` is φ_K, `start` is φ_0, all exact."""

    trial: Trial
    start: Vector
    meta: Vector
    transfer: Vector

    @cached_property
    def optimum(self) -> tuple[Vector, Vector, Vector]:
        """φ_*^1, φ_*^2, φ_*^3."""
        a, b, c = (g.minimiser(self.trial.phi) for g in self.trial.population)
        return a, b, c

    @cached_property
    def sample_optimum(self) -> tuple[Vector, Vector, Vector]:
        """φ̂_*^1, φ̂_*^2, φ̂_*^3."""
        a, b, c = (g.minimiser(self.trial.phi) for g in self.trial.empirical)
        return a, b, c

    def meta_optimum(self, i: int) -> Vector:
        """φ̃_M*^i."""
        if self.trial.reading is Reading.E:
            return self.sample_optimum[i]
        return self._preimages[i]

    def adapted_optimum(self, i: int) -> Vector:
        """φ̃_*^i, where the inner step takes φ̃_M*^i."""
        return (self.sample_optimum if self.trial.reading is Reading.E else self.optimum)[i]

    def error(self, phi: Vector) -> arb:
        """g³ of the adapted parameter less its minimum; never below 0."""
        with precision(BITS):
            tested = self.trial.population[TESTING]
            adapted = tested.value(self.trial.step(ADAPTATION, phi))
            return _nonnegative(adapted - tested.value(self.optimum[TESTING]))

    @cached_property
    def distances(self) -> dict[str, arb]:
        """Every distance that a statement names, by its symbol."""
        trial, meta1, meta3 = self.trial, self.meta_optimum(TRAINING), self.meta_optimum(TESTING)
        first, second, third = trial.empirical
        with precision(BITS):
            phi1, hat1 = self.optimum[TRAINING], self.sample_optimum[TRAINING]
            return {
                "d_0": _apart(self.start, meta1),
                "d_K": _apart(self.meta, meta1),
                "d_TL": _apart(self.transfer, hat1),
                "d_N": _apart(self.adapted_optimum(TRAINING), phi1),
                "d_N_TL": _apart(hat1, phi1),
                "d_N3": _apart(self.adapted_optimum(TESTING), self.optimum[TESTING]),
                "delta_13": _apart(phi1, self.optimum[TESTING]),
                "delta_meta": _apart(meta1, meta3),
                "gap": _apart(first.gradient(meta1), second.gradient(meta1)),
                "gap_TL": _apart(first.gradient(hat1), second.gradient(hat1)),
                "gap_23": _apart(second.gradient(meta3), third.gradient(meta3)),
                "slope": length(second.gradient(self.transfer)),
                "slopes": _apart(second.gradient(self.meta), third.gradient(meta3)),
            }

    @cached_property
    def steps(self) -> dict[str, arb]:
        """The distances that Theorem 1's proof walks along from T̂²(φ_MK) to φ³_*."""
        trial, meta1 = self.trial, self.meta_optimum(TRAINING)
        with precision(BITS):
            adapted = trial.step(ADAPTATION, self.meta)
            ideal = trial.step(ADAPTATION, meta1)
            return {
                "whole": length(subtract(adapted, self.optimum[TESTING])),
                "optimization": length(subtract(adapted, ideal)),
                "task difference": length(subtract(ideal, self.adapted_optimum(TRAINING))),
                "sampling": self.distances["d_N"],
                "δ_13": self.distances["delta_13"],
            }

    @cached_property
    def span(self) -> arb:
        """sup g³ − inf g³ on Φ' ⊇ Φ: the trivial bound of the errors."""
        tested = self.trial.population[TESTING]
        with precision(BITS):
            total = arb(0)
            for g, (low, high) in zip(tested.coordinates, sides(self.trial.reach), strict=True):
                total += g.value(low).max(g.value(high))
            return total - tested.value(self.optimum[TESTING])

    @cached_property
    def _preimages(self) -> dict[int, Vector]:
        return {i: self._preimage(i) for i in (TRAINING, TESTING)}

    def _preimage(self, i: int) -> Vector:
        """The root of T̂^i(φ) = φ_*^i; αg_k'' < 1 on Φ makes T̂^i increase."""
        trial = self.trial
        found = []
        with precision(BITS):
            alpha = exact(trial.alpha)
            for k, (g, (low, high)) in enumerate(
                zip(trial.empirical[i].coordinates, sides(trial.phi), strict=True)
            ):
                if not alpha * g.curvature(low).max(g.curvature(high)) < 1:
                    raise InvalidArgument("alpha", trial.alpha, "α L_ĝ < 1 in reading P")
                root = increasing_root(_missed(g.derivative, alpha, self.optimum[i][k]), low, high)
                if root is None:
                    raise InvalidArgument("Φ", str(trial.phi), "a box with φ̃_M* inside")
                found.append(root)
        return tuple(found)


def _apart(first: Vector, other: Vector) -> arb:
    return length(subtract(first, other))


def _missed(slope: Callable[[arb], arb], alpha: arb, target: arb) -> Callable[[arb], arb]:
    """φ ↦ φ − αg'(φ) − target."""
    return lambda phi: phi - alpha * slope(phi) - target


def _nonnegative(value: arb) -> arb:
    """A ball around a number that is known to be ≥ 0, without its negative part."""
    return value if value > 0 else arb(0).union(value.upper().max(arb(0)))
