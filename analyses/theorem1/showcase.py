"""One setting in which the whole of Theorem 1's bound says something, and where it is lost.

Nearly alike tasks, a large sample and a long stochastic meta-training: each of the four terms is a
visible share of a bound that is below the trivial one. The waterfall goes from the observed error
to that bound, one inequality after another, and then to the paper's uniform constants.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from flint import arb

from analyses.theorem1.settings import (
    SHOWCASE_DELTA,
    SHOWCASE_EPOCHS,
    SHOWCASE_SEED,
    Theorem1Config,
    trial_of,
)
from ml2o_core.results import (
    CheckKind,
    CheckRow,
    CheckVerdict,
    Interval,
    Level,
    Row,
    StageRow,
    Vacuity,
    row_id,
)
from ml2o_core.seeding import generator
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import decimal, float_below, log10, precision
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.generalization.atoms import StochasticMetaTraining
from ml2o_theory.generalization.checks import TrialBounds
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.trial import as_vector
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.statements.theorem1_probability import Theorem1Probability

SETTING = "a setting with four visible terms"

CERTIFIED = "certified: ball arithmetic from exact data"
IN_PROBABILITY = f"certified constants; holds with probability {1 - SHOWCASE_DELTA:g}"


def rows(artefact: str, config: Theorem1Config) -> Iterator[Row]:
    """The stages, the terms' shares of the bound, and the check of the bound."""
    trial, start = trial_of(config.showcase, SHOWCASE_SEED, "showcase")
    bounds = TrialBounds.of(trial)
    terms = bounds.terms(Observed(trial, *[as_vector(start)] * 3), Level.RISK)
    known = bounds.in_probability(terms, SHOWCASE_DELTA, SHOWCASE_EPOCHS, Level.RISK)
    assert known is not None
    stream = generator(config.seed, purpose="showcase")
    run = StochasticMetaTraining.of(trial, 1).run(
        float_below(known["mu_G"].lower.value),
        SHOWCASE_EPOCHS,
        np.random.default_rng(stream.initial_seed()),
    )
    end = as_vector(tuple(run[SHOWCASE_EPOCHS][0].tolist()))
    seen = Observed(trial, as_vector(start), end, end)
    terms = bounds.terms(seen, Level.RISK)
    known = bounds.in_probability(terms, SHOWCASE_DELTA, SHOWCASE_EPOCHS, Level.RISK)
    assert known is not None
    yield from _stages(artefact, bounds, seen, terms, known)
    yield from _shares(artefact, known)
    yield _check(artefact, bounds, seen, known)


def _stages(
    artefact: str,
    bounds: TrialBounds,
    seen: Observed,
    terms: dict[str, Enclosure],
    known: dict[str, Enclosure],
) -> Iterator[StageRow]:
    M_g, steps = terms["M_g"].upper.value, seen.steps
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
        probable = Theorem1Probability().terms(_pessimistic(known))
        optimization = probable["optimization"] / (
            1 + terms["alpha"].upper.value * terms["L_g"].upper.value
        )
    changes: list[tuple[str, dict[str, Enclosure], str]] = [
        ("Lemma 14", {"d_K": bounds.enclosed(optimization)}, IN_PROBABILITY),
        ("Proposition 1", {"gap": known["gap"]}, IN_PROBABILITY),
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
    previous = None
    for position, (name, value, how) in enumerate(found):
        size = log10(value)
        yield StageRow(
            id=row_id(artefact, "stages", "showcase", position),
            artefact=artefact,
            setting=SETTING,
            position=position,
            stage=name,
            value=_interval(value),
            loss=None if previous is None or size is None else size - previous,
            how=how,
        )
        previous = size


def _shares(artefact: str, known: dict[str, Enclosure]) -> Iterator[StageRow]:
    """The four terms of the bound, as numbers and as shares of it."""
    values = _pessimistic(known)
    with precision():
        parts = {
            name: values["M_g"] * term for name, term in Theorem1Probability().terms(values).items()
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


def _check(
    artefact: str, bounds: TrialBounds, seen: Observed, known: dict[str, Enclosure]
) -> CheckRow:
    """One run against a bound that holds with a probability: evidence of one run, no more."""
    bound = Theorem1Probability().bound(known)
    error = bounds.enclosed(seen.error(seen.meta))
    held = error.upper.value <= bound.lower.value
    trial = bounds.trial
    return CheckRow(
        id=row_id(artefact, "showcase", "theorem 1"),
        artefact=artefact,
        statement=Theorem1Probability.number,
        kind=CheckKind.INSTANCE,
        level=Level.RISK,
        tasks=f"{SETTING}: {trial.populations.size} tasks, N = {trial.size}, "
        f"K = {SHOWCASE_EPOCHS}, δ = {SHOWCASE_DELTA:g}",
        rule=f"{trial.populations.shape} gain",
        region=str(bounds.constants.region),
        T=trial.steps,
        graph=GraphMode.FULL.value,
        observed=error.interval,
        bound=bound.interval,
        verdict=CheckVerdict.HOLDS if held else CheckVerdict.INCONCLUSIVE,
        vacuity=Vacuity.VACUOUS if seen.span <= bound.lower.value else Vacuity.INFORMATIVE,
        reason=f"the trivial bound sup g³ − inf g³ is {float(seen.span.mid()):.4g}"
        + ("" if held else "; a bound in probability may fail in one run"),
    )


def _pessimistic(known: dict[str, Enclosure]) -> dict[str, arb]:
    statement = Theorem1Probability()
    high = {s: known[s].upper.value for s in statement.increasing}
    return high | {s: known[s].lower.value for s in statement.decreasing}


def _interval(value: arb) -> Interval:
    return Interval.between(decimal(value.lower(), up=False), decimal(value.upper(), up=True))
