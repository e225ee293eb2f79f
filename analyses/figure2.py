"""Figures 2a and 2b: convergence on LASSO with A ~ N(0, σ²), σ = 50 and 100.

All methods on common tasks, beside the tuned analytic optimizers and the certified optimum. Run it
alone with `python -m analyses.figure2` or `ml2o run figure2`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.comparison import ANALYTIC_LABELS, Comparison, ComparisonResult, Panel, compare, label
from analyses.comparison_rows import (
    DISTANCE,
    OBJECTIVE,
    OPTIMUM,
    PAIRS,
    SUBOPTIMALITY,
    rows,
    scores,
)
from analyses.profiles import plan, size
from analyses.rendering.blocks import (
    Cell,
    Estimate,
    LineFigure,
    Role,
    RowTable,
    Section,
    Text,
)
from analyses.settings import RunSettings
from ml2o_core.devices import resolve_device
from ml2o_core.evaluation import STEP_GRID
from ml2o_core.methods import METHODS
from ml2o_core.progress import Progress
from ml2o_core.results import ConstantRow, FitRow, Results, Row, ScoreRow, row_id
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.arithmetic import exact
from ml2o_theory.population import PopulationDifference
from ml2o_theory.regions import Ball

PAPER = Score.MIN_LN_MEAN_OBJECTIVE
"""The paper's score."""

