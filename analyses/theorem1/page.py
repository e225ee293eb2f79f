"""How the report on Theorem 1 is told and shown: from the stored rows alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analyses.rendering.blocks import (
    Block,
    Bullets,
    Cell,
    Estimate,
    Finding,
    Formula,
    Heading,
    LineFigure,
    Role,
    RowTable,
    Section,
    StageFigure,
    Text,
)
from analyses.theorem1 import differences_page, experiment_page, regions_page
from analyses.theorem1.rates import QUANTITY
from analyses.theorem1.showcase import SETTING
from analyses.theorem1.trial_rows import MEDIAN, counts
from ml2o_core.results import (
    AssumptionRow,
    CheckKind,
    CheckRow,
    ClaimRow,
    CurveRow,
    Level,
    LoosenessRow,
    RateRow,
    Results,
    Row,
    StageRow,
)
from ml2o_theory.registry import risk_statements

LEVELS = (Level.RISK, Level.CLOSED_LOOP, Level.UNIFORM)


def findings(results: Results) -> list[Finding]:
    """The page's summary."""
    return [
        *_joint(results),
        *_verdicts(results),
        *_waterfall(results),
        *_gain(results),
        *_rates(results),
        *_coverage(results),
        *_side_by_side(results),
        *regions_page.findings(results),
        *experiment_page.findings(results),
        *differences_page.findings(results),
    ]


def section(results: Results) -> Section:
    """The whole section."""
    return Section(
        (
            *_satisfiability_blocks(results),
            *_trial_blocks(results),
            *_stage_blocks(results),
            *_rate_blocks(results),
            *_coverage_blocks(results),
            *_claim_blocks(results),
            Heading("Where the assumptions hold only on a region"),
            *regions_page.blocks(results),
            Heading("Where they do not hold: the paper's own experiment"),
            *experiment_page.blocks(results),
            Heading("Task differences and performance"),
            *differences_page.blocks(results),
        )
    )


def _own(rows: Iterable[Row], prefix: str) -> list[Any]:
    """The rows whose id begins with theorem1/`prefix`."""
    return [row for row in rows if row.id.startswith(f"theorem1/{prefix}")]


def _joint(results: Results) -> list[Finding]:
    rows: list[AssumptionRow] = _own(results.assumptions, "joint/")
    said = "; ".join(f"{row.assumption.split(', ')[-1]}: {row.verdict.value}" for row in rows)
    return [
        Finding(
            f"A1, A2 and Lemma 14's convex meta risk together, by reading of A2: {said}. In "
            "reading E the meta optimum is transfer learning's optimum.",
            tuple(row.id for row in rows),
        )
    ]


def _verdicts(results: Results) -> list[Finding]:
    rows: list[LoosenessRow] = _own(results.looseness, "trials/")
    n = counts(rows)
    sound = n["holds"] + n["attained"]
    return [
        Finding(
            f"Of {n['checks']} checks on random trials with certified constants and optima, "
            f"{100 * sound / n['checks']:.2f} % hold or are attained ({n['holds']} × HOLDS, "
            f"{n['attained']} × ATTAINED, {n['violated']} × VIOLATED, {n['undecided']} × another "
            "verdict).",
            tuple(row.id for row in rows if row.statement == "Theorem 1"),
        )
    ]


def _waterfall(results: Results) -> list[Finding]:
    shares: list[StageRow] = _own(results.stages, "terms/showcase")
    checks: list[CheckRow] = _own(results.checks, "showcase/")
    said = ", ".join(f"{row.stage} {100 * (row.share or 0):.0f} %" for row in shares)
    (check,) = checks
    assert check.observed is not None
    assert check.bound is not None
    factor = float(check.bound.upper) / float(check.observed.lower)
    return [
        Finding(
            f"In a setting where every term counts ({said}), the whole bound of Theorem 1 is "
            f"{check.vacuity.value}, and {factor:.3g} times the observed error.",
            (check.id, *(row.id for row in shares)),
        )
    ]


def _gain(results: Results) -> list[Finding]:
    rows = [
        row
        for level in LEVELS
        for row in _own(results.looseness, "trials/")
        if row.statement == "Theorem 1" and row.level is level
    ]
    said = "; ".join(
        f"{row.level.value}, {row.rule} {row.median:.1f}" for row in rows if row.median is not None
    )
    return [
        Finding(
            "Theorem 1 with observed distances: median of log10(bound/observed) by where M_g and "
            f"L_g come from: {said}.",
            tuple(row.id for row in rows),
        )
    ]


