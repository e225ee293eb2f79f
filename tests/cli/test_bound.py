"""`ml2o bound`: a bound from constants on the command line."""

from __future__ import annotations

import json
import math
from dataclasses import fields

import pytest

from analyses.cli.bound import Constants, RiskConstants
from ml2o_theory.constants.base import MEANING
from ml2o_theory.symbolic.risk_symbols import RISK_MEANING

from .conftest import Program

EXACT = "bound lemma08 --T 2 --L 2 --M-m1 0.5 --Delta 0.25"
"""Q = 2 and S_2 = 3: M_m1 Δ S_2 = 0.375."""


def test_it_prints_the_bound_its_order_and_each_sensitivity(ml2o: Program) -> None:
    answer = ml2o(EXACT)
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines() if line]
    assert ["bound", "at", "T", "=", "2", "3.75e-1"] in lines
    assert ["log10", "of", "it", "-0.4259687323"] in lines
    assert any(line[:5] == ["order", "as", "T", "grows", "Q^T,"] for line in lines)
    # b = M_m1 Δ (2 + M_m1 L): ∂ log b / ∂ log L = M_m1 L / (2 + M_m1 L).
    by_symbol = {line[0]: line[1:3] for line in lines if line[0] in MEANING}
    assert by_symbol == {"L": ["2", "0.3333"], "M_m1": ["0.5", "1.333"], "Delta": ["0.25", "1"]}


def test_the_json_says_the_same_with_all_digits(ml2o: Program) -> None:
    answer = json.loads(ml2o(f"{EXACT} --json").out)
    assert answer["bound"]["lower"] == answer["bound"]["upper"]
    assert answer["bound"]["upper"]["decimal"] == "3.75e-1"
    assert answer["constants"] == {"L": "2", "M_m1": "0.5", "Delta": "0.25"}
    assert answer["sensitivities"]["L"] == pytest.approx(1 / 3, rel=1e-15)
    assert (answer["statement"], answer["level"], answer["T"]) == ("lemma08", "uniform", 2)
    assert answer["order"] == "Q^T"


def test_any_size_is_printed(ml2o: Program) -> None:
    ones = "--M 1 --rho 1 --M-m1 1 --M-m2 1 --L-m 1 --Delta 1 --Delta-tilde 1"
    answer = json.loads(ml2o(f"bound proposition1 --T 1000 --L 1e6 {ones} --json").out)
    # Q^{2T} / (Q − 1) to leading order
    assert answer["log10"] == pytest.approx(2000 * math.log10(10**6 + 1) - 6, abs=1e-5)
    assert answer["bound"]["upper"]["decimal"].endswith("e+11994")
    assert answer["sensitivities"]["L"] == pytest.approx(1999, abs=1)


@pytest.mark.parametrize(
    ("line", "value"),
    [
        # Q̄² ‖x_0 − x_0'‖ + M_m2 (1 + Q̄) ‖φ − φ'‖
        (
            "bound lemma02 --level closed-loop --T 2 --Q-bar 0.5 --M_m2 1 --delta-x0 4 "
            "--delta-phi 2",
            "4e+0",
        ),
        # Σ_{t<3} L_m (Δ + L δx_t) with δx = 0, 1, 1.5
        (
            "bound lemma11 --level detached --T 3 --Q_bar 0.5 --L 2 --L-m 1 --M-m1 1 --Delta 1",
            "8e+0",
        ),
    ],
)
def test_the_other_levels(ml2o: Program, line: str, value: str) -> None:
    answer = json.loads(ml2o(f"{line} --json").out)
    assert answer["bound"]["upper"]["decimal"] == value
    assert answer["order"] is None


def test_a_bound_of_zero_says_so(ml2o: Program) -> None:
    answer = ml2o("bound lemma08 --T 2 --L 2 --M-m1 0.5 --Delta 0")
    assert answer.code == 0
    assert "-inf" in answer.out
    assert "none: the bound is 0" in answer.out
    assert "order" not in answer.out


THEOREM = "bound theorem1 --M-g 2 --L_g 4 --alpha 0.5 --d-K 1 --gap 2 --d-N 3 --delta-13 1"
"""2 [(1 + ½ · 4) 1 + ½ · 2 + 3 + 1] = 16."""


def test_a_statement_about_risks_has_no_steps_of_a_rule(ml2o: Program) -> None:
    answer = ml2o(THEOREM)
    assert (answer.code, answer.err) == (0, "")
    lines = [line.split() for line in answer.out.splitlines() if line]
    assert ["bound", "1.6e+1"] in lines
    assert not any(line[0] == "level" for line in lines)
    by_symbol = {line[0]: line[1:3] for line in lines if line[0] in RISK_MEANING}
    assert by_symbol["gap"] == ["2", "0.125"]
    assert by_symbol["delta_13"] == ["1", "0.125"]
    assert len(by_symbol) == 7


