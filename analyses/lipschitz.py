"""The constants of A3 and A4: from below by a search, from above by certificates, on three regions.

Two tasks of each family, three memoryless rules, and three sets X that hold the same ten steps of
gradient descent on both tasks: a ball, a box, and a tube. Beside them: the differences between task
populations, where LASSO's gradient jumps, and how steep RNNprop's features are. Run it alone with
`python -m analyses.lipschitz` or `ml2o run lipschitz`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pydantic import Field

from analyses.artefact import Artefact, Chapter, Finding, main
from analyses.lipschitz_cases import FAMILIES, RULE_SYMBOLS, RegionKind, both_ends, cases
from analyses.lipschitz_rows import (
    DRAWN,
    EXPONENTS,
    FORMULA,
    POPULATION,
    SLOPE,
    STEEPNESS,
    kink_rows,
    population_rows,
    slope_rows,
)
from analyses.rendering.blocks import (
    Block,
    Bullets,
    Cell,
    LineFigure,
    Role,
    RowTable,
    Section,
    Text,
)
from analyses.settings import Preset, RunSettings
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.progress import Progress
from ml2o_core.results import ConstantRow, CurveRow, Interval, Results, Row
from ml2o_core.spec import Spec
from ml2o_theory.constants.ascent import Search
from ml2o_theory.constants.base import MEANING

CLOSE = 1.01
"""upper / lower of ends that agree to 1 %."""

KINDS = tuple(RegionKind)
REFERENCE = KINDS[0]
"""The kind of region whose rows carry the table; the others stand beside it."""


class LipschitzConfig(Spec):
    """Everything that is run."""

    seed: int
    steps: int = Field(10, ge=1, description="T of the runs that the regions hold")
    samples: int = Field(ge=1, description="random points of a search")
    starts: int = Field(ge=1, description="points that the ascent starts from")
    rounds: int = Field(ge=0, description="rounds of the ascent")
    families: tuple[str, ...] = Field(FAMILIES, description="families of tasks")
    network: MLPRule
    network_on: tuple[str, ...] = Field(FAMILIES, description="those that the MLP runs on")
    sigmas: tuple[float, ...] = Field((10.0, 50.0, 100.0), description="σ of the test families")
    radius: float = Field(1.0, gt=0, description="radius of the population ball about 0")
    draws: int = Field(ge=1, description="drawn pairs beside each population")
    halvings: int = Field(44, ge=1, description="bisections towards a jump of the gradient")


QUICK = {
    "samples": 48,
    "starts": 2,
    "rounds": 2,
    "network": MLPRule(hidden=4, depth=1),
    "network_on": FAMILIES[:1],
    "draws": 16,
}
FULL = {"samples": 256, "starts": 8, "rounds": 24, "network": MLPRule(hidden=8), "draws": 128}


class Lipschitz(Artefact):
    """Every constant of A3 and A4 with both ends, on balls, boxes and tubes."""

    name: ClassVar[str] = "lipschitz"
    title: ClassVar[str] = "The constants of A3 and A4, from both sides"
    chapter: ClassVar[Chapter] = Chapter.THEORY

    def configuration(self, settings: RunSettings) -> LipschitzConfig:
        size = QUICK if settings.preset is Preset.QUICK else FULL
        return LipschitzConfig.parse({"seed": settings.seed, **size})

    def run(self, settings: RunSettings, progress: Progress) -> Sequence[Row]:
        config = self.configuration(settings)
        search = Search(config.samples, config.starts, config.rounds)
        rows: list[Row] = []
        todo = list(
            cases(config.seed, config.steps, config.network, config.families, config.network_on)
        )
        with progress.task("constants", len(todo)) as advance:
            for case in todo:
                found = both_ends(case, config.seed, search)
                rows += found.rows(self.name, case.subject)
                advance()
        rows += population_rows(self.name, config.seed, config.sigmas, config.radius, config.draws)
        rows += kink_rows(self.name, config.seed, config.halvings)
        rows += slope_rows(self.name)
        return rows

    def findings(self, results: Results) -> Sequence[Finding]:
        return [
            *_tightness(results),
            _jump(results),
            _populations(results),
            _slopes(results),
        ]

    def section(self, results: Results) -> Section:
        enclosed = _enclosed(results)
        families = list(dict.fromkeys(_parts(row)[0] for row in enclosed))
        symbols = dict.fromkeys(row.symbol for row in enclosed)
        tables: list[Block] = [
            RowTable.of(
                f"Constants of the {part}: {family}.",
                [
                    row
                    for row in enclosed
                    if _parts(row)[::2] == (family, REFERENCE)
                    and (row.symbol in RULE_SYMBOLS) == of_rule
                ],
                _columns(enclosed, of_rule),
            )
            for family in families
            for part, of_rule in (("tasks", False), ("rules", True))
        ]
        curves = tuple(results.curves.where(quantity=STEEPNESS))
        population = list(results.constants.where(symbol=POPULATION["Delta"]))
        return Section(
            (
                Bullets(tuple(f"{symbol}: {MEANING[symbol]}" for symbol in symbols)),
                Text(
                    "The lower end is attained: a search over the region's points and directions "
                    "found it, and its rounding is subtracted. The upper end is proved: by "
                    "interval arithmetic over the boxes that cover the region, or by a multiplier "
                    "of a trust-region problem. The three sets hold the same runs of gradient "
                    r"descent on both tasks with step $1/L$, $L = \| \nabla^2 l(x_0) \|$. "
                    r"$\Phi$ is half of that step to either side for the gains, and 0.05 around "
                    "each parameter for the MLP. Interval arithmetic covers a ball by a box, which "
                    r"alone may cost a factor of $\sqrt d$. The tube lies in the other two: where "
                    "its lower end is the larger one, theirs show what a search can miss."
                ),
                *tables,
                Text(
                    "Population differences are those of the mean losses of two task families on "
                    "one ball about 0; beside them, the largest over drawn pairs of tasks. The "
                    r"ℓ1 terms of two LASSO tasks with one $\lambda$ cancel."
                ),
                RowTable.of(
                    "Task differences (A4) of the training mixture and the test tasks, on one "
                    f"{population[0].region}.",
                    population,
                    {"families": "subject"}
                    | {
                        heading: _difference(results, symbol)
                        for heading, symbol in _DIFFERENCES.items()
                    },
                ),
                LineFigure(
                    id="lipschitz-steepest",
                    caption="The steepest pair of points that bisection finds: the ratio of the "
                    "gradients' distance to the points' distance, as base-10 logarithm. Where it "
                    "doubles with every halving, the gradient jumps: LASSO has no Lipschitz "
                    "gradient (A3b). At distances near the float64 resolution the allowance for "
                    "rounding lowers the smooth tasks' curves.",
                    description="Base-10 logarithm of the largest difference quotient of the "
                    "gradient against the number of halvings of the distance.",
                    x_label="halvings of the distance",
                    y_label="log10 of the ratio",
                    curves=curves,
                    roles={curve.method: Role.OBSERVED for curve in curves},
                ),
                RowTable.of(
                    "The steepest pairs: a lower end of L, whose witness is in the results.",
                    [row for row in results.constants if "/steepest/" in row.id],
                    {"task": "subject", "L": "value", "region": "region"},
                ),
                Text(
                    r"RNNprop sees $g / (\sqrt{\hat v} + \varepsilon)$. Its slope at $g = 0$ is "
                    r"$1 / (\sqrt{\beta_2 v_{t-1} / (1 - \beta_2^t)} + \varepsilon)$: the constant "
                    r"of A3d is $1/\varepsilon$ formally, attained without a history, and moderate "
                    "after large gradients. Measured by automatic differentiation of the rule."
                ),
                RowTable.of(
                    r"The slope of RNNprop's first feature at $g = 0$.",
                    results.curves.where(quantity=SLOPE),
                    {"history": "method"}
                    | {
                        rf"$\varepsilon = 10^{{-{k}}}$": _slope_at(i)
                        for i, k in enumerate(EXPONENTS)
                    },
                ),
            )
        )


def _parts(row: ConstantRow) -> tuple[str, str, str]:
    """Family, rule and kind of region of a row of the tables."""
    family, rule, kind = row.subject.split("; ")
    return family, rule, kind


def _enclosed(results: Results) -> list[ConstantRow]:
    """The rows of the tables: those with a rule."""
    return [row for row in results.constants if "; " in row.subject]


_DIFFERENCES = {
    "Δ, population": POPULATION["Delta"],
    "Δ, largest of the pairs": DRAWN["Delta"],
    "Δ̃, population": POPULATION["Delta_tilde"],
    "Δ̃, largest of the pairs": DRAWN["Delta_tilde"],
}


def _difference(results: Results, symbol: str) -> Cell:
    """The value of one task difference, for the row of another of the same families."""
    values = {row.subject: row.value for row in results.constants.where(symbol=symbol)}
    return lambda row: values[row.subject]


def _ratio(value: Interval) -> float | None:
    """upper / lower; 1 where both are 0, None where only the lower end is."""
    lower, upper = float(value.lower), float(value.upper)
    if lower > 0:
        return upper / lower
    return 1.0 if upper == 0 else None


def _columns(enclosed: Iterable[ConstantRow], of_rule: bool) -> dict[str, Cell]:
    """The three regions side by side, for the rows of the first."""
    by_place = {(row.symbol, *_parts(row)): row for row in enclosed}

    def beside(row: ConstantRow, kind: RegionKind) -> ConstantRow:
        family, rule, _ = _parts(row)
        return by_place[row.symbol, family, rule, kind.value]

    def on(kind: RegionKind) -> Cell:
        return lambda row: beside(row, kind).value

    def ratios(row: ConstantRow) -> str:
        found = [_ratio(beside(row, kind).value) for kind in KINDS]
        return ", ".join("∞" if ratio is None else f"{ratio:.3g}" for ratio in found)

    def methods(row: ConstantRow) -> str:
        ends = ("lower_method", "upper_method")
        found = ([getattr(beside(row, kind), end).value for kind in KINDS] for end in ends)
        return " / ".join(", ".join(dict.fromkeys(words)) for words in found)

    columns: dict[str, Cell] = {"constant": "symbol"}
    if of_rule:
        columns["rule"] = lambda row: _parts(row)[1]
    columns |= {kind.value: on(kind) for kind in KINDS}
    return columns | {"upper / lower": ratios, "lower / upper end by": methods}


def _slope_at(i: int) -> Cell:
    return lambda row: row.estimate[i]


def _tightness(results: Results) -> list[Finding]:
    """How far apart the two ends are, by kind of region, and where most."""
    enclosed = _enclosed(results)
    finite = [row for row in enclosed if row.value.upper.is_finite]
    known = [(ratio, row) for row in finite if (ratio := _ratio(row.value)) is not None]
    close = {
        kind: [ratio <= CLOSE for ratio, row in known if _parts(row)[2] == kind] for kind in KINDS
    }
    shares = ", ".join(f"{kind} {sum(near)} of {len(near)}" for kind, near in close.items())
    ratio, loosest = max(known, key=lambda pair: pair[0])
    family, rule, kind = _parts(loosest)
    beside = [
        row
        for row in enclosed
        if (row.symbol, *_parts(row)) == (loosest.symbol, family, rule, REFERENCE.value)
    ]
    return [
        Finding(
            f"{len(finite)} of {len(enclosed)} constants of A3 and A4 have a proved upper end, and "
            f"no search found a larger value. The two ends agree to 1 %: {shares}.",
            tuple(row.id for row in enclosed if _parts(row)[2] == REFERENCE)[:1],
        ),
        Finding(
            f"The ends are furthest apart for {loosest.symbol} of {rule} on {family}, {kind}: "
            f"upper / lower = {ratio:.3g}.",
            tuple(row.id for row in beside),
        ),
    ]


def _jump(results: Results) -> Finding:
    steepest = {row.subject: row for row in results.constants if "/steepest/" in row.id}
    label, row = max(steepest.items(), key=lambda item: float(item[1].value.lower))
    others = ", ".join(
        f"{float(other.value.lower):.3g} for {name}"
        for name, other in steepest.items()
        if other is not row
    )
    return Finding(
        f"{label}: the gradients at two points are {_scientific(float(row.value.lower))} times as "
        "far apart as the points, and this doubles as the distance halves; the steepest ratio is "
        f"{others}.",
        (row.id,),
    )


def _scientific(value: float) -> str:
    """2.9 × 10¹¹, as a formula."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return rf"${mantissa} \times 10^{{{int(exponent)}}}$"


