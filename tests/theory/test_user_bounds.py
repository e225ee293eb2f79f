"""Bounds from stated constants: exact in decimal, of any size, with exact sensitivities."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from flint import arb, fmpq
from hypothesis import assume, given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod, Level
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import ONE_VALUE_EACH
from ml2o_theory.registry import ladder_statement, ladder_statements
from ml2o_theory.user_bounds import SMALLEST, bound, entering

LEVELS = {
    (name, level)
    for name, member in ladder_statements().items()
    for level in member.levels
    if level in ONE_VALUE_EACH
}
WHERE = st.sampled_from(sorted(LEVELS))
DECIMALS = st.one_of(
    st.sampled_from(["0", "1", "0.1", "1e6", "1e-6", "+.5", "3.", "2E3"]),
    st.decimals(min_value=0, max_value=10, places=3).map(str),
)
POSITIVE = st.integers(1, 5000).map(lambda n: f"{n}e-3")


def stated(where: tuple[str, Level], value: str = "1", **more: str) -> dict[str, str]:
    """One value for every constant that enters."""
    name, level = where
    return dict.fromkeys(entering(ladder_statement(name), level), value) | more


def as_fraction(text: str) -> fmpq:
    value = Fraction(text)
    return fmpq(value.numerator, value.denominator)


@given(WHERE, st.data(), st.integers(1, 8))
def test_it_is_the_statements_formula_in_exact_rationals(
    where: tuple[str, Level], data: st.DataObject, T: int
) -> None:
    name, level = where
    constants = {symbol: data.draw(DECIMALS, label=symbol) for symbol in stated(where)}
    numbers = dict.fromkeys(MEANING, fmpq(0)) | {s: as_fraction(v) for s, v in constants.items()}
    expected = ladder_statement(name).formula(*ONE_VALUE_EACH[level](numbers, T))
    found = bound(name, T, constants, level).value
    assert found.lower.value.fmpq() <= expected <= found.upper.value.fmpq()
    width = found.upper.value - found.lower.value
    assert width <= abs(found.upper.value) * arb(2) ** -100


@given(WHERE, st.data(), st.integers(1, 6))
def test_the_sensitivities_are_the_slopes_in_logarithms(
    where: tuple[str, Level], data: st.DataObject, T: int
) -> None:
    """Central differences of log b in log c, in exact rationals."""
    name, level = where
    constants = {symbol: data.draw(POSITIVE, label=symbol) for symbol in stated(where)}
    assume(constants)
    symbol = data.draw(st.sampled_from(sorted(constants)), label="symbol")
    found = bound(name, T, constants, level)
    h = fmpq(1, 10**6)
    sizes = []
    for factor in (1 + h, 1 - h):
        numbers = {s: as_fraction(v) for s, v in constants.items()}
        numbers[symbol] *= factor
        everything = dict.fromkeys(MEANING, fmpq(0)) | numbers
        sizes.append(ladder_statement(name).formula(*ONE_VALUE_EACH[level](everything, T)))
    assume(sizes[1] > 0)
    slope = float(arb(sizes[0] / sizes[1]).log()) / float((arb(1 + h) / arb(1 - h)).log())
    assert found.sensitivities[symbol] == pytest.approx(slope, rel=1e-8, abs=1e-8)


def test_the_sensitivities_to_the_differences_add_up_to_one() -> None:
    """Proposition 1's bound is linear in (Δ, Δ̃), Lemma 7's in ‖φ − φ'‖."""
    found = bound("proposition1", 7, stated(("proposition1", Level.UNIFORM), "0.7"))
    parts = [found.sensitivities[s] for s in ("Delta", "Delta_tilde")]
    assert sum(part for part in parts if part is not None) == pytest.approx(1, rel=1e-14)
    found = bound("lemma07", 7, stated(("lemma07", Level.UNIFORM), "0.7"))
    assert found.sensitivities["delta_phi"] == pytest.approx(1, rel=1e-14)


def test_sizes_far_beyond_float64_survive() -> None:
    """Q^{2T} at T = 1000 and L = 1e6; the sensitivity to L is close to 2T."""
    uniform = ("proposition1", Level.UNIFORM)
    found = bound("proposition1", 1000, stated(uniform, L="1e6"))
    assert found.log10 == pytest.approx(2000 * math.log10(10**6 + 1), rel=1e-3)
    assert found.decimal.endswith(f"e+{math.floor(found.log10)}")
    assert found.sensitivities["L"] == pytest.approx(1999, rel=1e-3)
    tiny = bound("lemma08", 3, {"L": "1e999999999", "M_m1": "1e-999999999", "Delta": "1"})
    assert tiny.log10 == pytest.approx(math.log10(7) - 999999999)


