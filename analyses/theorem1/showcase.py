"""One setting in which the whole of Theorem 1's bound says something, and where it is lost.

Nearly alike tasks, a large sample and a long stochastic meta-training: each of the four terms is a
visible share of a bound that is below the trivial one. The waterfall tells one run, on the sample
that the setting was chosen with: from its observed error to the bound, one inequality after
another, and then to the paper's uniform constants.

The bound holds with probability 1 − δ, of which one run shows nothing. So its failures are counted
in further runs, each with a sample and a stochastic meta-training of its own. Of the constants, μ_G
is each sample's own, as the steps 1/(μ_G k) are; all others hold for every sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from flint import arb

from analyses.theorem1.coverage import CONFIDENCE, theorem_constants
from analyses.theorem1.settings import (
    SHOWCASE_DELTA,
    SHOWCASE_EPOCHS,
    SHOWCASE_SEED,
    Theorem1Config,
    trial_of,
)
from analyses.theorem1.statistics import Resampling
from ml2o_core.results import CheckRow, Interval, Level, Row, StageRow, row_id
from ml2o_core.seeding import generator
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import decimal, exact, float_below, log10, precision
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.generalization.atoms import Array
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import Trial, as_vector
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.statements.theorem1_probability import Theorem1Probability
from ml2o_theory.statistical import StatisticalCheck

SETTING = "a setting with four visible terms"

MEDIAN, LARGEST, BOUND, TRIVIAL = "median error", "largest error", "smallest bound", "trivial bound"
"""What is told of the runs."""

CERTIFIED = "certified: ball arithmetic from exact data"
IN_PROBABILITY = f"certified constants; holds with probability {1 - SHOWCASE_DELTA:g}"


def rows(artefact: str, config: Theorem1Config) -> Iterator[Row]:
    """One run's stages, the terms' shares of the bound, and what all other runs show."""
    trial, start = trial_of(config.showcase, SHOWCASE_SEED, "showcase")
    again, bounds = Resampling(trial), TrialBounds.of(trial)
    chosen = trial.alpha, trial.size, SHOWCASE_EPOCHS, SHOWCASE_DELTA
    known = theorem_constants(again, *chosen)
    runs = Runs.of(again, config)
    told = as_vector(tuple(runs.phi[0].tolist()))
    seen = Observed(trial, as_vector(start), told, told)
    each = [known | {"mu_G": exact(mu_G)} for mu_G in runs.mu_G.tolist()]
    yield from _stages(artefact, bounds, seen, each[0])
    yield from _shares(artefact, each[0])
    limits = [float_below(Theorem1Probability().formula(values)) for values in each[1:]]
    errors = again.errors(runs.phi[1:], runs.weights[1:], trial.alpha)
    yield from _distribution(artefact, errors, np.array(limits), seen.span)
    yield check(artefact, trial, errors, np.array(limits))


@dataclass(frozen=True)
class Runs:
    """Stochastic meta-trainings: the first on the trial's own sample, the others on drawn ones.

    `weights` (R, n) are the samples, `mu_G` (R,) the certified convexity of their meta risks, `phi`
    (R, p) is φ_MK.
    """

    weights: Array
    mu_G: Array
    phi: Array

    @classmethod
    def of(cls, again: Resampling, config: Theorem1Config) -> Self:
        """One run that is told, and as many that are counted as the preset has."""
        trial = again.trial
        stream = generator(config.seed, purpose="showcase")
        draw = np.random.default_rng(stream.initial_seed())
        own = np.asarray([trial.draws], dtype=np.float64) / trial.size
        weights = np.vstack([own, again.samples(trial.size, config.size.runs, draw)])
        mu_G = again.meta_convexities(weights, trial.alpha)
        training = again.training(weights, trial.alpha)
        phi = training.run(mu_G[:, None], SHOWCASE_EPOCHS, draw)[SHOWCASE_EPOCHS]
        return cls(weights, mu_G, phi)


def _stages(
    artefact: str, bounds: TrialBounds, seen: Observed, known: dict[str, arb]
) -> Iterator[StageRow]:
    every_sample = {s: bounds.enclosed(known[s]) for s in ("M_g", "L_g")}
    terms, steps = bounds.terms(seen, Level.RISK) | every_sample, seen.steps
    M_g = known["M_g"]
    with precision():
        walked = sum(
            (steps[s] for s in ("optimization", "task difference", "sampling", "δ_13")), arb(0)
        )
        found = [
            ("observed error E_M", seen.error(seen.meta), CERTIFIED),
            ("g³ is Lipschitz", M_g * steps["whole"], CERTIFIED),
            ("triangle inequality", M_g * walked, CERTIFIED),
            ("T̂² is Lipschitz: Theorem 1", Theorem1().bound(terms).upper.value, CERTIFIED),
        ]
        probable = Theorem1Probability().terms(known)
        d_K = probable["optimization"] / (1 + known["alpha"] * known["L_g"])
    changes: list[tuple[str, dict[str, Enclosure], str]] = [
        ("Lemma 14", {"d_K": bounds.enclosed(d_K)}, IN_PROBABILITY),
        ("Proposition 1", {"gap": bounds.enclosed(known["gap"])}, IN_PROBABILITY),
        ("Lemma 15", {"d_N": bounds.enclosed(probable["sampling"])}, IN_PROBABILITY),
        (
            "uniform constants",
            {
                "M_g": bounds.tested(Level.UNIFORM).M_g,
                "L_g": bounds.adapting(Level.UNIFORM).L_g,
                "gap": bounds.gap(Level.UNIFORM),
            },
            "M_g, L_g and the gap from A3's constants; the rest as before",
        ),
    ]
    for name, change, how in changes:
        terms = {**terms, **change}
        found.append((name, Theorem1().bound(terms).upper.value, how))
    yield from _walk(row_id(artefact, "stages", "showcase"), artefact, SETTING, found)


def _shares(artefact: str, known: dict[str, arb]) -> Iterator[StageRow]:
    """The four terms of the bound, as numbers and as shares of it."""
    with precision():
        parts = {
            name: known["M_g"] * term for name, term in Theorem1Probability().terms(known).items()
        }
        whole = sum(parts.values(), arb(0))
        for position, (name, value) in enumerate(parts.items()):
            yield StageRow(
                id=row_id(artefact, "terms", "showcase", position),
                artefact=artefact,
                setting=f"terms of the bound: {SETTING}",
                position=position,
                stage=name,
                value=_interval(value),
                how=IN_PROBABILITY,
                share=float((value / whole).mid()),
            )


def _distribution(artefact: str, errors: Array, bounds: Array, trivial: arb) -> Iterator[StageRow]:
    """The runs' errors from their median to the smallest of their bounds."""
    float64 = f"of {len(errors)} independent runs, in float64"
    found = [
        (MEDIAN, exact(float(np.median(errors))), float64),
        (LARGEST, exact(float(errors.max())), float64),
        (BOUND, exact(float(bounds.min())), IN_PROBABILITY),
        (TRIVIAL, trivial, f"sup g³ − inf g³; {CERTIFIED}"),
    ]
    yield from _walk(row_id(artefact, "errors", "showcase"), artefact, f"errors: {SETTING}", found)


