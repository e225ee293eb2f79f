"""What a plan's setting shows over many samples and runs, in float64.

The constants hold for every sample that can be drawn: L_g, ρ_g, M_g are the largest and μ the
smallest of all tasks' own, on a box around all of their minimisers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ml2o_theory.arithmetic import float_above, float_below
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.generalization.atoms import Array, Atoms, StochasticMetaTraining
from ml2o_theory.generalization.trial import ADAPTATION, TESTING, TRAINING, Trial


@dataclass(frozen=True)
class AllSamples:
    """Constants of population 1's tasks, the worst of them: of every mean of N samples.

    Or of one of the tasks, or means over a sample.
    """

    M_g: float
    L_g: float
    mu: float
    rho_g: float

    def mu_G(self, alpha: float) -> float:
        """Lemma 7's (1 − αL_g)² μ − α ρ_g M_g, for every sample's meta risk."""
        return (1 - alpha * self.L_g) ** 2 * self.mu - alpha * self.rho_g * self.M_g

    def B(self, alpha: float) -> float:
        """(1 + αL_g) M_g."""
        return (1 + alpha * self.L_g) * self.M_g


@dataclass(frozen=True)
class Resampling:
    """A trial whose sample is drawn again and again."""

    trial: Trial

    @cached_property
    def atoms(self) -> tuple[Atoms, Atoms, Atoms]:
        """Of the three populations."""
        a, b, c = (Atoms.of(self.trial, i) for i in (TRAINING, ADAPTATION, TESTING))
        return a, b, c

    @cached_property
    def constants(self) -> AllSamples:
        """On Φ' of the trial, certified, rounded to the safe side."""
        return AllSamples(
            M_g=max(c.M_g for c in self._own),
            L_g=max(c.L_g for c in self._own),
            mu=min(c.mu for c in self._own),
            rho_g=max(c.rho_g for c in self._own),
        )

    @cached_property
    def _own(self) -> list[AllSamples]:
        """Of each task alone."""
        tasks = self.trial.population[TRAINING].samples
        known = [g.on(self.trial.reach, "Φ'") for g in tasks]
        return [
            AllSamples(
                M_g=float_above(c.M_g.upper.value),
                L_g=float_above(c.L_g.upper.value),
                mu=float_below(c.mu.lower.value),
                rho_g=float_above(c.rho_g.upper.value),
            )
            for c in known
        ]

    @cached_property
    def alpha(self) -> float:
        """An inner step that leaves every sample's meta risk convex for certain."""
        c = self.constants
        curvature = 0.5 / c.L_g
        return min(curvature, c.mu / (8 * c.rho_g * c.M_g)) if c.rho_g > 0 else curvature

    @cached_property
    def box(self) -> tuple[Array, Array]:
        """Φ."""
        return np.asarray(self.trial.phi.lower), np.asarray(self.trial.phi.upper)

    @cached_property
    def optimum(self) -> Array:
        """φ¹_*, of shape (p,)."""
        n = self.trial.populations.size
        return self.atoms[TRAINING].minimisers(np.full((1, n), 1 / n), *self.box)[0]

    @cached_property
    def tested_optimum(self) -> Array:
        """φ³_*, of shape (p,)."""
        n = self.trial.populations.size
        return self.atoms[TESTING].minimisers(np.full((1, n), 1 / n), *self.box)[0]

    def convexities(self, weights: Array) -> Array:
        """μ of each sample's risk, from below: the mean of its tasks' own."""
        return weights @ np.array([c.mu for c in self._own])

    def meta_convexities(self, weights: Array, alpha: float) -> Array:
        """μ_G of each sample's meta risk, from below: Lemma 7's, of means of its tasks' own."""
        each = np.array([(c.M_g, c.L_g, c.mu, c.rho_g) for c in self._own])
        means = weights @ each
        return np.array([AllSamples(*mean).mu_G(alpha) for mean in means.tolist()])

    def samples(self, N: int, runs: int, draw: np.random.Generator) -> Array:
        """The weights of each task in `runs` samples of N: (R, n)."""
        n = self.trial.populations.size
        return draw.multinomial(N, np.full(n, 1 / n), size=runs) / N

    def sample_optima(self, weights: Array) -> Array:
        """φ̂¹_* of each sample: (R, p)."""
        return self.atoms[TRAINING].minimisers(weights, *self.box)

    def meta_optima(self, weights: Array, alpha: float) -> Array:
        """φ̃_M* of each sample: φ̂_* in reading E, the root of T̂(φ) = φ_* in reading P."""
        if self.trial.reading is Reading.E:
            return self.sample_optima(weights)
        low, high = (np.broadcast_to(end, (len(weights), len(end))) for end in self.box)
        atoms = self.atoms[TRAINING]
        for _ in range(60):
            middle = (low + high) / 2
            slope = np.einsum("rn,rnp->rp", weights, atoms.slopes(middle))
            short = middle - alpha * slope < self.optimum
            low, high = np.where(short, middle, low), np.where(short, high, middle)
        return (low + high) / 2

    def training(self, weights: Array, alpha: float) -> StochasticMetaTraining:
        """Stochastic meta-training on each sample."""
        n = self.trial.populations.size
        uniform = np.full_like(weights, 1 / n)
        outside = weights if self.trial.reading is Reading.E else uniform
        return StochasticMetaTraining(self.atoms[TRAINING], alpha, *self.box, weights, outside)

    def errors(self, phi: Array, weights: Array, alpha: float) -> Array:
        """E_M of each run: g³(φ − α∇ĝ²(φ)) − g³(φ³_*)."""
        slope = np.einsum("rn,rnp->rp", weights, self.atoms[ADAPTATION].slopes(phi))
        return self.atoms[TESTING].excess(phi - alpha * slope, self.tested_optimum)
