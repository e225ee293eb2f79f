"""The observed gap: enclosed rigorously, and what float64 autodiff of a real unroll gives."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from flint import arb, fmpq
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.gain_quadratic import gain_instance, pair_region
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.instances import Instance
from ml2o_theory.observed.autodiff import risk_gradients
from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.regions import ParameterInterval, Region, as_ball

AUTODIFF = 1e-11
"""Rounding of float64 over at most 6 steps, relative to the sizes and the growth below."""


def observe(observed: Observed, instance: Instance, region: Region, steps: int) -> list[Enclosure]:
    comparison = Comparison(instance, observed.between, steps)
    comparison.check_within(region)
    return comparison.observed(observed.quantity, region)


def scalar_pair(a: float, b: float, x0: float) -> QuadraticPair:
    def task(v: float) -> QuadraticTask:
        return QuadraticTask(torch.tensor([[v]], dtype=torch.float64), torch.ones(1).double())

    return QuadraticPair(task(a), task(b), torch.tensor([x0], dtype=torch.float64))


def closed_form(a: fmpq, x0: fmpq, phi: fmpq, T: int) -> fmpq:
    """THEORY's fact 5 for l = ½(ax − 1)²: g_T = ½(a x_0 − 1)²(1 − φa²)^{2T}, differentiated."""
    return -T * a**2 * (a * x0 - 1) ** 2 * (1 - phi * a**2) ** (2 * T - 1)


def sum_of_sizes(task: QuadraticTask, x0: Tensor) -> float:
    """What ∇l(x_0) = Aᵀ(Ax_0 − b) is made of, before anything cancels."""
    A, b = torch.linalg.matrix_norm(task.A).item(), task.b.norm().item()
    return A * (A * x0.norm().item() + b)


def gradient_gaps(pair: QuadraticPair, region: Region, phi: float, steps: int) -> list[Enclosure]:
    observed = Observed(Quantity.RISK_GRADIENT, Between.TASKS)
    return observe(observed, gain_instance(pair, phi), region, steps)


DYADIC = st.integers(-24, 24).map(lambda k: k / 8)


@given(DYADIC, DYADIC, DYADIC, DYADIC, st.integers(1, 12))
def test_the_enclosure_contains_the_exact_gap(
    a: float, b: float, x0: float, phi: float, T: int
) -> None:
    pair = scalar_pair(a, b, x0)
    region = pair_region(pair, ParameterInterval(phi, phi), T)
    found = gradient_gaps(pair, region, phi, T)[-1]
    a_, b_, x_, phi_ = (fmpq(*v.as_integer_ratio()) for v in (a, b, x0, phi))
    gap = closed_form(a_, x_, phi_, T) - closed_form(b_, x_, phi_, T)
    exact = gap if gap >= 0 else -gap
    assert found.lower.value.fmpq() <= exact <= found.upper.value.fmpq()
    assert found.upper.value.fmpq() - found.lower.value.fmpq() <= exact * fmpq(1, 10**20)


def exact_run(a: fmpq, x: fmpq, phi: fmpq, T: int) -> dict[Quantity, fmpq]:
    """Every quantity of T steps on l = ½(ax − 1)², from Eq. 1, Eq. 2 and its derivative."""
    J, K, A = fmpq(0), fmpq(0), 1 - phi * a * a
    for _ in range(T):
        B = -a * (a * x - 1)
        x, J, K = x + phi * B, A * J + B, A * K - 2 * a * a * J
    return {
        Quantity.ITERATE: x,
        Quantity.STEP_JACOBIAN_X: A,
        Quantity.STEP_JACOBIAN_PHI: B,
        Quantity.JACOBIAN: J,
        Quantity.RISK_GRADIENT: a * (a * x - 1) * J,
        Quantity.RISK_HESSIAN: a * a * J * J + a * (a * x - 1) * K,
    }


