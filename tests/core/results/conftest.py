"""One run with rows in every table, for the tests of storing and exporting."""

from __future__ import annotations

import pytest

from ml2o_core.results import (
    AssumptionRow,
    CheckRow,
    ClaimRow,
    ConstantRow,
    CurveRow,
    Interval,
    OptimumRow,
    Results,
    ScoreRow,
)


@pytest.fixture
def results() -> Results:
    """With huge numbers, infinite ends, gaps, and characters beyond ASCII."""
    rows = (
        AssumptionRow(
            id="demo/a3b",
            artefact="demo",
            assumption="A3b",
            subject="LASSO",
            region="R^d",
            verdict="refuted",
            reason="‖x‖₁ has a kink",
            witness="x = 0, y = 1e-9",
        ),
        ConstantRow(
            id="demo/constant/l",
            artefact="demo",
            symbol="L",
            subject="quadratic & <gain>",
            value=Interval.at_least(0.1 + 0.2),
            lower_method="sampled",
            upper_method="trivial",
            norm="spectral",
            region="ball of radius 1",
            seed=0,
        ),
        CheckRow(
            id="demo/check/t=20",
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
            bound=Interval.between("1.25e5000", "1.26e5000"),
            ratio=Interval.between("1.1e-5000", "1.2e-5000"),
            verdict="HOLDS",
            vacuity="vacuous",
        ),
        OptimumRow(
            id="demo/optimum",
            artefact="demo",
            family="lasso",
            distribution="A ~ N(0, 50²)",
            sigma=50.0,
            problem="0",
            value=Interval.between(0.002, 0.0020000001),
            gap=1e-10,
            solver="active set",
            reference=0.00200000005,
            reference_solver="CLARABEL",
            point=(0.1, -0.2),
        ),
        ClaimRow(
            id="demo/claim",
            artefact="demo",
            claim="M-L2O ends below TL",
            source="Figure 2a",
            profile="matched",
            effect=-0.25,
            verdict="not assessed",
            reason="quick preset",
        ),
        ScoreRow(
            id="demo/score/m-l2o",
            artefact="demo",
            family="lasso",
            distribution="A ~ N(0, 50²)",
            sigma=50.0,
            method="M-L2O",
            score="min ln mean objective",
            mean=-3.25,
            lower=-3.5,
            upper=-3.0,
            repeats=3,
        ),
        CurveRow(
            id="demo/curve/m-l2o",
            artefact="demo",
            panel="σ = 50",
            method="M-L2O",
            quantity="ln mean objective",
            scale="ln",
            level=0.95,
            step=(0, 1, 2),
            estimate=(4.0, 0.1 + 0.2, None),
            lower=(3.9, None, None),
            upper=(4.1, 0.5, None),
        ),
        CurveRow(
            id="demo/curve/optimum",
            artefact="demo",
            panel="σ = 50",
            method="optimum",
            quantity="ln mean objective",
            scale="ln",
            step=(0, 2),
            estimate=(-6.0, -6.0),
        ),
    )
    return Results(rows, {"seed": 0}, {"demo": {"windows": 40}})
