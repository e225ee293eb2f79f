"""`ml2o check-statement`: a verdict at each level, and one line for what it cannot check."""

from __future__ import annotations

import json

import pytest
from flint import arb

from ml2o_theory.registry import statements

from .conftest import Program

SMALL = "--family quadratic --rows 2 --cols 2 --T 2"


def test_it_prints_a_verdict_for_each_level(ml2o: Program) -> None:
    answer = ml2o(f"check-statement proposition1 {SMALL}")
    assert answer.code == 0
    for level in ("uniform", "closed-loop", "detached", "trajectory"):
        (line,) = (line for line in answer.out.splitlines() if line.startswith(level))
        assert "HOLDS" in line
    assert ml2o.files() == []


def test_the_json_is_the_table_of_checks(ml2o: Program) -> None:
    rows = json.loads(ml2o(f"check-statement lemma08 {SMALL} --phi 0.1 --json").out)
    assert [row["level"] for row in rows] == ["uniform", "closed-loop", "trajectory"]
    assert {row["statement"] for row in rows} == {"Lemma 8"}
    assert all(row["rule"] == "gain, φ = 0.1" for row in rows)


def test_the_same_seed_is_the_same_instance(ml2o: Program) -> None:
    first, again, other = (
        ml2o(f"check-statement lemma13 {SMALL} --seed {seed} --json").out for seed in (0, 0, 1)
    )
    assert first == again != other


def test_an_identity_has_a_verdict_too(ml2o: Program) -> None:
    assert "ATTAINED" in ml2o(f"check-statement lemma01 {SMALL}").out


def test_a_violation_has_exit_code_1(ml2o: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type(statements()["lemma08"])
    monkeypatch.setattr(kind, "formula", lambda *a: arb(0))
    answer = ml2o(f"check-statement lemma08 {SMALL}")
    assert answer.code == 1
    assert "VIOLATED" in answer.out


def test_lasso_is_not_applicable_where_the_runs_cross_its_kink(ml2o: Program) -> None:
    answer = ml2o("check-statement lemma08 --family lasso --rows 3 --cols 3 --phi 0.3 --T 2 --json")
    assert answer.code == 0
    rows = json.loads(answer.out)
    assert {row["verdict"] for row in rows} == {"NOT_APPLICABLE"}
    assert all(row["reason"].startswith("A3b is refuted on X") for row in rows)
    assert [row["level"] for row in rows] == ["uniform", "closed-loop"]


def test_a_family_without_chance_says_so_and_takes_another_second_task(ml2o: Program) -> None:
    line = "check-statement lemma08 --family rosenbrock --phi 0.0001 --T 2"
    same, other = (ml2o(f"{line}{more}").out for more in ("", " --second steepness=90"))
    assert "the same one twice" in same
    assert "[0, 0]" in same
    assert "the second with steepness=90" in other
    assert "HOLDS" in other
    assert "[0, 0]" not in other


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("lemma99 --family quadratic", "lemma99"),
        ("lemma01 --family lasso", "LassoTask"),
        ("lemma08 --family rosenbrock --second steepness", "--second"),
        ("lemma08 --family rosenbrock --second colour=3", "--colour"),
        ("lemma08 --family rosenbrock --second cols=3", "dimension"),
        ("lemma08 --family quadratic --rule rnnprop", "--rule"),
        ("lemma08 --family quadratic --rule mlp --phi 0.1", "--phi"),
        ("lemma08 --family quadratic --T 0", "--T"),
        ("lemma07 --family quadratic --rule mlp", "∇²g_T"),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_line(
    ml2o: Program, line: str, named: str
) -> None:
    answer = ml2o(f"check-statement {line}")
    assert answer.code == 2
    assert named in answer.err
    assert len(answer.err.splitlines()) == 1
