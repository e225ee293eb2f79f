"""Bounds of risks from stated constants: exact in decimal, of any size, with sensitivities."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_theory.registry import risk_statements
from ml2o_theory.user_bounds import risk_bound

STATEMENTS = risk_statements()
CONSTANTS = {name: member.constants for name, member in STATEMENTS.items()}
NAMES = st.sampled_from(sorted(STATEMENTS))
RATIONAL = {"lemma14", "lemma14_full_batch", "theorem1", "remark2", "remark2_shared_terms"}
RATIONAL |= {"equation8", "equation8_expanded"}
"""Those without a root."""
DECIMALS = st.integers(1, 5000).map(lambda n: f"{n}e-3")


def stated(name: str, **more: str) -> dict[str, str]:
    """One half for every constant, but whole numbers of steps and tasks."""
    known = dict.fromkeys(CONSTANTS[name], "0.5") | {"L_G": "2", "K": "3", "N": "4"}
    return {s: value for s, value in known.items() if s in CONSTANTS[name]} | more


@st.composite
def constants(draw: st.DrawFn, name: str) -> dict[str, str]:
    """Within what is allowed: δ ≤ 1, μ_G ≤ L_G."""
    found = {symbol: draw(DECIMALS, label=symbol) for symbol in CONSTANTS[name]}
    for symbol in sorted({"K", "N"} & found.keys()):
        found[symbol] = str(draw(st.integers(1, 40), label=symbol))
    for symbol in sorted({"delta", "delta_a", "delta_b"} & found.keys()):
        found[symbol] = f"{draw(st.integers(1, 1000), label=symbol)}e-3"
    if {"mu_G", "L_G"} <= found.keys():
        found["L_G"] = str(float(Fraction(found["mu_G"])) + draw(st.integers(1, 5)))
    return found


def as_fraction(text: str) -> fmpq:
    value = Fraction(text)
    return fmpq(value.numerator, value.denominator)


@settings(max_examples=200)
@given(st.data(), st.sampled_from(sorted(RATIONAL)))
def test_it_is_the_statements_formula_in_exact_rationals(data: st.DataObject, name: str) -> None:
    given_ = data.draw(constants(name))
    numbers: dict[str, Any] = {s: as_fraction(text) for s, text in given_.items()}
    if name == "lemma14_full_batch":
        numbers["K"] = int(given_["K"])
    expected = STATEMENTS[name].formula(numbers)
    found = risk_bound(name, given_).value
    assert found.lower.value.fmpq() <= expected <= found.upper.value.fmpq()
    assert found.upper.value - found.lower.value <= abs(found.upper.value) * arb(2) ** -90 + (
        arb(2) ** -100
    )


@settings(max_examples=200)
@given(st.data(), NAMES)
def test_the_sensitivities_are_the_slopes_in_logarithms(data: st.DataObject, name: str) -> None:
    """Central differences of log b in log c, in float64: h = 1e-5 leaves 1e-10 and 1e-11."""
    given_ = data.draw(constants(name))
    symbol = data.draw(st.sampled_from(sorted(given_)), label="symbol")
    found, h = risk_bound(name, given_).sensitivities[symbol], 1e-5
    if name == "lemma14_full_batch":
        # K (−r/(1 − r)) with r = μ_G/L_G: the formula takes a whole K only.
        c = {s: float(text) for s, text in given_.items()}
        r = c["mu_G"] / c["L_G"]
        growth = c["K"] * r / (1 - r)
        expected = {"mu_G": -growth, "L_G": growth, "d_0": 1, "K": c["K"] * math.log1p(-r)}[symbol]
    else:
        sizes = []
        for factor in (1 + h, 1 - h):
            numbers = {s: arb(float(text)) for s, text in given_.items()}
            numbers[symbol] *= factor
            sizes.append(STATEMENTS[name].formula(numbers))
        expected = math.log(float(sizes[0] / sizes[1])) / (math.log1p(h) - math.log1p(-h))
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-7)


def test_theorem_1_by_hand_with_its_sensitivities() -> None:
    """2 [(1 + ½ · 4) 1 + ½ · 2 + 3 + 1] = 16; the four terms' shares are 3, 1, 3, 1 of 8."""
    given_ = {"M_g": "2", "L_g": "4", "alpha": "0.5", "d_K": "1", "gap": "2", "d_N": "3"}
    found = risk_bound("theorem1", given_ | {"delta_13": "1"})
    assert found.decimal == "1.6e+1"
    assert found.T is found.level is found.order is None
    shares = {"d_K": 3 / 8, "gap": 1 / 8, "d_N": 3 / 8, "delta_13": 1 / 8, "M_g": 1}
    expected = shares | {"L_g": 2 / 8, "alpha": 3 / 8}
    assert found.sensitivities == pytest.approx(expected, rel=1e-15)
    assert {found.value.lower.method, found.value.upper.method} == {EndMethod.STATED}


