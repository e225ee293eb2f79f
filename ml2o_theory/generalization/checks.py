r"""Theorem 1, Remark 2, Eq. 8 and Lemma 14 held against a trial, and Proposition 1 at its optimum.

Three levels say where M_g³, L_ĝ² and the meta risk's μ_G, L_G come from: `risk`, from the risks
themselves on Φ' ⊇ Φ ∪ T̂(Φ) (`ml2o_theory.risks`); `closed-loop` and `uniform`, from A3's constants
on X × Φ' × Z by Lemmas 6, 7 and 13. Every number is certified and belongs to the trial's one
region.

A statement whose side condition fails for certain at a level (μ_G ≤ 0, say) says nothing there, and
is not checked at that level:
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, EndMethod, Level
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.enclosure import Enclosure, End, Norm, maximum, minimum
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.region_constants import TrialConstants
from ml2o_theory.generalization.trial import ADAPTATION, TESTING, TRAINING, Trial
from ml2o_theory.meta_risk import (
    RiskConstants,
    meta_lipschitz,
    meta_strong_convexity,
    risk_constants,
)
from ml2o_theory.statements.equation8 import Equation8
from ml2o_theory.statements.equation8_expanded import Equation8Expanded
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.statements.lemma14_full_batch import Lemma14FullBatch
from ml2o_theory.statements.proposition1 import Proposition1
from ml2o_theory.statements.remark2 import Remark2
from ml2o_theory.statements.remark2_shared_terms import Remark2SharedTerms
from ml2o_theory.statements.risk import RiskStatement
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.verdict import StatementCheck

LEVELS = (Level.RISK, Level.CLOSED_LOOP, Level.UNIFORM)
"""From the finest constants to the paper's."""

OF_META: tuple[RiskStatement, ...] = (Theorem1(), Equation8())
"""The statements that bound E_M."""

OF_TRANSFER: tuple[RiskStatement, ...] = (Remark2(), Remark2SharedTerms())
"""The statements that bound E_TL."""