def _populations(results: Results) -> Finding:
    """Whether the populations' difference bounds that of drawn pairs."""
    population, drawn = (
        list(results.constants.where(symbol=names["Delta"])) for names in (POPULATION, DRAWN)
    )
    factors = [
        float(pair.value.lower) / float(mean.value.upper)
        for mean, pair in zip(population, drawn, strict=True)
    ]
    return Finding(
        "The difference of two task populations does not bound that of drawn tasks: the largest "
        f"Δ of the drawn pairs is {min(factors):.2g} to {max(factors):.2g} times the populations'.",
        tuple(row.id for row in population),
    )


def _slopes(results: Results) -> Finding:
    measured: list[CurveRow] = list(results.curves.where(quantity=SLOPE))
    formula: list[CurveRow] = list(results.curves.where(quantity=FORMULA))
    worst = max(
        abs(a - b) / b
        for found, known in zip(measured, formula, strict=True)
        for a, b in zip(found.estimate, known.estimate, strict=True)
        if a is not None and b
    )
    agree = f"agree to {_scientific(worst)}, relative" if worst else "agree exactly"
    slopes = [curve.estimate[-1] or 0.0 for curve in measured]
    return Finding(
        f"With $\\varepsilon = 10^{{-{EXPONENTS[-1]}}}$ the slope of RNNprop's feature at g = 0 is "
        f"{_scientific(slopes[0])} without a history and {_scientific(slopes[-1])} after "
        f"{measured[-1].method}; automatic differentiation and the formula {agree}.",
        (measured[0].id, measured[-1].id),
    )


if __name__ == "__main__":
    main("lipschitz")
