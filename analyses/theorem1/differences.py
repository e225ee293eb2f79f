"""Task differences and performance: does what Theorem 1 measures predict what happens?

The paper's Figure 4 varies σ of the adaptation tasks, LASSO with A ~ N(0, σ²), while training (the
LASSO mixture) and test (σ = 100) stay. Theorem 1 puts Δ₁₂, Δ̃₁₂ (training, adaptation) into the
bound on M-L2O's error and Eq. 8 Δ₂₃, Δ̃₂₃ (adaptation, test). Here they stand beside the observed
scores, with Spearman's rank correlation over the σ's.

Two kinds of difference are kept apart by name. *Population*: of the mean losses, in closed form on
one ball (`ml2o_theory.population`). *Drawn*: of the tasks that the runs really see, the n-th of the
first training batch, of the adaptation batch and of the test batch taken as a pair; the mean over
the pairs of each pair's supremum on the same ball.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from flint import arb
from pydantic import Field
from torch import Tensor

from analyses.settings import Preset, RunSettings
from analyses.theorem1.differences_page import blocks, findings
from analyses.theorem1.differences_rows import (
    PART,
    Quantity,
    Scored,
    claim_rows,
    correlation_rows,
    curve_rows,
    difference_row,
    score_rows,
)
from analyses.theorem1.training import (
    PAIR,
    TRAINING,
    Adapted,
    TrainingPair,
    adapt_pair,
    adaptation_windows,
    fit_row,
    sizes,
    train_pair,
    training_pair,
    training_rows,
)
from ml2o_core.evaluation import curves, min_log_mean
from ml2o_core.meta.config import adaptation
from ml2o_core.methods import METHODS, Pretrained
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import EndMethod, Row, Score
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso, LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.constants.quadratic import gradient_norm_on_ball
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.optima import certified_optima
from ml2o_theory.optima.distance import distance_to_minimiser, from_minimiser
from ml2o_theory.population import PopulationDifference
from ml2o_theory.regions import Ball

__all__ = ["DifferencesConfig", "blocks", "configuration", "findings", "rows"]

SIGMAS = (10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0)
"""Figure 4's."""

QUICK_SIGMAS = (10.0, 100.0, 200.0)


class DifferencesConfig(Spec):
    """Everything that is run, resolved."""

    training: TrainingPair
    sigmas: tuple[float, ...] = Field(min_length=2, description="σ of the adaptation tasks")
    test_sigma: float = Field(100.0, gt=0, description="σ of the test tasks")
    adaptation_windows: int = Field(5, ge=1, description="adaptation steps, one window each")
    test_steps: int = Field(ge=1)
    test_size: int = Field(ge=1, description="test problems of each training seed")
    pairs: int = Field(ge=1, description="drawn pairs of tasks of each training seed")
    radius: float = Field(1.0, gt=0, description="radius of the ball about 0 that Δ is taken on")

    @property
    def ball(self) -> Ball:
        """The region of every Δ here."""
        return Ball((0.0,) * TRAINING.cols, exact(self.radius))


def configuration(settings: RunSettings) -> DifferencesConfig:
    """The preset's sizes and the profile's settings."""
    quick, here = settings.preset is Preset.QUICK, sizes(settings)
    return DifferencesConfig(
        training=training_pair(settings),
        sigmas=QUICK_SIGMAS if quick else SIGMAS,
        adaptation_windows=adaptation_windows(settings),
        test_steps=here.test_steps,
        test_size=here.test_size,
        pairs=4 if quick else 16,
    )


def rows(
    artefact: str,
    settings: RunSettings,
    device: torch.device | str,
    progress: Progress,
    pretrained: Pretrained | None = None,
) -> list[Row]:
    """All evidence. `pretrained` is what `train_pair` gave for these settings, if it was run."""
    c = configuration(settings)
    pretrained = pretrained or train_pair(c.training, device, progress)
    found: list[Row] = [*training_rows(artefact, (PART,), pretrained.runs)]
    adapted: dict[float, Adapted] = {}
    for sigma in c.sigmas:
        config = adaptation(c.training.meta, Lasso.normal(sigma), c.adaptation_windows)
        adapted[sigma] = adapt_pair(pretrained, config, device, progress, f"σ = {sigma:g}")
        for name, run in adapted[sigma].runs.items():
            stage = f"adaptation, σ = {sigma:g}"
            parts = (PART, f"σ={sigma:g}", "adaptation", name)
            found.append(fit_row(artefact, parts, METHODS[name].label, stage, run))
    scored = _scores(c, adapted, device, progress)
    quantities: list[Quantity] = []
    with progress.task("task differences", len(c.sigmas)) as advance:
        for sigma in c.sigmas:
            quantities += [*_population(c, sigma), *_drawn(c, sigma)]
            advance()
    found += [difference_row(artefact, quantity) for quantity in quantities]
    found += score_rows(artefact, scored, c.test_sigma)
    found += curve_rows(artefact, scored)
    correlations = correlation_rows(artefact, scored, quantities, c.test_sigma)
    found += correlations
    found += claim_rows(artefact, correlations, settings)
    return found


