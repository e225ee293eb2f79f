"""How the evidence of Proposition 1 is told and shown: from the stored rows alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from analyses.artefact import Finding
from analyses.rendering.blocks import (
    Bullets,
    Formula,
    LineFigure,
    Role,
    RowTable,
    Section,
    Text,
)
from ml2o_core.results import CheckRow, CheckVerdict, CurveRow, Level, Number, Results, Vacuity
from ml2o_theory.constants.base import MEANING
from ml2o_theory.statements.proposition1 import Proposition1

SHOWN = (1, 2, 5, 10, 20, 50, 100)
"""The horizons T that the page lists; the table of results has all."""

GAP = "log10 of the gap"
ROUNDING = "relative distance of float64 autodiff from the enclosure"
TRIVIAL = "trivial bound"

_OBSERVED = "observed, "
_EXPECTED = {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}


def gain_label(gain: float) -> str:
    """φ in units of 1/L."""
    return f"φ={gain:g}/L"


def observed_label(gain: float) -> str:
    """The name of the observed gap's curve."""
    return _OBSERVED + gain_label(gain)


def bound_label(level: Level, gain: float | None = None) -> str:
    """The name of a bound's curve; the trajectory's belongs to one gain."""
    return f"{level.value} bound" + ("" if gain is None else f", {gain_label(gain)}")


def findings(results: Results) -> list[Finding]:
    """The verdicts, each panel, and how far float64 can be trusted."""
    panels = dict.fromkeys(row.tasks for row in results.checks)
    return [
        _verdict_finding(results),
        *(_panel_finding(results, panel) for panel in panels),
        _rounding_finding(results),
    ]


