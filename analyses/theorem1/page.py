"""How the report on Theorem 1 is told and shown: from the stored rows alone."""

from __future__ import annotations

from analyses.rendering.blocks import (
    Block,
    Bullets,
    Cell,
    Estimate,
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
from analyses.theorem1.showcase import IN_PROBABILITY, SETTING
from analyses.theorem1.trial_rows import MEDIAN, own
from ml2o_core.results import (
    AssumptionRow,
    CheckKind,
    CheckRow,
    CurveRow,
    Results,
    Row,
    StageRow,
)
from ml2o_theory.generalization.bounds import LEVELS
from ml2o_theory.registry import risk_statements
from ml2o_theory.statistical import runs_to_decide


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


def _satisfiability_blocks(results: Results) -> list[Block]:
    rows: list[AssumptionRow] = [
        *own(results.assumptions, "joint/"),
        *own(results.assumptions, "meta/"),
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
            [*own(results.constants, "joint/"), *own(results.constants, "meta/")],
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
        own(results.looseness, "trials/"),
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
    rows: list[StageRow] = own(results.stages, "stages/")
    return [
        Heading("Where the bound is lost"),
        Text(
            "From the observed error to the bound, one inequality of "
            "the proof after another; the last stage puts in the paper's uniform constants. In the "
            "setting the error is that of one stochastic run; stages that are said to be "
            f"“{IN_PROBABILITY}” may fail in it."
        ),
        StageFigure(
            id="theorem1-stages",
            caption="The waterfall from the observed error to the bound, for one run in one "
            "setting and as a median over the random trials in reading E.",
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
            own(results.stages, "terms/"),
            {
                "term": "stage",
                "value": "value",
                "share": lambda row: f"{100 * row.share:.1f} %",
                "how": "how",
            },
        ),
        *(Text(_failures(row)) for row in own(results.checks, "showcase/")),
        RowTable.of(
            "The errors of these runs, and their bounds, which differ in the sample's $\\mu_G$.",
            own(results.stages, "errors/"),
            {
                "what": "stage",
                "value": "value",
                "over the one above (log10)": lambda row: _figure(row.loss),
                "how": "how",
            },
        ),
    ]


def _failures(row: CheckRow) -> str:
    """What the setting's further runs say of a bound that holds in probability."""
    assert row.observed is not None
    assert row.bound is not None
    assert row.confidence is not None
    delta, level = float(row.bound.upper), f"{100 * row.confidence:g} %"
    needed = runs_to_decide(delta, row.confidence, row.multiplicity or 1)
    return (
        f"One run shows nothing of a bound that may fail with probability {delta:g}. So the "
        f"setting is run {row.trials} times more, each time with a sample and a stochastic "
        f"meta-training of its own ({row.search}). The {level} interval of the probability of "
        f"failure is [{float(row.observed.lower):.3g}, {float(row.observed.upper):.3g}]: "
        f"{row.verdict.value}. At this level {needed} runs without a failure are needed to decide."
    )


def _rate_blocks(results: Results) -> list[Block]:
    curves: tuple[CurveRow, ...] = tuple(own(results.curves.where(quantity=QUANTITY), "rates/"))
    horizon: tuple[CurveRow, ...] = tuple(own(results.curves, "horizon/"))
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
        RowTable.of("Fitted exponents.", own(results.rates, "rates/"), columns),
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
            own(results.rates, "orders/"),
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
            "Confidence intervals, corrected so that all checks which share a level hold together; "
            "never certificates."
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
            "Term by term: medians over the random trials of what is observed for each.",
            own(results.stages, "side-by-side/"),
            {"bound": "setting", "term": "stage", "median": "value", "how": "how"},
        ),
        RowTable.of(
            "Mean paired differences of log10 over the trials, M-L2O minus transfer learning.",
            own(results.claims, "claims/"),
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
