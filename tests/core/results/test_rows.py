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
    CurveRow,
    Interval,
    Row,
    ScoreRow,
    row_id,
    schema,
)
from ml2o_core.results.vocabulary import Word

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
    for wrong in ({"estimate": (1.0,)}, {"estimate": (1.0,) * 3, "lower": (0.0,) * 3}):
        with pytest.raises(InvalidArgument):
            CurveRow(**fields, **wrong)


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