def section(results: Results) -> Section:
    """The statement, the figure, the growth of each curve, the checks and the constants."""
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
                "up to the horizon: one value each, as in the paper (level `uniform`), or with "
                r"$\bar Q = \sup \| I + \nabla_1 m \nabla^2 l \|$ in place of $Q = 1 + M_{m1} L$ "
                "(level `closed-loop`). At level `trajectory` every step has its own constants, "
                "on the segments between the two runs. "
                r"The trivial bound $2 M P_T$ knows nothing about the tasks."
            ),
            LineFigure(
                id="proposition1-gap",
                caption="Observed gap, the bound of Proposition 1 at three levels of the ladder, "
                "and the trivial bound, as base-10 logarithms. The expansive rule "
                r"($\varphi < 0$) shows the growth that the bound allows for; the others do not.",
                description="Base-10 logarithm of the gap between two tasks' optimizer "
                "gradients against the number of iterations, observed and bounded.",
                x_label="iterations T",
                y_label="log10 of the gap",
                curves=curves,
                roles=roles,
            ),
            RowTable.of(
                "Growth: the factor per step that was fitted to the second half of each curve "
                "(least squares in the logarithm), the factor per step that is predicted for "
                r"large T ($Q^2$ or $\bar Q^2$), and the first T at which the level's bound is no "
                "better than its trivial bound.",
                curves,
                {
                    "tasks": "panel",
                    "curve": "method",
                    "fitted": lambda row: f"{fitted_growth(row):.3f}",
                    "predicted": lambda row: _predicted(results, row),
                    "vacuous from T": lambda row: _vacuous_from(results, row),
                },
            ),
            *_without_growth(results),
            RowTable.of(
                "Checks: every observed gap is an interval that contains the exact value.",
                [row for row in results.checks if _is_shown(row)],
                {
                    "tasks": "tasks",
                    "rule": "rule",
                    "level": "level",
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


def fitted_growth(curve: CurveRow) -> float:
    """exp of the least-squares slope of the curve's logarithm over the second half of its steps."""
    half = len(curve.step) // 2
    points = [
        (t, value)
        for t, value in zip(curve.step[half:], curve.estimate[half:], strict=True)
        if value is not None
    ]
    if len(points) < 2:
        return math.nan
    mean_t = sum(t for t, _ in points) / len(points)
    mean = sum(value for _, value in points) / len(points)
    slope = sum((t - mean_t) * (value - mean) for t, value in points) / sum(
        (t - mean_t) ** 2 for t, _ in points
    )
    return float(10**slope)


def _without_growth(results: Results) -> list[Text]:
    """Where Q̄ is not certainly above 1: there a fitted factor is no growth per step."""
    curves = results.curves.where(quantity=GAP, method=bound_label(Level.CLOSED_LOOP))
    fitted = {curve.panel: fitted_growth(curve) for curve in curves}
    rows = [row for row in results.constants.where(symbol="Q_bar") if row.subject in fitted]
    return [
        Text(
            f"For {row.subject} $\\bar Q$ is {float(row.value.upper):.6g}, not certainly "
            "above 1: for large T the closed-loop bound grows like a power of T at most, "
            f"not exponentially. The fitted factor {fitted[row.subject]:.3f} is that of a power of "
            "T over the steps shown, which falls towards 1 as T grows."
        )
        for row in rows
        if row.value.lower <= Number.of(1)
    ]


def _predicted(results: Results, curve: CurveRow) -> str:
    """Q² at the uniform level and max(Q̄, 1)² at the closed-loop one, from the upper ends."""
    known = {
        row.symbol: float(row.value.upper) for row in results.constants.where(subject=curve.panel)
    }
    if curve.method == bound_label(Level.UNIFORM):
        return f"{(1 + known['M_m1'] * known['L']) ** 2:.3f}"
    if curve.method == bound_label(Level.CLOSED_LOOP):
        return f"{max(known['Q_bar'], 1) ** 2:.3f}"
    return "–"


def _vacuous_from(results: Results, curve: CurveRow) -> str:
    """The first T at which the level is vacuous; a dash for what is no bound of Proposition 1."""
    for level in Level:
        if curve.method.startswith(bound_label(level)):
            rows = list(results.checks.where(tasks=curve.panel, level=level))
            gain = curve.method.partition(", ")[2]
            if gain:
                rows = [row for row in rows if f"/{gain.partition('/')[0]}/" in row.id]
            vacuous = [row.T for row in rows if row.vacuity is Vacuity.VACUOUS]
            return str(min(vacuous)) if vacuous else "none"
    return "–"


def _role(method: str) -> Role:
    return Role.OBSERVED if method.startswith(_OBSERVED) else Role.BOUND


def _largest(row: CurveRow) -> float:
    return max(value for value in row.estimate if value is not None)


def _last(results: Results) -> int:
    return max(row.T for row in results.checks)


def _is_shown(row: CheckRow) -> bool:
    return row.T in SHOWN or row.verdict not in _EXPECTED


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
    """How loose each level is at the horizon, from when on the paper's bound says nothing."""
    T = _last(results)
    at_last = list(results.checks.where(tasks=panel, T=T))
    excess = {
        level: [
            -row.ratio.upper.log10
            for row in at_last
            if row.level is level and row.ratio and row.ratio.upper.log10 is not None
        ]
        for level in dict.fromkeys(row.level for row in at_last)
    }
    uniform = results.checks.where(tasks=panel, level=Level.UNIFORM)
    vacuous = [row.T for row in uniform if row.vacuity is Vacuity.VACUOUS]
    since = f"from T = {min(vacuous)} on" if vacuous else "at no T"
    times = "; ".join(
        f"{_span(found, '$10^{{{:.1f}}}$')} times at level {level.value}"
        for level, found in excess.items()
        if found
    )
    return Finding(
        f"Proposition 1, {panel}: at T = {T} the bound exceeds the observed gap {times}. The "
        f"paper's (uniform) is no better than the trivial bound {since}.",
        tuple(row.id for row in at_last),
    )


def _span(values: Sequence[float], form: str) -> str:
    """From the smallest to the largest; one number where both look the same."""
    return " to ".join(dict.fromkeys(form.format(end) for end in (min(values), max(values))))


def _rounding_finding(results: Results) -> Finding:
    curves = list(results.curves.where(quantity=ROUNDING))
    mantissa, exponent = f"{max(map(_largest, curves)):.0e}".split("e")
    return Finding(
        "The gaps that float64 automatic differentiation gives agree with their rigorous "
        rf"enclosures to ${mantissa} \times 10^{{{int(exponent)}}}$, relative.",
        tuple(curve.id for curve in curves),
    )
