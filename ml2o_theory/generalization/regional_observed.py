r"""What a regional trial shows: optima, the results of training, errors and the bounds' distances.

As `ml2o_theory.generalization.observed`, in reading E. How the optima are known depends on A1:

    certified   a ball around the argmin, from Newton's method and μ (`ml2o_theory.risks.enclosed`)
    refuted     the point at which a descent in Φ ends: the statements do not apply, and whether
                their inequalities hold all the same is seen at that point
    open        the whole of Φ: nothing else encloses an argmin that need not be the only one

φ̃_M* = φ̂_*, the stationary point of the meta risk that A2's reading E speaks of, and
φ̃_* = T̂(φ̃_M*): φ̂_* itself where that is certified, otherwise as the step takes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb

from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.generalization.regional import OPTIMA, RegionalTrial
from ml2o_theory.generalization.trial import ADAPTATION, TESTING, TRAINING
from ml2o_theory.risks.enclosed import BITS, EnclosedRisk
from ml2o_theory.risks.jets_of_runs import everywhere
from ml2o_theory.risks.separable import Vector, length, subtract


@dataclass(frozen=True, eq=False)
class RegionalObserved:
    """What `trial` shows; `start` is φ_0, `meta` is φ_MK and `transfer` φ_K, all exact."""

    trial: RegionalTrial
    start: Vector
    meta: Vector
    transfer: Vector

    @cached_property
    def optimum(self) -> dict[int, Vector]:
        """φ_*^1 and φ_*^3, by population."""
        return {i: self._argmin(self.trial.population[i]) for i in OPTIMA}

    @cached_property
    def sample_optimum(self) -> dict[int, Vector]:
        """φ̂_*^1 and φ̂_*^3, which are φ̃_M*^1 and φ̃_M*^3 too."""
        return {i: self._argmin(self.trial.empirical[i]) for i in OPTIMA}

    def adapted_optimum(self, i: int) -> Vector:
        """φ̃_*^i, where the inner step takes φ̃_M*^i."""
        if self.trial.is_convex:
            return self.sample_optimum[i]
        return self.trial.step(i, self.sample_optimum[i])

    def _argmin(self, risk: EnclosedRisk) -> Vector:
        trial = self.trial
        if trial.is_convex:
            return risk.minimiser(trial.phi, trial.mu)
        return everywhere(trial.phi) if trial.refuted is None else risk.searched(trial.phi)

    def error(self, phi: Vector) -> arb:
        """g³ of the adapted parameter less its minimum; never below 0, as no minimum is."""
        trial = self.trial
        tested = trial.population[TESTING]
        with precision(BITS):
            found = tested.value(trial.step(ADAPTATION, phi)) - tested.value(self.optimum[TESTING])
            if found > 0:
                return found
            return arb(0).union(found.upper().max(arb(0)))

    @cached_property
    def distances(self) -> dict[str, arb]:
        """Every distance that a statement names, by its symbol."""
        first, second, third = self.trial.empirical
        phi, hat = self.optimum, self.sample_optimum
        with precision(BITS):

            def apart(one: Vector, other: Vector) -> arb:
                return length(subtract(one, other))

            gap = apart(first.gradient(hat[TRAINING]), second.gradient(hat[TRAINING]))
            at_third = third.gradient(hat[TESTING])
            return {
                "d_0": apart(self.start, hat[TRAINING]),
                "d_K": apart(self.meta, hat[TRAINING]),
                "d_TL": apart(self.transfer, hat[TRAINING]),
                "d_N": apart(self.adapted_optimum(TRAINING), phi[TRAINING]),
                "d_N_TL": apart(hat[TRAINING], phi[TRAINING]),
                "d_N3": apart(self.adapted_optimum(TESTING), phi[TESTING]),
                "delta_13": apart(phi[TRAINING], phi[TESTING]),
                "delta_meta": apart(hat[TRAINING], hat[TESTING]),
                "gap": gap,
                "gap_TL": gap,
                "gap_23": apart(second.gradient(hat[TESTING]), at_third),
                "slope": length(second.gradient(self.transfer)),
                "slopes": apart(second.gradient(self.meta), at_third),
            }

    @cached_property
    def span(self) -> arb:
        """sup g³ − inf g³ on Φ': the trivial bound of the errors."""
        low, high = self.trial.population[TESTING].cover(self.trial.reach).value
        with precision():
            return exact(high) - exact(low)