def _rates(results: Results) -> list[Finding]:
    rows: list[RateRow] = _own(results.rates, "rates/")
    consistent = [row for row in rows if row.verdict.value == "consistent"]
    others = [row for row in rows if row.verdict.value != "consistent"]
    said = f"{len(consistent)} of {len(rows)} fitted rates are consistent with their bounds"
    if others:
        told = "; ".join(f"{row.term} against {row.against}: {row.verdict.value}" for row in others)
        said += f" ({told})"
    (horizon,) = [row for row in rows if row.against == "T"]
    return [
        Finding(f"{said}.", tuple(row.id for row in rows)),
        Finding(
            "As T grows, Proposition 1 allows the task difference to grow by "
            f"{horizon.predicted:.2f} orders of magnitude a step; what is observed at the meta "
            f"optimum changes by {horizon.slope:.2f}.",
            (horizon.id,),
        ),
    ]


def _coverage(results: Results) -> list[Finding]:
    rows = [row for row in results.checks if row.kind is CheckKind.STATISTICAL]
    verdicts = [row.verdict.value for row in rows]
    said = ", ".join(f"{verdicts.count(v)} × {v}" for v in dict.fromkeys(verdicts))
    return [
        Finding(
            f"In probability and in expectation ({len(rows)} statistical checks of Lemmas 14 and "
            f"15 and of Theorem 1): {said}.",
            tuple(row.id for row in rows),
        )
    ]


def _side_by_side(results: Results) -> list[Finding]:
    rows: list[ClaimRow] = _own(results.claims, "claims/")
    return [
        Finding(f"{row.claim}: {row.verdict.value}; {row.reason}.", (row.id,))
        for row in rows
        if row.verdict.value != "not assessed"
    ]


def _satisfiability_blocks(results: Results) -> list[Block]:
    rows: list[AssumptionRow] = [
        *_own(results.assumptions, "joint/"),
        *_own(results.assumptions, "meta/"),
    ]
    return [
        Heading("Can the assumptions hold together?"),
        Text(
            "Theorem 1 needs A1, A2 and, through Lemma 14, a strongly convex meta risk. Whether "
            "these can hold together depends on how A2 is read; its wording is lost."
        ),
        RowTable.of(
            "Joint satisfiability, and A2 alone, on one certified population.",
            rows,
            {
                "assumption": "assumption",
                "verdict": "verdict",
                "because": "reason",
                "evidence": "evidence",
            },
        ),
        RowTable.of(
            "The evidence: how far apart the optima are in each reading, enclosed.",
            [*_own(results.constants, "joint/"), *_own(results.constants, "meta/")],
            {"reading": _reading, "what": "symbol", "value": "value", "method": "upper_method"},
        ),
    ]


def _reading(row: Row) -> str:
    """Of a row theorem1/joint/e/…"""
    _, kind, reading, *_ = row.id.split("/")
    return f"{reading.upper()}, {'jointly' if kind == 'joint' else 'A2 alone'}"


def _trial_blocks(results: Results) -> list[Block]:
    formulas = [
        Formula(risk_statements()[name].latex)
        for name in ("theorem1", "remark2", "remark2_shared_terms", "equation8")
    ]
    symbols = {
        latex: words
        for name in ("theorem1", "remark2", "remark2_shared_terms", "equation8")
        for latex, words in risk_statements()[name].glossary.items()
    }
    rows = sorted(
        _own(results.looseness, "trials/"),
        key=lambda row: (row.statement, LEVELS.index(row.level), row.rule),
    )
    unsound = [row for row in results.checks if row.id.startswith("theorem1/trial/")]
    found: list[Block] = [
        Heading("Where the assumptions hold"),
        Text(
            "Quadratic tasks and the gain rule: a risk is a polynomial in φ, its optima are "
            "enclosed to $2^{-200}$ of Φ, and all constants hold on a box that contains Φ and "
            "every inner step from it, on a ball that contains every run, and on the gradients "
            "there. Algorithm 1 is run with its full batch, projected "
            "onto Φ (a deviation that A1 forces), adapted by one inner step, and tested."
        ),
        *formulas,
        Bullets(tuple(f"${latex}$: {words}" for latex, words in symbols.items())),
        RowTable.of(
            "Random trials: verdicts, and log10(bound/observed).",
            rows,
            {
                "statement": "statement",
                "constants from": "level",
                "rule": "rule",
                "checks": "checks",
                "holds": "holds",
                "attained": "attained",
                "violated": "violated",
                "other": "undecided",
                "vacuous": "vacuous",
                "median": lambda row: _figure(row.median),
                "95 %": lambda row: _figure(row.quantile95),
                "largest": lambda row: _figure(row.largest),
            },
        ),
    ]
    if unsound:
        found.append(
            RowTable.of(
                "Checks that neither hold nor are attained.",
                unsound,
                {
                    "trial": "tasks",
                    "statement": "statement",
                    "level": "level",
                    "$T$": "T",
                    "observed": "observed",
                    "bound": "bound",
                    "verdict": "verdict",
                    "reason": "reason",
                },
            )
        )
    return found


