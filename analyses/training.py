"""The meta-trainings behind the paper's figures: TL and DT, M-L2O exact and first order.

Run alone, it does the work that takes hours on a CPU and minutes on a GPU; the figures then find
the trained rules in the same folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from analyses.artefact import Chapter, Finding, main
from analyses.profiles import ALPHA, plan
from analyses.rendering.blocks import LineFigure, Role, RowTable, Section, Text
from analyses.seed_curves import seed_curve
from analyses.settings import RunSettings
from analyses.trained import TrainedArtefact
from analyses.trained_rows import FIT_COLUMNS, curvature_rows, fit_row, least
from analyses.trainings import Trainings
from ml2o_core.meta.config import TrainConfig
from ml2o_core.meta.trainer import Trained
from ml2o_core.progress import Progress
from ml2o_core.results import CurveRow, Results, Row, row_id
from ml2o_core.spec import Spec
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_core.tasks.quadratic import Quadratic

RISK, VALIDATION = "ln mean risk of 25 windows", "ln validation"
CHUNK = 25
"""Windows that one point of a curve is the mean of."""

KINDS: dict[str, type[LeastSquaresFamily]] = {"LASSO": Lasso, "Quadratic": Quadratic}


class TrainingsConfig(Spec):
    """Every training, resolved, by its name."""

    trainings: dict[str, TrainConfig] = Field(min_length=1)


class Training(TrainedArtefact):
    """The trained rules of a profile."""

    name: ClassVar[str] = "training"
    title: ClassVar[str] = "Meta-training: how the rules were trained"
    chapter: ClassVar[Chapter] = Chapter.EXPERIMENTS
    in_quick_report: ClassVar[bool] = False

    def configuration(self, settings: RunSettings) -> TrainingsConfig:
        found: dict[str, TrainConfig] = {}
        for title, kind in KINDS.items():
            profile = plan(settings, kind)
            found[f"{title}, TL and DT"] = profile.plain
            found[f"{title}, M-L2O"] = profile.meta
            if profile.first_order is not None:
                found[f"{title}, first-order M-L2O"] = profile.first_order
        return TrainingsConfig(trainings=found)

    def run_trained(
        self, settings: RunSettings, progress: Progress, trainings: Trainings
    ) -> Sequence[Row]:
        configs = self.configuration(settings).trainings
        runs = dict(zip(configs, trainings.several(list(configs.values())), strict=True))
        rows: list[Row] = []
        for name, run in runs.items():
            rows += [fit_row(self.name, name, run), *_curves(self.name, name, run)]
        return [*rows, *curvature_rows(self.name, runs, settings, trainings, progress)]

    def findings(self, results: Results) -> Sequence[Finding]:
        diverged = [row for row in results.fits if row.diverged]
        count = sum(row.diverged for row in diverged)
        total = sum(row.repeats for row in results.fits)
        text = f"Of {total} trained replicates {count or 'none'} diverged in meta-training."
        found = [Finding(text, tuple(row.id for row in diverged or results.fits))]
        steep = [row for row in results.constants if least(row) > 1 / ALPHA]
        if steep:
            most = max(steep, key=least)
            found.append(
                Finding(
                    "The inner step is too long for what is trained: the Hessian of ĝ_T has "
                    f"eigenvalues of {least(most):,.0f} and more ({most.subject}), above "
                    f"1/α = {1 / ALPHA:,.0f}. There the exact meta-gradient's factor "
                    "I − α∇²ĝ_T has negative eigenvalues; Theorem 1 asks for α < 1/L_g.",
                    tuple(row.id for row in steep),
                )
            )
        return found

    def section(self, results: Results) -> Section:
        curves = list(results.curves)
        roles = dict.fromkeys([curve.method for curve in curves], Role.LEARNED)
        figures = [
            LineFigure(
                id=f"training-{key}",
                caption=caption,
                description=f"{caption} One curve for each training, with a band over the seeds.",
                x_label="window",
                y_label=quantity,
                curves=tuple(curve for curve in curves if curve.quantity == quantity),
                roles=roles,
                y_range="own",
            )
            for key, quantity, caption in (
                ("risk", RISK, "The risk of the windows that are trained on."),
                ("validation", VALIDATION, "The validations of the curriculum, stage after stage."),
            )
            if any(curve.quantity == quantity for curve in curves)
        ]
        return Section(
            (
                Text(
                    "Training tasks, rule, budget and meta-gradient are the profile's. The length "
                    "of an episode grows by the curriculum: a new length makes the risk jump, "
                    "because the windows of a long episode lie nearer to its optimum, and because "
                    "what follows the last validation of a stage is undone where it was no better."
                ),
                RowTable.of(
                    "The trainings.",
                    results.fits,
                    FIT_COLUMNS,
                ),
                *figures,
                Text(
                    r"The exact meta-gradient is "
                    r"$(I - \alpha \nabla^2 \hat{g}_T(\phi)) \nabla \hat{g}_T(\hat{T}(\phi))$. "
                    r"Where $\nabla^2 \hat{g}_T$ has an eigenvalue above $1/\alpha$, one inner "
                    "step jumps across the valley and the meta-gradient points up it; the "
                    "first-order one has no such factor. The table shows the largest Rayleigh "
                    "quotient found in the first windows of a fresh training episode, at the "
                    "trained parameters."
                ),
                RowTable.of(
                    r"Curvature where the trainings end, against $1/\alpha$ "
                    f"= {1 / ALPHA:,.0f}: the median and the largest of the replicates.",
                    results.constants,
                    {"training": "subject", "constant": "symbol", "at least": "value"},
                ),
            )
        )


def _curves(artefact: str, name: str, run: Trained) -> list[CurveRow]:
    kept, history = run.converged, run.history
    if not kept.any():
        return []
    panel, method = name.split(", ", 1)
    risk = history.risk[:, kept].double()
    whole = len(risk) // CHUNK * CHUNK
    found = []
    if whole:
        means = risk[:whole].reshape(-1, CHUNK, risk.shape[1]).mean(1).log()
        steps = tuple(range(CHUNK, whole + 1, CHUNK))
        found.append(_curve(artefact, panel, method, RISK, steps, means))
    if len(history.validation):
        at = history.validated_at
        # Two validations stand before the same window where a stage ends: the later one is shown.
        last = torch.cat([at[1:] != at[:-1], torch.tensor([True])])
        values = history.validation[:, kept].double().log()[last]
        found.append(_curve(artefact, panel, method, VALIDATION, tuple(at[last].tolist()), values))
    return found


def _curve(
    artefact: str,
    panel: str,
    method: str,
    quantity: str,
    steps: tuple[int, ...],
    values: torch.Tensor,
) -> CurveRow:
    return seed_curve(
        np.asarray(values.T),
        id=row_id(artefact, panel, method, quantity),
        artefact=artefact,
        panel=panel,
        method=method,
        quantity=quantity,
        step=steps,
    )


if __name__ == "__main__":
    main("training")
