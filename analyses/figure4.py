"""Figure 4: tested on LASSO with σ = 100, adapted to σ from 10 (training-like) to 200.

Run it alone with `python -m analyses.figure4` or `ml2o run figure4`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from analyses.artefact import main
from analyses.claims import OrderClaim, not_assessable
from analyses.comparison import Panel, label
from analyses.comparison_rows import OPTIMUM
from analyses.convergence import ByPanel, ConvergenceArtefact
from analyses.convergence_page import ROLES
from analyses.rendering.blocks import Block, LineFigure
from analyses.seed_curves import level_line, seed_curve
from analyses.seed_scores import PAPER
from analyses.settings import RunSettings
from analyses.task_differences import rank_claim
from ml2o_core.results import Results, Row, row_id
from ml2o_core.tasks.lasso import Lasso

SIGMAS = (10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 200.0)
TEST = 100.0
LIKE_TRAINING, LIKE_TEST = 10.0, 100.0
RANKED = (("m-l2o", "Delta_12"), ("m-l2o", "Delta_23"), ("tl", "Delta_23"))
"""The methods and task differences of which Section 5.3 says that smaller ones help."""

QUANTITY = "score by σ of the adaptation tasks"
PANEL = "test σ = 100"


def panel_label(sigma: float) -> str:
    """What a panel is called."""
    return f"adapted to σ = {sigma:g}"


class Figure4(ConvergenceArtefact):
    """The scores at σ = 100 after adaptation to other σ."""

    name: ClassVar[str] = "figure4"
    title: ClassVar[str] = "Figure 4: adaptation to other tasks than those of the test"
    in_quick_report: ClassVar[bool] = False
    source: ClassVar[str] = "Figure 4"
    tasks: ClassVar[str] = (
        r"The protocol of Figure 2, tested on LASSO with $\sigma = 100$ and adapted to tasks of "
        "other σ: small ones are like the training tasks, large ones like those of the test. "
        "Direct transfer, ISTA and FISTA are not adapted: their scores are the same throughout. "
        "SGD, momentum and Adam have the step that is best on the adaptation tasks."
    )

    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        return tuple(
            Panel(
                label=panel_label(sigma),
                sigma=TEST,
                adaptation=Lasso.normal(sigma),
                test=Lasso.normal(TEST),
            )
            for sigma in SIGMAS
        )

    def claims(self, settings: RunSettings, found: ByPanel) -> list[OrderClaim]:
        near = panel_label(LIKE_TRAINING)
        best = [
            self.order_claim(near, "m-l2o", worse, found, "Figure 4, Section 5.3")
            for worse in ("tl", "dt")
        ]
        return [
            *best,
            self._across("m-l2o", LIKE_TRAINING, LIKE_TEST, found),
            self._across("tl", LIKE_TEST, LIKE_TRAINING, found),
            *self._ranked(settings, found),
        ]

    def _ranked(self, settings: RunSettings, found: ByPanel) -> list[OrderClaim]:
        """What the paper concludes from Theorem 1: the closer the tasks, the lower the loss."""
        ranked = self.ranked(settings, found)
        return [
            rank_claim(self.name, method, symbol, ranked[method], "Section 5.3")
            for method, symbol in RANKED
            if symbol in ranked[method]
        ]

    def _across(self, method: str, better: float, worse: float, found: ByPanel) -> OrderClaim:
        first, second = found[panel_label(better)].pair(method, method, found[panel_label(worse)])
        return OrderClaim(
            id=row_id(self.name, "claim", method, f"σ={better:g}", f"σ={worse:g}"),
            text=f"{label(method)} reaches a lower loss when adapted to σ = {better:g} than when "
            f"adapted to σ = {worse:g}",
            source="Figure 4, Section 5.3",
            better=first,
            worse=second,
        )

    def further_rows(self, settings: RunSettings, found: ByPanel) -> Sequence[Row]:
        vague = not_assessable(
            self.name,
            "certain-scenarios",
            "M-L2O also benefits from larger σ of the adaptation tasks, such as σ = 100, in "
            "certain scenarios",
            "Section 5.3",
            "the paper does not say in which scenarios, nor compared with what",
            settings,
        )
        return [*self._by_adaptation(found), vague]

    def _by_adaptation(self, found: ByPanel) -> list[Row]:
        curves: list[Row] = []
        panels = [found[panel_label(sigma)] for sigma in SIGMAS]
        for method in panels[0].scores[PAPER]:
            kept = np.logical_and.reduce([panel.counted[method] for panel in panels])
            if not kept.any():
                continue
            values = np.stack([panel.scores[PAPER][method][kept] for panel in panels], axis=1)
            curves.append(
                seed_curve(
                    values,
                    id=row_id(self.name, "score", method),
                    artefact=self.name,
                    panel=PANEL,
                    method=label(method),
                    quantity=QUANTITY,
                    step=tuple(range(len(SIGMAS))),
                    x=SIGMAS,
                )
            )
        optimum = panels[0].optimum  # the test problems are those of every panel
        if optimum is not None:
            curves.append(
                level_line(
                    optimum,
                    len(SIGMAS),
                    id=row_id(self.name, "score", OPTIMUM),
                    artefact=self.name,
                    panel=PANEL,
                    method=OPTIMUM,
                    quantity=QUANTITY,
                    x=SIGMAS,
                )
            )
        return curves

    def further_blocks(self, results: Results) -> Sequence[Block]:
        curves = tuple(results.curves.where(quantity=QUANTITY))
        return (
            LineFigure(
                id=f"{self.name}-score",
                caption="The paper's score at σ = 100 against σ of the adaptation tasks. The "
                "dotted line is the certified optimum; an optimizer that diverges on the test "
                "tasks has no line.",
                description="The score of each method against σ of the adaptation tasks.",
                x_label="σ of the adaptation tasks",
                y_label="min ln mean objective",
                curves=curves,
                roles=ROLES,
                x_scale="log",
            ),
        )


if __name__ == "__main__":
    main("figure4")
