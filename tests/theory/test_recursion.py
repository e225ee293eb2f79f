"""The recursion against the closed forms in exact rationals, in symbols, and far beyond float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import sympy
from flint import arb, fmpq
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ml2o_theory.arithmetic import log10, precision
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import uniform
from ml2o_theory.recursion import Bounds, StepConstants, bounds
from ml2o_theory.statements.proposition1 import Proposition1
from ml2o_theory.symbolic import quantities
from ml2o_theory.symbolic.quantity import QuantityKind, evaluated
from ml2o_theory.symbolic.symbols import T as horizon
from ml2o_theory.symbolic.symbols import at_uniform

Values = dict[str, fmpq]

SIZES = st.one_of(
    st.sampled_from([0, 1, 10**6]), st.fractions(min_value=0, max_value=9, max_denominator=9)
).map(lambda value: fmpq(value.numerator, value.denominator))

CORNERS: dict[str, Callable[[Values, int], bool]] = {
    "Q = 1": lambda c, T: c["M_m1"] * c["L"] == 0,
    "Q > 1": lambda c, T: c["M_m1"] * c["L"] > 0,
    "M_m1 = 0": lambda c, T: c["M_m1"] == 0,
    "Δ = 0": lambda c, T: c["Delta"] == 0,
    "Δ̃ = 0": lambda c, T: c["Delta_tilde"] == 0,
    "ρ = 0": lambda c, T: c["rho"] == 0,
    "T = 1": lambda c, T: T == 1,
    "L = 1e6": lambda c, T: c["L"] == 10**6,
}


@st.composite
def values(draw: st.DrawFn) -> Values:
    return {symbol: draw(SIZES) for symbol in MEANING}


def after(c: dict[str, Any], T: int) -> Bounds:
    return bounds(uniform(c, T)[0])


def closed(kind: QuantityKind, c: dict[str, Any], T: int) -> Any:
    """The closed form of a quantity after T steps."""
    return evaluated(kind(horizon), at_uniform(c, T))


@given(values(), st.integers(1, 8))
def test_the_recursion_is_the_closed_form(c: Values, T: int) -> None:
    for corner, reached in CORNERS.items():
        if reached(c, T):
            event(corner)
    b = after(c, T)
    for name in ("P", "L_J", "L_K", "delta_x", "Delta_J"):
        assert getattr(b, name) == closed(getattr(quantities, name), c, T)
    assert b.J == b.P
    assert Proposition1().trivial_formula(*uniform(c, T)) == 2 * c["M"] * b.P


def test_the_strategy_reaches_every_corner() -> None:
    missing = set(CORNERS)

    @settings(max_examples=300, derandomize=True, database=None)
    @given(values(), st.integers(1, 8))
    def collect(c: Values, T: int) -> None:
        missing.difference_update({corner for corner in missing if CORNERS[corner](c, T)})

    collect()
    assert not missing


@given(values(), st.integers(1, 30))
def test_the_geometric_sum_is_the_quotient_where_there_is_one(c: Values, t: int) -> None:
    Q = 1 + c["M_m1"] * c["L"]
    expected = fmpq(t) if Q == 1 else (Q**t - 1) / (Q - 1)
    assert closed(quantities.S, c, t) == expected


@given(values(), st.integers(0, 8))
def test_the_gradients_of_two_tasks_part_by_delta_q_to_the_t(c: Values, t: int) -> None:
    """Δ + L δx_t = Δ Q^t, the identity that is special to Q = 1 + M_m1 L."""
    apart = c["Delta"] + c["L"] * after(c, t).delta_x
    assert apart == c["Delta"] * (1 + c["M_m1"] * c["L"]) ** t


def test_proposition_1_for_one_step_by_hand() -> None:
    c = {symbol: sympy.Symbol(symbol) for symbol in MEANING}
    by_hand = c["M"] * c["L_m"] * c["Delta"] + c["M_m2"] * c["Delta"] * (1 + c["M_m1"] * c["L"])
    assert sympy.expand(Proposition1().formula(*uniform(c, 1)) - by_hand) == 0


@given(values(), st.integers(1, 6), st.sampled_from(sorted(MEANING)), SIZES)
def test_the_bound_increases_in_every_constant(c: Values, T: int, s: str, more: fmpq) -> None:
    larger = c | {s: c[s] + more}
    statement = Proposition1()
    assert statement.formula(*uniform(larger, T)) >= statement.formula(*uniform(c, T))
    assert statement.trivial_formula(*uniform(larger, T)) >= statement.trivial_formula(
        *uniform(c, T)
    )


def test_constants_may_change_from_step_to_step() -> None:
    """Two steps by hand, with different constants in each."""

    def constants(Q: int, L: int, rho: int, M_m1: int, M_m2: int, L_m: int, *apart: int) -> Any:
        one = {"Q": Q, "Q_P": Q, "L": L, "L_P": L, "rho": rho, "tau": 0, "M_m1": M_m1}
        rule = dict.fromkeys(("L_zz", "L_zphi", "L_phiphi"), L_m) | {"M_m2": M_m2, "rho_m": 0}
        gap = dict(zip(("Delta", "Delta_tilde"), apart, strict=True))
        return StepConstants(**{s: fmpq(value) for s, value in {**one, **rule, **gap}.items()})

    first = constants(2, 3, 5, 7, 11, 13, 17, 19)
    second = constants(23, 29, 31, 37, 41, 43, 47, 53)
    b = bounds([first, second])
    assert b.P == 23 * 11 + 41
    assert b.delta_x == 23 * (7 * 17) + 37 * 47
    apart = 47 + 29 * (7 * 17)
    Delta_A = 37 * (53 + 31 * (7 * 17)) + 29 * 43 * apart
    assert b.Delta_J == 23 * (13 * 17) + Delta_A * 11 + 43 * apart
    V = 29 * 11 + 1
    assert b.L_J == 23 * 13 + (37 * 31 * 11 + 29 * 43 * V) * 11 + 43 * V


def test_a_bound_of_any_size_survives() -> None:
    """Q^{2T} at T = 1000 and L = 1e6: 12,000 decimal digits before the point."""
    c = {symbol: arb(1) for symbol in MEANING} | {"L": arb(10**6)}
    with precision():
        value = Proposition1().formula(*uniform(c, 1000))
        size = log10(value.lower())
        relative_width = float(value.rad() / value.mid())
    assert size is not None
    assert size == pytest.approx(2000 * math.log10(10**6 + 1), rel=1e-3)
    assert relative_width < 1e-30
