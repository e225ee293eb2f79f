"""How claims of the paper are shown."""

from __future__ import annotations

from collections.abc import Iterable

from analyses.rendering.blocks import Estimate, RowTable
from ml2o_core.results import ClaimRow


def agreement(row: ClaimRow) -> str | None:
    """In how many training seeds it is as claimed: `7 of 10 seeds`."""
    if row.agreeing is None or row.seeds is None:
        return None
    return f"{row.agreeing} of {row.seeds} seeds"


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
