"""The experiment's bounds and errors as rows: constants, the terms of Theorem 1, curves over T."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from analyses.theorem1.bounds import AlongRuns, Theorem1Part, as_number, logarithm
from analyses.theorem1.errors import Errors
from ml2o_core.methods import METHODS
from ml2o_core.results import CurveRow, Interval, Level, Row, Scale, StageRow, row_id
from ml2o_theory.statements.proposition1 import Proposition1

PART = "experiment"
"""The second part of the rows' ids, after the artefact's name."""

FULL, DETACHED, THEOREM, ERRORS, DISTANCES = (
    "Proposition 1: final loss, graph full",
    "Proposition 1: final loss, graph detached",
    "Theorem 1",
    "The observed errors alone",
    "Mean distance to the minimisers",
)
"""The panels of the figure."""

LOG10 = "log10"
OBSERVED_GAP = "observed gap of the two risks' gradients"
UNIFORM, CLOSED, FROZEN = "bound, uniform", "bound, closed-loop", "bound, detached"
TRIVIAL_GAP = "trivial bound, 2 M P_T"
EVALUATED, STANDSTILL = "evaluated part of the bound", "trivial: error of never moving"
ML2O, TL = METHODS["m-l2o"].label, METHODS["tl"].label
AS_ADAPTED, ONE_STEP = "as adapted", "one inner step"

SYMBOLS = {
    f"{ML2O}, {AS_ADAPTED}": "E_M",
    f"{TL}, {AS_ADAPTED}": "E_TL",
    f"{ML2O}, {ONE_STEP}": "E_M",
    f"{TL}, {ONE_STEP}": "E_TL",
}
"""The adapted φ whose errors are observed, and what the theory calls the error."""

APART = {ML2O: f"distance, {ML2O}", TL: f"distance, {TL}"}
"""The distances' curves, by method."""

ENDS = ("at most", "at least")
"""The two curves of an enclosed error."""

NO_MU = "undefined: A1 is refuted, so there is no μ > 0 and no μ_G"


def bound_rows(artefact: str, pair: AlongRuns, test: AlongRuns, alpha: float, T: int) -> list[Row]:
    """The sampled constants, and what they make of the parts of Theorem 1 after T steps."""
    part = Theorem1Part.of(pair, test, alpha, T)
    found: list[Row] = [
        *pair.rows(artefact, (PART, "tasks 1 and 2"), T),
        *test.rows(artefact, (PART, "task 3"), T),
    ]
    for of, symbol, value in ((test, "M_g", part.M_g), (pair, "alpha L_g", part.alpha_L_g)):
        found.append(of.row(artefact, (PART, "bound"), symbol, value, T))
    return found


def term_rows(
    artefact: str, observed: Errors, pair: AlongRuns, test: AlongRuns, alpha: float, T: int
) -> list[StageRow]:
    """The error, the four terms of Theorem 1 (each times M_g³) and their sum: [what is known, ∞].

    Every term is at least 0 where it is defined, so the sum is at least the one that is evaluated.
    """
    part = Theorem1Part.of(pair, test, alpha, T)
    error = observed.over_seeds(f"{ML2O}, {AS_ADAPTED}", T)
    evaluated = as_number(part.evaluated)
    sampled = "from sampled constants: at least this on any region that holds the runs"
    terms = (
        ("observed E_M", error, "enclosed, over the seeds: see the errors below"),
        ("optimization: M_g (1 + α L_g) B / (μ_G √(δ_a K))", Interval.at_least(0), NO_MU),
        ("task difference: M_g α (M Δ_J + P_T Δ Q^T)", Interval.at_least(evaluated), sampled),
        ("sampling: M_g √8 M_g¹ / (μ √(δ_b N))", Interval.at_least(0), NO_MU),
        (
            "δ_13: M_g ‖φ¹_* − φ³_*‖",
            Interval.at_least(0),
            "not known: neither minimiser is, and with A1 refuted neither need be unique",
        ),
        ("the bound: the sum", Interval.at_least(evaluated), "at least the term that is evaluated"),
    )
    return [
        StageRow(
            id=row_id(artefact, PART, "term", str(position)),
            artefact=artefact,
            setting=f"RNNprop on LASSO, T = {T}",
            position=position,
            stage=stage,
            value=value,
            how=how,
        )
        for position, (stage, value, how) in enumerate(terms)
    ]


