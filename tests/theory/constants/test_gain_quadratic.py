"""The region holds the trajectories, and no point of it exceeds a certified constant."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import EndMethod
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.arithmetic import exact, float_above, identity, norm, precision, vector
from ml2o_theory.constants.base import MEANING, Constants
from ml2o_theory.constants.gain_quadratic import pair_constants, pair_region
from ml2o_theory.enclosure import RegionMismatch
from ml2o_theory.exact_quadratic import ExactQuadratic, QuadraticPair
from ml2o_theory.regions import ParameterInterval

PAIRS = st.from_type(QuadraticPair)
POINTS = st.lists(st.floats(-1, 1), min_size=4, max_size=4)

TIGHT = 1e-13
"""The certificates are tried from 1e-14 above the float guess."""

ROUNDING = 1e-9
"""Of a float64 trajectory of at most 6 steps, relative to its largest entry and to x_0."""


@st.composite
def intervals(draw: st.DrawFn, pair: QuadraticPair) -> ParameterInterval:
    """Φ of the size of 1/L: contracting, diverging on either side, a point, and {0}."""
    L = max(pair.first.gram_norm().item(), pair.second.gram_norm().item(), 1.0)
    ends = st.one_of(st.sampled_from([0.0, 1.0, 2.0, 3.0, -1.0]), st.floats(-1, 3))
    low, high = sorted((draw(ends), draw(ends)))
    return ParameterInterval(low / L, high / L)


def pair_of(A1: Any, b1: Any, A2: Any, b2: Any, x0: Any) -> QuadraticPair:
    data = [torch.tensor(v, dtype=torch.float64) for v in (A1, b1, A2, b2, x0)]
    return QuadraticPair(QuadraticTask(*data[:2]), QuadraticTask(*data[2:4]), data[4])


SIMPLE = pair_of([[2.0]], [1.0], [[1.0]], [0.0], [1.0])


@given(st.data(), PAIRS, st.integers(1, 6), st.floats(0, 1))
def test_trajectories_and_their_gradients_stay_in_the_region(
    data: st.DataObject, pair: QuadraticPair, T: int, where: float
) -> None:
    phi = data.draw(intervals(pair))
    region = pair_region(pair, phi, T)
    gain = min(max(phi.lower + where * (phi.upper - phi.lower), phi.lower), phi.upper)
    for task in (pair.first, pair.second):
        params = {"gain": torch.tensor(gain, dtype=torch.float64)}
        x = trajectory(LinearGain(), params, task, pair.x0, T, GraphMode.NONE).iterates
        size = x.abs().max().item() + 1
        travelled = (x - pair.x0).norm(dim=1).max().item()
        assert travelled <= float_above(region.x.radius) + ROUNDING * size
        z = torch.stack([task.gradient(point) for point in x]).norm(dim=1).max().item()
        L = task.gram_norm().item()
        assert z <= float_above(region.z.radius) + ROUNDING * size * (L + 1)


def test_the_region_is_no_larger_than_it_must_be() -> None:
    """l = ½x² from x_0 = 1, φ = ½: x_t falls from 1 towards 0, so the radius is at most 1."""
    pair = pair_of([[1.0]], [0.0], [[1.0]], [0.0], [1.0])
    region = pair_region(pair, ParameterInterval(0.5, 0.5), 50)
    assert 1 - 2**-50 <= float_above(region.x.radius) <= 1 + 1e-12
    # Overshooting by a factor of 2: x_3 = −8, which is 9 away.
    region = pair_region(pair, ParameterInterval(3.0, 3.0), 3)
    assert float_above(region.x.radius) == pytest.approx(9, rel=1e-12)
    # An expansive rule attains the geometric bound: |x_t − x_0| = 1.5^t − 1.
    region = pair_region(pair, ParameterInterval(-0.5, -0.5), 50)
    assert float_above(region.x.radius) == pytest.approx(1.5**50 - 1, rel=1e-12)


def difference_norm(first: arb_mat, second: arb_mat) -> arb:
    return norm(first - second).lower()


def operator_at(H: arb_mat, v: arb_mat) -> arb:
    """‖Hv‖ / ‖v‖, rounded down."""
    return (norm(H * v) / norm(v)).lower() if norm(v) > 0 else arb(0)


@given(st.data(), PAIRS, POINTS, POINTS, st.floats(0, 1))
def test_no_sampled_value_exceeds_its_certified_constant_and_the_ends_are_close(
    data: st.DataObject,
    pair: QuadraticPair,
    point: list[float],
    direction: list[float],
    where: float,
) -> None:
    phi = data.draw(intervals(pair))
    region = pair_region(pair, phi, 3)
    constants = pair_constants(pair, region)
    first, second = pair.gradients
    gain = min(max(phi.lower + where * (phi.upper - phi.lower), phi.lower), phi.upper)
    with precision():
        u, v = (vector(torch.tensor(p[: pair.first.dim])) for p in (point, direction))
        x = vector(pair.x0) + region.x.radius * u / norm(u).max(arb(1))
        gradients = [q.gradient(x) for q in (first, second)]
        sampled = {
            "M": max(norm(z).lower() for z in gradients),
            "L": max(operator_at(q.H, v) for q in (first, second)),
            "M_m1": abs(exact(gain)),
            "Q_bar": max(
                operator_at(identity(q.H.nrows()) - exact(gain) * q.H, v) for q in (first, second)
            ),
            "M_m2": max(norm(z).lower() for z in gradients),
            "Delta": difference_norm(*gradients),
            "Delta_tilde": operator_at(first.H - second.H, v),
        }
        for symbol, constant in constants.items():
            assert constant.is_bounded, symbol
            assert constant.upper.value <= constant.lower.value * (1 + TIGHT), symbol
            assert sampled.get(symbol, arb(0)) <= constant.upper.value, symbol
    assert set(constants) == set(MEANING) - {"delta_x0", "delta_phi"}


def test_constants_by_hand() -> None:
    """l¹ = ½(2x − 1)², l² = ½x², x_0 = 1, Φ = [0, ¼], T = 1: X = [0.5, 1.5]."""
    region = pair_region(SIMPLE, ParameterInterval(0.0, 0.25), 1)
    constants = pair_constants(SIMPLE, region)
    expected = {
        "M": 4 * 1.5 - 2,
        "L": 4,
        "rho": 0,
        "M_m1": 0.25,
        "M_m2": 4,
        "L_m": 1,
        "Delta": 3 * 1.5 - 2,
        "Delta_tilde": 3,
    }
    for symbol, value in expected.items():
        assert float(constants[symbol].upper.value) == pytest.approx(value, rel=1e-12), symbol
        assert float(constants[symbol].lower.value) == pytest.approx(value, rel=1e-12), symbol


def test_identical_tasks_do_not_differ_at_all() -> None:
    A = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    task = QuadraticTask(A, A[0])
    pair = QuadraticPair(task, task, A[1])
    constants = pair_constants(pair, pair_region(pair, ParameterInterval(0.0, 0.1), 5))
    assert constants["Delta"].upper.value == 0
    assert constants["Delta_tilde"].upper.value == 0


def test_constants_of_two_regions_or_samples_are_not_combined() -> None:
    near = pair_region(SIMPLE, ParameterInterval(0.0, 0.25), 1)
    far = pair_region(SIMPLE, ParameterInterval(0.0, 0.25), 2)
    mixed = dict(pair_constants(SIMPLE, near)) | {"L": pair_constants(SIMPLE, far)["L"]}
    with pytest.raises(RegionMismatch):
        Constants(near, mixed)
    other = pair_of([[2.0]], [1.0], [[1.0]], [0.0], [1.0 + 1e-15])
    with pytest.raises(InvalidArgument, match="a region of this pair"):
        pair_constants(other, near)


def test_an_unknown_symbol_is_refused() -> None:
    constants = pair_constants(SIMPLE, region := pair_region(SIMPLE, ParameterInterval(0, 1), 1))
    with pytest.raises(InvalidArgument, match="M_m1"):
        Constants(region, {"kappa": constants["L"]})


@pytest.mark.parametrize("steps", [0, -1])
def test_a_region_has_at_least_one_step(steps: int) -> None:
    with pytest.raises(InvalidArgument, match="steps"):
        pair_region(SIMPLE, ParameterInterval(0.0, 1.0), steps)


def test_tasks_of_two_dimensions_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="one dimension"):
        pair_of([[1.0, 0.0]], [1.0], [[1.0]], [0.0], [1.0])


def test_data_that_is_not_finite_is_refused() -> None:
    pair = pair_of([[math.nan]], [1.0], [[1.0]], [0.0], [1.0])
    with pytest.raises(InvalidArgument, match="finite"):
        pair_region(pair, ParameterInterval(0.0, 1.0), 1)


def test_the_rows_carry_ends_and_provenance() -> None:
    region = pair_region(SIMPLE, ParameterInterval(0.0, 0.25), 1)
    rows = {row.symbol: row for row in pair_constants(SIMPLE, region).rows("proposition1", "pair")}
    assert rows["M"].upper_method is EndMethod.DUAL_CERTIFICATE
    assert rows["M"].lower_method is EndMethod.SEARCHED
    assert rows["M"].witness == "direction = [1.0]"
    assert rows["M"].id == f"proposition1/{region.id}/m"
    assert rows["rho"].witness is None


def test_the_hessian_and_the_gradient_are_exact() -> None:
    """1 + 2^-60 needs more than float64: A = [1, 2^-30] gives AᵀA with both 1 and 2^-60."""
    A = torch.tensor([[1.0], [2.0**-30]], dtype=torch.float64)
    quadratic = ExactQuadratic.of(QuadraticTask(A, torch.ones(2, dtype=torch.float64)))
    with precision():
        assert quadratic.H[0, 0] - 1 == arb(2) ** -60
        assert quadratic.c[0, 0] - 1 == arb(2) ** -30


def test_what_cancels_at_the_start_is_not_lost() -> None:
    """∇l¹(1) = 2^-284 − 2^-142 and ∇l²(1) = 1 − 1: Δ is 2^-142, far below the rounding of 1."""
    pair = pair_of([[2.0**-142]], [1.0], [[1.0]], [1.0], [1.0])
    constants = pair_constants(pair, pair_region(pair, ParameterInterval(0.0, 0.0), 1))
    delta = constants["Delta"]
    assert arb(2) ** -142 * (1 - arb(2) ** -40) <= delta.lower.value
    assert delta.upper.value <= arb(2) ** -142 * (1 + arb(2) ** -40)
