"""The rows of the sweep over σ: task differences, scores, their rank correlations, and claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from analyses.claims import LEVEL, holm
from analyses.settings import Preset, RunSettings
from analyses.theorem1.training import PAIR
from ml2o_core.methods import METHODS
from ml2o_core.results import (
    ClaimRow,
    ClaimVerdict,
    ConstantRow,
    CorrelationRow,
    CurveRow,
    Score,
    ScoreRow,
    row_id,
)
from ml2o_core.statistics import mean_band, mean_interval, spearman
from ml2o_theory.enclosure import Enclosure

PART = "differences"
"""The second part of the rows' ids, after the artefact's name."""

ML2O, TL = (METHODS[name].label for name in PAIR)
ADVANTAGE = f"{ML2O} − {TL}"
"""The paired difference of the two methods' scores: negative where M-L2O is better."""

SERIES = (ML2O, TL, ADVANTAGE)
"""What is correlated with the task differences."""

CLAIMED = {"Delta_12": "Theorem 1", "Delta_23": "Eq. 8"}
"""Δ̃ ranks the σ's as Δ does, so a claim of its own would count the same numbers twice."""


@dataclass(frozen=True)
class Quantity:
    """A task difference at one σ of the adaptation tasks; `kind` is population or drawn."""

    kind: str
    symbol: str
    sigma: float
    value: Enclosure
    region: str

    @property
    def name(self) -> str:
        """What it is called in a correlation."""
        return f"{self.kind} {self.symbol}"

    @property
    def middle(self) -> float:
        """One number, for ranks."""
        return float((self.value.lower.value + self.value.upper.value).mid()) / 2


@dataclass(frozen=True)
class Scored:
    """Scores (R,) by (score, step) and then by (σ, method); `kept` (R,): replicates that count.

    A replicate counts if neither method diverged at any σ: all σ's have the same replicates.
    """

    sigmas: tuple[float, ...]
    values: Mapping[tuple[Score, int | None], Mapping[tuple[float, str], Tensor]]
    kept: Tensor

    def series(self, key: tuple[Score, int | None], label: str) -> dict[float, Tensor]:
        """By σ, the replicates' scores of a method, or of the difference of the two."""
        scores = self.values[key]
        methods = {METHODS[name].label: name for name in PAIR}
        if label in methods:
            return {s: scores[s, methods[label]][self.kept] for s in self.sigmas}
        better, worse = PAIR
        return {s: (scores[s, better] - scores[s, worse])[self.kept] for s in self.sigmas}


def difference_row(artefact: str, quantity: Quantity) -> ConstantRow:
    """One Δ or Δ̃."""
    value = quantity.value
    return ConstantRow(
        id=row_id(artefact, PART, f"σ={quantity.sigma:g}", quantity.kind, quantity.symbol),
        artefact=artefact,
        symbol=quantity.symbol,
        subject=f"{quantity.kind}: adaptation tasks of σ = {quantity.sigma:g}",
        value=value.interval,
        lower_method=value.lower.method,
        upper_method=value.upper.method,
        norm=value.upper.norm.value,
        region=quantity.region,
    )


def score_rows(artefact: str, scored: Scored, test_sigma: float) -> Iterator[ScoreRow]:
    """Every method's score and the paired difference, for each σ of the adaptation tasks."""
    masked = int((~scored.kept).sum())
    for score, step in scored.values:
        for label in SERIES:
            for sigma, values in scored.series((score, step), label).items():
                common = {
                    "id": row_id(artefact, PART, f"σ={sigma:g}", "score", label, score),
                    "artefact": artefact,
                    "family": "lasso",
                    "distribution": f"adapted to σ = {sigma:g}, tested on σ = {test_sigma:g}",
                    "sigma": sigma,
                    "method": ML2O if label == ADVANTAGE else label,
                    "reference": TL if label == ADVANTAGE else None,
                    "score": score,
                    "step": step,
                    "level": LEVEL,
                    "repeats": len(values),
                    "masked": masked,
                }
                if not len(values):
                    yield ScoreRow(**common, mean=None, reason="every replicate diverged")
                    continue
                found = mean_interval(values.numpy(), LEVEL)
                reason = "one replicate has no interval" if found.count == 1 else ""
                yield ScoreRow(
                    **common, mean=found.mean, lower=found.lower, upper=found.upper, reason=reason
                )