def test_decimals_are_not_rounded_to_floats() -> None:
    found = bound("lemma08", 1, {"L": "0", "M_m1": "1", "Delta": "0.1"})
    assert found.value.lower.value.fmpq() < fmpq(1, 10) < found.value.upper.value.fmpq()
    assert not found.value.contains(arb(0.1))
    binary = bound("lemma08", 1, {"L": 0, "M_m1": 1, "Delta": 0.1})
    assert binary.value.contains(arb(0.1))


def test_a_bound_of_zero_has_no_sensitivity() -> None:
    found = bound("lemma08", 3, {"L": "1", "M_m1": "1", "Delta": "0"})
    assert found.value.upper.value == 0
    assert found.log10 is None
    assert set(found.sensitivities.values()) == {None}
    assert found.order is None


@pytest.mark.parametrize(
    ("changed", "order"),
    [
        ({}, "Q^{2T}"),
        ({"Delta": "0"}, "T Q^T"),
        ({"Delta": "0", "Delta_tilde": "0"}, "None"),
        ({"M": "0"}, "Q^{2T}"),
        ({"L": "0"}, "T^3"),
        ({"M_m1": "0"}, "T^2"),
        ({"M_m2": "0"}, "T Q^T"),
    ],
)
def test_the_order_is_that_of_the_stated_constants(changed: dict[str, str], order: str) -> None:
    where = ("proposition1", Level.UNIFORM)
    assert str(bound("proposition1", 5, stated(where) | changed).order) == order


def test_what_is_stated_is_marked_as_such() -> None:
    value = bound("lemma08", 1, {"L": "1", "M_m1": "1", "Delta": "1"}).value
    assert {value.lower.method, value.upper.method} == {EndMethod.STATED}


def test_what_enters_depends_on_the_level() -> None:
    proposition1 = ladder_statement("proposition1")
    assert "Q_bar" not in entering(proposition1, Level.UNIFORM)
    assert "Delta_tilde" not in entering(proposition1, Level.DETACHED)
    assert set(entering(ladder_statement("lemma02"), Level.CLOSED_LOOP)) == {
        *("M_m2", "Q_bar", "delta_x0", "delta_phi")
    }


FINE = {"L": "1", "M_m1": "1", "Delta": "1"}
REFUSED: dict[str, tuple[tuple, str]] = {
    "missing": (("lemma08", 1, {"L": "1", "M_m1": "1"}), "^Delta: got None"),
    "extra": (("lemma08", 1, FINE | {"tau": "1"}), "^tau: got '1'; allowed: just the .*L, M_m1"),
    "unknown": (("lemma08", 1, FINE | {"lambda": "1"}), "^lambda: got '1'"),
    "negative": (("lemma08", 1, FINE | {"L": "-1"}), "^L: got '-1'; allowed: .*≥ 0"),
    "negative float": (("lemma08", 1, FINE | {"L": -1.0}), "^L: got -1.0"),
    "NaN": (("lemma08", 1, FINE | {"L": "nan"}), "^L: got 'nan'"),
    "NaN float": (("lemma08", 1, FINE | {"L": math.nan}), "^L: got nan"),
    "infinite": (("lemma08", 1, FINE | {"L": "1e9999999999"}), "^L: got '1e9999999999'"),
    "infinite float": (("lemma08", 1, FINE | {"L": math.inf}), "^L: got inf"),
    "text": (("lemma08", 1, FINE | {"L": "one"}), "^L: got 'one'"),
    "empty": (("lemma08", 1, FINE | {"L": ""}), "^L: got ''"),
    "a ball": (("lemma08", 1, FINE | {"L": "[1 +/- 1]"}), "^L: got"),
    "a truth value": (("lemma08", 1, FINE | {"L": True}), "^L: got True"),
    "T = 0": (("lemma08", 0, FINE), "^T: got 0; allowed: an integer ≥ 1"),
    "level": (("lemma08", 1, FINE, Level.DETACHED), "^level: got 'detached'; .*closed-loop"),
    "tube": (("lemma08", 1, FINE, Level.TRAJECTORY), "^level: got 'trajectory'"),
    "no bound": (("lemma01", 1, {}), "^statement: got 'lemma01'"),
    "statement": (("lemma99", 1, {}), "^statement: got 'lemma99'; allowed: .*proposition1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bad_input_is_refused_in_one_line(case: str) -> None:
    arguments, message = REFUSED[case]
    with pytest.raises(InvalidArgument, match=message) as refused:
        bound(*arguments)
    assert "\n" not in str(refused.value)


def test_a_sensitivity_that_floats_cannot_hold_is_not_0() -> None:
    ones = stated(("proposition1", Level.UNIFORM), "1", L="1e6", rho="0")
    found = bound("lemma12", 1000, ones).sensitivities
    assert found["rho"] == 0
    assert found["Delta_tilde"] == SMALLEST > 0
