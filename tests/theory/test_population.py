"""Population differences: THEORY's closed forms, Monte Carlo, and the trust region's two ends."""

from __future__ import annotations

import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks.distributions import Fixed, Mixture, Normal, Uniform
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_core.tasks.quadratic import Quadratic
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.arithmetic import to_tensor, vector
from ml2o_theory.population import PopulationDifference, gram, mean
from ml2o_theory.regions import Ball

UNIT = Ball((0.0,) * 10, arb(1))


def close(enclosure, value: float, relative: float = 1e-12) -> bool:
    inside = float(enclosure.lower.value), float(enclosure.upper.value)
    return all(abs(end - value) <= relative * abs(value) for end in inside)


def test_two_gaussians_differ_by_a_multiple_of_the_identity() -> None:
    """H = rσ²I and c = 0: Δ on the unit ball and Δ̃ are both r|σ_1² − σ_2²|."""
    difference = PopulationDifference.of(Lasso.normal(50.0), Lasso.normal(100.0))
    assert close(difference.gradient(UNIT), 10 * 7500.0)
    assert close(difference.hessian(UNIT), 10 * 7500.0)


def test_uniform_entries_have_the_stated_moments() -> None:
    """H = r(a²/12 I + a²/4 11ᵀ) and c = r (a/2) E[b] 1, against A = 0."""
    a, r, d = 0.5, 4, 3
    uniform = Quadratic(
        rows=r, cols=d, matrix=Uniform(low=0, high=a), target=Uniform(low=0, high=1)
    )
    zero = uniform.with_changes(matrix=Normal(sd=0.0))
    difference = PopulationDifference.of(uniform, zero)
    expected = r * (a**2 / 12 * torch.eye(d) + a**2 / 4 * torch.ones(d, d)).double()
    torch.testing.assert_close(to_tensor(difference.H), expected)
    torch.testing.assert_close(
        to_tensor(difference.c), torch.full((d, 1), r * a / 2 * 0.5, dtype=torch.float64)
    )
    # The top eigenvector is 1, so Δ̃ = r a² (1/12 + d/4).
    assert close(difference.hessian(Ball((0.0,) * d, arb(1))), r * a**2 * (1 / 12 + d / 4))


@pytest.mark.parametrize(
    "distribution",
    [
        Uniform(low=-1, high=3),
        Normal(sd=2.0, mean=-0.5),
        Fixed(values=(1.0, 2.0, -1.0, 0.5, 0.0, 3.0)),
        Mixture(components=(Uniform(low=0, high=1), Normal(sd=1.0)), weights=(1.0, 3.0)),
        Mixture(components=(Normal(sd=0.1, mean=1), Mixture(components=(Normal(sd=1.0),)))),
    ],
    ids=lambda d: d.name,
)
def test_moments_agree_with_draws(distribution) -> None:
    """Five standard errors of 20,000 draws."""
    g = generator(0, purpose="moments")
    draws = torch.stack([distribution.draw((3, 2), g) for _ in range(20_000)])
    for exact, sample in (
        (mean(distribution, 3, 2), draws),
        (gram(distribution, 3, 2), draws.mT @ draws),
    ):
        error = sample.std(0) / len(draws) ** 0.5
        assert ((sample.mean(0) - to_tensor(exact)).abs() <= 5 * error + 1e-12).all()


@settings(max_examples=30)
@given(st.integers(0, 10_000), st.floats(0.01, 10.0))
def test_no_point_of_the_ball_exceeds_delta(seed: int, radius: float) -> None:
    difference = PopulationDifference.of(Lasso.uniform_mixture(), Lasso.normal(0.3))
    ball = Ball((0.1,) * 10, arb(radius))
    delta = difference.gradient(ball)
    u = torch.randn(10, generator=generator(seed), dtype=torch.float64)
    x = torch.tensor(ball.center, dtype=torch.float64) + radius * 0.999999 * u / u.norm()
    value = (to_tensor(difference.H) @ x - to_tensor(difference.c).flatten()).norm().item()
    assert value <= float(delta.upper.value) * (1 + 1e-12)
    assert delta.upper.value - delta.lower.value <= 1e-9 * delta.upper.value


def test_delta_is_attained_at_its_witness() -> None:
    difference = PopulationDifference.of(Lasso.uniform_mixture(), Lasso.normal(0.3))
    delta = difference.gradient(UNIT)
    assert delta.lower.witness is not None
    x = torch.tensor(delta.lower.witness["direction"], dtype=torch.float64)
    assert x.norm() <= 1 + 1e-12
    gradient = difference.H * vector(x) - difference.c
    value = to_tensor(gradient).norm().item()
    assert value == pytest.approx(float(delta.lower.value), rel=1e-9)


def test_the_parts_of_both_families_are_subtracted() -> None:
    """U(0, 1) minus U(0, ½), b ~ U(0, 1): H and c are those of THEORY's fact 7, subtracted."""
    first, second = (Lasso(matrix=Uniform(low=0, high=a)) for a in (1.0, 0.5))
    difference = PopulationDifference.of(first, second)
    ones, identity = torch.ones(10, 10).double(), torch.eye(10).double()
    H = 10 * (1 - 0.25) * (identity / 12 + ones / 4)
    torch.testing.assert_close(to_tensor(difference.H), H)
    torch.testing.assert_close(to_tensor(difference.c), 10 * (0.5 - 0.25) * 0.5 * ones[:, :1])


def test_a_family_does_not_differ_from_itself() -> None:
    difference = PopulationDifference.of(Lasso.normal(50.0), Lasso.normal(50.0))
    assert float(difference.gradient(UNIT).upper.value) == 0
    assert float(difference.hessian(UNIT).upper.value) == 0


@pytest.mark.parametrize(
    ("second", "named"),
    [
        (Lasso(weight=0.01), "weight: got 0.01"),
        (Lasso(cols=3), "cols: got 3"),
        (Quadratic(), "second: got 'quadratic'"),
        (SmoothedLasso(), "second: got 'smoothed-lasso'"),
    ],
)
def test_penalties_that_do_not_cancel_are_refused(second: LeastSquaresFamily, named: str) -> None:
    with pytest.raises(InvalidArgument, match=named):
        PopulationDifference.of(Lasso(), second)


def test_the_region_tells_the_ball_and_the_families() -> None:
    first = PopulationDifference.of(Lasso.normal(50.0), Lasso.normal(100.0))
    second = PopulationDifference.of(Lasso.normal(50.0), Lasso.normal(200.0))
    larger = Ball((0.0,) * 10, arb(2))
    regions = {first.gradient(UNIT).region, second.gradient(UNIT).region}
    assert len(regions | {first.gradient(larger).region}) == 3
