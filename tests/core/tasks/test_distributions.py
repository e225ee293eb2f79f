"""Distributions: exact support, moments within five standard errors, mixtures by problem."""

from __future__ import annotations

import json
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.seeding import generator
from ml2o_core.tasks.distributions import Distribution, Fixed, Mixture, Normal, Uniform, pick

COUNT = 40_000

FINITE = st.floats(-1e3, 1e3)


def standard_errors(draws: torch.Tensor, mean: float) -> float:
    """How many standard errors the sample mean is from `mean`."""
    return float((draws.mean() - mean).abs() / (draws.std() / math.sqrt(draws.numel())))


@pytest.mark.parametrize(
    ("distribution", "mean", "variance"),
    [
        (Uniform(low=-1, high=1), 0.0, 4 / 12),
        (Uniform(low=0, high=0.1), 0.05, 0.01 / 12),
        (Normal(sd=50), 0.0, 2500.0),
        (Normal(sd=2, mean=-3), -3.0, 4.0),
    ],
)
def test_moments(distribution: Distribution, mean: float, variance: float) -> None:
    draws = distribution.draw((COUNT,), generator(0))
    assert standard_errors(draws, mean) < 5
    assert standard_errors((draws - mean) ** 2, variance) < 5
    # Negative control: these draws would not pass for another mean, nor for another spread.
    assert standard_errors(draws, mean + 0.05 * math.sqrt(variance)) > 5
    assert standard_errors((draws - mean) ** 2, 1.1 * variance) > 5


@given(low=FINITE, width=st.floats(0, 1e3), seed=st.integers(0, 2**31))
def test_uniform_stays_inside(low: float, width: float, seed: int) -> None:
    draws = Uniform(low=low, high=low + width).draw((3, 4), generator(seed))
    assert draws.shape == (3, 4)
    assert draws.dtype == torch.float64
    assert low <= draws.min()
    assert draws.max() <= low + width


@given(values=st.lists(FINITE, min_size=1, max_size=6), seed=st.integers(0, 2**31))
def test_without_spread_the_draw_is_the_mean(values: list[float], seed: int) -> None:
    shape = (len(values),)
    fixed = Fixed(values=tuple(values)).draw(shape, generator(seed))
    assert fixed.tolist() == values
    constant = torch.full(shape, values[0], dtype=torch.float64)
    assert torch.equal(Normal(sd=0, mean=values[0]).draw(shape, generator(seed)), constant)
    assert torch.equal(
        Uniform(low=values[0], high=values[0]).draw(shape, generator(seed)), constant
    )


def test_fixed_matrix_is_given_row_by_row() -> None:
    matrix = Fixed(values=(1, 2, 3, 4, 5, 6)).draw((2, 3), generator(0))
    assert matrix.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_scaling_shares_random_numbers() -> None:
    """σ = 50 and σ = 100 from one seed are the same draw, scaled: a comparison pairs them."""
    wide, narrow = (Normal(sd=s).draw((5,), generator(3)) for s in (100.0, 50.0))
    assert torch.allclose(wide, 2 * narrow, rtol=1e-15, atol=0)


SIGNS = (Uniform(low=-2, high=-1), Uniform(low=1, high=2))


def test_mixture_picks_one_component_for_the_whole_array() -> None:
    draw = generator(0)
    signs = [Mixture(components=SIGNS).draw((3, 3), draw).sign() for _ in range(400)]
    assert all(s.abs().sum() == s.sum().abs() == 9 for s in signs)
    assert standard_errors(torch.stack([s[0, 0] for s in signs]), 0.0) < 5


def test_mixture_draws_its_component_from_the_given_generator() -> None:
    mixture, draw = Mixture(components=(Normal(sd=1),)), generator(0)
    first, second = mixture.draw((4,), draw), mixture.draw((4,), draw)
    assert not torch.isclose(first, second).any()
    assert torch.equal(mixture.draw((4,), generator(0)), first)


def test_mixture_weights_are_proportions() -> None:
    draw = generator(0)
    mixture = Mixture(components=SIGNS, weights=(1, 3))
    positive = torch.stack([(mixture.draw((), draw) > 0).double() for _ in range(2000)])
    assert standard_errors(positive, 3 / 4) < 5
    assert standard_errors(positive, 1 / 2) > 5  # negative control: equal weights


@given(
    weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=5).filter(lambda w: sum(w) > 0),
    seed=st.integers(0, 2**31),
)
def test_pick_never_takes_a_component_of_weight_zero(weights: list[float], seed: int) -> None:
    draw = generator(seed)
    for _ in range(20):
        assert weights[pick(tuple(weights), len(weights), draw)] > 0


def test_pick_at_the_smallest_random_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """u = 0 still belongs to the first component that has a weight."""
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.tensor(0.0))
    assert pick((0.0, 0.0, 1.0), 3, generator(0)) == 2
    assert pick((1.0, 0.0), 2, generator(0)) == 0


@given(count=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_equal_weights_are_the_default(count: int, seed: int) -> None:
    a, b = generator(seed), generator(seed)
    # A power of two as the weight keeps the comparison free of rounding.
    assert all(pick(None, count, a) == pick((0.5,) * count, count, b) for _ in range(20))


@pytest.mark.parametrize(
    "distribution",
    [
        Uniform(low=0, high=1),
        Normal(sd=0.1),
        Fixed(values=(1, 2)),
        Mixture(components=(Normal(sd=1), Mixture(components=SIGNS)), weights=(0, 1)),
    ],
    ids=lambda d: d.name,
)
def test_spec_survives_json(distribution: Distribution) -> None:
    again = Distribution.parse(json.loads(distribution.model_dump_json()))
    assert again == distribution
    assert torch.equal(again.draw((2,), generator(0)), distribution.draw((2,), generator(0)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "uniform", "low": 1, "high": 0}, "high: got 0.0; allowed: a number ≥ low = 1.0"),
        ({"name": "uniform", "low": -1e308, "high": 1e308}, "high: got 1e+308; allowed: a number"),
        ({"name": "normal", "sd": -1}, "sd: got -1; allowed: "),
        ({"name": "normal", "sd": float("nan")}, "sd: got nan; allowed: "),
        ({"name": "normal", "sd": 1, "sdd": 2}, "sdd: got 2; allowed: known keys (mean, sd)"),
        ({"name": "fixed", "values": [float("inf")]}, "values.0: got inf; allowed: "),
        ({"name": "mixture", "components": []}, "components: got []; allowed: "),
        ({"name": "gamma"}, "distribution: got 'gamma'; allowed: fixed, mixture, normal, uniform"),
        ({"low": 0, "high": 1}, "distribution: got {'low': 0, 'high': 1}; allowed: a name"),
        (3.0, "Distribution: got 3.0; allowed: "),
    ],
)
def test_bad_specs_get_one_line(values: object, message: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Distribution.parse(values)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("weights", [(1.0,), (2.0, -1.0), (0.0, 0.0), (1.0, 1.0, 1.0), ()])
def test_bad_weights(weights: tuple[float, ...]) -> None:
    with pytest.raises(InvalidArgument, match=r"weights: .* 2 numbers ≥ 0, not all of them 0"):
        Mixture(components=SIGNS, weights=weights)


def test_fixed_values_must_fill_the_shape() -> None:
    with pytest.raises(
        InvalidArgument, match=r"2 fixed values, one for each entry of shape \(2,\)"
    ):
        Fixed(values=(1, 2, 3)).draw((2,), generator(0))
    with pytest.raises(InvalidArgument, match="target"):
        Mixture(components=(Normal(sd=1), Fixed(values=(1,)))).check_shape("target", (2,))
