"""What is printed is what is computed: as polynomials for T = 1 … 6, by induction for every T."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import sympy
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st

from ml2o_theory import recursion
from ml2o_theory.constants.base import MEANING
from ml2o_theory.levels import closed_loop, uniform
from ml2o_theory.recursion import bounds
from ml2o_theory.registry import ladder_statement, ladder_statements
from ml2o_theory.symbolic import quantities as of
from ml2o_theory.symbolic.growth import expansion
from ml2o_theory.symbolic.identities import CARRIED, at_horizon, induction, one_more_step
from ml2o_theory.symbolic.proofs import proofs
from ml2o_theory.symbolic.quantity import carried, evaluated, quantity, unfolded
from ml2o_theory.symbolic.symbols import (
    CONSTANTS,
    UNIFORM_Q,
    Delta,
    L,
    L_m,
    M_m1,
    Q,
    T,
    at_uniform,
    rho,
    t,
)

SIZES = st.one_of(
    st.sampled_from([0, 1, 10**6]), st.fractions(min_value=0, max_value=9, max_denominator=9)
).map(lambda value: fmpq(value.numerator, value.denominator))
VALUES = st.fixed_dictionaries(dict.fromkeys(MEANING, SIZES))
BOUNDS = [name for name, member in ladder_statements().items() if member.right.is_commutative]


def test_every_proof_goes_through() -> None:
    found = list(proofs(horizon=6))
    assert len({identity.claim for identity in found}) == len(found) > 90
    assert [identity for identity in found if not identity.holds] == []


def test_the_proofs_cover_every_bound_and_every_quantity_of_the_recursion() -> None:
    claims = {identity.claim for identity in proofs(horizon=1)}
    assert {f"{ladder_statement(name).number}, T = 1" for name in BOUNDS} <= claims
    assert set(CARRIED) == set(recursion.Bounds.__dataclass_fields__)


@pytest.mark.parametrize(
    ("function", "old", "new", "broken"),
    [
        ("step", "P = c.Q_P * b.P + c.M_m2", "P = b.P + c.M_m2", "P from t"),
        ("step", "+ L_A * b.J + L_B", "+ L_A * b.J - L_B", "L_J from t"),
        ("step", "Delta_A * b.J + Delta_B", "Delta_A * b.J", "Delta_J from t"),
        ("step", "delta_x = c.Q * b.delta_x", "delta_x = b.delta_x", "delta_x from t"),
        ("second_derivative_step", "3 * rule_change", "2 * rule_change", "L_K from t"),
        ("jacobian_bounds", "c.Delta + c.L * b.delta_x", "c.Delta", "Delta_A at t"),
        ("jacobian_bounds", "+ c.L_phiphi", "", "L_B at t"),
    ],
)
def test_a_planted_defect_of_the_recursion_breaks_the_induction(
    function: str,
    old: str,
    new: str,
    broken: str,
    mutated: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recursion, function, mutated(getattr(recursion, function), old, new))
    failed = [identity.claim for identity in induction() if not identity.holds]
    assert any(claim.startswith(broken) for claim in failed)


def test_a_base_case_that_is_not_zero_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted = quantity("P_{?}", "starts at M_m2")(lambda t: of.P(t) + CONSTANTS["M_m2"])
    monkeypatch.setitem(CARRIED, "P", shifted)
    assert "P at t = 0" in {identity.claim for identity in induction() if not identity.holds}


WRONG = {
    "ρ without M_m1": of.Delta_A.definition(t) - rho * M_m1**2 * Delta * of.S(t) + rho * M_m1,
    "Q^{t+1}": of.Delta_A.definition(t) + L * L_m * Delta * (Q ** (t + 1) - Q**t),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_right_hand_side_is_seen(wrong: sympy.Expr) -> None:
    class Planted(type(ladder_statement("lemma09"))):  # type: ignore[misc]
        right: ClassVar[sympy.Expr] = wrong

    assert all(at_horizon(ladder_statement("lemma09"), horizon).holds for horizon in (1, 2, 3))
    assert not all(at_horizon(Planted(), horizon).holds for horizon in (1, 2, 3))


def test_the_gradients_part_by_q_to_the_t_at_the_uniform_level_alone() -> None:
    apart = Delta + L * of.delta_x(t) - Delta * Q**t
    assert expansion(apart, UNIFORM_Q) == {}
    assert expansion(apart) != {}


def test_a_sum_that_is_not_carried_has_no_step() -> None:
    late = quantity("u_{?}", "not carried")(lambda t: carried(of.S, t).subs(Q, Q**t))
    with pytest.raises(ArithmeticError, match="factor"):
        one_more_step(late)


@given(VALUES, st.integers(1, 7))
def test_the_closed_forms_hold_at_the_closed_loop_level(c: dict[str, fmpq], horizon: int) -> None:
    """P, L_J, L_K and δx for any Q̄; Δ_J's needs Q = 1 + M_m1 L."""
    b = bounds(closed_loop(c, horizon).steps)
    numbers = at_uniform(c, horizon) | {Q: c["Q_bar"]}
    for name in ("P", "L_J", "L_K", "delta_x"):
        assert getattr(b, name) == evaluated(CARRIED[name](T), numbers)


@given(name=st.sampled_from(BOUNDS), c=VALUES, horizon=st.integers(1, 8))
def test_the_printed_bound_is_the_formula_in_ball_arithmetic(
    name: str, c: dict[str, fmpq], horizon: int
) -> None:
    """Two balls about one number overlap; each is no wider than a float's rounding."""
    balls = {key: arb(value) / 3 for key, value in c.items()}
    printed = evaluated(ladder_statement(name).right, at_uniform(balls, horizon))
    computed = ladder_statement(name).formula(*uniform(balls, horizon))
    assert arb(printed).overlaps(arb(computed))
    assert arb(printed).rad() <= abs(arb(printed)) * arb(2) ** -40 + arb(2) ** -40


def test_compiled_numbers_are_sympys_own() -> None:
    """`evaluated` against SymPy's substitution and summation, for sums within sums."""
    c = {key: sympy.Rational(k + 2, 3) for k, key in enumerate(MEANING)}
    numbers = at_uniform(c, 3)
    by_sympy = unfolded(of.Delta_J(T)).subs(T, 3).doit().subs(numbers)
    assert sympy.nsimplify(by_sympy) == evaluated(of.Delta_J(T), numbers)