def curve_rows(artefact: str, scored: Scored) -> Iterator[CurveRow]:
    """Both methods' scores over σ, one panel a score."""
    if not scored.kept.any():
        return
    for score, step in scored.values:
        for label in (ML2O, TL):
            series = scored.series((score, step), label)
            samples = [values.numpy() for values in series.values()]
            ends = [mean_band(values[:, None], LEVEL) for values in samples]
            mean, lower, upper = (tuple(float(e[i][0]) for e in ends) for i in range(3))
            yield CurveRow(
                id=row_id(artefact, PART, "curve", label, score),
                artefact=artefact,
                panel=score.value,
                method=label,
                quantity="score",
                level=LEVEL,
                step=tuple(map(round, series)),
                x=tuple(series),
                estimate=mean,
                lower=lower,
                upper=upper,
            )


def correlation_rows(
    artefact: str, scored: Scored, quantities: Sequence[Quantity], test_sigma: float
) -> list[CorrelationRow]:
    """Spearman's ρ over the σ's of every task difference with every score's replicate mean."""
    by_name: dict[str, dict[float, float]] = {}
    for quantity in quantities:
        by_name.setdefault(quantity.name, {})[quantity.sigma] = quantity.middle
    found = []
    for name, values in by_name.items():
        for score, step in scored.values:
            for label in SERIES:
                series = scored.series((score, step), label)
                common = {
                    "id": row_id(artefact, PART, "correlation", name, label, score),
                    "artefact": artefact,
                    "quantity": name,
                    "score": f"{label}: {score.value}",
                    "setting": f"the σ's of the adaptation tasks; tested on σ = {test_sigma:g}; "
                    f"means over {int(scored.kept.sum())} seeds",
                    "level": LEVEL,
                }
                if not scored.kept.any():
                    reason = "every replicate diverged"
                    found.append(CorrelationRow(**common, rho=None, points=0, reason=reason))
                    continue
                x = [values[sigma] for sigma in series]
                rank = spearman(x, [v.mean().item() for v in series.values()], LEVEL)
                found.append(
                    CorrelationRow(
                        **common,
                        rho=rank.rho,
                        lower=rank.lower,
                        upper=rank.upper,
                        p_value=rank.p_value,
                        points=rank.count,
                        reason=_why(rank.rho, rank.lower, rank.count),
                    )
                )
    return found


def _why(rho: float | None, lower: float | None, points: int) -> str:
    if rho is None:
        return "one of the two is the same at every σ"
    if lower is None:
        return f"no interval: {points} points" if points < 4 else "no interval at ρ = ±1"
    return ""


def claim_rows(
    artefact: str, correlations: Sequence[CorrelationRow], settings: RunSettings
) -> list[ClaimRow]:
    """ "The larger the task difference of the populations, the worse (larger) M-L2O's score".

    Theorem 1 says so of Δ₁₂ and Eq. 8 of Δ₂₃, if their bounds are any guide. Tested by the exact
    permutation test of ρ = 0, Holm over the claims; nothing is assessed in the quick preset. The
    σ's are chosen, not drawn, and share their random numbers: the test takes their order as the
    only thing that could be otherwise.
    """
    score = f"{ML2O}: {Score.MIN_LN_MEAN_OBJECTIVE.value}"
    by_name = {row.quantity: row for row in correlations if row.score == score}
    wanted = [(by_name[f"population {symbol}"], source) for symbol, source in CLAIMED.items()]
    p_values = {row.id: row.p_value for row, _ in wanted if row.p_value is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True)) if p_values else {}
    return [_claim(artefact, row, source, adjusted.get(row.id), settings) for row, source in wanted]


def _claim(
    artefact: str,
    row: CorrelationRow,
    source: str,
    p_adjusted: float | None,
    settings: RunSettings,
) -> ClaimRow:
    if settings.preset is Preset.QUICK:
        verdict = ClaimVerdict.NOT_ASSESSED
        reason = "the quick preset trains far too briefly, over too few σ's, to say anything"
    elif p_adjusted is None or row.rho is None:
        verdict, reason = ClaimVerdict.UNDECIDED, row.reason
    else:
        reason = f"exact permutation test over {row.points} σ's, Holm over the claims"
        sure = p_adjusted <= 1 - LEVEL
        verdict = ClaimVerdict.UNDECIDED
        if sure:
            verdict = ClaimVerdict.REPRODUCED if row.rho > 0 else ClaimVerdict.REVERSED
    return ClaimRow(
        id=row_id(artefact, PART, "claim", row.quantity),
        artefact=artefact,
        claim=f"the larger the {row.quantity} of the adaptation tasks, the larger (worse) "
        f"{ML2O}'s score",
        source=source,
        profile=settings.profile.value,
        effect=row.rho,
        lower=row.lower,
        upper=row.upper,
        level=row.level,
        p_value=row.p_value,
        p_adjusted=p_adjusted,
        verdict=verdict,
        reason=reason,
    )
