"""How the experiment's rows are shown, and what is said about them: from the stored rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from analyses.rendering.blocks import Block, Finding, LineFigure, Role, RowTable, Text
from analyses.theorem1.curves import (
    APART,
    AS_ADAPTED,
    CLOSED,
    DETACHED,
    DISTANCES,
    ENDS,
    ERRORS,
    EVALUATED,
    FROZEN,
    FULL,
    NO_MU,
    OBSERVED_GAP,
    ONE_STEP,
    PART,
    STANDSTILL,
    SYMBOLS,
    THEOREM,
    TRIVIAL_GAP,
    UNIFORM,
)
from analyses.theorem1.departures import PREFIX
from ml2o_core.results import (
    AssumptionRow,
    AssumptionVerdict,
    CurveRow,
    Results,
    Row,
    StageRow,
)

SHOWN = 160
"""Characters of a witness that the page prints; results.json has all of them."""

NO_GUARANTEE = "no guarantee"

ROLES = {
    EVALUATED: Role.BOUND,
    UNIFORM: Role.BOUND,
    CLOSED: Role.BOUND,
    FROZEN: Role.BOUND,
    TRIVIAL_GAP: Role.OPTIMUM,
    STANDSTILL: Role.OPTIMUM,
    OBSERVED_GAP: Role.OBSERVED,
    **{f"{symbol} {end}": Role.OBSERVED for symbol in ("E_M", "E_TL") for end in ENDS},
    **dict.fromkeys(APART.values(), Role.OBSERVED),
}

OBSERVED = (ERRORS, DISTANCES)
"""Panels without a bound: what they show is enclosed, or bounded from above."""

R = TypeVar("R", bound=Row)


def blocks(results: Results) -> list[Block]:
    """The part of the page, without a title of its own."""
    assumed, left = _assumptions(results)
    found: list[Block] = [
        Text(
            "RNNprop on LASSO, the paper's own experiment: M-L2O and transfer learning are "
            "meta-trained on the LASSO mixture (task 1), adapted to LASSO with "
            r"$A \sim N(0, \sigma^2)$ (task 2), and tested on fresh problems of the same "
            "distribution (task 3). Theorem 1 does not apply here; this is what fails, what the "
            "bound would say, and what is observed."
        ),
        RowTable.of(
            "Assumptions in the experiment. A refuted one has a witness from which a reader can "
            "recompute it: the page prints its beginning, results.json has every digit.",
            assumed,
            {
                "assumption": "assumption",
                "tasks; rule": "subject",
                "verdict": "verdict",
                "why": "reason",
                "witness": _shown,
            },
        ),
        RowTable.of(
            "The numbers behind them.",
            [row for row in _of(results.constants) if _kind(row) in {"a1", "a3", "a4"}],
            {
                "number": "symbol",
                "about": "subject",
                "value": "value",
                "lower end by": "lower_method",
                "upper end by": "upper_method",
                "region": "region",
            },
        ),
    ]
    curves = tuple(_of(results.curves))
    if curves:
        found += _bound_blocks(results, curves)
    found += [
        RowTable.of(
            "Theorem 1 against the experiment, line by line. What the experiment has is read from "
            "the configuration that was run.",
            left,
            {
                "the theorem has": "assumption",
                "the experiment has": "witness",
                "agreement": lambda row: "yes" if row.verdict is AssumptionVerdict.HOLDS else "no",
                "what that does to the bound": "reason",
            },
        ),
        RowTable.of(
            "How the parameters came about.",
            _of(results.fits),
            {
                "method": "method",
                "stage": "stage",
                "how": "how",
                "windows": "windows",
                "seeds": "repeats",
                "diverged": "diverged",
            },
        ),
    ]
    return found


def _bound_blocks(results: Results, curves: tuple[CurveRow, ...]) -> list[Block]:
    """What needs a seed that did not diverge."""
    return [
        Text(
            "The bounds below are computed from constants that are sampled: the largest values "
            "at the points that the runs themselves visit. On every region that holds these runs "
            "the true constants are at least as large, so the paper's formula gives at least what "
            "is shown: a lower end, tagged “no guarantee”, since it bounds no gap and no error. "
            r"LASSO has no $\rho$; with $\rho = \infty$ every bound is infinite, and here "
            r"$\rho = 0$, that of its smooth part. The rule has a state, so the memoryless formula "
            "itself is not a bound for it; the one for rules with a state has larger constants."
        ),
        LineFigure(
            id=f"{_artefact(curves)}-{PART}",
            caption="Base-10 logarithms against T. Bounds are from sampled constants "
            f"({NO_GUARANTEE}); the gap is the largest of the seeds, the error is their mean.",
            description="Logarithms of Proposition 1's and Theorem 1's bounds, of trivial bounds, "
            "and of the observed gap and error, against the number of steps T.",
            x_label="T",
            y_label=f"log10 ({NO_GUARANTEE})",
            curves=tuple(row for row in curves if row.panel not in OBSERVED),
            roles=ROLES,
            y_range="own",
        ),
        LineFigure(
            id=f"{_artefact(curves)}-{PART}-observed",
            caption="What is observed, alone: base-10 logarithms of means over the problems and "
            "the seeds, against T. “At least” is the error's excess over the best φ that was "
            "found, “at most” that over the certified optima of the test problems, which is "
            "$f(x_T) - f^*$. Where “at least” has no point, the adapted φ is itself the best one. "
            r"Distances are $\| x_T - x^* \|$ of the adapted φ, from above.",
            description="Logarithms of the observed errors and of the distances to the minimisers "
            "against the number of steps T.",
            x_label="T",
            y_label="log10",
            curves=tuple(row for row in curves if row.panel in OBSERVED),
            roles=ROLES,
            y_range="own",
        ),
        RowTable.of(
            "Theorem 1, term by term, at the largest T: which terms can be evaluated at all.",
            _of(results.stages),
            {
                "": "stage",
                "value": "value",
                "how": "how",
            },
        ),
        RowTable.of(
            f"Sampled constants at the largest T ({NO_GUARANTEE}): each is attained at the point "
            "named, and has no upper end.",
            [row for row in _of(results.constants) if _kind(row) in _SAMPLED],
            {
                "constant": "symbol",
                "runs": "subject",
                "value": "value",
                "lower end by": "lower_method",
                "upper end by": "upper_method",
                "attained at": "witness",
            },
        ),
        RowTable.of(
            "The observed errors, enclosed, for each training seed. They are errors of the test "
            "batch, not of the population. “As adapted”: by the experiment's Adam steps; “one "
            r"inner step”: by $\varphi - \alpha \nabla \hat g^2$, as the theorem has it.",
            [row for row in _of(results.constants) if _kind(row) == "error"],
            {
                "error": "symbol",
                "φ": "subject",
                "value": "value",
                "lower end by": "lower_method",
                "upper end by": "upper_method",
                "of": "region",
            },
        ),
        RowTable.of(
            "The certified optima that the upper ends rest on.",
            _of(results.optima),
            {
                "problems": "problem",
                r"mean $f^*$": "value",
                "largest gap": "gap",
                "CVXPY's value": "reference",
                "CVXPY's solvers": "reference_solver",
            },
        ),
    ]


_SAMPLED = {"tasks-1-and-2", "task-3", "bound"}


def findings(results: Results) -> list[Finding]:
    """What was found, each sentence with its rows."""
    assumed, left = _assumptions(results)
    found = [_refuted(assumed), _departures(left)]
    curves = {(row.panel, row.method): row for row in _of(results.curves)}
    if curves:
        found += [_vacuity(curves), _gap(curves), _errors(results), _undefined(results)]
    return found


def horizon_of_vacuity(bound: CurveRow, trivial: CurveRow) -> int | None:
    """The first T from which on the bound is never below the trivial one; None if there is none."""
    above = [
        b is not None and t is not None and b >= t
        for b, t in zip(bound.estimate, trivial.estimate, strict=True)
    ]
    last = max((i for i, reached in enumerate(above) if not reached), default=-1)
    return bound.step[last + 1] if last + 1 < len(above) else None


def _vacuity(curves: dict[tuple[str, str], CurveRow]) -> Finding:
    bound, trivial = curves[THEOREM, EVALUATED], curves[THEOREM, STANDSTILL]
    T = horizon_of_vacuity(bound, trivial)
    last = f"at T = {bound.step[-1]} it is $10^{{{_last(bound):.1f}}}$"
    since = (
        f"exceeds what never moving from $x_0$ costs from T = {T} on"
        if T is not None
        else "stays below what never moving from $x_0$ costs"
    )
    return Finding(
        f"The experiment: the one term of Theorem 1 that can be evaluated {since}; {last}. It is "
        "computed from constants sampled along the runs, so on any region that holds them the "
        "bound is at least that: vacuous there, and no guarantee anywhere.",
        (bound.id, trivial.id),
    )


def _gap(curves: dict[tuple[str, str], CurveRow]) -> Finding:
    uniform, closed = curves[FULL, UNIFORM], curves[FULL, CLOSED]
    gap, frozen = curves[FULL, OBSERVED_GAP], curves[DETACHED, FROZEN]
    T = horizon_of_vacuity(closed, curves[FULL, TRIVIAL_GAP])
    vacuous = f"no better than 2 M P_T from T = {T} on" if T else "better than 2 M P_T"
    return Finding(
        f"Proposition 1 on the experiment, T = {gap.step[-1]}: the observed gap of the gradients "
        f"is $10^{{{_last(gap):.1f}}}$; with sampled constants the paper's bound is at least "
        f"$10^{{{_last(uniform):.1f}}}$, closed-loop $10^{{{_last(closed):.1f}}}$ ({vacuous}), and "
        f"for the detached graph $10^{{{_last(frozen):.1f}}}$ (no guarantees).",
        (uniform.id, closed.id, frozen.id, gap.id),
    )


def _errors(results: Results) -> Finding:
    rows = [row for row in _of(results.constants) if _kind(row) == "error"]
    said = []
    for method, symbol in SYMBOLS.items():
        if AS_ADAPTED not in method:
            continue
        own = [row for row in rows if row.subject.startswith(method)]
        low, high = min(float(r.value.lower) for r in own), max(float(r.value.upper) for r in own)
        said.append(f"{symbol} is between {low:.3g} and {high:.3g}")
    one = [row for row in rows if ONE_STEP in row.subject]
    low, high = min(float(r.value.lower) for r in one), max(float(r.value.upper) for r in one)
    return Finding(
        f"Observed, over the seeds: {' and '.join(said)} (after the experiment's adaptation); "
        f"after the theorem's one inner step both are between {low:.3g} and {high:.3g}.",
        tuple(row.id for row in rows),
    )


def _undefined(results: Results) -> Finding:
    """Which terms have no number."""
    terms: list[StageRow] = [row for row in _of(results.stages) if row.position > 0]
    unknown = [row for row in terms[:-1] if float(row.value.lower) == 0]
    without = [row for row in unknown if row.how == NO_MU]
    names = ", ".join(row.stage.partition(":")[0] for row in unknown)
    return Finding(
        f"Of Theorem 1's {len(terms) - 1} terms, {len(unknown)} have no value here ({names}): "
        f"{len(without)} need a strong-convexity constant that A1's refutation takes away, and "
        "δ_13 two minimisers that are not known.",
        tuple(row.id for row in unknown),
    )


def _refuted(rows: Sequence[AssumptionRow]) -> Finding:
    refuted = [row for row in rows if row.verdict is AssumptionVerdict.REFUTED]
    names = ", ".join(dict.fromkeys(row.assumption for row in refuted))
    return Finding(
        f"RNNprop on LASSO: {len(refuted)} of {len(rows)} checks of the assumptions are refuted, "
        f"each by a witness ({names}).",
        tuple(row.id for row in refuted),
    )


def _departures(rows: Sequence[AssumptionRow]) -> Finding:
    apart = [row for row in rows if row.verdict is AssumptionVerdict.REFUTED]
    return Finding(
        f"As configured, the experiment differs from the theorem in {len(apart)} of {len(rows)} "
        "points beyond the assumptions.",
        tuple(row.id for row in apart),
    )


def _of(rows: Iterable[R]) -> list[R]:
    """The rows of this part."""
    return [row for row in rows if row.id.split("/")[1] == PART]


def _kind(row: Row) -> str:
    """The part of the id that says what a row is about."""
    return row.id.split("/")[2]


def _assumptions(results: Results) -> tuple[list[AssumptionRow], list[AssumptionRow]]:
    """The assumptions, and the departures."""
    rows = _of(results.assumptions)
    return [r for r in rows if _kind(r) != PREFIX], [r for r in rows if _kind(r) == PREFIX]


def _artefact(curves: Sequence[CurveRow]) -> str:
    return curves[0].artefact


def _last(curve: CurveRow) -> float:
    return next((v for v in reversed(curve.estimate) if v is not None), float("nan"))


def _shown(row: AssumptionRow) -> str | None:
    """The beginning of the witness."""
    if row.witness is None or len(row.witness) <= SHOWN:
        return row.witness
    return row.witness[:SHOWN].rsplit(" ", 1)[0] + " …"
