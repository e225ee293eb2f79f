"""Figures 2a and 2b: convergence on LASSO with A ~ N(0, σ²), σ = 50 and 100.

Run it alone with `python -m analyses.figure2` or `ml2o run figure2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from analyses.artefact import main
from analyses.claims import OrderClaim
from analyses.comparison import Panel
from analyses.comparison_rows import PAIRS
from analyses.convergence import ByPanel, ConvergenceArtefact
from analyses.rendering.blocks import Block, RowTable, Text
from analyses.settings import RunSettings
from ml2o_core.results import ConstantRow, Results, Row, row_id
from ml2o_core.tasks.lasso import Lasso
from ml2o_theory.arithmetic import exact
from ml2o_theory.population import PopulationDifference
from ml2o_theory.regions import Ball

TRAINING = Lasso.uniform_mixture()
"""What the methods are meta-trained on, in every profile but the released one."""

SIGMAS = {"a": 50.0, "b": 100.0}
"""σ by the letter of the paper's sub-figure."""


def panel_label(sigma: float) -> str:
    """What a panel is called."""
    return f"σ = {sigma:g}"


def lasso_panel(sigma: float) -> Panel:
    """Adapted to and tested on the same σ."""
    family = Lasso.normal(sigma)
    return Panel(label=panel_label(sigma), sigma=sigma, adaptation=family, test=family)


class Figure2(ConvergenceArtefact):
    """LASSO convergence of the methods at σ = 50 and 100."""

    name: ClassVar[str] = "figure2"
    title: ClassVar[str] = "Figure 2: convergence on LASSO"
    source: ClassVar[str] = "Figure 2"
    proximal: ClassVar[tuple[str, ...]] = ("ista", "fista")
    tasks: ClassVar[str] = (
        "The learned rules are meta-trained on LASSO, on the profile's training tasks, adapted on "
        r"tasks with $A \sim N(0, \sigma^2)$, and tested on fresh ones. All methods see the same "
        "tasks, and start from the same $\\phi_0$. SGD, momentum and Adam use the step that is "
        "best on the adaptation tasks; ISTA and FISTA use $1/L$. Bands are 95 % $t$-intervals over "
        "the training seeds."
    )

    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        return tuple(lasso_panel(sigma) for sigma in SIGMAS.values())

    def claims(self, found: ByPanel) -> list[OrderClaim]:
        return [
            self.order_claim(
                panel_label(sigma), better, worse, found, f"Figure 2{letter}, Section 5.2"
            )
            for letter, sigma in SIGMAS.items()
            for better, worse in PAIRS
        ]

    def further_rows(self, settings: RunSettings, found: ByPanel) -> Sequence[Row]:
        return _task_differences(self.name)

    def further_blocks(self, results: Results) -> Sequence[Block]:
        return (
            Text(
                "The theory measures how far adaptation is from training by the task "
                r"differences $\Delta_{12}$ and $\tilde{\Delta}_{12}$ of A4. Here are those of the "
                "two populations, the uniform mixture and the normal one, in closed form; they do "
                "not bound the differences of drawn batches."
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
        )


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


if __name__ == "__main__":
    main("figure2")