@pytest.mark.parametrize("name", sorted(risk_statements()))
def test_every_statement_has_a_bound_of_any_size(name: str) -> None:
    small = risk_bound(name, stated(name))
    assert small.log10 is not None
    first = STATEMENTS[name].increasing[0]
    large = risk_bound(name, stated(name, **{first: "1e100000"}))
    assert large.log10 is not None
    # The full-batch bound is constant in L_G up to a factor.
    assert name == "lemma14_full_batch" or large.log10 > 99_000


def test_any_number_of_steps_and_tasks_is_whole() -> None:
    """1e60 has more binary digits than the arithmetic, and is a whole number all the same."""
    found = risk_bound("lemma14", stated("lemma14", K="1e60"))
    assert found.log10 == pytest.approx(-60)
    assert risk_bound("lemma15", stated("lemma15", N="1e999999")).log10 is not None
    assert risk_bound("lemma14", stated("lemma14", K="3.0")).log10 is not None
    assert risk_bound("lemma14", {"B": 0.5, "mu_G": 0.5, "K": 3}).log10 is not None
    far = risk_bound("lemma14_full_batch", stated("lemma14_full_batch", K="1e60"))
    assert far.log10 is not None
    assert far.log10 < -1e58


@pytest.mark.parametrize("value", ["0.1", "1", "0.5", "1e-7"])
def test_one_curvature_for_all_is_one_step(value: str) -> None:
    """μ_G = L_G: the bound is 0 up to the digits of the decimal, whatever they are in binary."""
    found = risk_bound("lemma14_full_batch", stated("lemma14_full_batch", mu_G=value, L_G=value))
    assert found.value.upper.value < arb(2) ** -300
    assert found.value.contains(arb(0))


def test_a_bound_of_zero_has_no_sensitivity() -> None:
    zeros = dict.fromkeys(("d_K", "gap", "d_N", "delta_13"), "0")
    found = risk_bound("theorem1", stated("theorem1", **zeros))
    assert found.value.upper.value == 0
    assert found.log10 is None
    assert set(found.sensitivities.values()) == {None}


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "μ = 0": ("lemma15", {"mu": "0"}, "^mu: got '0'; allowed: a number > 0"),
    "μ̂ = 0": ("lemma15_sharper", {"mu_hat": "0"}, "^mu_hat: got '0'; allowed: a number > 0"),
    "μ_G = 0": ("lemma14", {"mu_G": "0"}, "^mu_G: got '0'; allowed: a number > 0"),
    "L_G = 0": ("lemma14_full_batch", {"L_G": "0"}, "^L_G: got '0'; allowed: a number > 0"),
    "δ = 0": ("lemma15", {"delta": "0"}, "^delta: got '0'"),
    "δ > 1": ("lemma15", {"delta": "1.5"}, "^delta: got '1.5'; allowed: a probability"),
    "δ_a > 1": ("theorem1_probability", {"delta_a": "2"}, "^delta_a: got '2'; .*probability"),
    "K not whole": ("lemma14", {"K": "2.5"}, "^K: got '2.5'; allowed: a whole number ≥ 1"),
    "K = 0": ("lemma14", {"K": "0"}, "^K: got '0'; allowed: a whole number ≥ 1"),
    "K float": ("lemma14", {"K": 2.5}, "^K: got 2.5; allowed: a whole number ≥ 1"),
    "N not whole": ("lemma15", {"N": "1e-1"}, "^N: got '1e-1'; allowed: a whole number ≥ 1"),
    "N almost whole": ("lemma15", {"N": f"3.{'0' * 60}1"}, "^N: got '3.0*1'; .*whole"),
    "μ_G > L_G": ("lemma14_full_batch", {"mu_G": "3"}, "^mu_G: got '3'; allowed: at most L_G"),
    "just above": (
        *("lemma14_full_batch", {"mu_G": "2.000000001"}),
        "^mu_G: got '2.000000001'; allowed: at most L_G",
    ),
    "negative": ("theorem1", {"gap": "-1"}, "^gap: got '-1'; allowed: .*≥ 0"),
    "NaN": ("theorem1", {"gap": "nan"}, "^gap: got 'nan'"),
    "infinite": ("theorem1", {"gap": math.inf}, "^gap: got inf"),
    "a truth value": ("theorem1", {"gap": True}, "^gap: got True"),
    "unknown": ("theorem1", {"lambda": "1"}, "^lambda: got '1'; allowed: just the constants of"),
    "of another": ("theorem1", {"mu_G": "1"}, "^mu_G: got '1'; allowed: just the constants of"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line(case: str) -> None:
    name, changed, message = REFUSED[case]
    with pytest.raises(InvalidArgument, match=message) as refused:
        risk_bound(name, stated(name, **changed))
    assert "\n" not in str(refused.value)


def test_a_missing_constant_is_named_with_its_meaning() -> None:
    known = stated("theorem1")
    del known["gap"]
    with pytest.raises(InvalidArgument, match=r"^gap: got None; .*Proposition 1"):
        risk_bound("theorem1", known)
    with pytest.raises(InvalidArgument, match=r"^statement: got 'lemma08'; .*theorem1"):
        risk_bound("lemma08", {})