def _walk(
    name: str, artefact: str, setting: str, found: list[tuple[str, arb, str]]
) -> Iterator[StageRow]:
    """Stage, value and how it was obtained, in order."""
    previous = None
    for position, (stage, value, how) in enumerate(found):
        size = log10(value)
        yield StageRow(
            id=f"{name}/{position}",
            artefact=artefact,
            setting=setting,
            position=position,
            stage=stage,
            value=_interval(value),
            loss=None if previous is None or size is None else size - previous,
            how=how,
        )
        previous = size


def check(artefact: str, trial: Trial, errors: Array, bounds: Array) -> CheckRow:
    """How often a run's error exceeds its bound, against δ: of runs on drawn samples alone."""
    found = StatisticalCheck.failure_rate(
        int((errors > bounds).sum()),
        len(errors),
        SHOWCASE_DELTA,
        confidence=CONFIDENCE,
        statement=Theorem1Probability.number,
        level=Level.RISK,
        tasks=f"{SETTING}; {trial.populations.size} tasks, N = {trial.size}, "
        f"K = {SHOWCASE_EPOCHS}, δ = {SHOWCASE_DELTA:g}",
        rule=f"{trial.populations.shape} gain",
        region=f"Φ': {trial.reach}",
        T=trial.steps,
        graph=GraphMode.FULL,
    )
    return found.row(artefact, "showcase", "theorem 1")


def _interval(value: arb) -> Interval:
    return Interval.between(decimal(value.lower(), up=False), decimal(value.upper(), up=True))
