"""Cells are drawn by type; a verdict is a word, not only a colour."""

from __future__ import annotations

from typing import Any

import pytest
from markupsafe import Markup

from analyses.rendering.blocks import Estimate, Stack, Text
from analyses.rendering.cells import badge, cell, cells, layout
from ml2o_core.results import (
    AssumptionVerdict,
    CheckVerdict,
    ClaimVerdict,
    Interval,
    Number,
    RateVerdict,
    Vacuity,
)

VERDICTS = [*CheckVerdict, *ClaimVerdict, *AssumptionVerdict, *RateVerdict]


@pytest.mark.parametrize("verdict", VERDICTS)
def test_a_badge_says_the_verdict_in_words_and_its_meaning(verdict: Any) -> None:
    made = badge(verdict)
    assert verdict.value.replace("_", " ").lower() in made.striptags()
    assert Markup.escape(verdict.meaning) in made


def test_bad_news_and_good_news_look_different() -> None:
    tones = {verdict: badge(verdict).split('"')[1] for verdict in VERDICTS}
    assert tones[CheckVerdict.HOLDS] == tones[CheckVerdict.ATTAINED] == "badge good"
    assert tones[RateVerdict.CONSISTENT] == "badge good"
    for verdict in (
        CheckVerdict.VIOLATED,
        CheckVerdict.SOLVER_FAILED,
        AssumptionVerdict.REFUTED,
        RateVerdict.INCONSISTENT,
    ):
        assert tones[verdict] == "badge bad"
    for verdict in (
        CheckVerdict.NOT_APPLICABLE,
        CheckVerdict.NO_VIOLATION_FOUND,
        CheckVerdict.INCONCLUSIVE,
    ):
        assert tones[verdict] == "badge open"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        ("", "–"),
        ((), "–"),
        (0, "0"),
        (50.0, "50"),
        (Number.of("1e5000"), "1.000 × 105000"),
        (Interval.at_least(2), "≥ 2.000"),
        ("a <b>", "a <b>"),
        (Text("to [a run](a/index.html) <b>"), "to a run <b>"),
        (Vacuity.VACUOUS, "vacuous"),
        (Vacuity.INFORMATIVE, "informative"),
        (CheckVerdict.HOLDS, "✓ holds"),
    ],
)
def test_a_value_is_shown_by_its_type(value: Any, text: str) -> None:
    assert cell(value, set().add).striptags() == text


def test_row_ids_are_links() -> None:
    heard: set[str] = set()
    assert cell(("a/l", "a/m"), heard.add) == '<a href="#a/l">l</a>, <a href="#a/m">m</a>'
    assert heard == {"a/l", "a/m"}


def test_estimates_take_two_columns() -> None:
    values, intervals = cells([Estimate(1, 0.5, 1.5), None, Estimate(2, None, None)], set().add)
    assert [value.striptags() for value in values] == ["1.00", "–", "2.000"]
    assert [ends.striptags() for ends in intervals] == ["[0.50, 1.50]", "", ""]


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([1, None, 2.5], "number"),
        ([None, None], "short"),
        ([Number.of(1), Interval.point(2)], "number"),
        (["Proposition 1", "Lemma 8"], "short"),
        (["a sentence that needs more than one line"], "long"),
        ([1, "one"], "short"),
    ],
)
def test_columns_are_laid_out_by_what_they_hold(column: list[Any], kind: str) -> None:
    assert layout(column, cells(column, set().add)[0]) == kind


def test_a_stack_is_one_column_of_narrow_lines() -> None:
    stack = Stack((ClaimVerdict.REVERSED, Estimate(1.0, 0.5, 1.5)))
    (column,) = cells([stack, None], set().add)
    lines = [Markup(line).striptags() for line in column[0].split("<br>")]
    assert lines == ["✗ reversed", "1.00 [0.50, 1.50]"]
    assert column[1].striptags() == "–"
    assert layout([stack, None], column) == "short"
    without = cell(Stack((ClaimVerdict.UNDECIDED, Estimate(None, None, None))), set().add)
    assert without.endswith("–</span>")
