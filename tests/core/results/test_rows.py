"""A row cannot say what its numbers do not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import (
    ROW_TYPES,
    AssumptionRow,
    CheckRow,
    CorrelationRow,
    CurveRow,
    Interval,
    RateRow,
    Row,
    ScoreRow,
    SeedRow,
    StageRow,
    row_id,
    schema,
)
from ml2o_core.results.vocabulary import Score, Word

CHECK: dict[str, Any] = {
    "id": "a/check",
    "artefact": "a",
    "statement": "Lemma 8",
    "kind": "instance",
    "tasks": "two quadratics",
    "rule": "gain",
    "region": "ball",
    "T": 3,
    "graph": "full",
    "observed": Interval.between(1, 2),
    "bound": Interval.between(2, 3),
    "verdict": "HOLDS",
}


def check(**changes: Any) -> CheckRow:
    return CheckRow(**(CHECK | changes))


def test_holds_is_tight_at_the_bounds_lower_end() -> None:
    assert check().inequality == "held"
    above = Interval.between(1, "2.0000000000000000001")
    with pytest.raises(InvalidArgument, match="HOLDS"):
        check(observed=above)
    assert check(observed=above, verdict="INCONCLUSIVE", reason="overlap").inequality == "undecided"


def test_violated_needs_the_observed_above_a_finite_bound() -> None:
    violated = {"verdict": "VIOLATED", "reason": "counter-example"}
    assert check(observed=Interval.between("3.1", 4), **violated).inequality == "failed"
    for observed, bound in (
        (Interval.between(3, 4), CHECK["bound"]),
        (Interval.point("inf"), Interval.at_least(1)),
        (None, CHECK["bound"]),
    ):
        with pytest.raises(InvalidArgument, match="VIOLATED"):
            check(observed=observed, bound=bound, **violated)


@pytest.mark.parametrize(
    ("lower", "upper", "allowed"),
    [
        (1, 1, True),
        ("0.9999996", "1.0000004", True),
        ("0.9999994", "1.0000005", False),
        ("1.0000001", "1.0000002", False),
        (1, "inf", False),
    ],
)
def test_attained_needs_a_narrow_ratio_around_one(lower: Any, upper: Any, allowed: bool) -> None:
    ratio = Interval.between(lower, upper)
    if allowed:
        assert check(verdict="ATTAINED", ratio=ratio).ratio == ratio
    else:
        with pytest.raises(InvalidArgument, match="ATTAINED"):
            check(verdict="ATTAINED", ratio=ratio)


@pytest.mark.parametrize("verdict", ["NOT_APPLICABLE", "SOLVER_FAILED", "INCONCLUSIVE"])
def test_every_verdict_but_two_needs_a_reason(verdict: str) -> None:
    assert check(verdict=verdict, reason="because").reason == "because"
    with pytest.raises(InvalidArgument, match="reason"):
        check(verdict=verdict)


def test_no_violation_found_needs_trials_and_a_search() -> None:
    found = {"verdict": "NO_VIOLATION_FOUND", "reason": "no certified upper end"}
    assert check(trials=10, search="hill climbing", **found).trials == 10
    with pytest.raises(InvalidArgument, match="trials"):
        check(trials=10, **found)
    with pytest.raises(InvalidArgument, match="trials"):
        check(search="hill climbing", **found)


def test_a_level_is_there_exactly_where_a_check_is_statistical() -> None:
    level = {"confidence": 0.95, "multiplicity": 3}
    assert check(kind="statistical", **level).multiplicity == 3
    for wrong in (
        {"kind": "statistical"},
        {"kind": "statistical", "confidence": 0.95},
        {"kind": "statistical", "multiplicity": 3},
        {"confidence": 0.95},
        {"multiplicity": 3},
    ):
        with pytest.raises(InvalidArgument, match=r"confidence|multiplicity"):
            check(**wrong)
    for wrong in ({"confidence": 1.0}, {"confidence": 0.0}, {"multiplicity": 0}):
        with pytest.raises(InvalidArgument):
            check(kind="statistical", **(level | wrong))


RATE: dict[str, Any] = {
    "id": "a/rate",
    "artefact": "a",
    "term": "sampling",
    "against": "N",
    "setting": "quadratic",
    "predicted": -0.5,
    "slope": -0.5,
    "lower": -0.6,
    "upper": -0.4,
    "points": 8,
    "verdict": "consistent",
}


def test_a_rate_is_inconsistent_only_where_the_interval_excludes_the_prediction() -> None:
    inconsistent = RATE | {"verdict": "inconsistent", "reason": "slower"}
    for interval in ((-0.4, -0.3, -0.2), (-0.8, -0.7, -0.6), (-0.4, -0.3, math.inf)):
        ends = dict(zip(("lower", "slope", "upper"), interval, strict=True))
        assert RateRow(**(inconsistent | ends)).slope == interval[1]
    for interval in ((-0.6, -0.4, -0.2), (-math.inf, -0.4, math.inf), (-0.5, -0.4, -0.3)):
        ends = dict(zip(("lower", "slope", "upper"), interval, strict=True))
        with pytest.raises(InvalidArgument, match="inconsistent"):
            RateRow(**(inconsistent | ends))


def test_a_rate_without_prediction_or_fit_says_so() -> None:
    without = {"predicted": None, "verdict": "not predicted", "reason": "Theorem 1 has no rate"}
    assert RateRow(**(RATE | without)).predicted is None
    unfitted = {"slope": None, "lower": None, "upper": None, "points": 1}
    undecided = {"verdict": "undecided", "reason": "one point"}
    assert RateRow(**(RATE | unfitted | undecided)).slope is None
    for wrong in (
        {"predicted": None},
        without | {"predicted": -0.5},
        unfitted,
        {"verdict": "undecided"},
        without | {"reason": ""},
        {"slope": math.nan},
    ):
        with pytest.raises(InvalidArgument):
            RateRow(**(RATE | wrong))


def test_a_correlation_that_is_missing_has_a_reason() -> None:
    fields: dict[str, Any] = {
        "id": "a/rho",
        "artefact": "a",
        "quantity": "Delta",
        "score": "mean",
        "setting": "σ sweep",
        "points": 5,
    }
    assert CorrelationRow(**fields, rho=-1.0, p_value=1 / 60).lower is None
    assert CorrelationRow(**fields, rho=None, reason="the score is constant").rho is None
    for wrong in ({"rho": None}, {"rho": 1.5}, {"rho": math.nan}, {"rho": 0.5, "p_value": 2.0}):
        with pytest.raises(InvalidArgument):
            CorrelationRow(**fields, **wrong)


def test_a_stage_has_an_infinite_loss_as_none_and_a_share_within_the_bound() -> None:
    fields: dict[str, Any] = {
        "id": "a/stage",
        "artefact": "a",
        "setting": "T = 5",
        "stage": "Lemma 8",
        "value": Interval.between(1, "2e5000"),
        "how": "closed form",
    }
    assert StageRow(**fields, position=0, loss=math.inf, share=1).loss is None
    for wrong in ({"position": -1}, {"position": 0, "share": 1.01}, {"position": 0, "share": -0.1}):
        with pytest.raises(InvalidArgument):
            StageRow(**fields, **wrong)


def test_seeds_that_are_never_below_their_start_are_counted() -> None:
    fields: dict[str, Any] = {
        "id": "a/seeds",
        "artefact": "a",
        "family": "lasso",
        "distribution": "σ = 50",
        "method": "M-L2O",
        "score": Score.MIN_LN_MEAN_OBJECTIVE,
    }
    start = (2.0, 2.5, 3.0, 3.5)
    row = SeedRow(**fields, values=(2.0, 2.4, math.nan, 3.5 - 1e-12), start=start)
    assert row.values[2] is None
    assert row.counted == [2.0, 2.4, 3.5 - 1e-12]
    assert row.never_below == 2
    assert SeedRow(**fields, values=(None, None), start=(0.0, 0.0)).never_below == 0
    for wrong in ({"start": start[:3]}, {"start": (*start[:3], None)}, {"start": (math.inf,) * 4}):
        with pytest.raises(InvalidArgument, match="start"):
            SeedRow(**fields, values=start, **wrong)


def test_refuted_needs_a_witness() -> None:
    fields = {
        "id": "a/a3",
        "artefact": "a",
        "assumption": "A3b",
        "subject": "LASSO",
        "region": "R^d",
        "verdict": "refuted",
        "reason": "kink",
    }
    with pytest.raises(InvalidArgument, match="witness"):
        AssumptionRow(**fields)
    assert AssumptionRow(**fields, witness="x = 0, y = 1e-9").witness


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("verdict", "PROVED"),
        ("kind", "both"),
        ("T", -1),
        ("colour", "red"),
        ("id", "With Space"),
        ("id", ""),
    ],
)
def test_words_and_columns_outside_the_schema_are_refused(field: str, value: object) -> None:
    with pytest.raises(InvalidArgument, match=field) as refused:
        check(**{field: value})
    assert "\n" not in str(refused.value)


def test_a_row_id_is_built_from_readable_parts() -> None:
    assert row_id("figure2", "M-L2O", "σ=50") == "figure2/m-l2o/sigma=50"
    assert row_id("figure2", "σ = 50", 3) == "figure2/sigma=50/3"
    assert row_id("a", "M-L2O, α = 0.1", "φ") == "a/m-l2o-alpha=0.1/phi"
    assert check(id=row_id("a", "Transfer Learning (TL)", 0.5)).id == "a/transfer-learning-tl/0.5"


def test_a_curve_keeps_gaps_and_has_one_value_a_step() -> None:
    fields: dict[str, Any] = {
        "id": "a/c",
        "artefact": "a",
        "panel": "p",
        "method": "m",
        "quantity": "q",
        "step": (0, 1, 2),
    }
    curve = CurveRow(**fields, estimate=(1.0, math.nan, math.inf))
    assert curve.estimate == (1.0, None, None)
    assert [record["estimate"] for record in curve.records()] == [1.0, None, None]
    unbounded = CurveRow(
        **fields, estimate=(1, 2, 3), lower=(-math.inf,) * 3, upper=(math.inf,) * 3
    )
    assert unbounded.lower == unbounded.upper == ()
    for wrong in (
        {"estimate": (1.0,)},
        {"estimate": (1.0,) * 3, "lower": (0.0,) * 3},
        {"estimate": (1.0,) * 3, "x": (0.1, 0.2)},
        {"estimate": (1.0,) * 3, "x": (0.1, 0.2, math.inf)},
    ):
        with pytest.raises(InvalidArgument):
            CurveRow(**fields, **wrong)


def test_a_curve_over_a_real_quantity_stands_there_and_not_at_its_steps() -> None:
    fields: dict[str, Any] = {
        "id": "a/c",
        "artefact": "a",
        "panel": "p",
        "method": "m",
        "quantity": "q",
        "step": (0, 1),
        "estimate": (1.0, 2.0),
    }
    assert CurveRow(**fields).positions == (0, 1)
    curve = CurveRow(**fields, x=(0.0, 1e-3))
    assert curve.positions == (0.0, 1e-3)
    assert [record["x"] for record in curve.records()] == [0.0, 1e-3]


def test_an_unbounded_end_of_an_interval_is_none() -> None:
    row = ScoreRow(
        id="a/s",
        artefact="a",
        family="lasso",
        distribution="normal",
        method="m",
        score="ln mean objective",
        mean=1.0,
        lower=-math.inf,
        upper=math.inf,
        repeats=1,
    )
    assert (row.lower, row.upper) == (None, None)
    with pytest.raises(InvalidArgument, match="mean"):
        row.with_changes(mean=math.nan)


@pytest.mark.parametrize("row_type", ROW_TYPES.values())
def test_every_column_is_documented_and_every_word_explained(row_type: type[Row]) -> None:
    for column in schema(row_type):
        assert column.description, column.name
        assert (column.type == "word") == (column.values is not None), column.name
    for field in row_type.model_fields.values():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Word):
            assert all(word.meaning for word in field.annotation)
