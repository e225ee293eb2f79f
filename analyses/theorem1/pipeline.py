"""A trial, trained: by full-batch Algorithm 1 and by transfer learning, in certified steps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from flint import arb

from ml2o_core.results import Level
from ml2o_theory.arithmetic import exact, float_below, precision
from ml2o_theory.assumptions.a2_meta_optimum import Reading
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.descent import descend
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import TRAINING, Trial, as_vector
from ml2o_theory.statements.lemma14_full_batch import Lemma14FullBatch
from ml2o_theory.statements.lemma15 import Lemma15
from ml2o_theory.statements.theorem1 import Theorem1

STAGE_DELTA = 0.1
"""δ of Lemma 15 in the waterfall."""


@dataclass(frozen=True)
class Pipeline:
    """A trial, trained by full-batch descent with the steps that its constants allow."""

    trial: Trial
    start: tuple[float, ...]
    epochs: int

    @cached_property
    def bounds(self) -> TrialBounds:
        """The trial's constants at every level."""
        return TrialBounds.of(self.trial)

    @cached_property
    def step(self) -> float:
        """1/L_G of the meta risk, rounded down."""
        return _reciprocal(self.bounds.meta_smoothness(Level.RISK))

    @cached_property
    def seen(self) -> Observed:
        """What came of Algorithm 1 and of transfer learning in as many steps."""
        trial, start = self.trial, as_vector(self.start)
        meta = descend(trial.meta_gradient, start, exact(self.step), trial.phi, self.epochs)
        step = exact(_reciprocal(self.bounds.training(Level.RISK).L_g))
        gradient = trial.empirical[TRAINING].gradient
        transfer = descend(gradient, start, step, trial.phi, self.epochs)
        return Observed(trial, start, meta[-1], transfer[-1])

    def stages(self) -> dict[str, arb]:
        """From the observed error to the bound: each inequality of the proof, one after another.

        Upper ends throughout. A stage that does not exist (Lemma 14 where μ_G > 0 is not certain,
        Lemma 15 where a sample's μ may be 0 or in reading P) repeats the one before.
        """
        seen, bounds = self.seen, self.bounds
        terms = bounds.terms(seen, Level.RISK)
        M_g, steps = terms["M_g"].upper.value, seen.steps
        with precision():
            found = {
                "observed error": seen.error(seen.meta),
                "g³ is Lipschitz": M_g * steps["whole"],
                "triangle inequality": M_g
                * (
                    steps["optimization"]
                    + steps["task difference"]
                    + steps["sampling"]
                    + steps["δ_13"]
                ),
                "T̂² is Lipschitz": Theorem1().bound(terms).upper.value,
            }
        for name, change in (
            ("Lemma 14", self._optimization()),
            ("Proposition 1", {"gap": bounds.gap(Level.CLOSED_LOOP)}),
            ("Lemma 15", self._sampling()),
            ("uniform constants", self._uniform()),
        ):
            terms = {**terms, **change}
            found[name] = Theorem1().bound(terms).upper.value
        return found

    def _optimization(self) -> dict[str, Enclosure]:
        mu_G, bounds = self.bounds.meta(Level.RISK), self.bounds
        if mu_G is None:
            return {}
        with precision():
            smoothness = bounds.enclosed(1 / exact(self.step))
        given = {
            "mu_G": mu_G,
            "L_G": smoothness,
            "K": bounds.enclosed(exact(self.epochs)),
            "d_0": bounds.enclosed(self.seen.distances["d_0"]),
        }
        return {"d_K": Lemma14FullBatch().bound(given)}

    def _sampling(self) -> dict[str, Enclosure]:
        bounds = self.bounds
        terms = bounds.terms(self.seen, Level.RISK)
        known = bounds.in_probability(terms, 2 * STAGE_DELTA, 1, Level.RISK)
        if known is None or self.trial.reading is Reading.P:
            return {}
        return {"d_N": Lemma15().bound({**known, "delta": known["delta_b"]})}

    def _uniform(self) -> dict[str, Enclosure]:
        bounds = self.bounds
        return {
            "M_g": bounds.tested(Level.UNIFORM).M_g,
            "L_g": bounds.adapting(Level.UNIFORM).L_g,
            "gap": bounds.gap(Level.UNIFORM),
        }


def _reciprocal(value: Enclosure) -> float:
    with precision():
        return float_below(1 / value.upper.value)
