"""Proposition 1: the observed gap between two tasks' optimizer gradients, against its bound.

Two quadratic tasks and the scalar gain rule, for which every constant has a certified upper end:
three pairs, several gains each, T = 1 to the horizon. Run it alone with
`python -m analyses.proposition1` or `ml2o run proposition1`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.rendering.blocks import (
    Bullets,
    Formula,
    LineFigure,
    Role,
    RowTable,
    Section,
    Text,
)
from analyses.settings import Preset, RunSettings
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.progress import Progress
from ml2o_core.results import (
    CheckRow,
    CheckVerdict,
    CurveRow,
    Results,
    Row,
    Scale,
    Vacuity,
    row_id,
)
from ml2o_core.seeding import generator
from ml2o_core.spec import Spec
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_theory.checks import check_with
from ml2o_theory.constants.base import MEANING, Constants
from ml2o_theory.constants.gain_quadratic import gain_instance, pair_constants, pair_region
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.observed.autodiff import risk_gradients
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.statements.proposition1 import Proposition1

HORIZONS = {Preset.QUICK: 20, Preset.STANDARD: 50, Preset.PAPER: 100}
SHOWN = (1, 2, 3, 5, 10, 20, 50, 100)
"""The horizons T that the page lists; the table of results has all."""

GAP = "log10 of the gap"
ROUNDING = "relative distance of float64 autodiff from the enclosure"
BOUND, TRIVIAL = "bound", "trivial bound"


class PairConfig(Spec):
    """A pair of tasks, Φ, and the φ at which the gap is observed; Φ and φ in units of 1/L."""

    label: str
    closeness: float | None = Field(
        None, gt=0, description="A² = A¹ + N(0, closeness²), b² = b¹; independent tasks without it"
    )
    interval: tuple[float, float]
    gains: tuple[float, ...]


class Proposition1Config(Spec):
    """Everything that is run."""

    seed: int
    horizon: int
    family: Quadratic
    pairs: tuple[PairConfig, ...]


PAIRS = (
    PairConfig(label="unrelated tasks", interval=(0.1, 1.9), gains=(0.1, 1.0, 1.9)),
    PairConfig(label="close tasks", closeness=1e-3, interval=(0.1, 1.9), gains=(0.1, 1.0, 1.9)),
    PairConfig(
        label="close tasks, expansive rule", closeness=1e-3, interval=(-1.0, -0.9), gains=(-1.0,)
    ),
)


class Proposition1Artefact(Artefact):
    """The observed gap of Proposition 1 against its bound, for T = 1 to the horizon."""

    name: ClassVar[str] = "proposition1"
    title: ClassVar[str] = "Proposition 1: the gap between two tasks' optimizer gradients"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> Proposition1Config:
        return Proposition1Config(
            seed=settings.seed,
            horizon=HORIZONS[settings.preset],
            family=Quadratic.normal(1.0),
            pairs=PAIRS,
        )

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        rows: list[Row] = []
        total = sum(len(pair.gains) for pair in config.pairs)
        with progress.task("Proposition 1", total) as advance:
            for part in config.pairs:
                pair = draw_pair(config, part)
                unit = 1 / max(task.gram_norm().item() for task in (pair.first, pair.second))
                interval = ParameterInterval(*(end * unit for end in part.interval))
                constants = pair_constants(pair, pair_region(pair, interval, config.horizon))
                rows += constants.rows(self.name, part.label)
                rows += self._bound_curves(part, constants, config.horizon)
                for gain in part.gains:
                    rows += self._observe(part, pair, constants, gain, gain * unit, config.horizon)
                    advance()
        return rows

    def _bound_curves(self, part: PairConfig, constants: Constants, horizon: int) -> Iterator[Row]:
        statement = Proposition1()
        for method, bound in ((BOUND, statement.bound), (TRIVIAL, statement.trivial_bound)):
            values = [bound(constants, T) for T in range(1, horizon + 1)]
            yield self._gap_curve(part, method, [value for value in values if value is not None])

    def _observe(
        self,
        part: PairConfig,
        pair: QuadraticPair,
        constants: Constants,
        gain: float,
        phi: float,
        horizon: int,
    ) -> Iterator[Row]:
        horizons = range(1, horizon + 1)
        checks = check_with(
            Proposition1(), gain_instance(pair, phi), constants, horizons, tasks=part.label
        )
        for check in checks:
            yield check.row(self.name, part.label, f"φ={gain:g}", f"T={check.T}")
        gaps = [check.observed for check in checks if check.observed is not None]
        yield self._gap_curve(part, f"observed, {gain_label(gain)}", gaps)
        yield CurveRow(
            id=row_id(self.name, part.label, "rounding", f"φ={gain:g}"),
            artefact=self.name,
            panel=part.label,
            method=gain_label(gain),
            quantity=ROUNDING,
            step=tuple(horizons),
            estimate=tuple(autodiff_error(pair, phi, gaps)),
        )

    def _gap_curve(self, part: PairConfig, method: str, values: Sequence[Enclosure]) -> CurveRow:
        return CurveRow(
            id=row_id(self.name, part.label, method),
            artefact=self.name,
            panel=part.label,
            method=method,
            quantity=GAP,
            scale=Scale.LOG10,
            step=tuple(range(1, len(values) + 1)),
            estimate=tuple(value.upper.log10 for value in values),
        )

    def findings(self, results: Results) -> Sequence[Finding]:
        return [
            _verdict_finding(results),
            *(_panel_finding(results, panel) for panel in _panels(results)),
            _rounding_finding(results),
        ]

    def section(self, results: Results) -> Section:
        curves = tuple(results.curves.where(quantity=GAP))
        roles = {curve.method: _role(curve.method) for curve in curves}
        statement = Proposition1()
        return Section(
            (
                Formula(statement.latex),
                Bullets(tuple(f"${latex}$ {words}" for latex, words in statement.glossary.items())),
                Text(
                    r"Two tasks $l^i(x) = \frac{1}{2} \| A^i x - b^i \|^2$ with $A^1$ a 10×10 "
                    r"matrix of $N(0, 1)$ entries, and the rule $m(z, \varphi) = -\varphi z$, "
                    r"whose step is $\varphi$. Close tasks have $A^2 = A^1 + N(0, 0.001^2)$ and "
                    r"$b^2 = b^1$. The constants hold for all $\varphi$ of an interval and all $T$ "
                    "up to the horizon: one value each, as in the paper. "
                    r"The trivial bound $2 M P_T$ knows nothing about the tasks."
                ),
                LineFigure(
                    id="proposition1-gap",
                    caption="Observed gap, the bound of Proposition 1, and the trivial bound, as "
                    r"base-10 logarithms. The expansive rule ($\varphi < 0$) shows the growth that "
                    "the bound allows for; the others do not.",
                    description="Base-10 logarithm of the gap between two tasks' optimizer "
                    "gradients against the number of iterations, observed and bounded.",
                    x_label="iterations T",
                    y_label="log10 of the gap",
                    curves=curves,
                    roles=roles,
                ),
                RowTable.of(
                    "Checks: every observed gap is an interval that contains the exact value.",
                    [row for row in results.checks if _is_shown(row)],
                    {
                        "tasks": "tasks",
                        "rule": "rule",
                        "$T$": "T",
                        "observed": "observed",
                        "bound": "bound",
                        "observed / bound": "ratio",
                        "verdict": "verdict",
                        "against the trivial bound": "vacuity",
                        "reason": "reason",
                    },
                ),
                RowTable.of(
                    "Constants, each on the region named in its row.",
                    results.constants,
                    {
                        "constant": "symbol",
                        "meaning": lambda row: MEANING[row.symbol],
                        "tasks": "subject",
                        "value": "value",
                        "lower end by": "lower_method",
                        "upper end by": "upper_method",
                        "region": "region",
                    },
                ),
                RowTable.of(
                    "The gap from float64 automatic differentiation of the unroll, held against "
                    "its enclosure.",
                    results.curves.where(quantity=ROUNDING),
                    {
                        "tasks": "panel",
                        r"$\varphi$": "method",
                        "largest relative distance": _largest,
                    },
                ),
                Text(
                    "Here the experiment is the theory's own: the final loss is scored, the graph "
                    "mode is `full`, the rule has no memory, the start is fresh, and the risk is "
                    "that of one sample. The trained rules of the other sections differ in each "
                    "of these points."
                ),
            )
        )


def draw_pair(config: Proposition1Config, part: PairConfig) -> QuadraticPair:
    """The pair's two tasks and x_0; close pairs share the first task."""

    def stream(purpose: str) -> torch.Generator:
        return generator(config.seed, purpose=f"proposition1 {purpose}")

    first = config.family.sample(stream("first task"))
    if part.closeness is None:
        second = config.family.sample(stream("second task"))
    else:
        noise = torch.randn(first.A.shape, generator=stream("difference"), dtype=torch.float64)
        second = QuadraticTask(first.A + part.closeness * noise, first.b)
    return QuadraticPair(first, second, config.family.start(stream("start")))


