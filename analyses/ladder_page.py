"""How the ladder of bounds is told and shown: from the stored rows alone."""

from __future__ import annotations

from analyses.artefact import Finding
from analyses.rendering.blocks import Bullets, LineFigure, Role, RowTable, Section, Text
from ml2o_core.results import CheckVerdict, Level, LoosenessRow, Results

QUOTIENT = "median of log10(bound / observed)"

_LEVELS = (Level.UNIFORM, Level.CLOSED_LOOP, Level.DETACHED, Level.TRAJECTORY)


def findings(results: Results) -> list[Finding]:
    """All verdicts, and Proposition 1 with the gain rule on quadratics."""
    rows = list(results.looseness)
    total = sum(row.checks for row in rows)
    sound = sum(row.holds + row.attained for row in rows)
    parts = {
        CheckVerdict.HOLDS: sum(row.holds for row in rows),
        CheckVerdict.ATTAINED: sum(row.attained for row in rows),
        CheckVerdict.VIOLATED: sum(row.violated for row in rows),
    }
    other = total - sum(parts.values())
    said = ", ".join(f"{n} × {verdict.value}" for verdict, n in parts.items())
    unsound = tuple(row.id for row in results.checks)
    first = Finding(
        f"Of {total} checks of {len({row.statement for row in rows})} statements on random "
        f"instances with certified constants, {100 * sound / total:.2f} % hold or are attained "
        f"({said}, {other} × another verdict).",
        unsound or tuple(row.id for row in rows if row.statement == "Proposition 1"),
    )
    chosen = [
        row
        for level in _LEVELS
        for row in rows
        if (row.statement, row.level, row.tasks, row.rule)
        == ("Proposition 1", level, "quadratic", "gain")
    ]
    shown = "; ".join(
        f"level {row.level.value} {_figure(row.median)} ({_figure(row.quantile95)})"
        for row in chosen
    )
    second = Finding(
        "Proposition 1, gain rule on quadratic tasks: median (95 % quantile) of "
        f"log10(bound/observed) is {shown}.",
        tuple(row.id for row in chosen),
    )
    return [first, second]


def section(results: Results) -> Section:
    """The figure, the table of looseness, and every check that is neither HOLDS nor ATTAINED."""
    curves = tuple(results.curves.where(quantity=QUOTIENT))
    return Section(
        (
            Text(
                "Each instance is a pair of tasks, a rule with two nearby parameters, two nearby "
                "starts and a horizon T, drawn as the configuration says. Every statement is held "
                "against it at every level of the ladder, with constants that are certified on the "
                "smallest region (uniform, closed-loop, detached) or tube (trajectory) that holds "
                "the instance's own runs. Statements that compare two tasks are checked on every "
                "instance, the others on every fifth. What is observed is enclosed in ball "
                "arithmetic."
            ),
            Bullets(tuple(f"`{level.value}`: {level.meaning}" for level in _LEVELS)),
            LineFigure(
                id="ladder-median",
                caption="Proposition 1: by how many orders of magnitude the bound exceeds the "
                "observed gap, median over the instances of each T.",
                description="Median of the base-10 logarithm of bound over observed gap against "
                "the number of iterations T, for each level of the ladder.",
                x_label="iterations T",
                y_label="log10(bound / observed)",
                curves=curves,
                roles={level.value: Role.BOUND for level in _LEVELS},
                y_range="own",
            ),
            RowTable.of(
                "log10(bound / observed): median, 95 % quantile and largest, and the verdicts.",
                _in_order(results),
                {
                    "statement": "statement",
                    "level": "level",
                    "tasks": "tasks",
                    "rule": "rule",
                    "checks": "checks",
                    "holds": "holds",
                    "attained": "attained",
                    "violated": "violated",
                    "other": "undecided",
                    "vacuous": "vacuous",
                    "median": lambda row: _figure(row.median),
                    "95 %": lambda row: _figure(row.quantile95),
                    "largest": lambda row: _figure(row.largest),
                },
            ),
            RowTable.of(
                "Checks that neither hold nor are attained.",
                results.checks,
                {
                    "tasks": "tasks",
                    "rule": "rule",
                    "statement": "statement",
                    "level": "level",
                    "$T$": "T",
                    "observed": "observed",
                    "bound": "bound",
                    "verdict": "verdict",
                    "reason": "reason",
                },
            )
            if len(results.checks)
            else Text("Every check holds or is attained."),
        )
    )


def _in_order(results: Results) -> list[LoosenessRow]:
    return sorted(results.looseness, key=_order)


def _order(row: LoosenessRow) -> tuple[int, int, str, str]:
    name, _, number = row.statement.partition(" ")
    place = int(number) if name == "Lemma" else 0
    return place, _LEVELS.index(row.level), row.tasks, row.rule


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
