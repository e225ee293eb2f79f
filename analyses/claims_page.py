"""How claims of the paper are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analyses.rendering.blocks import Estimate, Finding, RowTable
from ml2o_core.results import ClaimRow
from ml2o_core.results.vocabulary import ClaimVerdict


def agreement(row: ClaimRow) -> str | None:
    """In how many training seeds it is as claimed: `7 of 10 seeds`."""
    if row.agreeing is None or row.seeds is None:
        return None
    return f"{row.agreeing} of {row.seeds} seeds"


def unassessed(source: str, claims: Sequence[ClaimRow]) -> list[Finding]:
    """That none of the claims about `source` is assessed, if that is so."""
    if not claims or any(row.verdict is not ClaimVerdict.NOT_ASSESSED for row in claims):
        return []
    which = "No claim" if len(claims) == 1 else f"None of the {len(claims)} claims"
    said = (
        f"{which} about {source} is assessed here: this run trains too briefly, and shows only "
        "that the pipeline works."
    )
    return [Finding(said, tuple(row.id for row in claims))]


def claim_table(caption: str, claims: Iterable[ClaimRow], effect: str = "effect") -> RowTable:
    """Claims with what was found; `effect` is the heading of the effect's column."""
    return RowTable.of(
        caption,
        claims,
        {
            "claim": "claim",
            "source": "source",
            effect: lambda row: Estimate.of(row, "effect"),
            "as claimed": agreement,
            "p (Holm)": "p_adjusted",
            "verdict": "verdict",
            "reason": "reason",
        },
    )
