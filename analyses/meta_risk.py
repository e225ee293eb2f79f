"""Lemma 7 at work: which inner steps leave the meta risk convex, with certified constants.

Two quadratic tasks and the scalar gain rule, where μ (A1) and A3's constants are certified. Run it
alone with `python -m analyses.meta_risk` or `ml2o run meta_risk`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.rendering.blocks import Formula, LineFigure, Role, RowTable, Section, Text
from analyses.settings import RunSettings
from ml2o_core.progress import Progress
from ml2o_core.results import (
    ConstantRow,
    CurveRow,
    EndMethod,
    Level,
    Results,
    Row,
    Scale,
    row_id,
)
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_theory.arithmetic import exact, log10
from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.gain_quadratic import pair_constants, pair_region
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.meta_risk import (
    RiskConstants,
    largest_convex_step,
    meta_lipschitz_convex,
    meta_strong_convexity,
    risk_constants,
)
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.risks.scalar import ScalarRisk
from ml2o_theory.statements.lemma07 import Lemma07

STEP = "log10 of the largest certain inner step"
LEVELS = (Level.UNIFORM, Level.CLOSED_LOOP)
MEANINGS = {
    "mu": "strong convexity of g_T (A1)",
    "L_g": "Lipschitz constant of ∇g_T (Lemma 6)",
    "rho_g": "Lipschitz constant of ∇²g_T (Lemma 7)",
    "M_g": "Lipschitz constant of g_T (Lemma 13)",
    "L_G": "Lipschitz constant of the meta risk's gradient, at the largest certain α",
    "mu_G": "strong convexity of the meta risk, at the largest certain α",
}


class MetaRiskConfig(Spec):
    """The tasks, Φ and the horizons."""

    seed: int
    family: Quadratic
    interval: tuple[float, float] = Field((0.2, 0.6), description="Φ in units of 1/L")
    horizons: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 8, 10)


class MetaRisk(Artefact):
    """The inner steps for which Lemma 7 makes the meta risk strongly convex."""

    name: ClassVar[str] = "meta_risk"
    title: ClassVar[str] = "Lemma 7: which inner steps leave the meta risk convex"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> MetaRiskConfig:
        return MetaRiskConfig(seed=settings.seed, family=Quadratic.normal(1.0, rows=6, cols=2))

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        draw = generator(config.seed, purpose="meta risk")
        family = config.family
        pair = QuadraticPair(family.sample(draw), family.sample(draw), family.start(draw))
        unit = 1 / max(task.gram_norm().item() for task in (pair.first, pair.second))
        phi = ParameterInterval(*(end * unit for end in config.interval))
        rows: list[Row] = []
        steps: dict[Level, list[float]] = {level: [] for level in LEVELS}
        with progress.task("Meta risk", len(config.horizons)) as advance:
            for T in config.horizons:
                constants = pair_constants(pair, pair_region(pair, phi, T))
                mu = _strong_convexity(pair, phi, T, constants)
                for level in LEVELS:
                    known = risk_constants(constants, mu, T, level)
                    alpha = largest_convex_step(known)
                    steps[level].append(alpha)
                    rows += self._rows(level, T, known, alpha)
                advance()
        rows += [self._curve(level, config.horizons, steps[level]) for level in LEVELS]
        return rows

    def _rows(self, level: Level, T: int, known: RiskConstants, alpha: float) -> Iterator[Row]:
        values = {"mu": known.mu, "L_g": known.L_g, "rho_g": known.rho_g, "M_g": known.M_g}
        if alpha > 0:
            values["L_G"] = meta_lipschitz_convex(alpha, known)
            values["mu_G"] = meta_strong_convexity(alpha, known)
        for symbol, value in values.items():
            yield ConstantRow(
                id=row_id(self.name, level.value, f"T={T}", symbol.replace("_G", "-meta")),
                artefact=self.name,
                symbol=symbol,
                subject=f"{level.value}, T = {T}",
                value=value.interval,
                lower_method=value.lower.method,
                upper_method=value.upper.method,
                norm=value.upper.norm.value,
                region=value.region,
            )

    def _curve(self, level: Level, horizons: Sequence[int], steps: Sequence[float]) -> CurveRow:
        return CurveRow(
            id=row_id(self.name, "step", level.value),
            artefact=self.name,
            panel="two quadratic tasks",
            method=level.value,
            quantity=STEP,
            scale=Scale.LOG10,
            step=tuple(horizons),
            estimate=tuple(log10(exact(alpha)) for alpha in steps),
        )

    def findings(self, results: Results) -> Sequence[Finding]:
        curves = {curve.method: curve for curve in results.curves}
        said = "; ".join(
            f"level {level.value} from $10^{{{_first(curves[level.value]):.1f}}}$ to "
            f"$10^{{{_last(curves[level.value]):.1f}}}$"
            for level in LEVELS
        )
        first, last = (curves[LEVELS[0].value].step[k] for k in (0, -1))
        return [
            Finding(
                "The largest inner step α for which Lemma 7 proves the meta risk strongly convex "
                f"falls from T = {first} to T = {last}: {said}.",
                tuple(curve.id for curve in curves.values()),
            )
        ]

    def section(self, results: Results) -> Section:
        return Section(
            (
                Formula(Lemma07().latex),
                Text(
                    r"With $L_g$, $\rho_g$ and $M_g$ of Lemmas 6, 7 and 13, the meta risk "
                    r"$G = g \circ \hat T$ has a gradient that is Lipschitz with "
                    r"$L_G = (1 - \alpha \mu)^2 L_g + \alpha \rho_g M_g$, and is strongly convex "
                    r"with $\mu_G = (1 - \alpha L_g)^2 \mu - \alpha \rho_g M_g$ where that is "
                    r"positive. Every step $\alpha \le \min ( 1/(2 L_g), \mu / (8 \rho_g M_g) )$ "
                    r"leaves $\mu_G \ge \mu / 8$. Since $\rho_g M_g$ grows like $Q^{4T}$, such "
                    "steps shrink fast at the uniform level. That the inner step stays in Φ is "
                    "a condition of its own."
                ),
                LineFigure(
                    id="meta-risk-step",
                    caption="The largest inner step for which the meta risk is certainly strongly "
                    "convex, as a base-10 logarithm.",
                    description="Base-10 logarithm of the largest certain inner step against the "
                    "number of iterations T, at two levels of the ladder.",
                    x_label="iterations T",
                    y_label="log10 of α",
                    curves=tuple(results.curves.where(quantity=STEP)),
                    roles={level.value: Role.BOUND for level in LEVELS},
                ),
                RowTable.of(
                    "The constants behind it, certified on all of Φ.",
                    results.constants,
                    {
                        "level and T": "subject",
                        "constant": "symbol",
                        "meaning": lambda row: MEANINGS[row.symbol],
                        "value": "value",
                    },
                ),
            )
        )


def _strong_convexity(
    pair: QuadraticPair, phi: ParameterInterval, T: int, constants: Constants
) -> Enclosure:
    """μ of the less convex of the two tasks' risks, on the constants' region."""
    found = [
        ScalarRisk.of([task], pair.x0, T).extremes(exact(phi.lower), exact(phi.upper))
        for task in (pair.first, pair.second)
    ]
    return Enclosure.certified(
        min((each.lower for each in found), key=float),
        min((each.upper for each in found), key=float),
        EndMethod.CLOSED_FORM,
        region=constants.region.id,
    )


def _first(curve: CurveRow) -> float:
    return next(value for value in curve.estimate if value is not None)


def _last(curve: CurveRow) -> float:
    return next(value for value in reversed(curve.estimate) if value is not None)


if __name__ == "__main__":
    main("meta_risk")
