"""Figures 2a and 2b: convergence on LASSO with A ~ N(0, σ²), σ = 50 and 100.

Run it alone with `python -m analyses.figure2` or `ml2o run figure2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from analyses.artefact import main
from analyses.claims import OrderClaim, not_assessable
from analyses.comparison import Panel
from analyses.comparison_rows import PAIRS
from analyses.convergence import ByPanel, ConvergenceArtefact
from analyses.settings import RunSettings
from ml2o_core.results import Row
from ml2o_core.tasks.lasso import Lasso

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
    tasks: ClassVar[str] = (
        "The learned rules are meta-trained on LASSO, on the profile's training tasks, adapted on "
        r"tasks with $A \sim N(0, \sigma^2)$, and tested on fresh ones. All methods see the same "
        "tasks, and start from the same $\\phi_0$. SGD, momentum and Adam use the step that is "
        "best on the adaptation tasks; ISTA and FISTA use $1/L$. Bands are 95 % $t$-intervals over "
        "the training seeds."
    )

    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        return tuple(lasso_panel(sigma) for sigma in SIGMAS.values())

    def claims(self, settings: RunSettings, found: ByPanel) -> list[OrderClaim]:
        claims = []
        for letter, sigma in SIGMAS.items():
            panel, source = panel_label(sigma), f"Figure 2{letter}, Section 5.2"
            claims += [self.order_claim(panel, *pair, found, source) for pair in PAIRS]
            claims += self.faster_claims(panel, found, f"{source} ④")
        return claims

    def further_rows(self, settings: RunSettings, found: ByPanel) -> Sequence[Row]:
        lost = not_assessable(
            self.name,
            "how-much",
            "M-L2O reduces the logarithm of the objective by approximately two stated amounts, at "
            "two levels of σ",
            "Section 5.2 ④",
            "the amounts are lost in our copy of the paper, which does not say beside which "
            "method; what is found here are the effects of the claims about the order",
            settings,
        )
        return [lost]


if __name__ == "__main__":
    main("figure2")
