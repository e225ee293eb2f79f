"""Lemma 1: the sum of products is the recursion, and the derivative."""

from __future__ import annotations

import pytest
from sympy import Mul, Sum, Symbol, diff, expand

from ml2o_theory.symbolic import chain_rule
from ml2o_theory.symbolic.chain_rule import PRODUCT_SUM, A, B, Descending
from ml2o_theory.symbolic.symbols import T


@pytest.mark.parametrize("horizon", range(1, 7))
def test_the_sum_of_products_is_the_recursion(horizon: int) -> None:
    assert chain_rule.product_sum(horizon).holds


@pytest.mark.parametrize("horizon", range(1, 4))
def test_it_is_the_derivative_of_the_unroll(horizon: int) -> None:
    assert chain_rule.scalar_chain_rule(horizon).holds


def test_three_steps_by_hand() -> None:
    by_hand = A(2) * A(1) * B(0) + A(2) * B(1) + B(2)
    assert expand(PRODUCT_SUM.subs(T, 3).doit() - by_hand) == 0
    assert expand(by_hand - (A(1) * A(2) * B(0) + A(2) * B(1) + B(2))) != 0


def test_a_wrong_order_of_the_factors_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    i = Symbol("i", integer=True, nonnegative=True)
    reversed_ = Sum(B(i) * Descending(A(T - 1), A(i + 1)), (i, 0, T - 1))
    monkeypatch.setattr(chain_rule, "PRODUCT_SUM", reversed_)
    assert chain_rule.product_sum(1).holds
    assert not chain_rule.product_sum(2).holds


def test_a_wrong_step_jacobian_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Detached: with A_t = 1 the sum is not the derivative, from T = 2 on."""
    monkeypatch.setattr(chain_rule, "Mul", lambda *factors: Mul(*(1 for _ in factors)))
    assert chain_rule.scalar_chain_rule(1).holds
    assert not chain_rule.scalar_chain_rule(2).holds


def test_matrices_keep_their_order_and_numbers_write_the_product_out() -> None:
    assert Descending(A(3), A(1)) == A(3) * A(2) * A(1)
    assert Descending(A(0), A(1)) == 1
    assert A(1) * A(0) != A(0) * A(1)
    assert diff(Descending(A(T), A(1)), Symbol("x")) == 0