def test_its_json_says_so(ml2o: Program) -> None:
    answer = json.loads(ml2o(f"{THEOREM} --json").out)
    assert answer["bound"]["upper"]["decimal"] == "1.6e+1"
    assert [answer[key] for key in ("T", "level", "order")] == [None] * 3
    assert answer["sensitivities"]["L_g"] == pytest.approx(1 / 4, rel=1e-15)


def test_options_that_differ_by_case_alone_are_two_constants(ml2o: Program) -> None:
    """The probability δ, and A4's Δ."""
    line = "bound lemma15 --M-g1 1 --mu 1 --N 2 --delta 0.04"
    # √8 / √0.08 = 10.
    assert json.loads(ml2o(f"{line} --json").out)["log10"] == pytest.approx(1, rel=1e-14)
    refused = ml2o(line.replace("--delta", "--Delta"))
    assert refused.code == 2
    assert refused.err.startswith("ml2o: --Delta: got '0.04'")


def test_every_constant_has_an_option_and_its_meaning_in_the_help(ml2o: Program) -> None:
    assert {field.name for field in fields(Constants)} == set(MEANING)
    assert {field.name for field in fields(RiskConstants)} == set(RISK_MEANING)
    shown = ml2o("bound --help").out
    for symbol in (*MEANING, *RISK_MEANING):
        assert f"--{symbol.replace('_', '-')}" in shown


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lemma08 --T 2 --L 2 --M-m1 0.5", "--Delta: got None; allowed: a number ≥ 0"),
        ("lemma08 --T 2 --L 2 --M-m1 0.5 --Delta 1 --tau 1", "--tau: got '1'; allowed: just the"),
        ("lemma08 --T 2 --L -2 --M-m1 0.5 --Delta 1", "--L: got '-2'; allowed: a finite decimal"),
        ("lemma08 --T 2 --L nan --M-m1 0.5 --Delta 1", "--L: got 'nan'; allowed: a finite decimal"),
        ("lemma08 --T 2 --L 2 --M-m1 --Delta 1", "--M-m1: got"),
        ("lemma08 --T 0 --L 2 --M-m1 0.5 --Delta 1", "--T: got 0; allowed: an integer ≥ 1"),
        ("lemma08 --T 1.5 --L 2 --M-m1 0.5 --Delta 1", "--T: got '1.5'; allowed: an integer"),
        ("lemma08 --L 2 --M-m1 0.5 --Delta 1", "--T: got None; allowed: an integer ≥ 1"),
        ("lemma08 --T 2 --level trajectory", "--level: got 'trajectory'; allowed: uniform"),
        ("lemma08 --T 2 --level detached", "--level: got 'detached'; allowed: uniform, closed"),
        ("lemma01 --T 2", "statement: got 'lemma01'; allowed: one that bounds a number"),
        ("lemma99 --T 2", "statement: got 'lemma99'; allowed: equation8"),
        ("lemma08 --T 2 --lambda 1", "option: got '--lambda'; allowed: "),
        ("lemma15 --M-g1 1 --mu 0 --N 4 --delta 0.5", "--mu: got '0'; allowed: a number > 0"),
        ("lemma15 --M-g1 1 --mu 1 --N 4 --delta 1.5", "--delta: got '1.5'; allowed: a probab"),
        ("lemma15 --M-g1 1 --mu 1 --N 2.5 --delta 1", "--N: got '2.5'; allowed: a whole number"),
        ("lemma14 --B 1 --mu-G 1 --K 2.5", "--K: got '2.5'; allowed: a whole number ≥ 1"),
        ("lemma14 --B 1 --mu-G 1 --K 2 --T 3", "--T: got 3; allowed: left out: lemma14"),
        ("lemma14 --B 1 --mu-G 1 --K 2 --level closed-loop", "--level: got 'closed-loop'; allow"),
        ("lemma14 --B 1 --K 2", "--mu-G: got None; allowed: a number ≥ 0, strong convexity"),
        ("lemma14 --B 1 --mu-G 1 --K 2 --M 1", "--M: got '1'; allowed: just the constants of"),
        (
            "lemma14_full_batch --mu-G 2 --L-G 1 --K 2 --d-0 1",
            "--mu-G: got '2'; allowed: at most L_G",
        ),
    ],
)
def test_bad_input_gets_one_line(ml2o: Program, line: str, said: str) -> None:
    answer = ml2o(f"bound {line}")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"ml2o: {said}")
    assert answer.err.count("\n") == 1
    assert ml2o.files() == []