def _problems(c: DifferencesConfig, purpose: str, family: Lasso, size: int) -> Problems:
    """As the runs draw them."""
    meta = c.training.meta
    return sample_problems(family, seed=meta.seed, purpose=purpose, repeats=meta.repeats, size=size)


def _scores(
    c: DifferencesConfig,
    adapted: dict[float, Adapted],
    device: torch.device | str,
    progress: Progress,
) -> Scored:
    """Every score of both methods, by σ, on common test problems: one batch of runs."""
    test = _problems(c, "test", Lasso.normal(c.test_sigma), c.test_size)
    runs = [(sigma, name) for sigma in c.sigmas for name in PAIR]
    stacked = {
        key: torch.cat([adapted[sigma].params[name][key] for sigma, name in runs])
        for key in adapted[c.sigmas[0]].params[PAIR[0]]
    }
    copies = test.repeat(len(runs))
    on_device = Problems(copies.tasks.to(device, torch.float64), copies.start.to(device))
    rule = c.training.meta.rule
    optima = certified_optima(test.tasks)
    found = curves(
        rule,
        stacked,
        on_device,
        c.test_steps,
        torch.cat([optima.points] * len(runs)),
        progress=progress,
        label="test the sweep over σ",
    )
    losses, repeats = found.losses.cpu(), c.training.meta.repeats
    excess = optima.excess(losses)
    values: dict[tuple[Score, int | None], Tensor] = {
        (Score.MIN_LN_MEAN_OBJECTIVE, None): min_log_mean(losses),
        (Score.LN_MEAN_SUBOPTIMALITY, c.test_steps): excess[..., -1].mean(1).log(),
    }
    radius = distance_to_minimiser(test.tasks, optima)
    if bool(radius.isfinite().all()):
        apart = from_minimiser(found.distances[..., -1].cpu(), radius)
        values[Score.LN_MEAN_DISTANCE, c.test_steps] = apart.mean(1).log()
    finite = torch.isfinite(losses.mean(1)).all(1)
    kept = torch.stack([adapted[sigma].kept for sigma in c.sigmas]).all(0)
    kept = kept & finite.reshape(len(runs), repeats).all(0)
    by_run = {
        key: dict(zip(runs, value.reshape(len(runs), repeats), strict=True))
        for key, value in values.items()
    }
    return Scored(c.sigmas, by_run, kept)


def _population(c: DifferencesConfig, sigma: float) -> Iterator[Quantity]:
    """Δ₁₂, Δ̃₁₂, Δ₂₃, Δ̃₂₃ of the populations, in closed form."""
    target, test = Lasso.normal(sigma), Lasso.normal(c.test_sigma)
    for between, first, second in (("12", TRAINING, target), ("23", target, test)):
        apart = PopulationDifference.of(first, second)
        where = str(c.ball)
        yield Quantity("population", f"Delta_{between}", sigma, apart.gradient(c.ball), where)
        yield Quantity("population", f"Delta_tilde_{between}", sigma, apart.hessian(c.ball), where)


def _drawn(c: DifferencesConfig, sigma: float) -> Iterator[Quantity]:
    """The same of the drawn pairs: the mean over them of each pair's supremum."""
    target, test = Lasso.normal(sigma), Lasso.normal(c.test_sigma)
    batches = {
        "1": _problems(c, "train", TRAINING, c.pairs),
        "2": _problems(c, "adapt", target, c.pairs),
        "3": _problems(c, "test", test, c.pairs),
    }
    for first, second in (("1", "2"), ("2", "3")):
        pairs = list(_pairs(batches[first], batches[second]))
        where = f"{c.ball}, mean of {len(pairs)} drawn pairs"
        with precision():
            gradients = [gradient_norm_on_ball(pair, c.ball) for pair in pairs]
            hessians = [spectral_norm(pair.H)[:2] for pair in pairs]
        for symbol, norm, ends in (
            ("Delta", Norm.EUCLIDEAN, [(g.lower, g.upper) for g in gradients]),
            ("Delta_tilde", Norm.SPECTRAL, hessians),
        ):
            mean = _mean(ends, norm, where)
            yield Quantity("drawn", f"{symbol}_{first}{second}", sigma, mean, where)


def _pairs(first: Problems, second: Problems) -> Iterator[ExactQuadratic]:
    """∇l¹ − ∇l² of each pair; the penalties cancel."""
    R, N = first.tasks.shape
    for index in ((r, n) for r in range(R) for n in range(N)):
        yield _smooth(first.tasks[index]) - _smooth(second.tasks[index])


def _smooth(task: object) -> ExactQuadratic:
    assert isinstance(task, LassoTask)
    return ExactQuadratic.of(QuadraticTask(task.A, task.b))


def _mean(ends: Sequence[tuple[arb, arb]], norm: Norm, region: str) -> Enclosure:
    with precision():
        lower, upper = (sum(side, arb(0)) / len(ends) for side in zip(*ends, strict=True))
        return Enclosure.certified(
            lower, upper, EndMethod.DUAL_CERTIFICATE, norm=norm, region=region
        )
