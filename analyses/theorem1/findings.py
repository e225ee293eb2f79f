"""What is said about Theorem 1 in the page's summary: from the stored rows alone."""

from __future__ import annotations

from analyses.rendering.blocks import Finding
from analyses.theorem1 import differences_page, experiment_page, regions_page, showcase
from analyses.theorem1.trial_rows import counts, own
from ml2o_core.results import (
    AssumptionRow,
    CheckKind,
    CheckRow,
    ClaimRow,
    LoosenessRow,
    RateRow,
    Results,
    StageRow,
)
from ml2o_theory.generalization.bounds import LEVELS


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


def _joint(results: Results) -> list[Finding]:
    rows: list[AssumptionRow] = own(results.assumptions, "joint/")
    said = "; ".join(f"{row.assumption.split(', ')[-1]}: {row.verdict.value}" for row in rows)
    return [
        Finding(
            f"A1, A2 and Lemma 14's convex meta risk together, by reading of A2: {said}. In "
            "reading E the meta optimum is transfer learning's optimum.",
            tuple(row.id for row in rows),
        )
    ]


def _verdicts(results: Results) -> list[Finding]:
    rows: list[LoosenessRow] = own(results.looseness, "trials/")
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
    shares: list[StageRow] = own(results.stages, "terms/showcase")
    checks: list[CheckRow] = own(results.checks, "showcase/")
    said = ", ".join(f"{row.stage} {100 * (row.share or 0):.0f} %" for row in shares)
    errors: list[StageRow] = own(results.stages, "errors/showcase")
    (check,) = checks
    assert check.observed is not None
    assert check.bound is not None
    assert check.confidence is not None
    sizes = {row.stage: float(row.value.upper) for row in errors}
    of_trivial, of_median, of_largest = (
        sizes[showcase.BOUND] / sizes[stage]
        for stage in (showcase.TRIVIAL, showcase.MEDIAN, showcase.LARGEST)
    )
    return [
        Finding(
            f"In a setting where every term counts ({said}), the whole bound of Theorem 1 in "
            f"probability is {of_trivial:.2g} times the trivial one; it is {of_median:.3g} times "
            f"the median and {of_largest:.3g} times the largest error of {check.trials} "
            f"independent runs. The probability that a run exceeds it is at most "
            f"{float(check.observed.upper):.3g} ({100 * check.confidence:g} % interval), where "
            f"{float(check.bound.upper):g} is allowed: {check.verdict.value}.",
            (check.id, *(row.id for row in (*errors, *shares))),
        )
    ]


def _gain(results: Results) -> list[Finding]:
    rows = [
        row
        for level in LEVELS
        for row in own(results.looseness, "trials/")
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
    rows: list[RateRow] = own(results.rates, "rates/")
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
    rows: list[ClaimRow] = own(results.claims, "claims/")
    return [
        Finding(f"{row.claim}: {row.verdict.value}; {row.reason}.", (row.id,))
        for row in rows
        if row.verdict.value != "not assessed"
    ]
