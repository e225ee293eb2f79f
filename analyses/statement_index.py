"""STATEMENTS.md: each assumption and statement, its file, its test, and what came of it.

    python -m analyses.statement_index

The verdicts are those of the runs that are kept in `reports/`; a test holds the file against them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from ml2o_core.files import write_atomically
from ml2o_core.results import CheckKind, CheckRow, Level, LoosenessRow, Results
from ml2o_theory.assumptions.base import Assumption
from ml2o_theory.registry import assumptions, statements
from ml2o_theory.statements.base import Statement

ROOT = Path(__file__).parents[1]
FILE = ROOT / "STATEMENTS.md"
KEPT = ("assumptions", "ladder", "theorem1")
"""The folders of `reports/` whose results are kept."""

HEAD = """# Statements

Every assumption and statement of the paper: what it is called here, where it is, where its tests
are, and what came of it in the runs kept under `reports/`. This page is generated
(`python -m analyses.statement_index`).

A check speaks of its instances and its region, never of all; see the report for each of them.

"""


def kept_results() -> Results:
    """The rows of every kept run."""
    found = [Results.load(ROOT / "reports" / name) for name in KEPT]
    return Results(tuple(row for results in found for row in results.rows))


def page(results: Results) -> str:
    """STATEMENTS.md, from the rows of the tables `assumptions` and `looseness`."""
    assumed = [_assumption(name, member, results) for name, member in assumptions().items()]
    stated = [_statement(member, results) for member in statements().values()]
    return (
        HEAD
        + _table("Assumption", "Verdicts, by tasks and rule", assumed)
        + "\n"
        + _table("Statement", "Instance checks, by level of its constants", stated)
    )


def _assumption(name: str, member: Assumption, results: Results) -> tuple[str, ...]:
    counts = Counter(
        row.verdict.value
        for row in results.assumptions
        if row.assumption.partition(":")[0].strip() == name
    )
    said = ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
    return f"{name}: {member.title}", member.file, member.test, said or "not in a kept run"


def _statement(member: Statement, results: Results) -> tuple[str, ...]:
    own = [row for row in results.looseness if row.statement == member.number]
    levels = [level for level in Level if any(row.level is level for row in own)]
    said = "; ".join(_verdicts(level, [r for r in own if r.level is level]) for level in levels)
    said = said or _statistical(member, results.checks)
    title = f"{' = '.join((member.number, *member.also))}: {member.title}"
    return title, member.file, member.test, said or "not in a kept run"


def _statistical(member: Statement, checks: Iterable[CheckRow]) -> str:
    """Of a statement in probability or expectation, which no instance decides."""
    counts = Counter(
        row.verdict.value
        for row in checks
        if row.statement == member.number and row.kind is CheckKind.STATISTICAL
    )
    said = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    return f"statistical {said}" if said else ""


def _verdicts(level: Level, rows: Iterable[LoosenessRow]) -> str:
    counts = Counter[str]()
    for row in rows:
        counts["HOLDS"] += row.holds
        counts["ATTAINED"] += row.attained
        counts["VIOLATED"] += row.violated
        counts["undecided"] += row.undecided
    return f"{level.value} " + ", ".join(f"{n} {name}" for name, n in counts.items() if n)


def _table(first: str, last: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [(first, "File", "Test", last), ("---",) * 4]
    for title, file, test, said in rows:
        lines.append((title, f"[{file}]({file})", f"[{test}]({test})", said))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    write_atomically(FILE, page(kept_results()).encode())
