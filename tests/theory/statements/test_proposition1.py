"""Proposition 1 on certified instances: it holds, almost tightly where it can, and defects show."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb, fmpq
from hypothesis import event, given
from hypothesis import strategies as st

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckVerdict, Vacuity
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory import recursion
from ml2o_theory.checks import check_with
from ml2o_theory.constants.base import MEANING, Constants
from ml2o_theory.constants.gain_quadratic import gain_instance, pair_constants, pair_region
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.levels import uniform
from ml2o_theory.regions import ParameterInterval
from ml2o_theory.statements.proposition1 import Proposition1
from ml2o_theory.verdict import StatementCheck


def checks(
    pair: QuadraticPair, phi: ParameterInterval, at: float, *horizons: int
) -> list[StatementCheck]:
    constants = pair_constants(pair, pair_region(pair, phi, max(horizons)))
    return check_with(Proposition1(), gain_instance(pair, at), constants, horizons, tasks="pair")


def tight_pair(closeness: float) -> QuadraticPair:
    """l¹ = ½(x − 1)², l² = ½(x − 1 + closeness)² from x_0 = 0: gradients −1 and closeness − 1."""

    def task(target: float) -> QuadraticTask:
        return QuadraticTask(torch.ones(1, 1).double(), torch.tensor([target], dtype=torch.float64))

    return QuadraticPair(task(1.0), task(1.0 - closeness), torch.zeros(1).double())


STILL = ParameterInterval(0.0, 0.0)


@given(
    st.from_type(QuadraticPair),
    st.tuples(st.floats(-1, 2), st.floats(-1, 2)).map(sorted),
    st.integers(1, 6),
)
def test_it_holds_on_every_certified_instance(
    pair: QuadraticPair, ends: list[float], T: int
) -> None:
    L = max(pair.first.gram_norm().item(), pair.second.gram_norm().item(), 1.0)
    phi = ParameterInterval(ends[0] / L, ends[1] / L)
    for at in (phi.lower, phi.upper):
        for check in checks(pair, phi, at, *range(1, T + 1)):
            event(f"T = {check.T}, {check.verdict.value}, {check.vacuity.value}")
            assert check.verdict in {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}, check.reason


@pytest.mark.parametrize("power", [1, 10, 30])
def test_it_is_tight_for_one_step_of_gain_zero(power: int) -> None:
    """At T = 1 and φ = 0 the gap is Δ(2M − Δ) and the bound 2MΔ: the ratio is 1 − Δ/(2M)."""
    (check,) = checks(tight_pair(2.0**-power), STILL, 0.0, 1)
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    exact = 1 - fmpq(1, 2 ** (power + 1))
    assert check.ratio.lower.value.fmpq() <= exact <= check.ratio.upper.value.fmpq()
    assert check.ratio.upper.value - check.ratio.lower.value < arb(1e-12)


def test_it_is_slack_for_a_contracting_rule() -> None:
    """Uniform constants see growth Q^{2T} where ‖I − φH‖ ≤ 1: nine orders at T = 20, vacuous."""
    generator = torch.Generator().manual_seed(0)
    data = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    first = QuadraticTask(data[:3], data[3])
    pair = QuadraticPair(first, QuadraticTask(data[:3] + 0.01 * data[1:], data[3]), 0.01 * data[0])
    L = first.gram_norm().item()
    check = checks(pair, ParameterInterval(0.5 / L, 1 / L), 1 / L, 20)[0]
    assert check.verdict is CheckVerdict.HOLDS
    assert check.vacuity is Vacuity.VACUOUS
    assert check.ratio is not None
    assert check.ratio.upper.value < arb(1e-9)


def test_the_growth_of_the_bound_is_real_for_an_expansive_rule() -> None:
    """φ < 0 on l = ½x² and ½(1 − ε)x²: gap and bound both grow like Q^{2T}, up to a factor T."""
    pair = QuadraticPair(
        QuadraticTask(torch.ones(1, 1).double(), torch.zeros(1).double()),
        QuadraticTask(torch.full((1, 1), 0.99).double(), torch.zeros(1).double()),
        torch.ones(1).double(),
    )
    found = checks(pair, ParameterInterval(-1.0, -1.0), -1.0, 30, 40)
    for numbers in ([c.observed for c in found], [c.bound for c in found]):
        sizes = [n.upper.log10 for n in numbers if n is not None]
        per_step = (sizes[1] - sizes[0]) / 10  # type: ignore[operator]
        assert per_step == pytest.approx(2 * math.log10(2), rel=0.06)


def test_identical_tasks_have_gap_and_bound_zero() -> None:
    for check in checks(tight_pair(0.0), ParameterInterval(0.0, 0.5), 0.3, 1, 2, 6):
        assert check.verdict is CheckVerdict.HOLDS
        assert check.bound is not None
        assert check.bound.upper.value == 0
        assert check.ratio is None


def test_the_bound_survives_any_horizon() -> None:
    """L = 1e6 and T = 1000 with an expansive rule of Q = 1e6 + 1: 12,000 digits, still finite."""
    pair = QuadraticPair(
        QuadraticTask(torch.full((1, 1), 1e3).double(), torch.ones(1).double()),
        QuadraticTask(torch.full((1, 1), 999.0).double(), torch.ones(1).double()),
        torch.ones(1).double(),
    )
    check = checks(pair, ParameterInterval(-1.0, -1.0), -1.0, 1000)[0]
    assert check.verdict is CheckVerdict.HOLDS
    assert check.observed is not None
    assert check.observed.lower.log10 is not None
    assert check.observed.lower.log10 > 11_000
    assert float(check.row("proposition1", 1).bound.upper.log10) > 12_000


def test_a_bound_beyond_the_region_is_refused() -> None:
    pair = tight_pair(0.5)
    constants = pair_constants(pair, pair_region(pair, STILL, 2))
    for T in (0, 3):
        with pytest.raises(InvalidArgument, match="T"):
            Proposition1().bound(constants, T)


def test_a_sampled_constant_cannot_violate_the_statement() -> None:
    """With Δ sampled far too low the observed gap exceeds the bound: no evidence, no verdict."""
    pair = tight_pair(0.5)
    constants = pair_constants(pair, pair_region(pair, STILL, 1))
    low = type(constants["Delta"]).sampled_supremum(
        arb(0.01),
        seed=0,
        witness={"x": (0.0,)},
        norm=constants["Delta"].lower.norm,
        region=constants.region.id,
    )
    guessed = Constants(constants.region, {**constants, "Delta": low})
    (check,) = check_with(Proposition1(), gain_instance(pair, 0.0), guessed, [1], tasks="pair")
    assert check.verdict is CheckVerdict.INCONCLUSIVE
    assert "no certified upper end" in check.reason


FORMULA_DEFECTS = {
    "sign of M Δ_J": ("score.M * b.Delta_J + b.J", "-score.M * b.Delta_J + b.J"),
    "without M Δ_J": ("score.M * b.Delta_J + b.J", "b.J"),
    "sign of the second term": ("b.Delta_J + b.J", "b.Delta_J - b.J"),
    "without Δ": ("(score.Delta + score.L", "(score.L"),
    "without P": ("+ b.J * (score", "+ 0 * (score"),
}
STEP_DEFECTS = {
    "Δ_B with the wrong sign": ("Delta_A * b.J + Delta_B", "Delta_A * b.J - Delta_B"),
    "Δ_J without Δ_B": ("Delta_A * b.J + Delta_B", "Delta_A * b.J"),
    "P without M_m2": ("J=c.Q_P * b.J + c.M_m2", "J=c.Q_P * b.J"),
}
"""Defects that the inequality itself shows; tests/theory/negative_controls has the others."""


@pytest.mark.parametrize("defect", FORMULA_DEFECTS | STEP_DEFECTS)
def test_a_planted_defect_is_violated_by_the_tight_instance(
    defect: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (sound,) = checks(tight_pair(2.0**-10), STILL, 0.0, 1)
    assert sound.verdict is CheckVerdict.HOLDS
    if defect in FORMULA_DEFECTS:
        planted = mutated(Proposition1.formula, *FORMULA_DEFECTS[defect])
        monkeypatch.setattr(Proposition1, "formula", planted)
    else:
        monkeypatch.setattr(recursion, "step", mutated(recursion.step, *STEP_DEFECTS[defect]))
    (broken,) = checks(tight_pair(2.0**-10), STILL, 0.0, 1)
    assert broken.verdict is CheckVerdict.VIOLATED


def test_the_second_term_without_l_delta_x_is_caught_by_the_symbols(
    mutated: Callable[..., Any],
) -> None:
    """Too small a defect for the inequality: the closed form shows it."""
    c = {s: fmpq(k + 4, 3) for k, s in enumerate(MEANING)}
    arguments = uniform(c, 3)
    planted = mutated(Proposition1.formula, "score.L * b.delta_x", "0")
    assert planted(Proposition1(), *arguments) != Proposition1().formula(*arguments)