def gain_label(gain: float) -> str:
    """φ in units of 1/L."""
    return f"φ={gain:g}/L"


def autodiff_error(pair: QuadraticPair, phi: float, gaps: Sequence[Enclosure]) -> list[float]:
    """How far float64 autodiff of the unroll is from each gap, relative to the gap."""
    params = {"gain": torch.tensor(phi, dtype=torch.float64)}
    first, second = (
        risk_gradients(LinearGain(), params, task, pair.x0, len(gaps))
        for task in (pair.first, pair.second)
    )
    exact = torch.tensor([float(gap.upper.value) for gap in gaps], dtype=torch.float64)
    return ((first - second).norm(dim=1) - exact).abs().div(exact).tolist()


def _role(method: str) -> Role:
    return Role.BOUND if method in {BOUND, TRIVIAL} else Role.OBSERVED


def _panels(results: Results) -> list[str]:
    return list(dict.fromkeys(row.tasks for row in results.checks))


def _largest(row: CurveRow) -> float:
    return max(value for value in row.estimate if value is not None)


def _last(results: Results) -> int:
    return max(row.T for row in results.checks)


def _is_shown(row: CheckRow) -> bool:
    return row.T in SHOWN or row.verdict not in _EXPECTED


_EXPECTED = {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}


def _verdict_finding(results: Results) -> Finding:
    counts = Counter(row.verdict for row in results.checks)
    said = ", ".join(f"{n} × {verdict.value}" for verdict, n in sorted(counts.items()))
    sound = set(counts) <= _EXPECTED
    lead = "Proposition 1 holds in all" if sound else "Proposition 1 was held against"
    unexpected = tuple(row.id for row in results.checks if row.verdict not in _EXPECTED)
    at_last = tuple(row.id for row in results.checks.where(T=_last(results)))
    return Finding(
        f"{lead} {len(results.checks)} checked instances of the gain rule on quadratic tasks, with "
        f"certified constants ({said}).",
        unexpected or at_last,
    )


