"""A1: exact for the scalar gain, certified on boxes, refuted by pairs; what a search cannot say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import AssumptionVerdict
from ml2o_core.seeding import generator
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.a1_strong_convexity import A1
from ml2o_theory.assumptions.base import AssumptionCheck, Setting
from ml2o_theory.assumptions.instances import quadratic_pair, tensor
from ml2o_theory.assumptions.risk import Risk
from ml2o_theory.assumptions.symmetry import exchanged
from ml2o_theory.models import flat_params
from ml2o_theory.regions import Box, ParameterInterval
from ml2o_theory.risks.scalar import ScalarRisk

HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN


def diagonal(*curvatures: float) -> QuadraticTask:
    """H = diag(curvatures), for squares of floats, and minimiser 0."""
    return QuadraticTask(
        torch.diag(tensor(curvatures)).sqrt(), torch.zeros(len(curvatures), dtype=torch.float64)
    )


def check(
    tasks: QuadraticTask | LassoTask | tuple[QuadraticTask, ...],
    x0: Tensor,
    phi: ParameterInterval | Box,
    T: int,
    rule: UpdateRule | None = None,
) -> AssumptionCheck:
    tasks = tasks if isinstance(tasks, tuple) else (tasks,)
    return A1().check(Setting(tasks, x0, rule or LinearGain(), None, None, phi, T, "hand"))


def mu(found: AssumptionCheck) -> tuple[float, float]:
    value = found.evidence[0].value
    return float(value.lower.value), float(value.upper.value)


ONES = tensor([1.0, 1.0])


def test_one_step_is_quadratic() -> None:
    """T = 1: g'' = Σ h_k³ c_k² = 1 + 64 everywhere; one curvature suffices."""
    assert mu(check(diagonal(1, 4), ONES, ParameterInterval(-1, 2), 1)) == (65.0, 65.0)
    assert mu(check(diagonal(4, 4), ONES, ParameterInterval(-1, 2), 1)) == (128.0, 128.0)


def test_two_steps_by_hand() -> None:
    """h = (1, 4), T = 2: g'' = 6[(1 − φ)² + 64(1 − 4φ)²], least at φ = 257/1025."""
    found = check(diagonal(1, 4), ONES, ParameterInterval(0, 1), 2)
    assert found.verdict is HOLDS
    at = 257 / 1025
    least = 6 * ((1 - at) ** 2 + 64 * (1 - 4 * at) ** 2)
    low, high = mu(found)
    assert low == pytest.approx(least, rel=1e-9)
    assert low <= high
    largest = found.evidence[1].value
    assert largest.contains(exact(6 * 64 * 9))


@pytest.mark.parametrize("T", [2, 3, 20])
def test_one_curvature_is_refuted_where_its_inverse_is_in_phi(T: int) -> None:
    refuted = check(diagonal(4, 4), ONES, ParameterInterval(0, 1), T)
    assert refuted.verdict is REFUTED
    assert refuted.refutation is not None
    assert refuted.refutation.sequence is not None
    exhibit = refuted.refutation.sequence.beyond(1e-9)
    assert exhibit.points["φ"] == (0.25,)
    assert exhibit.value >= 0
    # The negative control: 1/h = 1/4 is outside of Φ.
    outside = check(diagonal(4, 4), ONES, ParameterInterval(0.5, 1), T)
    assert outside.verdict is HOLDS
    assert mu(outside)[0] > 0


def test_a_ratio_near_the_zero_by_hand() -> None:
    """h = 1, T = 2, c = 1: g' = −2(1 − φ)³; at φ = 1 and 3/2 the ratio is 2/4 = 1/2."""
    found = check(diagonal(1), tensor([1.0]), ParameterInterval(0.5, 1.5), 2)
    assert found.refutation is not None
    first = found.refutation.exhibits[0]
    assert first.points == {"φ": (1.0,), "φ'": (1.5,)}
    assert float(first.value.mid()) == 0.5


def test_several_tasks_share_a_zero_only_with_one_curvature() -> None:
    """Each alone is refuted at its own 1/h; the mean of both is strongly convex."""
    both = (diagonal(1, 1), diagonal(4, 4))
    phi = ParameterInterval(0, 2)
    assert all(check(task, ONES, phi, 3).verdict is REFUTED for task in both)
    assert check(both, ONES, phi, 3).verdict is HOLDS
    assert check((both[1], both[1]), 3 * ONES, phi, 3).verdict is REFUTED


