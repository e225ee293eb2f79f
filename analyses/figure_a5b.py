"""Figure A5b: weights between two adapted optimizers, one training-like, one test-like.

φ(a) = (1 − a) φ_train-like + a φ_test-like, both adapted from the same trained rule, tested on
LASSO with σ = 100. Run it alone with `python -m analyses.figure_a5b` or `ml2o run figure-a5b`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from torch import Tensor

from analyses.artefact import Chapter, Finding, main
from analyses.claims import OrderClaim, assess
from analyses.claims_page import claim_table, unassessed
from analyses.comparison import ANALYTIC_LABELS, label
from analyses.comparison_rows import OPTIMUM
from analyses.convergence import pretrained_for
from analyses.convergence_page import ROLES
from analyses.interpolation import Interpolation, analytic_scores, interpolated
from analyses.kept_frames import KeptFrames
from analyses.lasso_test import SCORES, LassoTest
from analyses.profiles import plan, size
from analyses.rendering.blocks import LineFigure, Section, Text
from analyses.seed_curves import level_line, seed_curve
from analyses.settings import RunSettings
from analyses.trained import TrainedArtefact
from analyses.trainings import Trainings
from ml2o_core.devices import resolve_device
from ml2o_core.methods import METHODS, Method
from ml2o_core.optimizers.base import Params
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, Row, row_id
from ml2o_core.results.vocabulary import ClaimVerdict

QUANTITY = "score by a"
EXCESS = "score of f − f* by a"
PANEL = "LASSO, test σ = 100"
CLAIMED = ("m-l2o", "m-l2o-first-order", "tl")
"""Of these the paper, or its variant, says which end is better."""

INTERPOLATED, ANALYTIC, EDITION = "interpolated", "analytic", 1
"""The names of kept frames, and a number to be raised when they change."""

FLAT = (
    " Direct transfer is not adapted, and the analytic optimizers have no weights: their scores "
    "are the same throughout. SGD, momentum and Adam have the step that is best on the adaptation "
    r"tasks with $\sigma = 100$; one that diverges on the test tasks has no line."
)


class FigureA5b(TrainedArtefact):
    """Scores of interpolated weights."""

    name: ClassVar[str] = "figure-a5b"
    title: ClassVar[str] = "Figure A5b: between training-like and test-like adaptation"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

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
        methods = {n: m for n, m in METHODS.items() if m.pretraining in pretrained.params}

        @cache
        def test() -> LassoTest:
            return LassoTest.draw(
                config.like_test,
                seed=settings.seed,
                repeats=config.plan.meta.repeats,
                size=config.test_size,
                steps=config.test_steps,
                device=device,
                compile=settings.compile,
            )

        def belongs_to(method: Method) -> dict[str, Any]:
            run = pretrained.runs.get(method.pretraining)
            return {
                "configuration": config.model_dump(mode="json", exclude={"tuned", "proximal"}),
                "seed": settings.seed,
                "training": run and run.config.model_dump(mode="json"),
                "trained on": run and run.device,
                **({} if method.adapts else {"adapts": False}),
            }

        def start(name: str) -> tuple[Params, Tensor]:
            kind = methods[name].pretraining
            return pretrained.params[kind], pretrained.converged[kind]

        def kept(piece: str) -> KeptFrames:
            return KeptFrames(self.name, piece, EDITION, trainings.out, device, settings.compile)

        frames = kept(INTERPOLATED).compute(
            {name: belongs_to(method) for name, method in methods.items()},
            interpolated,
            lambda name: (config, methods[name].adapts, *start(name), test()),
            progress,
        )
        analytic = kept(ANALYTIC).compute(
            {
                name: {
                    "optimizer": name,
                    "factors": config.factors,
                    "tuned on": config.adapting(config.like_test).model_dump(mode="json"),
                    "test": {"steps": config.test_steps, "size": config.test_size},
                    "seed": settings.seed,
                }
                for name in (*config.tuned, *config.proximal)
            },
            analytic_scores,
            lambda name: (config, name, test()),
            progress,
        )
        rows: list[Row] = []
        claims = []
        for name, frame in {**frames, **analytic}.items():
            paper, excess = _by_factor(frame)
            if not len(paper):
                continue
            rows += [
                _curve(self.name, name, QUANTITY, config.factors, paper),
                _curve(self.name, name, EXCESS, config.factors, excess),
            ]
            if name not in CLAIMED:
                continue
            claims.append(
                OrderClaim(
                    id=row_id(self.name, "claim", name),
                    text=f"{label(name)} reaches a lower loss with training-like adaptation "
                    "(a = 0) than with test-like adaptation (a = 1)",
                    source="Figure A5b, Appendix A.6",
                    better=paper[:, 0],
                    worse=paper[:, -1],
                )
            )
        rows.append(_optimum(self.name, config, next(iter(frames.values()))))
        return [*rows, *assess(self.name, claims, settings)]

    def findings(self, results: Results) -> Sequence[Finding]:
        found = []
        for row in results.claims:
            if row.verdict is ClaimVerdict.NOT_ASSESSED or row.effect is None:
                continue
            text = f"Figure A5b: that {row.claim} is {row.verdict} (difference {row.effect:+.2f})."
            found.append(Finding(text, (row.id,)))
        return [*found, *unassessed("Figure A5b", list(results.claims))]

    def section(self, results: Results) -> Section:
        flat = {row.method for row in results.curves} & set(ANALYTIC_LABELS.values())
        return Section(
            (
                Text(
                    r"Each trained rule is adapted twice: to LASSO with $\sigma = 10$, which is "
                    r"like the training tasks, and with $\sigma = 100$, which is like the test. "
                    r"The weights between the two, $(1-a)\phi_{10} + a\phi_{100}$, are tested on "
                    r"$\sigma = 100$." + (FLAT if flat else "")
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


def _by_factor(frame: pd.DataFrame) -> list[np.ndarray]:
    """Each score, (seeds, factors): all points are of the same seeds, those that count at each."""
    wide = frame.pivot(index="seed", columns="a")
    kept = wide["counted"].to_numpy(bool).all(1)
    return [wide[score.value].to_numpy()[kept] for score in SCORES]


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


def _optimum(artefact: str, config: Interpolation, frame: pd.DataFrame) -> CurveRow:
    """The mean certified optimum, as a line."""
    mean = float(frame.groupby("seed")["optimum"].first().mean())
    return level_line(
        mean,
        len(config.factors),
        id=row_id(artefact, "optimum"),
        artefact=artefact,
        panel=PANEL,
        method=OPTIMUM,
        quantity=QUANTITY,
        x=config.factors,
    )


if __name__ == "__main__":
    main("figure-a5b")
