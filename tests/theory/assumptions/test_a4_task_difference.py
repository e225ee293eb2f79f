"""A4: exact where Hessians agree, refuted on R^d where they do not, certified on bounded sets."""

from __future__ import annotations

import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import AssumptionVerdict
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.assumptions.a4_task_difference import A4
from ml2o_theory.assumptions.base import AssumptionCheck, Setting
from ml2o_theory.assumptions.instances import quadratic_pair, tensor
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.regions import Ball, Box, ParameterInterval

HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN
UNIT = Box((-1.0, -1.0), (1.0, 1.0))


def check(first: Task, second: Task, x: Ball | Box | None) -> AssumptionCheck:
    start = torch.zeros(first.dim, dtype=torch.float64)
    phi = ParameterInterval(0.0, 1.0)
    return A4().check(Setting((first, second), start, LinearGain(), x, None, phi, 1, "a pair"))


def diagonal(*entries: float, target: tuple[float, float] = (0.0, 0.0)) -> QuadraticTask:
    return QuadraticTask(torch.diag(tensor(entries)), tensor(target))


def ends(found: AssumptionCheck) -> list[tuple[float, float]]:
    return [(float(e.value.lower.value), float(e.value.upper.value)) for e in found.evidence]


def test_equal_hessians_hold_on_all_of_space() -> None:
    """A = I, b¹ − b² = (3, 4): Δ = 5 at every x, Δ̃ = 0."""
    found = check(diagonal(1, 1, target=(3, 4)), diagonal(1, 1), None)
    assert found.verdict is HOLDS
    delta, delta_tilde = ends(found)
    assert delta[0] == pytest.approx(5, rel=1e-12) == delta[1]
    assert delta_tilde == (0.0, 0.0)


def test_different_hessians_are_refuted_on_all_of_space() -> None:
    """H_1 − H_2 = diag(3, 0): at x = s e_1 the gradients are 3s apart."""
    found = check(diagonal(2, 1), diagonal(1, 1), None)
    assert found.verdict is REFUTED
    assert found.refutation is not None
    for exhibit in found.refutation.exhibits:
        (x,) = exhibit.points.values()
        assert float(exhibit.value.mid()) == pytest.approx(3 * abs(x[0]), rel=1e-12)
    assert found.refutation.sequence is not None
    assert found.refutation.sequence.beyond(1e50).value > 1e50


def test_the_same_pair_holds_on_a_ball_and_is_attained() -> None:
    """On a ball of radius 2 about 0: Δ = 3 · 2, Δ̃ = 3."""
    found = check(diagonal(2, 1), diagonal(1, 1), Ball((0.0, 0.0), arb(2)))
    assert found.verdict is HOLDS
    for (low, high), claimed in zip(ends(found), (6.0, 3.0), strict=True):
        assert low == pytest.approx(claimed, rel=1e-9)
        assert low <= claimed <= high <= claimed * (1 + 1e-9)


def test_lassos_kinks_cancel_where_the_weights_agree() -> None:
    pair = quadratic_pair()
    first, second = (LassoTask(t.A, t.b, tensor(0.5)) for t in (pair.first, pair.second))
    ball = Ball((0.0, 0.0), arb(1))
    assert ends(check(first, second, ball)) == ends(check(pair.first, pair.second, ball))
    other = LassoTask(pair.second.A, pair.second.b, tensor(0.75))
    apart, same = ends(check(first, other, ball))[0], ends(check(first, second, ball))[0]
    assert apart[1] == pytest.approx(same[1] + 0.25 * 2**0.5, rel=1e-12)
    assert apart[0] <= same[0]


def test_two_valleys() -> None:
    """c = 1 and 3: at x = s e_1 the first entries are 8s³ apart."""
    first, second = RosenbrockTask(tensor([1.0])), RosenbrockTask(tensor([3.0]))
    found = check(first, second, None)
    assert found.verdict is REFUTED
    assert found.refutation is not None
    exhibit = found.refutation.exhibits[0]
    assert exhibit.points == {"x": (1.0, 0.0)}
    assert float(exhibit.value.mid()) == pytest.approx((64 + 16) ** 0.5)
    assert check(first, second, UNIT).verdict is HOLDS
    assert ends(check(first, first, None)) == [(0.0, 0.0), (0.0, 0.0)]


def test_families_are_not_mixed_and_other_smoothings_are_open_on_all_of_space() -> None:
    pair = quadratic_pair()
    assert check(pair.first, RosenbrockTask(tensor([1.0])), UNIT).verdict is OPEN
    smooth = [SmoothedLassoTask(pair.first.A, pair.first.b, tensor(0.5), tensor(e)) for e in (1, 2)]
    assert check(*smooth, None).verdict is OPEN
    assert check(*smooth, UNIT).verdict is HOLDS


@settings(max_examples=settings.default.max_examples // 3)
@given(pair=st.from_type(QuadraticPair), data=st.data())
def test_no_point_of_the_box_exceeds_delta(pair: QuadraticPair, data: st.DataObject) -> None:
    d = pair.x0.numel()
    found = check(pair.first, pair.second, Box((-1.0,) * d, (1.0,) * d))
    assert found.verdict is HOLDS
    (low, high), (low_tilde, high_tilde) = ends(found)
    x = tensor(data.draw(st.lists(st.floats(-1, 1), min_size=d, max_size=d)))
    apart = (pair.first.gradient(x) - pair.second.gradient(x)).norm().item()
    assert apart <= high + 1e-9 * (1 + high)
    norm = torch.linalg.matrix_norm(pair.first.gram() - pair.second.gram(), 2).item()
    assert norm <= high_tilde + 1e-9 * (1 + norm)
    assert low <= high
    assert low_tilde <= norm + 1e-9 * (1 + norm)
