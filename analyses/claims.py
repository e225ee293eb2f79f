"""Claims of the paper about the order of two methods, assessed by paired differences.

The effect is the mean over training seeds of (score of the one said to be better) − (score of the
other); lower scores are better, so the claim says that the effect is negative. A paired t-test
gives the p-value, Holm's method corrects it within the figure. The quick preset assesses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from analyses.settings import Preset, RunSettings
from ml2o_core.results import ClaimRow, row_id
from ml2o_core.results.vocabulary import ClaimVerdict
from ml2o_core.statistics import paired_difference

LEVEL = 0.95


@dataclass(frozen=True)
class OrderClaim:
    """ "`better` scores lower than `worse`", with the scores of both, seed by seed."""

    id: str
    text: str
    source: str
    better: np.ndarray
    worse: np.ndarray


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values: reject where they are at most the level."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    largest = 0.0
    for rank, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted.tolist()


def assess(artefact: str, claims: Sequence[OrderClaim], settings: RunSettings) -> list[ClaimRow]:
    """One row for each claim of a figure; `not assessed` in the quick preset."""
    if settings.preset is Preset.QUICK:
        reason = "the quick preset trains far too briefly to say anything about the claim"
        return [_row(artefact, c, settings, ClaimVerdict.NOT_ASSESSED, reason) for c in claims]
    testable = [c for c in claims if len(c.better) >= 2 and (c.better != c.worse).any()]
    tests = [float(stats.ttest_rel(c.better, c.worse).pvalue) for c in testable]
    corrected = holm(tests)
    adjusted = {c.id: (p, q) for c, p, q in zip(testable, tests, corrected, strict=True)}
    rows = []
    for claim in claims:
        if claim.id not in adjusted:
            reason = (
                f"{len(claim.better)} replicates are too few for a test"
                if len(claim.better) < 2
                else "the two score the same with every training seed"
            )
            rows.append(_row(artefact, claim, settings, ClaimVerdict.UNDECIDED, reason))
            continue
        p, p_holm = adjusted[claim.id]
        effect = paired_difference(claim.better, claim.worse, LEVEL)
        if not p_holm <= 1 - LEVEL:
            verdict = ClaimVerdict.UNDECIDED
        else:
            verdict = ClaimVerdict.REPRODUCED if effect.mean < 0 else ClaimVerdict.REVERSED
        reason = f"paired t-test over {effect.count} training seeds, Holm within the figure"
        rows.append(
            _row(artefact, claim, settings, verdict, reason).with_changes(
                effect=effect.mean,
                lower=effect.lower,
                upper=effect.upper,
                p_value=p,
                p_adjusted=p_holm,
                seeds=effect.count,
                agreeing=int((claim.better < claim.worse).sum()),
            )
        )
    return rows


def not_assessable(
    artefact: str, name: str, text: str, source: str, reason: str, settings: RunSettings
) -> ClaimRow:
    """A claim of the paper that nothing can be held against; `name` is the end of its id."""
    return ClaimRow(
        id=row_id(artefact, "claim", name),
        artefact=artefact,
        claim=text,
        source=source,
        profile=settings.profile.value,
        verdict=ClaimVerdict.NOT_ASSESSED,
        reason=reason,
    )


def _row(
    artefact: str, claim: OrderClaim, settings: RunSettings, verdict: ClaimVerdict, reason: str
) -> ClaimRow:
    return ClaimRow(
        id=claim.id,
        artefact=artefact,
        claim=claim.text,
        source=claim.source,
        profile=settings.profile.value,
        level=LEVEL,
        verdict=verdict,
        reason=reason,
    )
