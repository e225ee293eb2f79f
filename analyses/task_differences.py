"""The task differences of A4 beside a comparison's scores, and whether they rank them.

Δ and Δ̃ are those of the populations, in closed form, on the unit ball about 0 (`ml2o_theory.
population`): 12 between training and adaptation, 23 between adaptation and test. They say how far
apart the distributions are, and do not bound the differences of drawn batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analyses.claims import OrderClaim
from analyses.comparison import Panel, label
from analyses.panels import Scored
from analyses.seed_scores import PAPER
from ml2o_core.results import ConstantRow, CorrelationRow, row_id
from ml2o_core.statistics import mean_interval, spearman
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_theory.arithmetic import exact
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.population import PopulationDifference
from ml2o_theory.regions import Ball

NAMES = {"Delta_12": "Δ₁₂", "Delta_tilde_12": "Δ̃₁₂", "Delta_23": "Δ₂₃", "Delta_tilde_23": "Δ̃₂₃"}

SYMBOLS = tuple(NAMES)

LEVEL = 0.95

DIGITS = 12
"""Decimals of a rank correlation: those after them are rounding."""


def differences(training: TaskFamily, panel: Panel) -> dict[str, Enclosure]:
    """The four differences by symbol; empty where the populations have none in closed form."""
    families = (training, panel.adaptation, panel.test)
    if not all(isinstance(f, LeastSquaresFamily) and type(f) is type(training) for f in families):
        return {}
    found = {}
    for pair, (first, second) in {"12": families[:2], "23": families[1:]}.items():
        assert isinstance(first, LeastSquaresFamily)
        assert isinstance(second, LeastSquaresFamily)
        ball = Ball((0.0,) * first.cols, exact(1))
        difference = PopulationDifference.of(first, second)
        found[f"Delta_{pair}"] = difference.gradient(ball)
        found[f"Delta_tilde_{pair}"] = difference.hessian(ball)
    return {symbol: found[symbol] for symbol in SYMBOLS}


def difference_rows(artefact: str, training: TaskFamily, panel: Panel) -> list[ConstantRow]:
    """A row for each of a panel's differences."""
    return [
        ConstantRow(
            id=row_id(artefact, panel.label, "population", symbol),
            artefact=artefact,
            symbol=symbol,
            subject=panel.label,
            value=value.interval,
            lower_method=value.lower.method,
            upper_method=value.upper.method,
            norm=value.upper.norm.value,
            region="the unit ball about 0; populations",
        )
        for symbol, value in differences(training, panel).items()
    ]


def rank_correlations(
    training: TaskFamily, panels: Sequence[Panel], found: Mapping[str, Scored], method: str
) -> dict[str, np.ndarray]:
    """Spearman's ρ of each difference with the paper's score, over the panels, by seed (R,).

    Only differences that are not the same in all panels, and seeds that count in every panel.
    """
    values = [differences(training, panel) for panel in panels]
    kept = np.logical_and.reduce([found[panel.label].counted[method] for panel in panels])
    scores = np.stack([found[panel.label].scores[PAPER][method][kept] for panel in panels], axis=1)
    ranked = {}
    for symbol in SYMBOLS:
        across = [float(value[symbol].lower.value) for value in values if symbol in value]
        if len(set(across)) < 2 or len(across) < len(panels):
            continue
        by_seed = [spearman(across, seed).rho for seed in scores]
        ranked[symbol] = np.array([np.nan if rho is None else rho for rho in by_seed])
    return ranked


def correlation_rows(
    artefact: str, ranked: Mapping[str, Mapping[str, np.ndarray]], panels: int
) -> list[CorrelationRow]:
    """The mean over the seeds of `rank_correlations`, by method and symbol, with a t-interval."""
    return [
        _correlation_row(artefact, method, symbol, rho, panels)
        for method, by_symbol in ranked.items()
        for symbol, rho in by_symbol.items()
    ]


def _correlation_row(
    artefact: str, method: str, symbol: str, rho: np.ndarray, panels: int
) -> CorrelationRow:
    known = rho[np.isfinite(rho)]
    common = {
        "id": row_id(artefact, "correlation", method, symbol),
        "artefact": artefact,
        "quantity": symbol,
        "score": f"{PAPER} of {label(method)}",
        "setting": f"each seed's ρ over {panels} panels; the mean over {len(known)} seeds",
        "points": len(known),
        "level": LEVEL,
    }
    if not len(known):
        reason = "the score is the same in all panels" if len(rho) else "no seed counts in them all"
        return CorrelationRow(**common, rho=None, reason=reason)
    interval = mean_interval(known.round(DIGITS), LEVEL)
    return CorrelationRow(
        **common,
        rho=interval.mean,
        # A mean of correlations is one, whatever Student's t says of its spread.
        lower=None if interval.lower is None else max(-1.0, interval.lower),
        upper=None if interval.upper is None else min(1.0, interval.upper),
        reason="one seed has no interval" if interval.count == 1 else "",
    )


def rank_claim(
    artefact: str, method: str, symbol: str, ranked: Mapping[str, np.ndarray], source: str
) -> OrderClaim:
    """ "The larger the difference, the worse": ρ > 0. The effect is −ρ, negative as claimed."""
    rho = ranked[symbol][np.isfinite(ranked[symbol])]
    return OrderClaim(
        id=row_id(artefact, "claim", method, symbol),
        text=f"The smaller {NAMES[symbol]} is, the lower is the score of {label(method)} (effect: "
        "minus the rank correlation)",
        source=source,
        better=np.zeros_like(rho),
        worse=rho,
    )
