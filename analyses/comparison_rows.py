"""The rows of a comparison: curves, scores, paired differences, optima, and how φ came about."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from analyses.comparison import PanelResult, label
from analyses.optimum_rows import optimum_rows
from ml2o_core.evaluation import min_log_mean
from ml2o_core.methods import METHODS, Pretrained
from ml2o_core.results import CurveRow, FitRow, Row, ScoreRow, row_id
from ml2o_core.results.vocabulary import Scale, Score
from ml2o_core.statistics import mean_band, mean_interval
from ml2o_theory.optima.distance import from_minimiser

LEVEL = 0.95
OBJECTIVE = "ln mean objective"
SUBOPTIMALITY = "ln mean suboptimality"
DISTANCE = "ln mean distance to the minimiser"
OPTIMUM = "certified optimum"

PAIRS = (("m-l2o", "tl"), ("tl", "dt"), ("dt", "vanilla"))
"""Neighbours in the order that the paper finds."""

DIFFERENCES = (*PAIRS, ("m-l2o", "dt"), ("m-l2o-first-order", "tl"), ("m-l2o", "m-l2o-first-order"))
"""The paired differences that are stored, of the methods that are there."""


def suboptimality(result: PanelResult, losses: Tensor) -> Tensor:
    """f(x_t) − f*, from above: f − dual bound, and never below the certificate's own gap."""
    return result.optima.excess(losses)


def distance(result: PanelResult, method: str) -> Tensor:
    """‖x_t − x*‖, from above: the distance from the certified point and that point's own."""
    return from_minimiser(result.distances[method], result.radius)


def scores(result: PanelResult, method: str) -> dict[tuple[Score, int | None], Tensor]:
    """Every score of a method, shape (R,), by what it measures and at which step."""
    losses = result.losses[method]
    excess = suboptimality(result, losses)
    mean, last = losses.mean(1), losses.shape[-1] - 1
    found: dict[tuple[Score, int | None], Tensor] = {
        (Score.MIN_LN_MEAN_OBJECTIVE, None): min_log_mean(losses),
        (Score.AVERAGE_LN_MEAN_OBJECTIVE, None): mean[:, 1:].log().mean(1),
        (Score.LN_MEAN_OBJECTIVE, last): mean[:, -1].log(),
        (Score.MIN_LN_MEAN_SUBOPTIMALITY, None): min_log_mean(excess),
        (Score.LN_MEAN_SUBOPTIMALITY, last): excess[..., -1].mean(1).log(),
        (Score.MEAN_LN_SUBOPTIMALITY, last): excess[..., -1].log().mean(1),
        (Score.MEDIAN_LN_SUBOPTIMALITY, last): excess[..., -1].log().median(1).values,
    }
    if bool(result.radius.isfinite().all()):
        apart = distance(result, method)[..., -1].mean(1).log()
        found[Score.LN_MEAN_DISTANCE, last] = apart
    return found


def panel_rows(artefact: str, panel: PanelResult) -> list[Row]:
    """Everything that is stored of one panel."""
    return [
        *_optima(artefact, panel),
        *_scores(artefact, panel),
        *_curves(artefact, panel),
        *_choices(artefact, panel),
    ]


def _scores(artefact: str, result: PanelResult) -> list[Row]:
    found: list[Row] = []
    table = {method: scores(result, method) for method in result.losses}
    for method, by_score in table.items():
        for (score, step), values in by_score.items():
            found.append(_score(artefact, result, method, score, step, values))
    for method, reference in DIFFERENCES:
        if method not in table or reference not in table:
            continue
        for (score, step), values in table[method].items():
            other = table[reference][score, step]
            found.append(_score(artefact, result, method, score, step, values, reference, other))
    return found


def _score(
    artefact: str,
    result: PanelResult,
    method: str,
    score: Score,
    step: int | None,
    values: Tensor,
    reference: str | None = None,
    other: Tensor | None = None,
) -> ScoreRow:
    counted = result.scored[method]
    if reference is not None and other is not None:
        counted = counted & result.scored[reference]
        values = values - other
    versus = () if reference is None else ("minus", reference)
    common = {
        "id": row_id(artefact, result.panel.label, method, score, *versus),
        "artefact": artefact,
        "family": result.panel.test.name,
        "distribution": result.panel.label,
        "sigma": result.panel.sigma,
        "method": label(method),
        "score": score,
        "step": step,
        "reference": label(reference) if reference else None,
        "level": LEVEL,
        "repeats": int(counted.sum()),
        "masked": int((~counted).sum()),
    }
    if not counted.any():
        return ScoreRow(**common, mean=None, reason=_why_missing(result, method, reference))
    interval = mean_interval(values[counted].numpy(), LEVEL)
    reason = "one replicate has no interval" if interval.count == 1 else ""
    return ScoreRow(
        **common,
        mean=interval.mean,
        lower=interval.lower,
        upper=interval.upper,
        reason=reason,
    )