def _panel_finding(results: Results, panel: str) -> Finding:
    """How loose the bound is at the horizon, from when on it says nothing, and how each grows."""
    T = _last(results)
    at_last = list(results.checks.where(tasks=panel, T=T))
    excess = [-row.ratio.upper.log10 for row in at_last if row.ratio and row.ratio.upper.log10]
    vacuous = [r.T for r in results.checks.where(tasks=panel) if r.vacuity is Vacuity.VACUOUS]
    curves = list(results.curves.where(panel=panel, quantity=GAP))
    (bound,) = (_last_factor(curve) for curve in curves if curve.method == BOUND)
    observed = [_last_factor(c) for c in curves if _role(c.method) is Role.OBSERVED]
    since = f"from T = {min(vacuous)} on" if vacuous else "at no T"
    times = _span(excess, "$10^{{{:.1f}}}$")
    return Finding(
        f"Proposition 1, {panel}: at T = {T} the bound is {times} times the observed gap, and "
        f"{since} it is no better than the trivial bound. The last step "
        f"multiplies the bound by {bound:.2f} and the gap by {_span(observed, '{:.2f}')}.",
        tuple(row.id for row in at_last),
    )


def _span(values: Sequence[float], form: str) -> str:
    """From the smallest to the largest; one number where both look the same."""
    return " to ".join(dict.fromkeys(form.format(end) for end in (min(values), max(values))))


def _last_factor(curve: CurveRow) -> float:
    """By how much the last step multiplies what the curve holds the log10 of."""
    before, after = curve.estimate[-2:]
    return math.nan if before is None or after is None else 10 ** (after - before)


def _rounding_finding(results: Results) -> Finding:
    curves = list(results.curves.where(quantity=ROUNDING))
    mantissa, exponent = f"{max(map(_largest, curves)):.0e}".split("e")
    return Finding(
        "The gaps that float64 automatic differentiation gives agree with their rigorous "
        rf"enclosures to ${mantissa} \times 10^{{{int(exponent)}}}$, relative.",
        tuple(curve.id for curve in curves),
    )


if __name__ == "__main__":
    main("proposition1")