@dataclass(frozen=True)
class TrialBounds:
    """The constants of a trial at every level, and its checks."""

    trial: Trial
    constants: TrialConstants

    @classmethod
    def of(cls, trial: Trial) -> TrialBounds:
        """With its own constants."""
        return cls(trial, TrialConstants(trial))

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
        """Constants that g¹ and ĝ¹ share: for Lemma 7, the larger L_g, ρ_g, M_g and smaller μ."""
        sample = self._risk(TRAINING, level, of_sample=True)
        if self.trial.outer is self.trial.empirical[TRAINING]:
            return sample
        whole = self._risk(TRAINING, level, of_sample=False)
        return RiskConstants(
            L_g=maximum(sample.L_g, whole.L_g),
            rho_g=maximum(sample.rho_g, whole.rho_g),
            M_g=maximum(sample.M_g, whole.M_g),
            mu=minimum(sample.mu, whole.mu),
        )

    def meta(self, level: Level) -> Enclosure | None:
        """μ_G of the meta risk; None unless αL_g ≤ 1 and μ_G > 0 are certain."""
        try:
            mu_G = meta_strong_convexity(self.trial.alpha, self.training(level))
        except InvalidArgument:
            return None
        return mu_G if mu_G.lower.value > 0 else None

    def meta_smoothness(self, level: Level) -> Enclosure:
        """L_G of the meta risk."""
        return meta_lipschitz(self.trial.alpha, self.training(level))

    def gap(self, level: Level) -> Enclosure:
        """Proposition 1's bound of ‖∇ĝ¹ − ∇ĝ²‖; level `risk` has none of its own."""
        return Proposition1().bound(
            self.constants.pair,
            self.trial.populations.steps,
            Level.CLOSED_LOOP if level is Level.RISK else level,
        )

    def enclosed(self, value: arb) -> Enclosure:
        """A number ≥ 0 of the trial's region, from its ball, which may reach below 0."""
        return Enclosure.certified(
            value.lower().max(arb(0)),
            value,
            EndMethod.INTERVAL_ARITHMETIC,
            norm=Norm.EUCLIDEAN,
            region=self.region,
        )

    def terms(self, seen: Observed, level: Level) -> dict[str, Enclosure]:
        """Every constant that a statement of the trial needs at a level, by symbol."""
        distances = {name: self.enclosed(value) for name, value in seen.distances.items()}
        return {
            **distances,
            "M_g": self.tested(level).M_g,
            "L_g": self.adapting(level).L_g,
            "alpha": self.enclosed(exact(self.trial.alpha)),
        }

    def in_probability(
        self, terms: Mapping[str, Enclosure], delta: float, epochs: int, level: Level
    ) -> dict[str, Enclosure] | None:
        """The constants of Theorem 1 in probability, δ split evenly, for stochastic `epochs` = K.

        B bounds the meta-gradient of every task of the sample, M_g¹ and μ hold for every task, so
        that they hold for every sample. None where μ_G > 0 or μ > 0 is not certain.
        """
        mu_G, samples = self.meta(level), self._samples
        mu = reduce(minimum, (known.mu for known in samples))
        if mu_G is None or not mu.lower.value > 0:
            return None
        M_g1 = reduce(maximum, (known.M_g for known in samples))
        if level is not Level.RISK:
            M_g1 = self.training(level).M_g
        L_g, alpha = self.training(level).L_g, exact(self.trial.alpha)
        with precision():
            low, high = (
                (1 + alpha * L.value) * M.value
                for L, M in zip(_ends(L_g), _ends(M_g1), strict=True)
            )
        B = Enclosure.certified(low, high, EndMethod.CLOSED_FORM, region=self.region)
        half = self.enclosed(exact(delta / 2))
        return {
            **terms,
            "gap": self.gap(level),
            "B": B,
            "M_g1": M_g1,
            "mu_G": mu_G,
            "mu": mu,
            "K": self.enclosed(exact(epochs)),
            "N": self.enclosed(exact(self.trial.size)),
            "delta_a": half,
            "delta_b": half,
        }

    @cached_property
    def _samples(self) -> list[RiskConstants]:
        """Of each task's own risk in population 1."""
        n = self.trial.populations.size
        singles = [[int(k == j) for k in range(n)] for j in range(n)]
        risk = self.trial.population[TRAINING]
        return [risk.weighted(one).on(self.trial.reach, self.region) for one in singles]

    def checks(self, seen: Observed, epochs: int, step: float) -> Iterator[StatementCheck]:
        """All of them; full-batch meta-training took `epochs` steps of the size `step`."""
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
                gap = self.gap(level)
                yield self._check(Proposition1(), seen.distances["gap"], gap, level)
            yield from self._descent(seen, epochs, step, level)

    def _descent(
        self, seen: Observed, epochs: int, step: float, level: Level
    ) -> Iterator[StatementCheck]:
        """Lemma 14 for full-batch steps 1/L, with L ≥ L_G for certain; nothing where μ_G ≤ 0."""
        meta = self.meta(level)
        with precision():
            smoothness = 1 / exact(step)
        if meta is None or not smoothness >= self.meta_smoothness(level).upper.value:
            return
        given = {
            "mu_G": meta,
            "L_G": self.enclosed(smoothness),
            "K": self.enclosed(exact(epochs)),
            "d_0": self.enclosed(seen.distances["d_0"]),
        }
        bound = Lemma14FullBatch().bound(given)
        yield self._check(Lemma14FullBatch(), seen.distances["d_K"], bound, level, self._diameter)

    @cached_property
    def _uncertified(self) -> str | None:
        """A1 for the risks of tasks 1 and 3, which makes their optima unique."""
        for known in (self.training(Level.RISK), self.tested(Level.RISK)):
            if not known.mu.lower.value > 0:
                return f"A1 is not certified: μ is in {known.mu}"
        return None

    @cached_property
    def _diameter(self) -> arb:
        sides = zip(self.trial.phi.lower, self.trial.phi.upper, strict=True)
        with precision():
            squares = [
                (exact(high) - exact(low)) * (exact(high) - exact(low)) for low, high in sides
            ]
            return sum(squares, arb(0)).sqrt()

    def _check(
        self,
        statement: RiskStatement | LadderStatement,
        observed: arb,
        bound: Enclosure,
        level: Level,
        trivial: arb | None = None,
    ) -> StatementCheck:
        trial = self.trial
        return StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=f"three populations of {len(trial.draws)} quadratic tasks, N = {trial.size}",
            rule=f"{trial.populations.shape} gain, reading {trial.reading.value}",
            region=self.constants.region,
            T=trial.populations.steps,
            graph=GraphMode.FULL,
            constants=statement.constants,
            observed=self.enclosed(observed),
            bound=bound,
            trivial=None if trivial is None else self.enclosed(trivial),
            level=level,
            uncertified=self._uncertified,
        )

    def _risk(self, i: int, level: Level, *, of_sample: bool) -> RiskConstants:
        key = (i, level, of_sample)
        if key not in self._known:
            self._known[key] = self._compute(i, level, of_sample)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[int, Level, bool], RiskConstants]:
        return {}

    def _compute(self, i: int, level: Level, of_sample: bool) -> RiskConstants:
        if level is Level.RISK:
            risks = self.trial.empirical if of_sample else self.trial.population
            return risks[i].on(self.trial.reach, self.region)
        # A1's μ is the risk's own at every level: A3 has no part in it.
        own = self._risk(i, Level.RISK, of_sample=of_sample)
        return risk_constants(
            self.constants.population(i), own.mu, self.trial.populations.steps, level
        )


def _ends(value: Enclosure) -> tuple[End, End]:
    return value.lower, value.upper
