"""ψ and its derivatives: exact values, closed-form suprema, floats of every magnitude."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st

from ml2o_theory.arithmetic import precision
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.pseudo_huber import PseudoHuber

ROUNDING = 1e-13
"""Some thirty roundings of 1e-16."""

SUBNORMAL = 1e-300
"""Below this, numbers lose digits."""

fewer = settings(max_examples=settings.default.max_examples // 3)

SIZES = st.one_of(
    st.sampled_from([0.0, 5e-324, 1e-300, 1e-160, 1e-9, 0.5, 1.0, 1e9, 1e160, 1e300]),
    st.floats(0, 5),
)
SMOOTHINGS = st.sampled_from([1e-200, 1e-9, 0.01, 1.0, 3.0, 1e200])


def derivatives(u: float, eps: float) -> list[arb]:
    """ψ', ψ'', ψ''' and ψ'''' at one float, by the formulas of the task's docstring."""
    with precision(200):
        u_exact, squared = arb(u), arb(eps) * arb(eps)
        psi = (u_exact * u_exact + squared).sqrt()
        return [
            u_exact / psi,
            squared / psi**3,
            -3 * squared * u_exact / psi**5,
            3 * squared * (4 * u_exact * u_exact - squared) / psi**7,
        ]


def interval(*ends: float) -> IntervalTensor:
    lower, upper = (torch.tensor(end, dtype=torch.float64) for end in (min(ends), max(ends)))
    return IntervalTensor(lower, upper)


@fewer
@given(SMOOTHINGS, st.lists(st.tuples(SIZES, st.sampled_from([-1, 1])), min_size=2, max_size=4))
def test_an_interval_contains_the_values_at_its_points(
    eps: float, signed: list[tuple[float, int]]
) -> None:
    places = [size * sign for size, sign in signed]
    u, psi = interval(*places), PseudoHuber(eps)
    first, second = psi.first(u), psi.second(u)
    third, fourth = psi.third_supremum(u), psi.fourth_supremum(u)
    for place in places:
        exact = derivatives(place, eps)
        for range_, value in ((first, exact[0]), (second, exact[1])):
            assert bool(range_.lower.item() <= value)
            assert bool(value <= range_.upper.item())
        for supremum, value in ((third, exact[2]), (fourth, exact[3])):
            assert bool(abs(value) <= supremum.upper.item())
            assert supremum.lower <= supremum.upper


@fewer
@given(st.floats(0, 5), st.sampled_from([0.01, 1.0, 3.0]), st.sampled_from([-1, 1]))
def test_a_point_gives_its_own_values(size: float, eps: float, sign: int) -> None:
    place, psi = size * sign, PseudoHuber(eps)
    exact = [float(value.mid()) for value in derivatives(place, eps)]
    u = interval(place)
    found = [psi.first(u), psi.second(u), psi.third_supremum(u), psi.fourth_supremum(u)]
    assert found[0].midpoint.item() == pytest.approx(exact[0], rel=ROUNDING)
    # |ψ''''| vanishes at ε/2: there only the absolute error is small.
    floors = [SUBNORMAL, SUBNORMAL, SUBNORMAL, ROUNDING / eps**3]
    values = [*exact[:2], *map(abs, exact[2:])]
    for enclosed, value, floor in zip(found, values, floors, strict=True):
        assert enclosed.lower.item() == pytest.approx(value, rel=ROUNDING, abs=floor)
        assert enclosed.upper.item() == pytest.approx(value, rel=ROUNDING, abs=floor)
    with precision():
        at = psi.derivatives(arb(place))
        assert [float(value.mid()) for value in at] == pytest.approx(exact[:3], rel=ROUNDING)


@pytest.mark.parametrize(
    ("ends", "third", "fourth"),
    [
        ((-2.0, 3.0), 48 / (25 * math.sqrt(5)), 3.0),
        ((0.25, 0.75), 48 / (25 * math.sqrt(5)), None),
        ((0.8, 0.9), None, 6 * (4 / 7) ** 3.5),
        ((-0.9, -0.8), None, 6 * (4 / 7) ** 3.5),
        ((0.0, 0.0), 0.0, 3.0),
    ],
)
@pytest.mark.parametrize("eps", [0.25, 1.0, 8.0])
def test_the_suprema_in_closed_form(
    ends: tuple[float, float], third: float | None, fourth: float | None, eps: float
) -> None:
    u, psi = interval(*(end * eps for end in ends)), PseudoHuber(eps)
    for found, expected, power in (
        (psi.third_supremum(u), third, 2),
        (psi.fourth_supremum(u), fourth, 3),
    ):
        if expected is not None:
            assert found.lower.item() == pytest.approx(expected / eps**power, rel=ROUNDING)
            assert found.upper.item() == pytest.approx(expected / eps**power, rel=ROUNDING)


@fewer
@given(st.floats(-3, 3), st.floats(-3, 3), SMOOTHINGS.filter(lambda eps: 1e-3 < eps < 10))
def test_the_ends_of_a_supremum_are_attained_on_a_grid(a: float, b: float, eps: float) -> None:
    u, psi = interval(a, b), PseudoHuber(eps)
    grid = torch.linspace(min(a, b), max(a, b), 2001, dtype=torch.float64).clamp(u.lower, u.upper)
    points = IntervalTensor.exactly(grid)
    # Between two points of the grid |ψ'''| rises by ≤ 3h/ε³, and |ψ''''| by ≤ 15h/ε⁴.
    h = abs(a - b) / 2000
    for supremum, rise in ((psi.third_supremum, 3 / eps**3), (psi.fourth_supremum, 15 / eps**4)):
        highest = supremum(points).upper.max().item()
        assert supremum(u).lower.item() <= highest + rise * h
        assert highest <= supremum(u).upper.item() * (1 + ROUNDING)


@pytest.mark.parametrize(
    ("method", "old", "new"),
    [
        ("first", "slopes.upper[1]", "slopes.upper[0]"),
        ("third_supremum", "* 3.0", "* 2.9"),
        ("third_supremum", "as_interval(0.5)", "as_interval(0.7)"),
        ("fourth_supremum", "0.75", "0.5"),
        ("second", "u.mignitude()", "u.magnitude()"),
    ],
)
def test_a_planted_defect_is_seen(
    method: str,
    old: str,
    new: str,
    mutated: Callable[..., Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check() -> None:
        for ends in ((0.2, 1.5), (0.6, 1.5)):
            u, psi = interval(*ends), PseudoHuber(1.0)
            suprema = [psi.first(u), psi.second(u), psi.third_supremum(u), psi.fourth_supremum(u)]
            for place in torch.linspace(*ends, 21, dtype=torch.float64).tolist():
                for value, supremum in zip(derivatives(place, 1.0), suprema, strict=True):
                    assert bool(abs(value) <= supremum.upper.item())

    check()
    monkeypatch.setattr(PseudoHuber, method, mutated(getattr(PseudoHuber, method), old, new))
    with pytest.raises(AssertionError):
        check()