TRAINING = Lasso.uniform_mixture()
"""What every method is meta-trained on."""

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
            plan=plan(settings),
            panels=panels,
            test_steps=size(settings).test_steps,
            test_size=size(settings).test_size,
            proximal=("ista", "fista"),
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        device = resolve_device(settings.device)
        result = compare(self.configuration(settings), device, progress)
        found = rows(self.name, result)
        found += _task_differences(self.name)
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
                *_distance_figure(results, roles),
                RowTable.of(
                    "Scores, natural logarithms, lower is better: mean over the training seeds and "
                    "95 % interval. The paper's score is the minimum over the steps of the "
                    "logarithm of the mean objective; the others measure f − f*, and the last one "
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
                Text(
                    "The theory measures how far adaptation is from training by the task "
                    r"differences $\Delta_{12}$ and $\tilde{\Delta}_{12}$ of A4. Here are those of "
                    "the two populations, in closed form; they do not bound the differences of "
                    "drawn batches."
                ),
                RowTable.of(
                    "Population task differences between training and adaptation tasks.",
                    results.constants,
                    {
                        "constant": "symbol",
                        "tasks": "subject",
                        "value": "value",
                        "lower end by": "lower_method",
                        "upper end by": "upper_method",
                        "region": "region",
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


def _distance_figure(results: Results, roles: Mapping[str, Role]) -> tuple[LineFigure, ...]:
    """None where the minimisers are not known to be unique."""
    curves = tuple(results.curves.where(quantity=DISTANCE))
    if not curves:
        return ()
    return (
        LineFigure(
            id="figure2-distance",
            caption="The same as distance: the natural logarithm of the mean of "
            r"$\| x_t - x^* \|$, bounded from above with what is proved of the minimiser.",
            description="Logarithm of the mean distance from the minimiser against the "
            "step, for four learned methods and five analytic optimizers.",
            x_label="step",
            y_label="ln mean distance",
            curves=curves,
            roles=roles,
        ),
    )


def _score_columns(results: Results) -> dict[str, Cell]:
    """One column for each score; a row of the paper's score stands for all of its method's."""
    beside = {(r.sigma, r.method, r.reference, r.score): r for r in results.scores}

    def column(score: Score) -> Callable[[ScoreRow], Estimate | None]:
        def cell(row: ScoreRow) -> Estimate | None:
            other = beside.get((row.sigma, row.method, row.reference, score))
            return None if other is None or other.mean is None else Estimate.of(other)

        return cell

    headings = {
        "paper's score": PAPER,
        "min ln mean f − f*": Score.MIN_LN_MEAN_SUBOPTIMALITY,
        "ln mean f − f*": Score.LN_MEAN_SUBOPTIMALITY,
        "mean ln f − f*": Score.MEAN_LN_SUBOPTIMALITY,
        "median ln f − f*": Score.MEDIAN_LN_SUBOPTIMALITY,
        "ln mean ‖x − x*‖": Score.LN_MEAN_DISTANCE,
    }
    columns: dict[str, Cell] = {heading: column(score) for heading, score in headings.items()}
    return columns | {"repeats": "repeats", "masked": "masked", "why none": "reason"}


def _task_differences(artefact: str) -> list[Row]:
    """Population Δ₁₂ and Δ̃₁₂ of training against adaptation tasks, on the unit ball about 0."""
    found: list[Row] = []
    ball = Ball((0.0,) * TRAINING.cols, exact(1))
    for sigma in SIGMAS.values():
        difference = PopulationDifference.of(TRAINING, Lasso.normal(sigma))
        for symbol, value in (
            ("Delta_12", difference.gradient(ball)),
            ("Delta_tilde_12", difference.hessian(ball)),
        ):
            found.append(
                ConstantRow(
                    id=row_id(artefact, panel_label(sigma), "population", symbol),
                    artefact=artefact,
                    symbol=symbol,
                    subject=f"populations: LASSO mixture, LASSO with {panel_label(sigma)}",
                    value=value.interval,
                    lower_method=value.lower.method,
                    upper_method=value.upper.method,
                    norm=value.upper.norm.value,
                    region=str(ball),
                )
            )
    return found


def _claims(artefact: str, result: ComparisonResult) -> list[OrderClaim]:
    claims = []
    for (letter, sigma), panel in zip(SIGMAS.items(), result.panels, strict=True):
        key = (PAPER, None)
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
    """The lowest scores, learned and analytic; what has no score; M-L2O against TL."""
    here = results.scores.where(sigma=sigma, score=PAPER)
    where = f"LASSO, {panel_label(sigma)}"
    absolute = [r for r in here if r.reference is None]
    found = []
    for kind, labels in (
        ("a learned method", {m.label for m in METHODS.values()}),
        ("an analytic optimizer", set(ANALYTIC_LABELS.values())),
    ):
        scored = [r for r in absolute if r.method in labels and r.mean is not None]
        if scored:
            best = min(scored, key=_mean)
            text = f"{where}: the lowest mean score of {kind} is that of {best.method}, "
            found.append(Finding(text + f"{_with_interval(best)}.", (best.id,)))
    stuck = [r for r in absolute if r.method in ANALYTIC_LABELS.values() and r.mean is None]
    if stuck:
        steps = {s for r in stuck for f in _tunings(results, sigma, r.method) for s in f.chosen}
        found.append(
            Finding(
                f"{where}: {' and '.join(r.method for r in stuck)} diverge on test problems, with "
                f"the step chosen on the adaptation tasks ({_numbers(steps)}; the grid "
                f"begins at {min(STEP_GRID):g}), so they have no score and no curve.",
                tuple(r.id for r in stuck),
            )
        )
    for row in here:
        if (row.method, row.reference) != (label("m-l2o"), label("tl")) or row.mean is None:
            continue
        sure = (row.upper or 0) < 0 or (row.lower or 0) > 0
        found.append(
            Finding(
                f"{where}: the score of M-L2O minus that of TL is {_with_interval(row)}: "
                f"{'a difference' if sure else 'no difference'} is shown.",
                (row.id,),
            )
        )
    return found


def _tunings(results: Results, sigma: float, method: str) -> list[FitRow]:
    return [f for f in results.fits.where(method=method) if panel_label(sigma) in f.stage]


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in sorted(values))


def _with_interval(row: ScoreRow) -> str:
    if row.lower is None or row.upper is None:
        return f"{row.mean:.2f} (one repeat, no interval)"
    return f"{row.mean:.2f} (95 % interval {row.lower:.2f} to {row.upper:.2f}, {row.repeats} seeds)"


def _mean(row: ScoreRow) -> float:
    assert row.mean is not None
    return row.mean


if __name__ == "__main__":
    main("figure2")