@given(DYADIC, DYADIC, DYADIC, st.tuples(DYADIC, DYADIC), st.integers(1, 6))
def test_every_quantity_of_every_comparison_contains_the_exact_one(
    a: float, b: float, x0: float, phis: tuple[float, float], T: int
) -> None:
    pair = replace(scalar_pair(a, b, x0), other_x0=torch.tensor([x0 + 0.5], dtype=torch.float64))
    region = pair_region(pair, ParameterInterval(*sorted(phis)), T)
    a_, b_, x_, phi, other = (fmpq(*v.as_integer_ratio()) for v in (a, b, x0, *phis))
    first = exact_run(a_, x_, phi, T)
    second = {
        Between.ONE_RUN: dict.fromkeys(Quantity, fmpq(0)),
        Between.TASKS: exact_run(b_, x_, phi, T),
        Between.PARAMETERS: exact_run(a_, x_, other, T),
        Between.STARTS_AND_PARAMETERS: exact_run(a_, x_ + fmpq(1, 2), other, T),
    }
    for between, quantity in product(Between, Quantity):
        (*_, found) = observe(Observed(quantity, between), gain_instance(pair, *phis), region, T)
        difference = first[quantity] - second[between][quantity]
        size = max(difference, -difference)
        assert found.lower.value.fmpq() <= size <= found.upper.value.fmpq()
        assert found.upper.value.fmpq() - found.lower.value.fmpq() <= size * fmpq(1, 10**13)
    for run in (first, second[Between.STARTS_AND_PARAMETERS]):
        away = run[Quantity.ITERATE] - x_
        assert max(away, -away) <= as_ball(region.x).radius.fmpq()


@given(DYADIC, DYADIC, DYADIC, st.integers(1, 6))
def test_the_hessian_is_the_second_derivative_of_the_closed_form(
    a: float, x0: float, phi: float, T: int
) -> None:
    """g_T = ½(a x_0 − 1)²(1 − φa²)^{2T}, twice differentiated."""
    a_, x_, phi_ = (fmpq(*v.as_integer_ratio()) for v in (a, x0, phi))
    by_hand = T * (2 * T - 1) * a_**4 * (a_ * x_ - 1) ** 2 * (1 - phi_ * a_**2) ** (2 * T - 2)
    assert exact_run(a_, x_, phi_, T)[Quantity.RISK_HESSIAN] == by_hand


@given(st.from_type(QuadraticPair), st.floats(-1, 2), st.integers(1, 6))
def test_autodiff_of_the_unroll_agrees(pair: QuadraticPair, scale: float, T: int) -> None:
    L = max(pair.first.gram_norm().item(), pair.second.gram_norm().item(), 1.0)
    phi = scale / L
    region = pair_region(pair, ParameterInterval(phi, phi), T)
    params = {"gain": torch.tensor(phi, dtype=torch.float64)}
    gradients = [
        risk_gradients(LinearGain(), params, task, pair.x0, T) for task in (pair.first, pair.second)
    ]
    gaps = gradient_gaps(pair, region, phi, T)
    assert gradients[0].shape == (T, 1)
    growth = max(1.0, abs(1 - scale)) ** (2 * T)
    size = max(sum_of_sizes(task, pair.x0) for task in (pair.first, pair.second))
    for first, second, gap in zip(*gradients, gaps, strict=True):
        observed = (first - second).norm().item()
        assert abs(observed - float(gap.lower.value)) <= AUTODIFF * growth * size**2


def test_the_gap_of_one_task_with_itself_is_exactly_zero() -> None:
    """Nothing but exact arithmetic can show it: the precision is raised until it is exact."""
    pair = scalar_pair(1.1, 1.1, 0.3)
    region = pair_region(pair, ParameterInterval(0.1, 0.1), 20)
    assert all(gap.upper.value == 0 for gap in gradient_gaps(pair, region, 0.1, 20))


def test_the_enclosure_stays_narrow_where_float64_has_no_digits_left() -> None:
    """At T = 300 and |1 − φH| = 3 the trajectory grows by 1e143 and the gap has 300 digits."""
    pair = scalar_pair(2.0, 2.0 + 2**-40, 1.0)
    region = pair_region(pair, ParameterInterval(1.0, 1.0), 300)
    gap = gradient_gaps(pair, region, 1.0, 300)[-1]
    assert gap.lower.log10 is not None
    assert gap.lower.log10 > 250
    assert gap.upper.value <= gap.lower.value * (1 + arb(1e-15))


def test_only_instances_of_the_region_are_observed() -> None:
    pair = scalar_pair(1.0, 2.0, 0.5)
    region = pair_region(pair, ParameterInterval(0.0, 0.5), 5)
    with pytest.raises(InvalidArgument, match="φ"):
        gradient_gaps(pair, region, 0.6, 5)
    with pytest.raises(InvalidArgument, match="φ"):
        observe(
            Observed(Quantity.ITERATE, Between.PARAMETERS), gain_instance(pair, 0.1, 0.6), region, 5
        )
    with pytest.raises(InvalidArgument, match="steps"):
        gradient_gaps(pair, region, 0.1, 6)
    with pytest.raises(InvalidArgument, match="this data"):
        gradient_gaps(scalar_pair(1.0, 2.0, 0.25), region, 0.1, 5)
