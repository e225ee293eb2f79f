r"""Theorem 1, Remark 2, Eq. 8 and Lemma 14 held against a regional trial, and Proposition 1.

The checks are those of `ml2o_theory.generalization.bounds`. At level `risk` the constants are those
of the risks on Φ', certified above by interval arithmetic and attained below.

A1 decides what a check can say. Certified: every hypothesis is, and the verdict is that of the
numbers. Refuted: NOT_APPLICABLE with the witness, and whether the inequality held all the same at
the optima that a search found. Open: the optima are known to be in Φ alone; a failure could not
count as one, and the checks come out INCONCLUSIVE wherever the bound depends on them. Proposition 1
does not use A1; where that is refuted it is held against the gap at the searched point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from flint import arb

from ml2o_core.results import Level
from ml2o_theory.arithmetic import precision
from ml2o_theory.generalization.bounds import BoundsOfTrial
from ml2o_theory.generalization.descent import descend
from ml2o_theory.generalization.regional import RegionalTrial
from ml2o_theory.generalization.regional_constants import RegionalConstants
from ml2o_theory.generalization.regional_observed import RegionalObserved
from ml2o_theory.generalization.trial import TRAINING
from ml2o_theory.meta_risk import RiskConstants
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import Vector
from ml2o_theory.verdict import StatementCheck


@dataclass(frozen=True, eq=False)
class RegionalBounds(BoundsOfTrial):
    """The constants of a trial at every level, and its checks."""

    trial: RegionalTrial
    constants: RegionalConstants

    @classmethod
    def of(cls, trial: RegionalTrial) -> RegionalBounds:
        """With its own constants."""
        return cls(trial, RegionalConstants(trial))

    @property
    def of_steps(self) -> RegionalConstants:
        return self.constants

    @property
    def alpha(self) -> float:
        return self.trial.alpha

    @property
    def steps(self) -> int:
        return self.trial.steps

    @property
    def phi(self) -> Box:
        return self.trial.phi

    @property
    def words(self) -> tuple[str, str]:
        populations = self.trial.populations
        tasks = (
            f"three populations of {populations.size} {populations.about}, N = {self.trial.size}"
        )
        return tasks, f"{populations.rule.name}, reading E"

    @property
    def refuted(self) -> str | None:  # type: ignore[override]
        """A1's witness, where it is refuted."""
        return self.trial.refuted

    @property
    def uncertified(self) -> str | None:  # type: ignore[override]
        """Why A1 is open, where it is."""
        return self.trial.uncertified

    def own(self, i: int, *, of_sample: bool) -> RiskConstants:
        risks = self.trial.empirical if of_sample else self.trial.population
        return risks[i].on(self.trial.reach, self.region)

    def trained(self, start: Vector, epochs: int) -> RegionalObserved:
        """Both methods from one start, full batch: steps 1/L_G on Ĝ, 1/L_ĝ on ĝ¹."""
        trial, slope = self.trial, self.trial.empirical[TRAINING].gradient
        with precision(BITS):
            steps = 1 / self._smoothness, 1 / self.training(Level.RISK).L_g.upper.value
        meta = descend(trial.meta_gradient, start, steps[0], trial.phi, epochs)[-1]
        transfer = descend(slope, start, steps[1], trial.phi, epochs)[-1]
        return RegionalObserved(trial, start, meta, transfer)

    @cached_property
    def _smoothness(self) -> arb:
        """L_G at level `risk`, an exact number whose reciprocal the descent takes for its step.

        Where no upper end is known it is the lower end, which Lemma 14 does not cover.
        """
        found = self.meta_smoothness(Level.RISK)
        return found.upper.value if found.is_bounded else found.lower.value

    def checks(self, seen: RegionalObserved, epochs: int) -> Iterator[StatementCheck]:
        """All of them, for what `trained` gave after `epochs` steps."""
        yield from self.held_against(seen, epochs, self._smoothness)