def gap_curves(
    artefact: str,
    pair: AlongRuns,
    full: Float[Tensor, "T R"],
    detached: Float[Tensor, "T R"],
) -> list[CurveRow]:
    """Proposition 1 against the observed gap ‖∇ĝ¹ − ∇ĝ²‖, the largest of the seeds, for each T."""
    statement, steps = Proposition1(), range(1, len(full) + 1)

    def bounded(level: Level) -> list[float | None]:
        return [logarithm(pair.bound(statement.formula, T, level)) for T in steps]

    trivial = [
        logarithm(pair.bound(statement.trivial_formula, T, Level.CLOSED_LOOP)) for T in steps
    ]
    lines = (
        (FULL, UNIFORM, bounded(Level.UNIFORM)),
        (FULL, CLOSED, bounded(Level.CLOSED_LOOP)),
        (FULL, TRIVIAL_GAP, trivial),
        (FULL, OBSERVED_GAP, full.amax(1).log10().tolist()),
        (DETACHED, FROZEN, bounded(Level.DETACHED)),
        (DETACHED, OBSERVED_GAP, detached.amax(1).log10().tolist()),
    )
    return [_curve(artefact, *line) for line in lines]


def error_curves(
    artefact: str, observed: Errors, pair: AlongRuns, test: AlongRuns, alpha: float, T: int
) -> list[CurveRow]:
    """The evaluated part of Theorem 1 against the enclosed errors, their means over the seeds.

    The errors have a panel of their own too: next to the bound they are one line.
    """
    parts = [logarithm(Theorem1Part.of(pair, test, alpha, t).evaluated) for t in range(1, T + 1)]
    still = math.log10(observed.standstill.max().item())
    found = [
        _curve(artefact, THEOREM, EVALUATED, parts),
        _curve(artefact, THEOREM, STANDSTILL, [still] * T),
    ]
    for method in (f"{ML2O}, {AS_ADAPTED}", f"{TL}, {AS_ADAPTED}"):
        for end, values in zip(ENDS, (observed.upper(method), observed.lower(method)), strict=True):
            mean = values.mean(0)[1:].log10().tolist()
            found.append(_curve(artefact, ERRORS, f"{SYMBOLS[method]} {end}", mean))
    highest = observed.upper(f"{ML2O}, {AS_ADAPTED}").mean(0)[1:].log10().tolist()
    found.append(_curve(artefact, THEOREM, f"E_M {ENDS[0]}", highest))
    found.append(_curve(artefact, ERRORS, STANDSTILL, [still] * T))
    return [*found, *_distances(artefact, observed)]


def _distances(artefact: str, observed: Errors) -> list[CurveRow]:
    """The mean over the seeds of ‖x_t − x*‖, from above, where every minimiser is unique."""
    found = []
    for method, name in APART.items():
        apart = observed.distances[f"{method}, {AS_ADAPTED}"]
        if bool(apart.isfinite().all()):
            mean = apart.mean(0)[1:].log10().tolist()
            found.append(_curve(artefact, DISTANCES, name, mean))
    return found


def _curve(artefact: str, panel: str, method: str, values: Sequence[float | None]) -> CurveRow:
    return CurveRow(
        id=row_id(artefact, PART, "curve", panel, method),
        artefact=artefact,
        panel=panel,
        method=method,
        quantity=LOG10,
        scale=Scale.LOG10,
        step=tuple(range(1, len(values) + 1)),
        estimate=tuple(values),
    )
