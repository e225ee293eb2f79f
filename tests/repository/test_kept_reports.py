"""What the kept reports hold: every optimum was seen by the referee."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml2o_core.results import OptimumRow, Results

REPORTS = Path(__file__).resolve().parents[2] / "reports"
KEPT = sorted(
    {str(path.parent.relative_to(REPORTS)) for path in REPORTS.rglob("results.json")} - {"quick"}
)


def without_reference(results: Results) -> list[str]:
    """The optima that have no value of CVXPY's beside them."""
    return [row.id for row in results.optima if row.reference is None or not row.reference_solver]


@pytest.mark.parametrize("report", KEPT)
def test_every_optimum_has_its_cvxpy_column(report: str) -> None:
    results = Results.load(REPORTS / report)
    assert without_reference(results) == []
    assert all(row.referred for row in results.optima_by_distribution)


def test_there_are_optima_to_look_at() -> None:
    kept = {report: Results.load(REPORTS / report) for report in KEPT}
    assert {name for name, results in kept.items() if len(results.optima)} >= {"optima", "theorem1"}
    some: OptimumRow = next(iter(kept["optima"].optima))
    forgotten = some.model_copy(update={"id": "forgotten", "reference": None})
    assert without_reference(Results((some, forgotten))) == ["forgotten"]