def _why_missing(result: PanelResult, method: str, reference: str | None) -> str:
    """Why no repeat counts for `method`, or for its difference to `reference`."""
    for name in (method, reference):
        if name is None or result.scored[name].any():
            continue
        if name in result.fitted and not result.fitted[name].converged.any():
            return f"{label(name)}: every repeat diverged in training"
        return f"{label(name)} diverges in every repeat"
    return "no repeat in which neither of the two diverged"


def _curves(artefact: str, result: PanelResult) -> list[Row]:
    found: list[Row] = []
    for method, losses in result.losses.items():
        kept = result.scored[method]
        if not kept.any():
            continue
        shown = [(OBJECTIVE, losses), (SUBOPTIMALITY, suboptimality(result, losses))]
        # There may be many minimisers, or none that is known.
        if bool(result.radius[kept].isfinite().all()):
            shown.append((DISTANCE, distance(result, method)))
        for quantity, values in shown:
            logs = values[kept].mean(1).log().numpy()
            found.append(_curve(artefact, result, label(method), quantity, logs))
    steps = next(iter(result.losses.values())).shape[-1]
    optimum = result.optima.primal.mean(1).numpy()
    # A replicate with a failed solve has no mean optimum, only a bound; and 0 has no logarithm.
    known = optimum[np.isfinite(optimum)]
    if known.size and (known > 0).all():
        logs = np.repeat(np.log(known)[:, None], steps, axis=1)
        found.append(_curve(artefact, result, OPTIMUM, OBJECTIVE, logs))
    return found


def _curve(
    artefact: str, result: PanelResult, method: str, quantity: str, logs: np.ndarray
) -> CurveRow:
    mean, lower, upper = mean_band(logs, LEVEL)
    return CurveRow(
        id=row_id(artefact, result.panel.label, "curve", method, quantity),
        artefact=artefact,
        panel=result.panel.label,
        method=method,
        quantity=quantity,
        scale=Scale.LN,
        level=LEVEL,
        step=tuple(range(len(mean))),
        estimate=tuple(mean.tolist()),
        lower=tuple(lower.tolist()),
        upper=tuple(upper.tolist()),
    )


def _optima(artefact: str, result: PanelResult) -> Sequence[Row]:
    """The mean optimum of each replicate's test problems, enclosed: what a mean loss can reach."""
    return optimum_rows(
        result.optima,
        result.references,
        ids=lambda r: row_id(artefact, result.panel.label, "optimum", f"repeat={r}"),
        problem=lambda r: f"mean of {result.optima.shape[1]} test problems, repeat {r}",
        artefact=artefact,
        family=result.panel.test.name,
        distribution=result.panel.label,
        sigma=result.panel.sigma,
    )


def training_rows(artefact: str, pretrained: Pretrained) -> list[Row]:
    """How the rules were meta-trained."""
    found: list[Row] = []
    for kind, run in pretrained.runs.items():
        methods = " and ".join(m.label for m in METHODS.values() if m.pretraining == kind)
        found.append(
            FitRow(
                id=row_id(artefact, "training", kind),
                artefact=artefact,
                method=methods,
                stage="meta-training",
                how=f"{run.config.meta_gradient.name}, Adam {run.config.learning_rate:g}; "
                f"on {run.device}",
                windows=run.config.windows,
                repeats=run.config.repeats,
                diverged=int((~run.converged).sum()),
                clipped_share=float(run.history.clipped_share.mean()),
            )
        )
    return found


def _choices(artefact: str, result: PanelResult) -> list[Row]:
    """How the parameters of each method were fixed on the adaptation tasks."""
    found: list[Row] = []
    for name, fitted in result.fitted.items():
        if not fitted.adapted:
            continue
        run = fitted.adapted
        found.append(
            FitRow(
                id=row_id(artefact, result.panel.label, "adaptation", name),
                artefact=artefact,
                method=fitted.method.label,
                stage=f"adaptation, {result.panel.label}",
                how=f"{run.config.meta_gradient.name}, Adam {run.config.learning_rate:g}",
                windows=run.config.windows,
                repeats=run.config.repeats,
                diverged=int((~run.converged).sum()),
                clipped_share=float(run.history.clipped_share.mean()),
            )
        )
    for name, tuned in result.tuned.items():
        chosen = tuple(tuned.params["learning_rate"].tolist())
        found.append(
            FitRow(
                id=row_id(artefact, result.panel.label, "tuning", name),
                artefact=artefact,
                method=label(name),
                stage=f"step size, {result.panel.label}",
                how=f"best of {len(tuned.scores)} shared steps on the adaptation tasks",
                chosen=chosen,
                repeats=len(chosen),
            )
        )
    return found
