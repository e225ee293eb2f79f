"""How a comparison is shown: figures, scores, claims, and how the parameters came about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from analyses.claims_page import claim_table, unassessed
from analyses.comparison import ANALYTIC_LABELS, label
from analyses.comparison_rows import DISTANCE, OBJECTIVE, OPTIMUM, SUBOPTIMALITY
from analyses.rendering.blocks import (
    Block,
    Cell,
    Estimate,
    Finding,
    LineFigure,
    Role,
    RowTable,
    Section,
    Text,
)
from analyses.seed_scores import PAPER, never_below_start, seed_figure
from analyses.task_differences_page import task_difference_tables
from ml2o_core.evaluation import STEP_GRID
from ml2o_core.methods import METHODS
from ml2o_core.results import FitRow, Results, ScoreRow
from ml2o_core.results.vocabulary import ClaimVerdict, Score

KINDS = {
    "a learned method": {m.label for m in METHODS.values()},
    "an analytic optimizer": set(ANALYTIC_LABELS.values()),
}

FEW_PANELS = 2
"""Up to as many, each has sentences of its own."""

ROLES = (
    {m.label: Role.LEARNED for m in METHODS.values()}
    | dict.fromkeys(ANALYTIC_LABELS.values(), Role.ANALYTIC)
    | {OPTIMUM: Role.OPTIMUM}
)


def findings(results: Results, source: str) -> list[Finding]:
    """What is said of every panel, or of all where they are many, and of the claims."""
    found = []
    panels = list(dict.fromkeys(row.distribution for row in results.scores))
    if len(panels) > FEW_PANELS:
        found += _findings_over(results, source, panels)
    else:
        for panel in panels:
            found += _panel_findings(results, source, panel)
    found += never_below_start(source, list(results.seeds))
    assessed = [row for row in results.claims if row.verdict is not ClaimVerdict.NOT_ASSESSED]
    if assessed:
        counts = Counter(str(row.verdict) for row in assessed)
        said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
        found.append(
            Finding(
                f"Of the {len(assessed)} claims of the paper about {source}: {said}.",
                tuple(row.id for row in assessed),
            )
        )
    return found + unassessed(source, list(results.claims))


def section(
    artefact: str, results: Results, tasks: str, further: tuple[Block, ...] = ()
) -> Section:
    """The whole section; `tasks` says in words what is trained on and tested on."""
    return Section(
        (
            Text(tasks),
            *further,
            LineFigure(
                id=f"{artefact}-objective",
                caption="Natural logarithm of the mean objective over the test problems. The "
                "dotted line is the certified mean optimum, where it has a logarithm: nothing can "
                "go below it; with an arrow, it lies below the panel.",
                description="Logarithm of the mean objective against the step, for four "
                "learned methods, five analytic optimizers and the certified optimum.",
                x_label="step",
                y_label="ln mean objective",
                curves=tuple(results.curves.where(quantity=OBJECTIVE)),
                roles=ROLES,
            ),
            LineFigure(
                id=f"{artefact}-suboptimality",
                caption="The same as certified suboptimality: the natural logarithm of the "
                "mean of $f(x_t) - f^*$, bounded from above by each problem's dual bound.",
                description="Logarithm of the mean suboptimality against the step, for four "
                "learned methods and five analytic optimizers.",
                x_label="step",
                y_label="ln mean suboptimality",
                curves=tuple(results.curves.where(quantity=SUBOPTIMALITY)),
                roles=ROLES,
            ),
            *_distance_figure(artefact, results),
            RowTable.of(
                "Scores, natural logarithms, lower is better: mean over the training seeds and "
                "95 % interval. The paper's score is the minimum over the steps of the "
                "logarithm of the mean objective; beside it are this logarithm's average over the "
                "steps and its value at the last one. The others measure f − f*, and the last one "
                "the distance from the minimiser, at the last step unless they say otherwise.",
                [row for row in results.scores.where(score=PAPER) if row.reference is None],
                {"distribution": "distribution", "method": "method", **_score_columns(results)},
            ),
            RowTable.of(
                "Paired differences of the same scores over the training seeds; negative where "
                "the first method is better.",
                [row for row in results.scores.where(score=PAPER) if row.reference is not None],
                {
                    "distribution": "distribution",
                    "difference": lambda row: f"{row.method} − {row.reference}",
                    **_score_columns(results),
                },
            ),
            *seed_figure(artefact, results.seeds),
            *task_difference_tables(results),
            claim_table("The paper's claims about this figure.", results.claims),
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
                    "CVXPY's value": "reference",
                    "CVXPY's solvers": "reference_solver",
                },
            ),
        )
    )


def _chosen(row: FitRow) -> str | None:
    """The chosen steps, each with the number of repeats that chose it."""
    counts = Counter(row.chosen)
    return ", ".join(f"{step:.3g} (×{n})" for step, n in sorted(counts.items())) or None


def _clipped(row: FitRow) -> str | None:
    return None if row.clipped_share is None else f"{100 * row.clipped_share:.0f} %"


def _distance_figure(artefact: str, results: Results) -> tuple[LineFigure, ...]:
    """None where the minimisers are not known to be unique."""
    curves = tuple(results.curves.where(quantity=DISTANCE))
    if not curves:
        return ()
    return (
        LineFigure(
            id=f"{artefact}-distance",
            caption="The same as distance: the natural logarithm of the mean of "
            r"$\| x_t - x^* \|$, bounded from above with what is proved of the minimiser.",
            description="Logarithm of the mean distance from the minimiser against the "
            "step, for the learned methods and the analytic optimizers.",
            x_label="step",
            y_label="ln mean distance",
            curves=curves,
            roles=ROLES,
        ),
    )


def _score_columns(results: Results) -> dict[str, Cell]:
    """One column for each score; a row of the paper's score stands for all of its method's."""
    beside = {(r.distribution, r.method, r.reference, r.score): r for r in results.scores}

    def column(score: Score) -> Callable[[ScoreRow], Estimate | None]:
        def cell(row: ScoreRow) -> Estimate | None:
            other = beside.get((row.distribution, row.method, row.reference, score))
            return None if other is None or other.mean is None else Estimate.of(other)

        return cell

    headings = {
        "paper's score": PAPER,
        "average over the steps": Score.AVERAGE_LN_MEAN_OBJECTIVE,
        "at the last step": Score.LN_MEAN_OBJECTIVE,
        "min ln mean f − f*": Score.MIN_LN_MEAN_SUBOPTIMALITY,
        "ln mean f − f*": Score.LN_MEAN_SUBOPTIMALITY,
        "mean ln f − f*": Score.MEAN_LN_SUBOPTIMALITY,
        "median ln f − f*": Score.MEDIAN_LN_SUBOPTIMALITY,
        "ln mean ‖x − x*‖": Score.LN_MEAN_DISTANCE,
    }
    columns: dict[str, Cell] = {heading: column(score) for heading, score in headings.items()}
    return columns | {"repeats": "repeats", "masked": "masked", "why none": "reason"}


def _panel_findings(results: Results, source: str, panel: str) -> list[Finding]:
    """The lowest scores, learned and analytic; what has no score; M-L2O against TL."""
    where = f"{source}, {panel}"
    found = []
    for kind, labels in KINDS.items():
        best = _best(results, panel, labels)
        if best is not None:
            text = f"{where}: the lowest mean score of {kind} is that of {best.method}, "
            found.append(Finding(text + f"{_with_interval(best)}.", (best.id,)))
    stuck = _stuck(results, panel)
    if stuck:
        steps = {s for r in stuck for f in _tunings(results, panel, r.method) for s in f.chosen}
        found.append(
            Finding(
                f"{where}: {' and '.join(r.method for r in stuck)} diverge on test problems, with "
                f"the step chosen on the adaptation tasks ({_numbers(steps)}; the grid "
                f"begins at {min(STEP_GRID):g}), so they have no score and no curve.",
                tuple(r.id for r in stuck),
            )
        )
    for row in _central(results, panel):
        sure = (row.upper or 0) < 0 or (row.lower or 0) > 0
        found.append(
            Finding(
                f"{where}: the score of M-L2O minus that of TL is {_with_interval(row)}: "
                f"{'a difference' if sure else 'no difference'} is shown.",
                (row.id,),
            )
        )
    return found


def _findings_over(results: Results, source: str, panels: list[str]) -> list[Finding]:
    """The same of many panels at once: how often, and between which values."""
    where = f"{source}, {len(panels)} panels"
    found = []
    for kind, labels in KINDS.items():
        best = [row for panel in panels if (row := _best(results, panel, labels)) is not None]
        if best:
            counts = Counter(row.method for row in best)
            said = ", ".join(f"{method} in {n}" for method, n in counts.most_common())
            text = f"{where}: the lowest mean score of {kind} is that of {said}."
            found.append(Finding(text, tuple(row.id for row in best)))
    stuck = [row for panel in panels for row in _stuck(results, panel)]
    if stuck:
        counts = Counter(row.method for row in stuck)
        said = ", ".join(f"{method} (in {n})" for method, n in counts.most_common())
        text = f"{where}: on some test problems these diverge, and have no score there: {said}."
        found.append(Finding(text, tuple(row.id for row in stuck)))
    central = [row for panel in panels for row in _central(results, panel)]
    if central:
        below = sum((row.upper or 0) < 0 for row in central)
        above = sum((row.lower or 0) > 0 for row in central)
        means = sorted(_mean(row) for row in central)
        found.append(
            Finding(
                f"{where}: the score of M-L2O minus that of TL lies between {means[0]:.2f} and "
                f"{means[-1]:.2f}; of its 95 % intervals {below} lie below 0, {above} above, and "
                f"{len(central) - below - above} contain it.",
                tuple(row.id for row in central),
            )
        )
    return found


def _absolute(results: Results, panel: str) -> list[ScoreRow]:
    return [r for r in results.scores.where(distribution=panel, score=PAPER) if not r.reference]


def _best(results: Results, panel: str, labels: set[str]) -> ScoreRow | None:
    rows = _absolute(results, panel)
    scored = [row for row in rows if row.method in labels and row.mean is not None]
    return min(scored, key=_mean, default=None)


def _stuck(results: Results, panel: str) -> list[ScoreRow]:
    """The analytic optimizers without a score."""
    labels = ANALYTIC_LABELS.values()
    return [r for r in _absolute(results, panel) if r.method in labels and r.mean is None]


def _central(results: Results, panel: str) -> list[ScoreRow]:
    """The score of M-L2O minus that of TL, if there is one."""
    pair = label("m-l2o"), label("tl")
    rows = results.scores.where(distribution=panel, score=PAPER)
    return [r for r in rows if (r.method, r.reference) == pair and r.mean is not None]


def _tunings(results: Results, panel: str, method: str) -> list[FitRow]:
    return [f for f in results.fits.where(method=method) if f.stage.endswith(f", {panel}")]


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in sorted(values))


def _with_interval(row: ScoreRow) -> str:
    if row.lower is None or row.upper is None:
        return f"{row.mean:.2f} (one repeat, no interval)"
    return f"{row.mean:.2f} (95 % interval {row.lower:.2f} to {row.upper:.2f}, {row.repeats} seeds)"


def _mean(row: ScoreRow) -> float:
    assert row.mean is not None
    return row.mean
