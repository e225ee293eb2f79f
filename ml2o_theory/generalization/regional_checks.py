r"""Theorem 1, Remark 2, Eq. 8 and Lemma 14 held against a regional trial, and Proposition 1.

As `ml2o_theory.generalization.checks`: the levels say where M_g³, L_ĝ² and the meta risk's μ_G, L_G
come from. `risk`: from the risks on Φ', certified above by interval arithmetic and attained below;
`closed-loop` and `uniform`: from A3's constants on X × Φ' × Z by Lemmas 6, 7 and 13. Every number
belongs to the trial's one region.

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

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, EndMethod, Level
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.generalization.checks import LEVELS, OF_META, OF_TRANSFER
from ml2o_theory.generalization.descent import descend
from ml2o_theory.generalization.regional import RegionalTrial
from ml2o_theory.generalization.regional_constants import RegionalConstants
from ml2o_theory.generalization.regional_observed import RegionalObserved
from ml2o_theory.generalization.trial import ADAPTATION, TESTING, TRAINING
from ml2o_theory.meta_risk import (
    RiskConstants,
    meta_lipschitz,
    meta_strong_convexity,
    risk_constants,
)
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import Vector, length, sides, subtract
from ml2o_theory.statements.equation8_expanded import Equation8Expanded
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.statements.lemma14_full_batch import Lemma14FullBatch
from ml2o_theory.statements.proposition1 import Proposition1
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.verdict import StatementCheck


@dataclass(frozen=True, eq=False)
class RegionalBounds:
    """The constants of a trial at every level, and its checks."""

    trial: RegionalTrial
    constants: RegionalConstants

    @classmethod
    def of(cls, trial: RegionalTrial) -> RegionalBounds:
        """With its own constants."""
        return cls(trial, RegionalConstants(trial))

    @property
    def region(self) -> str:
        """The id of the region of every number."""
        return self.constants.region.id

    def tested(self, level: Level) -> RiskConstants:
        """Of g³."""
        return self._risk(TESTING, level, of_sample=False)

    def adapting(self, level: Level) -> RiskConstants:
        """Of ĝ²."""
        return self._risk(ADAPTATION, level, of_sample=True)

    def training(self, level: Level) -> RiskConstants:
        """Of ĝ¹, inside and outside of the meta risk."""
        return self._risk(TRAINING, level, of_sample=True)

    def meta(self, level: Level) -> Enclosure | None:
        """μ_G of the meta risk; None unless μ > 0, αL_g ≤ 1 and μ_G > 0 are certain."""
        try:
            mu_G = meta_strong_convexity(self.trial.alpha, self.training(level))
        except InvalidArgument:
            return None
        return mu_G if mu_G.lower.value > 0 else None

    def meta_smoothness(self, level: Level) -> Enclosure:
        """L_G of the meta risk."""
        return meta_lipschitz(self.trial.alpha, self.training(level))

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

    def enclosed(self, value: arb) -> Enclosure:
        """A number ≥ 0 of the trial's region, from its ball, which may reach below 0."""
        low = arb(0) if value.lower() < 0 else value
        return Enclosure.certified(
            low, value, EndMethod.INTERVAL_ARITHMETIC, norm=Norm.EUCLIDEAN, region=self.region
        )

    def terms(self, seen: RegionalObserved, level: Level) -> dict[str, Enclosure]:
        """Every constant that a statement of the trial needs at a level, by symbol."""
        distances = {name: self.enclosed(value) for name, value in seen.distances.items()}
        return {
            **distances,
            "M_g": self.tested(level).M_g,
            "L_g": self.adapting(level).L_g,
            "alpha": self.enclosed(exact(self.trial.alpha)),
        }

    def checks(self, seen: RegionalObserved, epochs: int) -> Iterator[StatementCheck]:
        """All of them, for what `trained` gave after `epochs` steps."""
        errors = seen.error(seen.meta), seen.error(seen.transfer)
        for level in LEVELS:
            terms = self.terms(seen, level)
            for statement in OF_META:
                yield self._check(statement, errors[0], statement.bound(terms), level, seen.span)
            terms_of_transfer = {**terms, "d_N": terms["d_N_TL"]}
            for statement in OF_TRANSFER:
                bound = statement.bound(terms_of_transfer)
                yield self._check(statement, errors[1], bound, level, seen.span)
            third = Equation8Expanded()
            yield self._check(third, seen.distances["slopes"], third.bound(terms), level)
            if level is not Level.RISK:
                gap = Proposition1().bound(self.constants.pair, self.trial.steps, level)
                yield self._check(
                    Proposition1(), seen.distances["gap"], gap, level, needs_convexity=False
                )
            yield from self._descent(seen, epochs, level)

    def _descent(
        self, seen: RegionalObserved, epochs: int, level: Level
    ) -> Iterator[StatementCheck]:
        """Lemma 14 for the full-batch steps, where μ_G > 0 is certain and L_G no larger."""
        meta = self.meta(level)
        if meta is None or not self._smoothness >= self.meta_smoothness(level).upper.value:
            return
        given = {
            "mu_G": meta,
            "L_G": self.enclosed(self._smoothness),
            "K": self.enclosed(exact(epochs)),
            "d_0": self.enclosed(seen.distances["d_0"]),
        }
        bound = Lemma14FullBatch().bound(given)
        yield self._check(Lemma14FullBatch(), seen.distances["d_K"], bound, level, self._diameter)

    @cached_property
    def _diameter(self) -> arb:
        lows, highs = zip(*sides(self.trial.phi), strict=True)
        with precision():
            return length(subtract(highs, lows))

    def _check(
        self,
        statement: RiskStatement | LadderStatement,
        observed: arb,
        bound: Enclosure,
        level: Level,
        trivial: arb | None = None,
        *,
        needs_convexity: bool = True,
    ) -> StatementCheck:
        trial = self.trial
        return StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=f"three populations of {trial.populations.size} {trial.populations.about}, "
            f"N = {trial.size}",
            rule=f"{trial.populations.rule.name}, reading E",
            region=self.constants.region,
            T=trial.steps,
            graph=GraphMode.FULL,
            constants=statement.constants,
            observed=self.enclosed(observed),
            bound=bound,
            trivial=None if trivial is None else self.enclosed(trivial),
            level=level,
            refuted=trial.refuted if needs_convexity else None,
            uncertified=trial.uncertified if needs_convexity else None,
        )

    def _risk(self, i: int, level: Level, *, of_sample: bool) -> RiskConstants:
        risks = self.trial.empirical if of_sample else self.trial.population
        own = risks[i].on(self.trial.reach, self.region)
        if level is Level.RISK:
            return own
        key = i, level
        if key not in self._known:
            # A1's μ is the risk's own at every level: A3 has no part in it.
            constants = self.constants.population(i)
            self._known[key] = risk_constants(constants, own.mu, self.trial.steps, level)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[int, Level], RiskConstants]:
        return {}
