"""How the trials on regions are told and shown: from the stored rows alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from analyses.rendering.blocks import Block, Finding, RowTable, Text
from ml2o_core.results import (
    AssumptionRow,
    AssumptionVerdict,
    CheckRow,
    CheckVerdict,
    ConstantRow,
    EndMethod,
    Results,
    Row,
    Vacuity,
)
from ml2o_theory.constants.base import MEANING
from ml2o_theory.enclosure import SEARCHES
from ml2o_theory.generalization.bounds import LEVELS
from ml2o_theory.symbolic.risk_symbols import RISK_MEANING

THEOREM = "Theorem 1"

ALSO = {
    "mu": "the smallest eigenvalue of the Hessians of the four risks on Φ (A1)",
    "rho_g": "Lipschitz constant of the Hessian of the training sample's risk",
    "d_N_TL": "‖φ̂_* − φ_*‖, the sampling error of transfer learning",
}
"""Symbols that no statement's formula has, or that mean something else here."""

PART = "regions"
"""The second part of every id."""

TITLES = {
    "gain-lasso": "scalar gain, smoothed LASSO",
    "mlp-quadratic": "network, quadratic, Φ next to a minimum",
    "mlp-lasso": "network, smoothed LASSO, Φ next to a minimum",
    "mlp-quadratic-wider": "network, quadratic, wider Φ",
    "mlp-lasso-wider": "network, smoothed LASSO, wider Φ",
    "mlp-lasso-loose": "network, smoothed LASSO, Φ in one box",
}
"""How the page names the cases."""


def _of(results: Results) -> Iterator[tuple[str, list[AssumptionRow], list[CheckRow]]]:
    """The name, the A1 rows and the checks of each case that was run."""
    for name in TITLES:
        inside = f"/{PART}/{name}/"
        assumptions = [row for row in results.assumptions if inside in row.id]
        if assumptions:
            yield name, assumptions, [row for row in results.checks if inside in row.id]


def findings(results: Results) -> list[Finding]:
    """One sentence a case."""
    return [_finding(name, assumptions, checks) for name, assumptions, checks in _of(results)]


def _finding(name: str, assumptions: list[AssumptionRow], checks: list[CheckRow]) -> Finding:
    a1 = Counter(row.verdict for row in assumptions)
    words = {
        AssumptionVerdict.HOLDS: "certified",
        AssumptionVerdict.REFUTED: "refuted by a negative eigenvalue at a point",
        AssumptionVerdict.OPEN: "open",
    }
    state = ", ".join(f"{words[verdict]} in {count}" for verdict, count in a1.items())
    trials = f"{len(assumptions)} trial{'s' if len(assumptions) > 1 else ''}"
    text = f"{TITLES[name]} ({trials}): A1 is {state}; {_verdicts(checks)}."
    text += _all_the_same(checks) + _looseness(checks)
    return Finding(text[0].upper() + text[1:], tuple(row.id for row in assumptions))


def _verdicts(checks: Sequence[CheckRow]) -> str:
    counts = Counter(row.verdict for row in checks)
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items())
    return f"of {len(checks)} checks {said}"


def _looseness(checks: Sequence[CheckRow]) -> str:
    """How many times the observed error Theorem 1 allows, and where that says nothing."""
    said = []
    for level in LEVELS:
        rows = [row for row in checks if row.statement == THEOREM and row.level is level]
        known = [float(row.ratio.upper) for row in rows if row.ratio and row.ratio.upper.is_finite]
        vacuous = sum(row.vacuity is Vacuity.VACUOUS for row in rows)
        if known and min(known) > 0:
            said.append(
                f"{1 / median(known):.2g} times the observed error at level {level.value} (vacuous "
                f"in {vacuous} of {len(rows)})"
            )
    return f" Theorem 1 allows at least {', '.join(said)}." if said else ""


def _all_the_same(checks: Sequence[CheckRow]) -> str:
    """Whether the inequalities of statements that do not apply held."""
    refuted = [row for row in checks if row.verdict is CheckVerdict.NOT_APPLICABLE]
    if not refuted:
        return ""
    held = sum(row.inequality == "held" for row in refuted)
    return (
        f" At the optima that a search found, the inequality held all the same in {held} of the "
        f"{len(refuted)} that do not apply."
    )


def blocks(results: Results) -> list[Block]:
    """A1 of every trial, the checks, and the constants with what each end rests on."""
    inside = f"/{PART}/"
    checks = [row for row in results.checks if inside in row.id]
    constants = [row for row in results.constants if inside in row.id]
    assumptions = [row for row in results.assumptions if inside in row.id]
    if not assumptions:
        return []
    evidence = {id for row in assumptions for id in row.evidence}
    return [
        Text(
            "Rules and tasks without closed forms: every constant is enclosed on a small set of "
            r"parameters $\Phi$, by Taylor arithmetic over boxes. Upper ends of suprema (and the "
            r"lower end of $\mu$) are certified; the other ends are attained at a point. Where A1 "
            "is certified the optima are balls around Newton's limit, and the verdicts are those "
            "of certified numbers; where it is refuted the statements do not apply, and their "
            "inequalities are shown at the optima that a search found; where it is open, the "
            "optima are known to be somewhere in the set, and nothing else is. Samples here have "
            "as many tasks of each kind, and meta-training is full-batch and projected."
        ),
        RowTable.of(
            r"A1 for $g^1$, $\hat g^1$, $g^3$ and $\hat g^3$.",
            assumptions,
            {
                "case": _title,
                "A1": "verdict",
                "reason": "reason",
                "witness": "witness",
                "region": "region",
                r"$\mu$": "evidence",
            },
        ),
        RowTable.of(
            "Checks of the first trial of each case.",
            [row for row in checks if _is_first(row)],
            {
                "case": _title,
                "statement": "statement",
                "level": "level",
                "$T$": "T",
                "observed": "observed",
                "bound": "bound",
                "observed / bound": "ratio",
                "verdict": "verdict",
                "against the trivial bound": "vacuity",
                "reason": "reason",
                "A1": "assumptions",
            },
        ),
        RowTable.of(
            r"Constants and distances of the first trial of each case, and $\mu$ of every trial.",
            [row for row in constants if _is_first(row) or row.id in evidence],
            {
                "case": _title,
                "symbol": "symbol",
                "meaning": _meaning,
                "value": "value",
                "certified": certified,
                "lower end by": "lower_method",
                "upper end by": "upper_method",
                "region": "region",
            },
        ),
    ]


def _title(row: Row) -> str:
    _, _, name, index, *_ = row.id.split("/")
    return f"{TITLES[name]}, trial {index}"


def _is_first(row: Row) -> bool:
    return row.id.split("/")[3] == "0"


def _meaning(row: ConstantRow) -> str:
    return ({**MEANING, **RISK_MEANING, **ALSO})[row.symbol]


def certified(row: ConstantRow) -> str:
    """Which ends are proved."""
    ends = {"lower": row.lower_method, "upper": row.upper_method}
    proved = [
        name
        for name, method in ends.items()
        if method not in SEARCHES and method is not EndMethod.TRIVIAL
    ]
    return "both ends" if len(proved) == 2 else f"the {proved[0]} end" if proved else "neither end"
