"""The meta risk's constants: attained by quadratic and cubic risks, refused without certainty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb, fmpq, fmpq_poly
from hypothesis import assume, given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory import meta_risk
from ml2o_theory.arithmetic import INFINITY
from ml2o_theory.constants.gain_quadratic import pair_constants, pair_region
from ml2o_theory.enclosure import Enclosure, Quantity, RegionMismatch
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.meta_risk import (
    RiskConstants,
    inner_set,
    largest_convex_step,
    meta_lipschitz,
    meta_lipschitz_convex,
    meta_strong_convexity,
    risk_constants,
)
from ml2o_theory.regions import Box, ParameterInterval
from ml2o_theory.symbolic.quantities import L_G, L_G_convex, mu_G

REGION = "0123456789ab"


def between(low: float, high: float | arb, region: str = REGION) -> Enclosure:
    return Enclosure.certified(arb(low), arb(high), EndMethod.CLOSED_FORM, region=region)


def known(L_g: float, rho_g: float, M_g: float, mu: float) -> RiskConstants:
    return RiskConstants(*(between(v, v) for v in (L_g, rho_g, M_g, mu)))


def ends(found: Enclosure) -> tuple[float, float]:
    return float(found.lower.value), float(found.upper.value)


def meta_second_derivative(g: fmpq_poly, alpha: fmpq, phi: fmpq) -> fmpq:
    """G'' of G(φ) = g(φ − αg'(φ)), a polynomial like g."""
    inner = fmpq_poly([0, 1]) - alpha * g.derivative()
    return g(inner).derivative().derivative()(phi)


DYADIC = st.integers(0, 32).map(lambda k: k / 8)
STEPS = st.integers(0, 8).map(lambda k: k / 64)


@given(DYADIC.filter(bool), STEPS)
def test_a_quadratic_risk_attains_both_ends_of_its_curvature(h: float, alpha: float) -> None:
    """g = ½hφ²: G'' = (1 − αh)² h = L_G = μ_G, with ρ_g = 0."""
    assume(alpha * h <= 1)
    c = known(h, 0.0, 5.0, h)
    h_, alpha_ = (fmpq(*v.as_integer_ratio()) for v in (h, alpha))
    exact = meta_second_derivative(fmpq_poly([0, 0, h_ / 2]), alpha_, fmpq(3))
    for found in (meta_lipschitz_convex(alpha, c), meta_strong_convexity(alpha, c)):
        assert found.lower.value.fmpq() == exact == found.upper.value.fmpq()


@given(DYADIC, STEPS)
def test_a_concave_risk_attains_the_one_without_convexity(h: float, alpha: float) -> None:
    """g = −½hφ²: G'' = −(1 + αh)² h."""
    h_, alpha_ = (fmpq(*v.as_integer_ratio()) for v in (h, alpha))
    exact = meta_second_derivative(fmpq_poly([0, 0, -h_ / 2]), alpha_, fmpq(3))
    found = meta_lipschitz(alpha, known(h, 0.0, 5.0, 1.0))
    assert found.lower.value.fmpq() == -exact == found.upper.value.fmpq()


EIGHTHS = st.integers(-8, 8).map(lambda k: fmpq(k, 8))
CUBICS = st.lists(EIGHTHS, min_size=4, max_size=4).map(fmpq_poly)


@given(CUBICS, STEPS, EIGHTHS)
def test_no_cubic_risk_is_above_or_below(g: fmpq_poly, alpha: float, phi: fmpq) -> None:
    """Constants on the Φ = [−3, 3] that holds T̂([−1, 1]); a linear g'' is extreme at its ends."""
    alpha_ = fmpq(*alpha.as_integer_ratio())
    slope, curvature = g.derivative(), g.derivative().derivative()
    assume(abs_(alpha_ * slope(phi)) <= 2)
    at_ends = [curvature(fmpq(end)) for end in (-3, 3)]
    L_g, rho_g = max(map(abs_, at_ends)), abs_(curvature.derivative()(fmpq(0)))
    M_g = sum(abs_(c) * 3**k for k, c in enumerate(slope.coeffs()))
    c = known(*(float(v.p) / float(v.q) for v in (L_g, rho_g, fmpq(M_g), min(at_ends))))
    exact = meta_second_derivative(g, alpha_, phi)
    assert abs_(exact) <= meta_lipschitz(alpha, c).upper.value.fmpq()
    if min(at_ends) > 0 and alpha_ * L_g <= 1:
        assert exact <= meta_lipschitz_convex(alpha, c).upper.value.fmpq()
        assert exact >= meta_strong_convexity(alpha, c).lower.value.fmpq()


def abs_(value: fmpq) -> fmpq:
    return max(value, -value)


def test_the_change_of_curvature_is_needed() -> None:
    """g = 2φ + φ³/6 at φ = 0, α = ¼, Φ = [−½, ½]: half of G''(0) = −33/32 comes from ρ_g."""
    g = fmpq_poly([0, 2, 0, fmpq(1, 6)])
    assert meta_second_derivative(g, fmpq(1, 4), fmpq(0)) == fmpq(-33, 32)
    L_g, rho_g, M_g = 0.5, 1.0, 2.125
    found = ends(meta_lipschitz(0.25, known(L_g, rho_g, M_g, 0.0)))[1]
    assert found - 0.25 * rho_g * M_g < 33 / 32 <= found < 1.17


def test_they_are_the_printed_expressions() -> None:
    """α = ¼, L_g = 1, ρ_g = ½, M_g = 2, μ = ¾ in both."""
    from ml2o_theory.symbolic.quantities import L_g, M_g, rho_g
    from ml2o_theory.symbolic.symbols import T, alpha, mu

    c, numbers = known(1.0, 0.5, 2.0, 0.75), {L_g(T): 1, rho_g(T): 0.5, M_g(T): 2}
    numbers |= {alpha: 0.25, mu: 0.75}
    for printed, computed in (
        (L_G, meta_lipschitz),
        (L_G_convex, meta_lipschitz_convex),
        (mu_G, meta_strong_convexity),
    ):
        value = float(printed.definition(T).xreplace(numbers))
        assert ends(computed(0.25, c)) == (value, value)


def test_each_end_uses_the_constants_that_make_it_certain() -> None:
    c = RiskConstants(between(1, 2), between(0, 0.5), between(1, 2), between(0.5, INFINITY))
    assert ends(meta_lipschitz(0.25, c)) == (1.25**2, 1.5**2 * 2 + 0.25)
    assert ends(meta_lipschitz_convex(0.25, c)) == (0, 0.875**2 * 2 + 0.25)
    low, high = ends(meta_strong_convexity(0.25, c))
    assert (low, high) == (0.5**2 * 0.5 - 0.25, float("inf"))


def test_a_side_condition_that_is_not_certain_is_refused() -> None:
    wide = RiskConstants(between(1, 8), between(0, 1), between(0, 1), between(0.5, 1))
    for formula in (meta_lipschitz_convex, meta_strong_convexity):
        with pytest.raises(InvalidArgument, match=r"alpha: got .*α L_g ≤ 1"):
            formula(0.25, wide)
        with pytest.raises(InvalidArgument, match="A1"):
            formula(0.25, known(1.0, 0.0, 1.0, 0.0))
    assert meta_lipschitz(0.25, wide).is_bounded
    with pytest.raises(InvalidArgument, match="alpha"):
        meta_lipschitz(-0.25, wide)
    with pytest.raises(RegionMismatch):
        RiskConstants(*[between(1, 1)] * 3, between(1, 1, "another region"))


def test_a_sampled_infimum_does_not_make_a1_certain() -> None:
    sampled = Enclosure(
        Enclosure.certified(-INFINITY, arb(1), EndMethod.CLOSED_FORM, region=REGION).lower,
        between(1, 1).upper,
        Quantity.INFIMUM,
    )
    c = RiskConstants(between(1, 1), between(0, 0), between(1, 1), sampled)
    assert largest_convex_step(c) == 0.0
    with pytest.raises(InvalidArgument, match="A1"):
        meta_strong_convexity(0.25, c)


def test_the_largest_step_leaves_an_eighth_of_the_convexity() -> None:
    """Both limits bind at once: 1/(2L_g) = μ/(8ρ_gM_g), and μ_G is μ/8 exactly."""
    c = known(2.0, 0.25, 1.0, 0.5)
    assert largest_convex_step(c) == 0.25
    assert ends(meta_strong_convexity(0.25, c)) == (0.5 / 8, 0.5 / 8)
    assert largest_convex_step(known(2.0, 0.0, 1.0, 0.5)) == 0.25
    assert largest_convex_step(known(2.0, 1.0, 4.0, 0.5)) == 0.5 / 32
    unknown = RiskConstants(between(2, 2), between(0, INFINITY), between(1, 1), between(0.5, 2))
    assert largest_convex_step(unknown) == 0.0


POSITIVE = st.floats(1e-3, 1e3)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(1e-3, 1))
def test_that_step_is_always_enough(L_g: float, rho_g: float, M_g: float, share: float) -> None:
    c = known(L_g, rho_g, M_g, share * L_g)
    alpha = largest_convex_step(c)
    assert alpha > 0
    assert meta_strong_convexity(alpha, c).lower.value >= c.mu.lower.value / 8


