"""The page of the certified optima, from the stored rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from analyses.rendering.blocks import Cell, Estimate, Finding, RowTable, Section, Text
from analyses.rendering.numerals import plain
from ml2o_core.results import PrintedVerdict, Results


def findings(results: Results) -> Sequence[Finding]:
    """How well the optima are known, and which printed scores are optima."""
    summaries = list(results.optima_by_distribution)
    problems = sum(row.batches * row.problems for row in summaries)
    opened = [row for row in summaries if row.open]
    worst = max(summaries, key=lambda row: row.gap)
    found = [
        Finding(
            f"The optima of {problems:,} problems of {len(summaries)} distributions are certified: "
            f"the largest relative gap is {worst.gap:.1e}, and "
            f"{sum(row.open for row in summaries)} gaps are open.",
            tuple(row.id for row in (worst, *opened)),
        )
    ]
    referred = [row for row in summaries if row.referred]
    if referred:
        total, agreed = (sum(getattr(row, n) for row in referred) for n in ("referred", "agreed"))
        ratios = [row.reference_seconds / row.seconds for row in referred if row.reference_seconds]
        found.append(
            Finding(
                f"CVXPY's two solvers agree on {agreed:,} of {total:,} problems{_without(referred)}"
                f"; its faster one takes {min(ratios):,.0f} to {max(ratios):,.0f} times (median "
                f"{median(ratios):,.0f}) as long as the batched solvers with their certificates.",
                tuple(row.id for row in referred),
            )
        )
    at = list(results.printed.where(verdict=PrintedVerdict.AT_THE_OPTIMUM))
    if len(results.printed):
        named = ", ".join(f"{row.method} at σ = {row.sigma:g} ({row.printed:g})" for row in at)
        found.append(
            Finding(
                f"Of the {len(results.printed)} entries of Table 1, {len(at)} "
                f"{'lies' if len(at) == 1 else 'lie'} among the central 95 % of the "
                f"batches' certified optima{': ' + named if at else ''}.",
                tuple(row.id for row in (at or results.printed)),
            )
        )
    return found


def section(results: Results) -> Section:
    """The tables."""
    of: dict[str, Cell] = {"family": "family", "distribution": "distribution"}
    spread = of | {
        "problems": lambda row: f"{row.batches} × {row.problems}",
        "median of f*": "median",
        "5 % to 95 %": lambda row: f"{plain(row.quantile05)} to {plain(row.quantile95)}",
        "ln of a batch's mean": _spread,
        "share of the worst 5 %": "worst",
    }
    certificates = of | {
        "largest gap": "gap",
        "90 % are below": "gap90",
        "open": "open",
        "largest distance to $x^*$": "distance",
        "seconds": "seconds",
        "CVXPY's": "reference_seconds",
        "agreement": _agreement,
    }
    printed: dict[str, Cell] = {
        "σ": "sigma",
        "method": "method",
        "printed": "printed",
        "optimum, mean and 95 % of the batches": lambda row: Estimate(
            row.optimum, row.lower, row.upper
        ),
        "batches above it": lambda row: f"{row.below} of {row.batches}",
        "their share": lambda row: Estimate(row.share, row.share_lower, row.share_upper),
        "verdict": "verdict",
    }
    batches: dict[str, Cell] = {
        "family": "family",
        "distribution": "distribution",
        "problems": "problem",
        "optimum": "value",
        "largest gap": "gap",
        "solver": "solver",
        "CVXPY's value": "reference",
        "CVXPY's solvers": "reference_solver",
    }
    return Section(
        (
            Text(
                "Every $f^*$ lies between a dual bound and the value at a point, both rounded "
                "outward; a gap is their difference over $f^*$, or over $f(0)$ where $f^* = 0$. "
                "CVXPY solves the same problems one by one, with two of its solvers; its seconds "
                "are those of the faster one, for as many problems."
            ),
            RowTable.of("The optima by distribution.", results.optima_by_distribution, spread),
            RowTable.of(
                "How well they are known, and what that took: gaps, the distance from the "
                "minimiser that they leave open, seconds, and on how many of the problems that "
                "CVXPY solved too it agrees.",
                results.optima_by_distribution,
                certificates,
            ),
            Text(
                "The paper's score is the logarithm of a mean objective, which cannot be below the "
                "logarithm of the mean optimum of its batch. A printed score among those of random "
                "batches of the same size is “at the optimum”: nothing could be better, up to the "
                "luck of the batch. An entry below a batch's optimum is impossible on that batch."
            ),
            RowTable.of("The entries of Table 1 beside the optima.", results.printed, printed),
            RowTable.of("The batches that CVXPY solved too.", results.optima, batches),
        )
    )


def _spread(row: Any) -> str:
    if row.mean_ln is None:
        return "f* = 0"
    mean = f"{row.mean_ln:.2f}".replace("-", "−")
    return mean + ("" if row.sd_ln is None else f" ± {row.sd_ln:.2f}")


def _without(rows: Sequence[Any]) -> str:
    """The problems for which a solver has no answer; another answer would have ended the run."""
    missing = sum(row.referred - row.agreed for row in rows)
    return f" (of the other {missing:,} one of them has no answer)" if missing else ""


def _agreement(row: Any) -> str:
    return f"{row.agreed} of {row.referred}" if row.referred else row.reason