def _stage_blocks(results: Results) -> list[Block]:
    rows: list[StageRow] = _own(results.stages, "stages/")
    return [
        Heading("Where the bound is lost"),
        Text(
            "From the observed error to the bound, one inequality of "
            "the proof after another; the last stage puts in the paper's uniform constants."
        ),
        StageFigure(
            id="theorem1-stages",
            caption="The waterfall from the observed error to the bound, in one setting and as a "
            "median over the random trials in reading E.",
            description="Base-10 logarithms of the observed error and of every stage of the bound.",
            x_label="value, on a logarithmic axis",
            stages=tuple(rows),
        ),
        RowTable.of(
            "The stages, and how each number was obtained.",
            [*(r for r in rows if r.setting == SETTING), *(r for r in rows if r.setting == MEDIAN)],
            {
                "setting": "setting",
                "stage": "stage",
                "value": "value",
                "loss (log10)": lambda row: _figure(row.loss),
                "how": "how",
            },
        ),
        RowTable.of(
            "The four terms of the bound in that setting.",
            _own(results.stages, "terms/"),
            {
                "term": "stage",
                "value": "value",
                "share": lambda row: f"{100 * row.share:.1f} %",
                "how": "how",
            },
        ),
        RowTable.of(
            "That setting's stochastic run against the bound.",
            _own(results.checks, "showcase/"),
            {
                "statement": "statement",
                "tasks": "tasks",
                "region": "region",
                "observed": "observed",
                "bound": "bound",
                "verdict": "verdict",
                "against the trivial bound": "vacuity",
                "which": "reason",
            },
        ),
    ]


def _rate_blocks(results: Results) -> list[Block]:
    curves: tuple[CurveRow, ...] = tuple(_own(results.curves.where(quantity=QUANTITY), "rates/"))
    horizon: tuple[CurveRow, ...] = tuple(_own(results.curves, "horizon/"))
    columns: dict[str, Cell] = {
        "term": "term",
        "against": "against",
        "setting": "setting",
        "bound's exponent": lambda row: _figure(row.predicted),
        "fitted": lambda row: Estimate.of(row, "slope"),
        "verdict": "verdict",
        "reason": "reason",
    }
    return [
        Heading("Rates"),
        Text(
            "Each term against what its bound says it depends on, in logarithms. A term "
            "is consistent when it decays at least as fast as its bound."
        ),
        LineFigure(
            id="theorem1-rates",
            caption="Each term against one quantity, all else fixed.",
            description="Base-10 logarithm of each term against the quantity that is varied.",
            x_label="the quantity that is varied",
            y_label="log10 of the term",
            curves=curves,
            roles={curve.method: Role.OBSERVED for curve in curves},
            y_range="own",
            x_scale="log",
        ),
        RowTable.of("Fitted exponents.", _own(results.rates, "rates/"), columns),
        LineFigure(
            id="theorem1-horizon",
            caption="What Proposition 1 warns of, and what happens: the gap of the two tasks' "
            "gradients at the meta optimum, and its bounds, against T.",
            description="Base-10 logarithm of the observed gap and of two bounds against T.",
            x_label="iterations T",
            y_label="log10 of the gap",
            curves=horizon,
            roles={
                curve.method: Role.OBSERVED if curve.method.startswith("observed") else Role.BOUND
                for curve in horizon
            },
        ),
        RowTable.of(
            "The orders of Appendix A.3, as powers of $Q^T$: read off the exact expansion of each "
            "printed formula, for fixed Q > 1.",
            _own(results.rates, "orders/"),
            {
                "quantity": "term",
                "the paper's power": lambda row: f"{row.predicted:g}",
                "the formula's": lambda row: f"{row.slope:g}",
                "leading": "reason",
                "verdict": "verdict",
            },
        ),
    ]


def _coverage_blocks(results: Results) -> list[Block]:
    rows = [row for row in results.checks if row.kind is CheckKind.STATISTICAL]
    return [
        Heading("In probability and in expectation"),
        Text(
            "Confidence intervals, corrected so that all of "
            "a table hold together; never certificates."
        ),
        RowTable.of(
            "Shares of runs that exceed a bound that holds with probability 1 − δ (bound: δ), and "
            "mean squares (bound: Lemma 14's).",
            rows,
            {
                "statement": "statement",
                "tasks": "tasks",
                "rule": "rule",
                "observed": "observed",
                "bound": "bound",
                "verdict": "verdict",
                "level": lambda row: f"{100 * row.confidence:g} % for {row.multiplicity} checks",
                "how": "search",
            },
        ),
    ]


def _claim_blocks(results: Results) -> list[Block]:
    return [
        Heading("M-L2O and transfer learning side by side"),
        Text(
            "The paper holds its bound of M-L2O "
            "against one of transfer learning that is split elsewhere (Remark 2). The same split "
            "gives both the same four terms."
        ),
        RowTable.of(
            "Mean paired differences of log10 over the trials, M-L2O minus transfer learning.",
            _own(results.claims, "claims/"),
            {
                "claim": "claim",
                "effect": lambda row: Estimate.of(row, "effect"),
                "verdict": "verdict",
                "reason": "reason",
            },
        ),
    ]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