def test_directions_that_never_move_do_not_count() -> None:
    """h = (0, 1) has one curvature only; so has h = (4, 1) with c_2 = 0."""
    phi = ParameterInterval(0, 2)
    assert check(diagonal(0, 1), ONES, phi, 2).verdict is REFUTED
    assert check(diagonal(4, 1), tensor([1.0, 0.0]), phi, 2).verdict is REFUTED
    start_at_minimum = check(diagonal(4, 1), tensor([0.0, 0.0]), phi, 2)
    assert start_at_minimum.verdict is REFUTED
    assert "constant" in start_at_minimum.reason


@given(
    curvatures=st.lists(st.sampled_from([0.0, 0.25, 1.0, 4.0, 9.0]), min_size=1, max_size=3),
    start=st.lists(st.sampled_from([0.0, 1.0, -2.0]), min_size=3, max_size=3),
    ends=st.tuples(st.floats(-1, 5, width=32), st.floats(-1, 5, width=32)).map(sorted),
    T=st.integers(1, 6),
    at=st.floats(0, 1),
)
def test_the_enclosure_and_the_criterion_agree_with_the_sum(
    curvatures: list[float], start: list[float], ends: list[float], T: int, at: float
) -> None:
    """[lower, supremum] holds g'' anywhere in Φ; A1 is refuted iff the sum has a zero in Φ."""
    c = start[: len(curvatures)]
    moving = [(h, s) for h, s in zip(curvatures, c, strict=True) if h * s != 0]
    phi = ParameterInterval(*ends)
    found = check(diagonal(*curvatures), tensor(c), phi, T)
    distinct = {h for h, _ in moving}
    zero = not moving or (T > 1 and len(distinct) == 1 and 1 / min(distinct) in phi)
    if any(1 / h == pytest.approx(end) for h in distinct for end in ends):
        event("1/h at an end of Φ")
        return
    event(f"refuted: {zero}")
    assert found.verdict is (REFUTED if zero else HOLDS)
    if not zero:
        point = ends[0] + at * (ends[1] - ends[0])
        value = (
            T * (2 * T - 1) * sum(h**3 * s**2 * (1 - point * h) ** (2 * T - 2) for h, s in moving)
        )
        low, high = mu(found)[0], float(found.evidence[1].value.upper.value)
        assert low <= value * (1 + 1e-9)
        assert value <= high * (1 + 1e-9)


def test_derivatives_of_the_polynomial_against_autodiff() -> None:
    pair, T, phi = quadratic_pair(), 3, tensor(0.2)
    tasks = (pair.first, pair.second)
    setting = Setting(
        tasks, pair.x0, LinearGain(), None, None, ParameterInterval(0, 1), T, "autodiff"
    )

    def g(value: Tensor) -> Tensor:
        return Risk.of(setting).value(value.reshape(1))

    risk, at = ScalarRisk.of(tasks, pair.x0, T), exact(0.2)
    first = torch.func.grad(g)
    second = torch.func.grad(first)
    third = torch.func.grad(second)
    for derivative, exactly in ((first, risk.derivative), (second, risk.curvature)):
        assert float(exactly(at).mid()) == pytest.approx(derivative(phi).item(), rel=1e-10)
    assert float(risk.third(at).mid()) == pytest.approx(third(phi).item(), rel=1e-8)


def test_a_diagonal_gain_is_certified_on_a_box() -> None:
    """T = 1: g = ½Σ h_k c_k²(1 − φ_k h_k)² for diagonal H: ∇²g = diag(h_k³ c_k²) = (1, 64)."""
    rule = LinearGain(shape="diagonal", dim=2)
    found = check(diagonal(1, 4), ONES, Box((0.0, 0.0), (1.0, 1.0)), 1, rule)
    assert found.verdict is HOLDS
    assert mu(found) == pytest.approx((1.0, 1.0), rel=1e-9)
    two = check(quadratic_pair().first, tensor([2.0, -1.0]), Box((0.0,) * 2, (0.005,) * 2), 2, rule)
    assert two.verdict is HOLDS
    assert 0 < mu(two)[0] <= mu(two)[1]


