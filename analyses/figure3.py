"""Figure 3: convergence on the Quadratic with A ~ N(0, σ²), σ = 50 and 100.

Run it alone with `python -m analyses.figure3` or `ml2o run figure3`.
"""

from __future__ import annotations

from typing import ClassVar

from analyses.artefact import main
from analyses.claims import OrderClaim
from analyses.comparison import Panel
from analyses.comparison_rows import PAIRS
from analyses.convergence import ByPanel, ConvergenceArtefact
from analyses.figure2 import panel_label
from analyses.settings import RunSettings
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_core.tasks.quadratic import Quadratic

SIGMAS = (50.0, 100.0)


class Figure3(ConvergenceArtefact):
    """Quadratic convergence of the methods at σ = 50 and 100."""

    name: ClassVar[str] = "figure3"
    title: ClassVar[str] = "Figure 3: convergence on the Quadratic"
    in_quick_report: ClassVar[bool] = False
    source: ClassVar[str] = "Figure 3"
    training: ClassVar[type[LeastSquaresFamily]] = Quadratic
    tasks: ClassVar[str] = (
        "The learned rules are meta-trained on the Quadratic with the profile's distribution of "
        r"$A$ (the paper does not say which; it is that of LASSO here), adapted on tasks with "
        r"$A \sim N(0, \sigma^2)$ and $b \sim U(-1, 1)$, and tested on fresh ones. SGD, momentum "
        "and Adam use the step that is best on the adaptation tasks."
    )

    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        return tuple(
            Panel(
                label=panel_label(sigma),
                sigma=sigma,
                adaptation=Quadratic.normal(sigma),
                test=Quadratic.normal(sigma),
            )
            for sigma in SIGMAS
        )

    def claims(self, settings: RunSettings, found: ByPanel) -> list[OrderClaim]:
        claims = []
        for sigma in SIGMAS:
            panel = panel_label(sigma)
            claims += [self.order_claim(panel, *pair, found) for pair in PAIRS]
            claims += self.faster_claims(panel, found, self.source)
        return claims


if __name__ == "__main__":
    main("figure3")
