"""The contract of every assumption in the registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyses.rendering.formulas import mathml
from ml2o_core.errors import InvalidArgument
from ml2o_core.results import AssumptionVerdict, EndMethod
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.base import Asked, AssumptionCheck, Evidence
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.registry import assumption, assumptions

ROOT = Path(__file__).resolve().parents[3]


def test_they_are_all_there() -> None:
    assert list(assumptions()) == ["A1", "A2", "A3a", "A3b", "A3c", "A3d", "A3e", "A3f", "A4"]
    with pytest.raises(InvalidArgument, match="A3f"):
        assumption("A5")


@pytest.mark.parametrize("name", sorted(assumptions()))
def test_each_says_what_it_is(name: str) -> None:
    member = assumption(name)
    assert member.title
    assert member.words.endswith(".")
    assert member.hypotheses
    assert "<math" in mathml(member.latex)
    assert (ROOT / member.file).is_file()
    assert (ROOT / member.test).is_file()


def evidence(lower: float, upper: str | float, asked: Asked) -> Evidence:
    region = "here"
    high = exact(upper) if isinstance(upper, float) else exact(0.0).pos_inf()
    number = Enclosure.certified(
        exact(lower), high, EndMethod.CLOSED_FORM, norm=Norm.ABSOLUTE, region=region
    )
    return Evidence("c", number, asked)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([(0.0, 1.0, Asked.FINITE)], AssumptionVerdict.HOLDS),
        ([(0.0, "inf", Asked.FINITE)], AssumptionVerdict.OPEN),
        ([(0.5, "inf", Asked.POSITIVE)], AssumptionVerdict.HOLDS),
        ([(0.0, 1.0, Asked.POSITIVE)], AssumptionVerdict.OPEN),
        ([(0.5, 1.0, Asked.POSITIVE), (0.0, "inf", Asked.FINITE)], AssumptionVerdict.OPEN),
        ([(0.5, 1.0, Asked.NOTHING)], AssumptionVerdict.OPEN),
        ([], AssumptionVerdict.OPEN),
    ],
)
def test_the_verdict_follows_from_the_evidence(
    parts: list[tuple[float, str | float, Asked]], verdict: AssumptionVerdict
) -> None:
    found = AssumptionCheck("A", "s", "here", "b", tuple(evidence(*part) for part in parts))
    assert found.verdict is verdict
