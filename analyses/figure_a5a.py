"""Figure A5a: trained on LASSO, adapted to and tested on Rosenbrock's valley.

Run it alone with `python -m analyses.figure_a5a` or `ml2o run figure-a5a`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from analyses.artefact import main
from analyses.claims import OrderClaim, not_assessable
from analyses.comparison import Panel
from analyses.convergence import ByPanel, ConvergenceArtefact
from analyses.settings import RunSettings
from ml2o_core.results import Row
from ml2o_core.results.vocabulary import Score
from ml2o_core.tasks.rosenbrock import Rosenbrock

LABEL = "Rosenbrock"


class FigureA5a(ConvergenceArtefact):
    """Convergence on Rosenbrock's valley after training on LASSO."""

    name: ClassVar[str] = "figure-a5a"
    title: ClassVar[str] = "Figure A5a: from LASSO to Rosenbrock's valley"
    in_quick_report: ClassVar[bool] = False
    source: ClassVar[str] = "Figure A5a"
    tasks: ClassVar[str] = (
        "The learned rules are meta-trained on LASSO, adapted to Rosenbrock's valley in two "
        r"dimensions, and tested on it from fresh starting points $x_0 \sim N(0, I)$. The paper's "
        "claims are about the value at the last step, and so are the claims here; the score is the "
        "minimum over the steps, as everywhere."
    )

    def panels(self, settings: RunSettings) -> tuple[Panel, ...]:
        return (Panel(label=LABEL, adaptation=Rosenbrock(), test=Rosenbrock()),)

    def claims(self, settings: RunSettings, found: ByPanel) -> list[OrderClaim]:
        return [
            self.order_claim(
                LABEL, "m-l2o", worse, found, "Figure A5a, Appendix A.6", Score.LN_MEAN_OBJECTIVE
            )
            for worse in ("tl", "dt", "vanilla")
        ]

    def further_rows(self, settings: RunSettings, found: ByPanel) -> Sequence[Row]:
        lost = not_assessable(
            self.name,
            "how-much",
            "At step 500 the logarithms of the objective have the stated means and standard "
            "deviations, for each method",
            "Appendix A.6",
            "the numbers are lost in our copy of the paper",
            settings,
        )
        return [lost]


if __name__ == "__main__":
    main("figure-a5a")
