"""A small artefact that uses every block, known to the registry while a test runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from analyses.artefact import Artefact
from analyses.rendering.blocks import (
    Bullets,
    Estimate,
    Finding,
    Formula,
    LineFigure,
    Role,
    RowTable,
    Section,
    StageFigure,
    Text,
)
from analyses.settings import Profile, RunSettings
from ml2o_core.progress import Progress
from ml2o_core.results import (
    AssumptionRow,
    CheckRow,
    ClaimRow,
    ConstantRow,
    CurveRow,
    Interval,
    Results,
    Row,
    ScoreRow,
    StageRow,
    row_id,
)
from ml2o_core.spec import Spec

from .collection_demo import two_profiles
from .pieces_demo import Squares

ROLES = {
    "M-L2O": Role.LEARNED,
    "SGD": Role.ANALYTIC,
    "optimum": Role.OPTIMUM,
    "observed gap": Role.OBSERVED,
    "bound": Role.BOUND,
}


class DemoConfig(Spec):
    """What the demonstration resolves to."""

    repeats: int
    sigmas: tuple[float, ...] = (50.0, 100.0)
    family: dict[str, object] = {"name": "lasso", "weight": 0.005}  # noqa: RUF012


class Demo(Artefact):
    """Every kind of row and block; `name` is set while a test wants it in the registry."""

    title: ClassVar[str] = "Demonstration & <markup>"
    profiles: ClassVar[tuple[Profile, ...]] = (Profile.PAPER, Profile.MATCHED)
    steps: ClassVar[int] = 5

    def configuration(self, settings: RunSettings) -> DemoConfig:
        return DemoConfig(repeats=settings.repeats or 3)

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        rows: list[Row] = [
            ScoreRow(
                id="demo/score",
                artefact="demo",
                family="lasso",
                distribution="A ~ N(0, 50²)",
                sigma=50.0,
                method="M-L2O",
                score="min ln mean objective",
                mean=-3.0 - settings.seed,
                lower=-3.5 - settings.seed,
                upper=-2.5 - settings.seed,
                repeats=3,
            ),
            ClaimRow(
                id="demo/claim",
                artefact="demo",
                claim="M-L2O ends below TL",
                source="Figure 2a",
                profile=settings.profile,
                verdict="not assessed",
                reason="quick preset",
            ),
            AssumptionRow(
                id="demo/a3b",
                artefact="demo",
                assumption="A3b",
                subject="LASSO",
                region="R^d",
                verdict="refuted",
                reason="kink",
                witness="x = 0",
            ),
            ConstantRow(
                id="demo/constant/l",
                artefact="demo",
                symbol="L",
                subject="two quadratics",
                value=Interval.at_least(4),
                lower_method="sampled",
                upper_method="trivial",
                norm="spectral",
                region="ball",
            ),
            CheckRow(
                id="demo/check",
                artefact="demo",
                statement="Proposition 1",
                kind="instance",
                tasks="two quadratics",
                rule="gain",
                region="ball",
                T=20,
                graph="full",
                constants=("demo/constant/l",),
                observed=Interval.point(1.5),
                bound=Interval.point("2e5000"),
                verdict="HOLDS",
                vacuity="vacuous",
            ),
        ]
        rows += [
            StageRow(
                id=row_id("demo", "stage", position),
                artefact="demo",
                setting="T = 5",
                position=position,
                stage=f"stage {position}",
                value=Interval.point(10**position),
                loss=1.0 if position else None,
                how="by construction",
            )
            for position in range(3)
        ]
        rows.append(_curve("against α", "observed gap", 1).with_changes(x=(1e-3, 1e-2, 0.1, 1.0)))
        with progress.task("demonstrate", total=self.steps) as advance:
            for step in range(self.steps):
                rows.append(_curve("expansive", f"T={step}", step))
                advance()
        for panel in ("σ = 50", "σ = 100"):
            rows += [
                _curve(panel, "M-L2O", 1, band=True),
                _curve(panel, "SGD", 2),
                _curve(panel, "optimum", 0),
            ]
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        score = results.scores["demo/score"]
        return [Finding(f"M-L2O reaches {score.mean:.2f} <here>.", (score.id, "demo/check"))]

    def section(self, results: Results) -> Section:
        convergence = tuple(row for row in results.curves if row.panel.startswith("σ"))
        growth = tuple(row for row in results.curves if row.panel == "expansive")
        roles = {row.method: Role.BOUND for row in growth}
        against = tuple(row for row in results.curves if row.panel == "against α")
        return Section(
            (
                Text(
                    r"A rule $m(z, \phi)$ as in [the check](#demo/check), `code` & [a](https://a.org)."
                ),
                Bullets(("one", "two")),
                Formula(r"x_{t+1} = x_t + m(z_t, \phi)"),
                LineFigure(
                    "demo-convergence",
                    r"Convergence of $x_t$.",
                    "Curves fall.",
                    "step",
                    "ln mean objective",
                    convergence,
                    ROLES,
                ),
                LineFigure(
                    "demo-bound", "Growth.", "A bound.", "T", "log₁₀ bound", growth, roles, "own"
                ),
                LineFigure(
                    "demo-rate", "A rate.", "A line.", "α", "log₁₀", against, ROLES, x_scale="log"
                ),
                StageFigure("demo-stages", "Where.", "Bars.", "the gap", tuple(results.stages)),
                RowTable.of("Scores", results.scores, {"σ": "sigma", "Score": Estimate.of}),
                RowTable.of("Claims", results.claims, {"Claim": "claim", "Verdict": "verdict"}),
                RowTable.of(
                    "Checks",
                    results.checks,
                    {
                        "Bound": "bound",
                        "Verdict": "verdict",
                        "Against the trivial bound": "vacuity",
                        "Constants": "constants",
                    },
                ),
                RowTable.of("Constants", results.constants, {r"$L$": "value"}),
                RowTable.of("Assumptions", results.assumptions, {"Verdict": "verdict"}),
                RowTable.of("Nothing", results.optima, {"Value": "value"}),
                RowTable.of("Checks again", results.checks, {"T": "T"}),
            )
        )


def _curve(panel: str, method: str, slope: float, *, band: bool = False) -> CurveRow:
    values = tuple(4.0 - slope * step for step in range(4))
    return CurveRow(
        id=row_id("demo", "curve", panel, method),
        artefact="demo",
        panel=panel,
        method=method,
        quantity="ln mean objective",
        scale="ln",
        step=tuple(range(4)),
        estimate=values,
        lower=tuple(value - 0.5 for value in values) if band else (),
        upper=tuple(value + 0.5 for value in values) if band else (),
    )


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> type[Demo]:
    """The demonstration, registered as `demo`."""
    monkeypatch.setattr(Demo, "name", "demo")
    return Demo


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> type[Squares]:
    """The demonstration in pieces, registered as `squares`, the only artefact there is."""
    monkeypatch.setattr(Squares, "name", "squares")
    monkeypatch.setattr(Artefact, "registry", classmethod(lambda cls: {"squares": Squares}))
    return Squares


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A collection: the profiles paper and matched, and a sweep."""
    return two_profiles(tmp_path / "two")
