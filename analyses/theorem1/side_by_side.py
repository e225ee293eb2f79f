"""M-L2O and transfer learning on the same trials: errors, and the bounds of Remark 2 term by term.

Each trial gives both methods the same tasks, start and number of steps. The paper's argument is
that M-L2O's bound is the smaller one; the claims below are about the bounds, and about the errors.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ml2o_core.results import ClaimRow, Interval, Level, Row, StageRow, row_id
from ml2o_core.results.vocabulary import ClaimVerdict
from ml2o_core.statistics import mean_interval

CLAIMS = {
    "bounds, as the paper splits them": (
        "M-L2O's bound (Theorem 1) is smaller than transfer learning's (Remark 2)",
        ("Theorem 1", "bound"),
        ("Remark 2", "bound"),
    ),
    "bounds, split alike": (
        "M-L2O's bound is smaller than transfer learning's, both with Theorem 1's terms",
        ("Theorem 1", "bound"),
        ("Remark 2 (Theorem 1's terms)", "bound"),
    ),
    "errors": (
        "M-L2O's generalization error is smaller than transfer learning's",
        ("Theorem 1", "observed"),
        ("Remark 2", "observed"),
    ),
}
"""By key: the claim, and the two columns of the records whose log10 are compared."""

TERMS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "M-L2O (Theorem 1)": (
        ("optimization", "d_K", False),
        ("α × difference of gradients", "gap", True),
        ("sampling", "d_N", False),
        ("δ_13", "delta_13", False),
    ),
    "transfer learning, as the paper splits it": (
        ("optimization", "d_TL", False),
        ("α × gradient of the adaptation", "slope", True),
        ("sampling", "d_N_TL", False),
        ("δ_13", "delta_13", False),
    ),
    "transfer learning, with Theorem 1's terms": (
        ("optimization", "d_TL", False),
        ("α × difference of gradients", "gap_TL", True),
        ("sampling", "d_N_TL", False),
        ("δ_13", "delta_13", False),
    ),
}
"""By bound: each term in words, the distance in it, and whether α multiplies it."""

LEAST = 1_000
"""Trials below which no claim is assessed."""


def rows(artefact: str, records: pd.DataFrame) -> Iterator[Row]:
    """The terms' medians, and the claims: mean paired difference of log10, for each reading."""
    yield from terms(artefact, records)
    checks = records[(records["kind"] == "check") & (records["level"] == Level.RISK.value)]
    for reading, group in checks.groupby("reading", sort=True):
        for key, (claim, first, other) in CLAIMS.items():
            differences = _differences(group, first, other)
            yield _claim(artefact, f"{claim} (reading {reading})", f"{key}, {reading}", differences)


def terms(artefact: str, records: pd.DataFrame) -> Iterator[StageRow]:
    """The median over the trials of each observed term of each bound, without M_g and 1 + αL_g."""
    found = records[records["kind"] == "distance"]
    for reading, group in found.groupby("reading", sort=True):
        for bound, parts in TERMS.items():
            for position, (stage, symbol, of_step) in enumerate(parts):
                one = group[group["name"] == symbol]
                values = one["observed"] * one["alpha"] if of_step else one["observed"]
                yield StageRow(
                    id=row_id(artefact, "side-by-side", reading, bound, position),
                    artefact=artefact,
                    setting=f"{bound}, reading {reading}",
                    position=position,
                    stage=stage,
                    value=Interval.point(float(values.median())),
                    how=f"median of certified distances over {len(values)} trials",
                )


def _differences(group: pd.DataFrame, first: tuple[str, str], other: tuple[str, str]) -> np.ndarray:
    """log10 of one over the other, trial by trial, where both are above 0."""

    def column(name: str, what: str) -> pd.Series:
        found = group[group["name"] == name].set_index("trial")[what]
        # Bounds are stored as logarithms already.
        return found if what == "bound" else np.log10(found.where(found > 0))

    return (column(*first) - column(*other)).dropna().to_numpy()


def _claim(artefact: str, claim: str, key: str, differences: np.ndarray) -> ClaimRow:
    found = mean_interval(differences)
    assessed = len(differences) >= LEAST and found.lower is not None and found.upper is not None
    verdict = ClaimVerdict.NOT_ASSESSED
    reason = f"{len(differences)} trials; claims are assessed from {LEAST} on"
    if assessed:
        share = 100 * float((differences < 0).mean())
        equal = 100 * float((np.abs(differences) < 1e-9).mean())
        reason = (
            f"mean log10 of the quotient over {len(differences)} random trials; smaller in "
            f"{share:.1f} % of them, equal in {equal:.1f} %"
        )
        verdict = ClaimVerdict.UNDECIDED
        if found.upper < 0:
            verdict = ClaimVerdict.REPRODUCED
        elif found.lower > 0:
            verdict = ClaimVerdict.REVERSED
    return ClaimRow(
        id=row_id(artefact, "claims", key),
        artefact=artefact,
        claim=claim,
        source="Remark 2",
        profile="theory",
        effect=found.mean,
        lower=found.lower,
        upper=found.upper,
        level=found.level,
        verdict=verdict,
        reason=reason,
    )
