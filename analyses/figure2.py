"""Figures 2a and 2b: convergence on LASSO with A ~ N(0, σ²), σ = 50 and 100.

All methods on common tasks, beside the tuned analytic optimizers and the certified optimum. Run it
alone with `python -m analyses.figure2` or `ml2o run figure2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.comparison import ANALYTIC_LABELS, Comparison, ComparisonResult, Panel, compare, label
from analyses.comparison_rows import (
    OBJECTIVE,
    OPTIMUM,
    PAIRS,
    SUBOPTIMALITY,
    rows,
    scores,
)
from analyses.profiles import AVAILABLE, meta_training, plain_windows, size
from analyses.rendering.blocks import (
    Cell,
    Estimate,
    LineFigure,
    Role,
    RowTable,
    Section,
    Text,
)
from analyses.settings import Profile, RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import FitRow, Results, Row, ScoreRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso

SIGMAS = {"a": 50.0, "b": 100.0}
"""σ by the letter of the paper's sub-figure."""


def panel_label(sigma: float) -> str:
    """What a panel is called."""
    return f"σ = {sigma:g}"


class Figure2(Artefact):
    """LASSO convergence of the four methods at σ = 50 and 100."""

    name: ClassVar[str] = "figure2"
    title: ClassVar[str] = "Figure 2: convergence on LASSO"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    profiles: ClassVar[tuple[Profile, ...]] = AVAILABLE

    def configuration(self, settings: RunSettings) -> Comparison:
        panels = tuple(
            Panel(
                label=panel_label(sigma),
                sigma=sigma,
                adaptation=Lasso.normal(sigma),
                test=Lasso.normal(sigma),
            )
            for sigma in SIGMAS.values()
        )
        return Comparison(
            meta=meta_training(settings, Lasso.uniform_mixture()),
            plain_windows=plain_windows(settings),
            panels=panels,
            test_steps=size(settings).test_steps,
            test_size=size(settings).test_size,
            proximal=("ista", "fista"),
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        device = resolve_device(settings.device)
        result = compare(self.configuration(settings), device, progress)
        found = rows(self.name, result)
        found += assess(self.name, _claims(self.name, result), settings)
        return found

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        for sigma in SIGMAS.values():
            found += _panel_findings(results, sigma)
        not_assessed = results.claims.where(verdict="not assessed")
        if len(not_assessed):
            found.append(
                Finding(
                    f"None of the {len(not_assessed)} claims of the paper about Figure 2 is "
                    "assessed here: this run trains too briefly, and shows only that the "
                    "pipeline works.",
                    tuple(row.id for row in not_assessed),
                )
            )
        return found

    def section(self, results: Results) -> Section:
        roles = (
            {METHODS[m].label: Role.LEARNED for m in METHODS}
            | dict.fromkeys(ANALYTIC_LABELS.values(), Role.ANALYTIC)
            | {OPTIMUM: Role.OPTIMUM}
        )
        absolute = [row for row in results.scores if row.reference is None]
        paired = [row for row in results.scores if row.reference is not None]
        return Section(
            (
                Text(
                    "The learned rules are meta-trained on LASSO with $A$ from a mixture of "
                    r"uniform distributions, adapted on tasks with $A \sim N(0, \sigma^2)$, and "
                    "tested on fresh ones. All methods see the same tasks, and start from the same "
                    "$\\phi_0$. SGD, momentum and Adam use the step that is best on the adaptation "
                    "tasks; ISTA and FISTA use $1/L$. Bands are 95 % $t$-intervals over the "
                    "training seeds."
                ),
                LineFigure(
                    id="figure2-objective",
                    caption="Natural logarithm of the mean objective over the test problems. The "
                    "dotted line is the certified mean optimum: nothing can go below it.",
                    description="Logarithm of the mean LASSO objective against the step, for four "
                    "learned methods, five analytic optimizers and the certified optimum.",
                    x_label="step",
                    y_label="ln mean objective",
                    curves=tuple(results.curves.where(quantity=OBJECTIVE)),
                    roles=roles,
                ),
                LineFigure(
                    id="figure2-suboptimality",
                    caption="The same as certified suboptimality: the natural logarithm of the "
                    "mean of $f(x_t) - f^*$, bounded from above by each problem's dual bound.",
                    description="Logarithm of the mean suboptimality against the step, for four "
                    "learned methods and five analytic optimizers.",
                    x_label="step",
                    y_label="ln mean suboptimality",
                    curves=tuple(results.curves.where(quantity=SUBOPTIMALITY)),
                    roles=roles,
                ),
                RowTable.of("Scores; lower is better.", absolute, _SCORE_COLUMNS),
                RowTable.of(
                    "Paired differences over the training seeds; negative where the first method "
                    "is better.",
                    paired,
                    {"difference": _difference, **_VALUE_COLUMNS},
                ),
                RowTable.of(
                    "The paper's claims about this figure.",
                    results.claims,
                    {
                        "claim": "claim",
                        "source": "source",
                        "effect": lambda row: Estimate.of(row, "effect"),
                        "p (Holm)": "p_adjusted",
                        "verdict": "verdict",
                        "reason": "reason",
                    },
                ),
                RowTable.of(
                    "How the parameters came about.",
                    results.fits,
                    {
                        "method": "method",
                        "stage": "stage",
                        "how": "how",
                        "windows": "windows",
                        "chosen steps": _chosen,
                        "repeats": "repeats",
                        "diverged": "diverged",
                        "clipped": _clipped,
                    },
                ),
                RowTable.of(
                    "Certified optima of the test problems: [dual bound, primal value] of the "
                    "mean, and the largest gap of a single problem.",
                    results.optima,
                    {
                        "distribution": "distribution",
                        "problems": "problem",
                        r"mean $f^*$": "value",
                        "largest gap": "gap",
                        "solver": "solver",
                        "its own value": "reference",
                    },
                ),
            )
        )


def _difference(row: ScoreRow) -> str:
    return f"{row.method} − {row.reference}"


def _chosen(row: FitRow) -> str | None:
    """The chosen steps, each with the number of repeats that chose it."""
    counts = Counter(row.chosen)
    return ", ".join(f"{step:.3g} (×{n})" for step, n in sorted(counts.items())) or None


def _clipped(row: FitRow) -> str | None:
    return None if row.clipped_share is None else f"{100 * row.clipped_share:.0f} %"


_VALUE_COLUMNS: dict[str, Cell] = {
    "score": "score",
    "step": "step",
    "distribution": "distribution",
    "mean and 95 % interval": Estimate.of,
    "repeats": "repeats",
    "masked": "masked",
}
_SCORE_COLUMNS: dict[str, Cell] = {"method": "method", **_VALUE_COLUMNS}


def _claims(artefact: str, result: ComparisonResult) -> list[OrderClaim]:
    claims = []
    for (letter, sigma), panel in zip(SIGMAS.items(), result.panels, strict=True):
        key = (Score.MIN_LN_MEAN_OBJECTIVE, None)
        for better, worse in PAIRS:
            kept = (panel.scored[better] & panel.scored[worse]).numpy()
            claims.append(
                OrderClaim(
                    id=row_id(artefact, panel_label(sigma), "claim", better, worse),
                    text=f"{label(better)} reaches a lower loss than {label(worse)} at "
                    f"{panel_label(sigma)}",
                    source=f"Figure 2{letter}, Section 5.2",
                    better=scores(panel, better)[key].numpy()[kept],
                    worse=scores(panel, worse)[key].numpy()[kept],
                )
            )
    return claims


def _panel_findings(results: Results, sigma: float) -> list[Finding]:
    """Who comes first among the learned methods, against TL, and against the analytic ones."""
    here = results.scores.where(sigma=sigma, score=Score.MIN_LN_MEAN_SUBOPTIMALITY)
    absolute = [r for r in here if r.reference is None and r.mean is not None]
    learned = [r for r in absolute if r.method in {m.label for m in METHODS.values()}]
    analytic = [r for r in absolute if r.method in ANALYTIC_LABELS.values()]
    found = []
    if learned and analytic:
        first = min(learned, key=_mean)
        best = min(analytic, key=_mean)
        side = "below" if _mean(first) < _mean(best) else "above"
        found.append(
            Finding(
                f"LASSO, {panel_label(sigma)}: {first.method} is the best learned method, with a "
                f"minimal ln mean suboptimality of {_mean(first):.2f}; that is "
                f"{abs(_mean(first) - _mean(best)):.2f} {side} the best analytic optimizer, "
                f"{best.method}.",
                (first.id, best.id),
            )
        )
    stuck = [r for r in here if r.mean is None and r.reference is None]
    if stuck:
        found.append(
            Finding(
                f"LASSO, {panel_label(sigma)}: {' and '.join(r.method for r in stuck)} diverge "
                "with every step of the stated grid, so they have no score.",
                tuple(r.id for r in stuck),
            )
        )
    paired = results.scores.where(
        sigma=sigma,
        score=Score.MIN_LN_MEAN_OBJECTIVE,
        method=label("m-l2o"),
        reference=label("tl"),
    )
    for row in paired:
        if row.mean is None or row.lower is None or row.upper is None:
            continue
        sure = row.upper < 0 or row.lower > 0
        found.append(
            Finding(
                f"LASSO, {panel_label(sigma)}: the paper's score of M-L2O minus that of TL is "
                f"{row.mean:+.3f} (95 % interval {row.lower:+.3f} to {row.upper:+.3f}, "
                f"{row.repeats} seeds): {'a difference' if sure else 'no difference'} is shown.",
                (row.id,),
            )
        )
    return found


def _mean(row: ScoreRow) -> float:
    assert row.mean is not None
    return row.mean


if __name__ == "__main__":
    main("figure2")