def test_the_inner_set_is_moved_in_by_the_longest_step() -> None:
    phi, c = Box((0.0, -1.0), (1.0, 1.0)), known(1.0, 1.0, 2.0, 1.0)
    assert inner_set(phi, 0.125, c) == Box((0.25, -0.75), (0.75, 0.75))
    assert inner_set(phi, 0.5, c) is None
    assert inner_set(phi, 0.1, RiskConstants(c.L_g, c.rho_g, between(0, INFINITY), c.mu)) is None


def test_the_constants_come_from_lemmas_6_7_and_13() -> None:
    """l = ½x² from x_0 = 1, Φ = {0}, T = 2: M = L = M_m2 = Q = 1, as computed by hand."""
    task = QuadraticTask(torch.eye(1).double(), torch.zeros(1).double())
    pair = QuadraticPair(task, task, torch.ones(1).double())
    constants = pair_constants(pair, pair_region(pair, ParameterInterval(0.0, 0.0), 2))
    mu = between(0.5, 4, constants.region.id)
    c = risk_constants(constants, mu, 2)
    found = [float(v.upper.value) for v in (c.L_g, c.rho_g, c.M_g)]
    assert found == pytest.approx([5 + 4, 6 + 3 * 2 * 5, 2], rel=1e-9)
    assert c.mu is mu


DEFECTS = [
    (meta_lipschitz, "1 + step * L_g", "1 - step * L_g"),
    (meta_lipschitz, "stretch * stretch", "stretch"),
    (meta_lipschitz, "+ step * rho_g", "- step * rho_g"),
    (meta_lipschitz_convex, "1 - step * mu", "1 + step * mu"),
    (meta_lipschitz_convex, "c.rho_g, c.M_g), (c.mu,)", "c.rho_g, c.M_g, c.mu), ()"),
    (meta_strong_convexity, "shrink * shrink * mu", "shrink * mu"),
    (meta_strong_convexity, "- step * rho_g", "+ step * rho_g / 4"),
]


@pytest.mark.parametrize(("function", "old", "new"), DEFECTS)
def test_a_planted_defect_changes_the_ends(
    function: Callable[..., Enclosure], old: str, new: str, mutated: Callable[..., Any]
) -> None:
    c = RiskConstants(between(1, 2), between(0.25, 0.5), between(1, 2), between(0.5, 0.75))
    assert function in vars(meta_risk).values()
    assert ends(mutated(function, old, new)(0.25, c)) != ends(function(0.25, c))
