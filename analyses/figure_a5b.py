"""Figure A5b: weights between two adapted optimizers, one training-like, one test-like.

φ(a) = (1 − a) φ_train-like + a φ_test-like, both adapted from the same trained rule, tested on
LASSO with σ = 100. Run it alone with `python -m analyses.figure_a5b` or `ml2o run figure-a5b`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from analyses.artefact import Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.claims_page import claim_table
from analyses.comparison import label
from analyses.comparison_rows import OPTIMUM
from analyses.convergence import pretrained_for
from analyses.profiles import Plan, plan, size
from analyses.rendering.blocks import LineFigure, Role, Section, Text
from analyses.seed_curves import seed_curve
from analyses.settings import Preset, RunSettings
from analyses.trained import TrainedArtefact
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.evaluation import loss_curves, min_log_mean
from ml2o_core.meta.trainer import train
from ml2o_core.methods import METHODS
from ml2o_core.optimizers.base import Params
from ml2o_core.problems import Problems, sample_problems
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, Row, row_id
from ml2o_core.results.vocabulary import ClaimVerdict, Scale
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.optima import CertifiedOptima, certified_optima

QUANTITY = "score by a"
EXCESS = "score of f − f* by a"
PANEL = "LASSO, test σ = 100"
ROLES = {m.label: Role.LEARNED for m in METHODS.values()} | {OPTIMUM: Role.OPTIMUM}


class Interpolation(Spec):
    """Every setting, resolved."""

    plan: Plan
    like_training: float = Field(10.0, description="σ of the training-like adaptation tasks")
    like_test: float = Field(100.0, description="σ of the test-like ones, and of the test")
    factors: tuple[float, ...] = Field(tuple(k / 10 for k in range(11)), min_length=2)
    test_steps: int
    test_size: int


class FigureA5b(TrainedArtefact):
    """Scores of interpolated weights."""

    name: ClassVar[str] = "figure-a5b"
    title: ClassVar[str] = "Figure A5b: between training-like and test-like adaptation"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    presets: ClassVar[tuple[Preset, ...]] = (Preset.STANDARD, Preset.PAPER)

    def configuration(self, settings: RunSettings) -> Interpolation:
        here = size(settings)
        return Interpolation(
            plan=plan(settings), test_steps=here.test_steps, test_size=here.test_size
        )

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        config, device = self.configuration(settings), resolve_device(settings.device)
        pretrained = pretrained_for(config.plan, trainings)
        test = sample_problems(
            Lasso.normal(config.like_test),
            seed=settings.seed,
            purpose="test",
            repeats=config.plan.meta.repeats,
            size=config.test_size,
            device=device,
            dtype=torch.float64,
        )
        optima = certified_optima(test.tasks.to("cpu", torch.float64))
        rows: list[Row] = []
        claims = []
        for name in ("m-l2o", "m-l2o-first-order", "tl"):
            kind = METHODS[name].pretraining
            if kind not in pretrained.params:
                continue
            ends, kept = [], pretrained.converged[kind]
            for sigma in (config.like_training, config.like_test):
                adapting = config.plan.adapting(Lasso.normal(sigma))
                run = train(adapting, pretrained.params[kind], device=device, progress=progress)
                ends.append(run.params)
                kept = kept & run.converged
            # (seeds, factors, 2): the paper's score, and that of f − f*
            both = np.stack(
                [
                    _scores(
                        config,
                        between(ends[0], ends[1], a),
                        test,
                        optima,
                        progress,
                        f"{label(name)}, a = {a:g}",
                        settings.compile,
                    )
                    for a in config.factors
                ],
                axis=1,
            )[kept.numpy()]
            both = both[np.isfinite(both).all((1, 2))]
            if not len(both):
                continue
            scores = both[..., 0]
            rows += [
                _curve(self.name, name, QUANTITY, config.factors, scores),
                _curve(self.name, name, EXCESS, config.factors, both[..., 1]),
            ]
            claims.append(
                OrderClaim(
                    id=row_id(self.name, "claim", name),
                    text=f"{label(name)} reaches a lower loss with training-like adaptation "
                    "(a = 0) than with test-like adaptation (a = 1)",
                    source="Figure A5b, Appendix A.6",
                    better=scores[:, 0],
                    worse=scores[:, -1],
                )
            )
        rows += _optimum(self.name, config, optima)
        return [*rows, *assess(self.name, claims, settings)]

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        for row in results.claims:
            if row.verdict is ClaimVerdict.NOT_ASSESSED or row.effect is None:
                continue
            text = f"Figure A5b: that {row.claim} is {row.verdict} (difference {row.effect:+.2f})."
            found.append(Finding(text, (row.id,)))
        return found

    def section(self, results: Results) -> Section:
        return Section(
            (
                Text(
                    r"Each trained rule is adapted twice: to LASSO with $\sigma = 10$, which is "
                    r"like the training tasks, and with $\sigma = 100$, which is like the test. "
                    r"The weights between the two, $(1-a)\phi_{10} + a\phi_{100}$, are tested on "
                    r"$\sigma = 100$."
                ),
                *(
                    LineFigure(
                        id=f"{self.name}-{key}",
                        caption=caption,
                        description="The score of interpolated weights against the factor a.",
                        x_label="a",
                        y_label=y_label,
                        curves=tuple(results.curves.where(quantity=quantity)),
                        roles=ROLES,
                    )
                    for key, quantity, y_label, caption in (
                        (
                            "score",
                            QUANTITY,
                            "min ln mean objective",
                            "The paper's score against the factor a. The dotted line is the "
                            "certified optimum.",
                        ),
                        (
                            "suboptimality",
                            EXCESS,
                            "min ln mean suboptimality",
                            "The same of f − f*, from above.",
                        ),
                    )
                    if len(results.curves.where(quantity=quantity))
                ),
                claim_table("The paper's claims about this figure.", results.claims),
            )
        )


def between(first: Params, second: Params, a: float) -> Params:
    """(1 − a) φ₁ + a φ₂; exactly φ₁ at a = 0 and φ₂ at a = 1."""
    if a in (0, 1):
        return second if a else first
    return {name: (1 - a) * first[name] + a * second[name] for name in first}


def _scores(
    config: Interpolation,
    params: Params,
    test: Problems,
    optima: CertifiedOptima,
    progress: Progress,
    name: str,
    compile: bool,
) -> np.ndarray:
    """The paper's score of each seed, and the same of f − f* from above: (R, 2)."""
    rule = config.plan.meta.rule
    steps = config.test_steps
    losses = loss_curves(rule, params, test, steps, compile=compile, progress=progress, label=name)
    excess = min_log_mean(optima.excess(losses.cpu()))
    return torch.stack([min_log_mean(losses).cpu(), excess], dim=1).numpy()


def _curve(
    artefact: str, method: str, quantity: str, factors: tuple[float, ...], scores: np.ndarray
) -> CurveRow:
    return seed_curve(
        scores,
        id=row_id(artefact, quantity, method),
        artefact=artefact,
        panel=PANEL,
        method=label(method),
        quantity=quantity,
        step=tuple(range(len(factors))),
        x=factors,
    )


def _optimum(artefact: str, config: Interpolation, optima: CertifiedOptima) -> list[Row]:
    """The mean certified optimum, as a line."""
    mean = float(optima.primal.mean(1).log().mean())
    count = len(config.factors)
    return [
        CurveRow(
            id=row_id(artefact, "optimum"),
            artefact=artefact,
            panel=PANEL,
            method=OPTIMUM,
            quantity=QUANTITY,
            scale=Scale.LN,
            step=tuple(range(count)),
            x=config.factors,
            estimate=(mean,) * count,
        )
    ]


if __name__ == "__main__":
    main("figure-a5b")
