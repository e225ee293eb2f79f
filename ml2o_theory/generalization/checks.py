r"""Theorem 1, Remark 2, Eq. 8 and Lemma 14 held against a trial: gain rule, quadratic tasks.

The checks are those of `ml2o_theory.generalization.bounds`. Here risks are polynomials, so that at
level `risk` their constants on Φ' are known exactly, and Theorem 1 in probability has constants
that hold for every sample.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce

from ml2o_core.results import EndMethod, Level
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.enclosure import Enclosure, End, maximum, minimum
from ml2o_theory.generalization.bounds import BoundsOfTrial
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.region_constants import TrialConstants
from ml2o_theory.generalization.trial import TRAINING, Trial
from ml2o_theory.meta_risk import RiskConstants
from ml2o_theory.regions import Box
from ml2o_theory.verdict import StatementCheck


@dataclass(frozen=True)
class TrialBounds(BoundsOfTrial):
    """The constants of a trial at every level, and its checks."""

    trial: Trial
    constants: TrialConstants

    @classmethod
    def of(cls, trial: Trial) -> TrialBounds:
        """With its own constants."""
        return cls(trial, TrialConstants(trial))

    @property
    def of_steps(self) -> TrialConstants:
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
        trial = self.trial
        tasks = f"three populations of {len(trial.draws)} quadratic tasks, N = {trial.size}"
        return tasks, f"{trial.populations.shape} gain, reading {trial.reading.value}"

    def own(self, i: int, *, of_sample: bool) -> RiskConstants:
        risks = self.trial.empirical if of_sample else self.trial.population
        return risks[i].on(self.trial.reach, self.region)

    def training(self, level: Level) -> RiskConstants:
        """Constants that g¹ and ĝ¹ share: for Lemma 7, the larger L_g, ρ_g, M_g and smaller μ."""
        sample = self.risk(TRAINING, level, of_sample=True)
        if self.trial.outer is self.trial.empirical[TRAINING]:
            return sample
        whole = self.risk(TRAINING, level, of_sample=False)
        return RiskConstants(
            L_g=maximum(sample.L_g, whole.L_g),
            rho_g=maximum(sample.rho_g, whole.rho_g),
            M_g=maximum(sample.M_g, whole.M_g),
            mu=minimum(sample.mu, whole.mu),
        )

    def checks(self, seen: Observed, epochs: int, step: float) -> Iterator[StatementCheck]:
        """All of them; full-batch meta-training took `epochs` steps of the size `step`."""
        with precision():
            smoothness = 1 / exact(step)
        yield from self.held_against(seen, epochs, smoothness)

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
        tasks = self.trial.population[TRAINING].samples
        return [g.on(self.trial.reach, self.region) for g in tasks]

    @cached_property
    def uncertified(self) -> str | None:  # type: ignore[override]
        """A1 for the risks of tasks 1 and 3, which makes their optima unique."""
        for known in (self.training(Level.RISK), self.tested(Level.RISK)):
            if not known.mu.lower.value > 0:
                return f"A1 is not certified: μ is in {known.mu}"
        return None


def _ends(value: Enclosure) -> tuple[End, End]:
    return value.lower, value.upper