def test_a_diagonal_gain_fails_where_one_coordinate_never_moves() -> None:
    """c_2 = 0: ∇²g is singular, and no box can be certified."""
    rule = LinearGain(shape="diagonal", dim=2)
    found = check(diagonal(1, 4), tensor([1.0, 0.0]), Box((0.0, 0.0), (1.0, 1.0)), 1, rule)
    assert found.verdict is not HOLDS


def test_the_certified_end_is_below_eigenvalues_in_the_box() -> None:
    rule, box = LinearGain(shape="diagonal", dim=2), Box((0.0, 0.0), (0.005, 0.005))
    pair = quadratic_pair()
    x0 = tensor([2.0, -1.0])
    low, high = mu(check(pair.first, x0, box, 2, rule))
    setting = Setting((pair.first,), x0, rule, None, None, box, 2, "hand")
    risk = Risk.of(setting)
    smallest = []
    for phi in torch.rand(50, 2, dtype=torch.float64, generator=torch.Generator()) * 0.005:
        hessian = torch.func.jacrev(torch.func.grad(risk.value))(phi)
        smallest.append(torch.linalg.eigvalsh(hessian)[0].item())
    assert low <= min(smallest)
    assert high <= max(smallest) * (1 + 1e-9)


@pytest.mark.parametrize("rule", [MLPRule(hidden=2, depth=1), RNNprop(hidden=2)], ids=str)
def test_networks_have_negative_curvature(rule: UpdateRule) -> None:
    """The witness is recomputed: two gradients by autodiff, and their ratio."""
    pair = quadratic_pair()
    phi = flat_params(rule.init_params(generator(3, purpose="A1")))
    box = Box(tuple((phi - 0.5).tolist()), tuple((phi + 0.5).tolist()))
    setting = Setting((pair.first,), pair.x0, rule, None, None, box, 2, "quadratic")
    found = A1().check(setting)
    assert found.verdict is REFUTED
    assert found.refutation is not None
    (exhibit,) = found.refutation.exhibits
    first, second = (tensor(point) for point in exhibit.points.values())
    assert first in box
    assert second in box
    risk = Risk.of(setting)
    change = risk.gradient(first) - risk.gradient(second)
    ratio = (change @ (first - second)) / (first - second).square().sum()
    assert ratio.item() == pytest.approx(float(exhibit.value.mid()), rel=1e-6)
    assert exhibit.value < 0


@pytest.mark.parametrize("rule", [MLPRule(hidden=3, depth=2), RNNprop(hidden=3)], ids=str)
def test_exchanging_hidden_units_changes_nothing(rule: MLPRule | RNNprop) -> None:
    params = rule.init_params(generator(1, purpose="exchange"))
    twin = exchanged(rule, params, 0, 2)
    pair = quadratic_pair()
    box = Box((-9.0,) * flat_params(params).numel(), (9.0,) * flat_params(params).numel())
    risk = Risk.of(Setting((pair.first,), pair.x0, rule, None, None, box, 3, "exchange"))
    values = [risk.value(flat_params(p)).item() for p in (params, twin)]
    assert values[0] == pytest.approx(values[1], rel=1e-13)
    assert not torch.equal(flat_params(params), flat_params(twin))
    # A wrong exchange is seen: the output weights alone.
    broken = dict(twin)
    name = "output_weight" if isinstance(rule, RNNprop) else f"weight_{rule.depth}"
    broken[name] = params[name]
    assert risk.value(flat_params(broken)).item() != pytest.approx(values[0], rel=1e-9)


def test_a_search_that_finds_nothing_is_open() -> None:
    """LASSO with the scalar gain: no certificate, an upper end of μ from a pair."""
    task = LassoTask(torch.eye(2, dtype=torch.float64), tensor([1.0, 2.0]), tensor(0.01))
    found = check(task, tensor([3.0, -1.0]), ParameterInterval(0.0, 0.25), 2)
    assert found.verdict is OPEN
    low, high = mu(found)
    assert low == -float("inf")
    assert 0 < high < float("inf")
