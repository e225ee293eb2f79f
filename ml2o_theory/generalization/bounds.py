r"""The statements about a train–adapt–test trial, held against what the trial shows.

Three levels say where M_g³, L_ĝ² and the meta risk's μ_G, L_G come from: `risk`, from the risks on
Φ' ⊇ Φ ∪ T̂(Φ); `closed-loop` and `uniform`, from A3's constants on X × Φ' × Z by Lemmas 6, 7 and 13.
Every number belongs to the trial's one region. A statement whose side condition fails at a level
(μ_G ≤ 0, say) says nothing there, and is not checked at that level.

What a trial is made of is up to the subclasses: `ml2o_theory.generalization.checks` (the gain rule
on quadratic tasks, where risks are polynomials) and `regional_checks` (rules and tasks with
models).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias

from flint import arb

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, EndMethod, Level
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.region_constants import TrialConstants
from ml2o_theory.generalization.regional_constants import RegionalConstants
from ml2o_theory.generalization.regional_observed import RegionalObserved
from ml2o_theory.generalization.trial import ADAPTATION, TESTING, TRAINING
from ml2o_theory.meta_risk import (
    RiskConstants,
    meta_lipschitz,
    meta_strong_convexity,
    risk_constants,
)
from ml2o_theory.regions import Box
from ml2o_theory.risks.separable import length, sides, subtract
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


RegionConstants: TypeAlias = TrialConstants | RegionalConstants
"""A3's and A4's constants of a trial's populations, on its one region."""

Seen: TypeAlias = Observed | RegionalObserved
"""What a trial shows: φ_MK and φ_K, their errors, and every distance by its symbol."""


class BoundsOfTrial(ABC):
    """The constants of a trial at every level, and its checks.

    Subclasses have `alpha`, `steps` and `phi` of the trial, A3's constants `of_steps`, what A1
    comes to (`refuted`, `uncertified`), and the tasks and the rule in words.
    """

    refuted: str | None = None
    uncertified: str | None = None

    @property
    @abstractmethod
    def of_steps(self) -> RegionConstants:
        """A3's and A4's constants."""

    @property
    @abstractmethod
    def alpha(self) -> float:
        """α."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """T."""

    @property
    @abstractmethod
    def phi(self) -> Box:
        """Φ."""

    @property
    @abstractmethod
    def words(self) -> tuple[str, str]:
        """The tasks and the rule."""

    @abstractmethod
    def own(self, i: int, *, of_sample: bool) -> RiskConstants:
        """M_g, L_g, μ and ρ_g of the risk of population i, or of its sample, on Φ'."""

    @property
    def region(self) -> str:
        """The id of the region of every number."""
        return self.of_steps.region.id

    def tested(self, level: Level) -> RiskConstants:
        """Of g³."""
        return self.risk(TESTING, level, of_sample=False)

    def adapting(self, level: Level) -> RiskConstants:
        """Of ĝ²."""
        return self.risk(ADAPTATION, level, of_sample=True)

    def training(self, level: Level) -> RiskConstants:
        """Of ĝ¹, inside and outside of the meta risk."""
        return self.risk(TRAINING, level, of_sample=True)

    def risk(self, i: int, level: Level, *, of_sample: bool) -> RiskConstants:
        """Of population i or its sample, at a level."""
        key = (i, level, of_sample)
        if key not in self._known:
            self._known[key] = self._compute(i, level, of_sample)
        return self._known[key]

    def meta(self, level: Level) -> Enclosure | None:
        """μ_G of the meta risk; None unless μ > 0, αL_g ≤ 1 and μ_G > 0 are certain."""
        try:
            mu_G = meta_strong_convexity(self.alpha, self.training(level))
        except InvalidArgument:
            return None
        return mu_G if mu_G.lower.value > 0 else None

    def meta_smoothness(self, level: Level) -> Enclosure:
        """L_G of the meta risk."""
        return meta_lipschitz(self.alpha, self.training(level))

    def gap(self, level: Level) -> Enclosure:
        """Proposition 1's bound of ‖∇ĝ¹ − ∇ĝ²‖; level `risk` has that of `closed-loop`."""
        of_steps = Level.CLOSED_LOOP if level is Level.RISK else level
        return Proposition1().bound(self.of_steps.pair, self.steps, of_steps)

    def enclosed(self, value: arb) -> Enclosure:
        """A number ≥ 0 of the trial's region, from its ball, which may reach below 0."""
        return Enclosure.certified(
            value.lower().max(arb(0)),
            value,
            EndMethod.INTERVAL_ARITHMETIC,
            norm=Norm.EUCLIDEAN,
            region=self.region,
        )

    def terms(self, seen: Seen, level: Level) -> dict[str, Enclosure]:
        """Every constant that a statement of the trial needs at a level, by symbol."""
        distances = {name: self.enclosed(value) for name, value in seen.distances.items()}
        return {
            **distances,
            "M_g": self.tested(level).M_g,
            "L_g": self.adapting(level).L_g,
            "alpha": self.enclosed(exact(self.alpha)),
        }

    def held_against(self, seen: Seen, epochs: int, smoothness: arb) -> Iterator[StatementCheck]:
        """All checks; full-batch meta-training took `epochs` steps 1/`smoothness`."""
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
                observed, bound = seen.distances["gap"], self.gap(level)
                yield self._check(Proposition1(), observed, bound, level, needs_convexity=False)
            yield from self._descent(seen, epochs, smoothness, level)

    def _descent(
        self, seen: Seen, epochs: int, smoothness: arb, level: Level
    ) -> Iterator[StatementCheck]:
        """Lemma 14 for the full-batch steps, where μ_G > 0 and `smoothness` ≥ L_G are certain."""
        meta = self.meta(level)
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
    def _diameter(self) -> arb:
        lows, highs = zip(*sides(self.phi), strict=True)
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
        tasks, rule = self.words
        return StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=tasks,
            rule=rule,
            region=self.of_steps.region,
            T=self.steps,
            graph=GraphMode.FULL,
            constants=statement.constants,
            observed=self.enclosed(observed),
            bound=bound,
            trivial=None if trivial is None else self.enclosed(trivial),
            level=level,
            refuted=self.refuted if needs_convexity else None,
            uncertified=self.uncertified if needs_convexity else None,
        )

    def _compute(self, i: int, level: Level, of_sample: bool) -> RiskConstants:
        if level is Level.RISK:
            return self.own(i, of_sample=of_sample)
        # A1's μ is the risk's own at every level: A3 has no part in it.
        mu = self.risk(i, Level.RISK, of_sample=of_sample).mu
        return risk_constants(self.of_steps.population(i), mu, self.steps, level)

    @cached_property
    def _known(self) -> dict[tuple[int, Level, bool], RiskConstants]:
        return {}
