"""Lemma 7: attained term by term where all derivatives are positive; off by 3 for the gain rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest
import torch
from flint import fmpq, fmpq_poly, fmpq_series
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.func import jacrev

from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import CheckVerdict, Level
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import trajectory
from ml2o_theory import recursion
from ml2o_theory.checks import check_comparison, check_instance
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.of_tube import tube_constants
from ml2o_theory.instances import Instance
from ml2o_theory.observed.quantities import Between
from ml2o_theory.recursion import Distances, ScoreConstants, StepConstants, bounds
from ml2o_theory.statements.lemma07 import Lemma07
from ml2o_theory.verdict import StatementCheck

Check = Callable[..., StatementCheck]
UNIT_DISTANCE = Distances(x0=0, phi=1)


class Exact(NamedTuple):
    """The constants at one point, and the derivatives in φ there that they bound."""

    steps: list[StepConstants]
    score: ScoreConstants
    third_of_risk: fmpq
    second_of_iterate: fmpq
    third_of_iterate: fmpq


def positive_run(loss: fmpq_poly, h: fmpq_poly, x0: fmpq, phi: fmpq, T: int) -> Exact:
    """x_{t+1} = x_t + h(l'(x_t) + φ) by Taylor series in φ; the constants at each of its points."""
    slope = loss.derivative()
    x, shifted = fmpq_series([x0], prec=4), fmpq_series([phi, 1], prec=4)
    steps = []
    for _ in range(T):
        inputs = horner(slope, x) + shifted
        l2, l3, l4 = (nth(loss, k, x[0]) for k in (2, 3, 4))
        h1, h2, h3 = (nth(h, k, inputs[0]) for k in (1, 2, 3))
        Q, zero = 1 + h1 * l2, fmpq(0)
        steps.append(
            StepConstants(
                Q=Q,
                Q_P=Q,
                L=l2,
                L_P=l2,
                rho=l3,
                tau=l4,
                M_m1=h1,
                M_m2=h1,
                L_zz=h2,
                L_zphi=h2,
                L_phiphi=h2,
                rho_m=h3,
                Delta=zero,
                Delta_tilde=zero,
            )
        )
        x = x + horner(h, inputs)
    score = ScoreConstants(
        M=slope(x[0]), L=nth(loss, 2, x[0]), rho=nth(loss, 3, x[0]), Delta=fmpq(0)
    )
    return Exact(steps, score, 6 * horner(loss, x)[3], 2 * x[2], 6 * x[3])


def horner(polynomial: fmpq_poly, x: fmpq_series) -> fmpq_series:
    value = fmpq_series([0], prec=4)
    for coefficient in reversed(polynomial.coeffs()):
        value = value * x + coefficient
    return value


def nth(polynomial: fmpq_poly, order: int, x: fmpq) -> fmpq:
    for _ in range(order):
        polynomial = polynomial.derivative()
    return polynomial(x)


POSITIVE = st.fractions(min_value=0, max_value=4, max_denominator=4).map(
    lambda v: fmpq(v.numerator, v.denominator)
)
POLYNOMIALS = st.lists(POSITIVE, min_size=1, max_size=6).map(fmpq_poly)


@settings(max_examples=2 * settings.default.max_examples)
@given(POLYNOMIALS, POLYNOMIALS, POSITIVE, POSITIVE, st.integers(1, 3))
def test_positive_derivatives_attain_it(
    loss: fmpq_poly, h: fmpq_poly, x0: fmpq, phi: fmpq, T: int
) -> None:
    exact = positive_run(loss, h, x0, phi, T)
    b = bounds(exact.steps)
    assert exact.second_of_iterate == b.L_J
    assert exact.third_of_iterate == b.L_K
    assert Lemma07().formula(exact.steps, exact.score, UNIT_DISTANCE) == exact.third_of_risk


RICH = (fmpq_poly([0, 1, 1, 1, 1]), fmpq_poly([1, 1, 1, 1]), fmpq(1, 4), fmpq(1, 8), 2)
"""Every derivative that enters is positive, so that every term is needed."""

RECURSION_TERMS = [
    ("c.Q * b.L_K", "b.L_K"),
    ("+ c.rho_m * V * V * V", ""),
    ("+ c.rho_m * V * V * V", "+ c.rho_m * V * V"),
    ("+ 3 * rule_change(c, b) * gradient_second", ""),
    ("+ 3 * rule_change(c, b)", "+ 2 * rule_change(c, b)"),
    ("+ c.M_m1 * gradient_third", ""),
    ("c.L * b.L_J + c.rho * b.P * b.P", "c.L * b.L_J"),
    ("c.L * b.L_J + c.rho * b.P * b.P", "c.rho * b.P * b.P"),
    ("c.tau * b.P * b.P * b.P + ", ""),
    ("+ 3 * c.rho * b.P * b.L_J", "+ 2 * c.rho * b.P * b.L_J"),
    ("c.L * b.P + 1", "c.L * b.P"),
]
FORMULA_TERMS = [
    ("score.M * b.L_K + ", ""),
    ("3 * score.L * b.P * b.L_J", "2 * score.L * b.P * b.L_J"),
    ("+ score.rho * b.P * b.P * b.P", ""),
]


@pytest.mark.parametrize(("old", "new"), RECURSION_TERMS)
def test_every_term_of_the_recursion_is_needed(
    old: str, new: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = positive_run(*RICH)
    planted = mutated(recursion.second_derivative_step, old, new)
    monkeypatch.setattr(recursion, "second_derivative_step", planted)
    assert Lemma07().formula(exact.steps, exact.score, UNIT_DISTANCE) < exact.third_of_risk


@pytest.mark.parametrize(("old", "new"), FORMULA_TERMS)
def test_every_term_of_the_formula_is_needed(
    old: str, new: str, mutated: Callable[..., Any]
) -> None:
    exact = positive_run(*RICH)
    planted = mutated(Lemma07.formula, old, new)
    assert planted(Lemma07(), exact.steps, exact.score, UNIT_DISTANCE) < exact.third_of_risk


UNIT = ([1.0], [0.0])
"""l = ½x² from x_0 = 1: g_2 = ½(1 − φ)⁴ has g_2''' = −12(1 − φ), while ρ_g → 36 as Φ shrinks."""


def test_two_steps_of_the_gain_rule_come_within_a_factor_of_three(check_by_hand: Check) -> None:
    check = check_by_hand("lemma07", 2, UNIT, ([1.0],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.HOLDS
    assert check.ratio is not None
    assert float(check.ratio.lower.value) == pytest.approx(1 / 3, rel=1e-9)


def test_it_is_slack_for_one_step(check_by_hand: Check) -> None:
    """∇²g_1 does not depend on φ, but L_m allows for it."""
    check = check_by_hand("lemma07", 1, UNIT, ([1.0],), (0.0, 0.5))
    assert check.observed is not None
    assert check.bound is not None
    assert check.observed.upper.value == 0
    assert check.bound.lower.value > 1


def test_a_planted_defect_is_violated(
    check_by_hand: Check, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = mutated(Lemma07.formula, "3 * score.L * b.P * b.L_J +", "")
    monkeypatch.setattr(Lemma07, "formula", planted)
    check = check_by_hand("lemma07", 2, UNIT, ([1.0],), (0.0, 2.0**-40))
    assert check.verdict is CheckVerdict.VIOLATED


def smoothed_lasso() -> Task:
    draw = torch.Generator().manual_seed(0)
    data = torch.randn(3, 3, generator=draw, dtype=torch.float64)
    weight, smoothing = torch.tensor([0.3, 0.4], dtype=torch.float64)
    return SmoothedLassoTask(data[:, :2], data[:, 2], weight, smoothing)


def rosenbrock() -> Task:
    return RosenbrockTask(torch.tensor([2.0], dtype=torch.float64))


RULES = [
    LinearGain(shape="diagonal", dim=2, scale=0.3),
    MLPRule(hidden=2, depth=1, output_scale=1.0),
]


@pytest.mark.parametrize("make_task", [smoothed_lasso, rosenbrock])
@pytest.mark.parametrize("rule", RULES, ids=["gain", "mlp"])
@pytest.mark.parametrize("seed", range(3))
def test_the_third_derivative_of_smooth_runs_is_below_it(
    make_task: Callable[[], Task], rule: MemorylessRule, seed: int
) -> None:
    """Φ shrunk to a point: the Lipschitz constant of ∇²g_T is ‖∇³g_T‖, here by autodiff."""
    draw = torch.Generator().manual_seed(seed)
    task, params, T = make_task(), rule.init_params(draw), 3
    x0 = torch.randn(2, generator=draw, dtype=torch.float64)
    names, sizes = zip(*((name, params[name].shape) for name in sorted(params)), strict=True)
    phi = torch.cat([params[name].flatten() for name in names])

    def unflat(v: Tensor) -> Params:
        parts = v.split([size.numel() for size in sizes])
        return {n: p.reshape(s) for n, p, s in zip(names, parts, sizes, strict=True)}

    def risk(v: Tensor) -> Tensor:
        return trajectory(rule, unflat(v), task, x0, T).losses[-1]

    def m(z: Tensor, v: Tensor) -> Tensor:
        return rule.m(z, unflat(v))

    points = trajectory(rule, params, task, x0, T).iterates
    steps = [local_constants(task, m, x, phi) for x in points[:-1]]
    gradient, hessian, third = task_derivatives(task, points[-1])[:3]
    score = ScoreConstants(
        M=gradient.norm().item(), L=spectral(hessian), rho=third.norm().item(), Delta=0
    )
    observed = jacrev(jacrev(jacrev(risk)))(phi)
    directions = torch.randn(200, phi.numel(), generator=draw, dtype=torch.float64)
    directions = directions / directions.norm(dim=1, keepdim=True)
    largest = torch.einsum("ijk,ni,nj,nk->n", observed, *[directions] * 3).abs().max().item()
    assert 0 < largest <= Lemma07().formula(steps, score, UNIT_DISTANCE)


def task_derivatives(task: Task, x: Tensor) -> Sequence[Tensor]:
    """∇l to ∇⁴l at x."""
    hessian, third = jacrev(task.gradient), jacrev(jacrev(task.gradient))
    return task.gradient(x), hessian(x), third(x), jacrev(third)(x)


def spectral(matrix: Tensor) -> float:
    return torch.linalg.matrix_norm(matrix, 2).item()


def local_constants(
    task: Task, m: Callable[[Tensor, Tensor], Tensor], x: Tensor, phi: Tensor
) -> StepConstants:
    """The constants at one point; Frobenius norms, which are above, from the third order on."""
    z, hessian, third, fourth = task_derivatives(task, x)
    in_z, in_phi = jacrev(m, (0, 1))(z, phi)
    second = jacrev(jacrev(m, (0, 1)), (0, 1))(z, phi)
    (zz, zphi), (_, phiphi) = ([block.norm().item() for block in row] for row in second)
    cubic = jacrev(jacrev(jacrev(m, (0, 1)), (0, 1)), (0, 1))(z, phi)
    rho_m = max(block.norm().item() for rows in cubic for row in rows for block in row)
    Q = spectral(torch.eye(x.numel(), dtype=torch.float64) + in_z @ hessian)
    return StepConstants(
        Q=Q,
        Q_P=Q,
        L=spectral(hessian),
        L_P=spectral(hessian),
        rho=third.norm().item(),
        tau=fourth.norm().item(),
        M_m1=spectral(in_z),
        M_m2=spectral(in_phi),
        L_zz=zz,
        L_zphi=zphi,
        L_phiphi=phiphi,
        rho_m=rho_m,
        Delta=0.0,
        Delta_tilde=0.0,
    )


@pytest.mark.parametrize("phis", [(0.0, 1.0), (1.0, 0.0), (0.0, 0.5), (-1.0, 1.0)])
def test_on_the_tube_p_bounds_the_jacobian_of_either_run(phis: tuple[float, float]) -> None:
    """l = ½x²: with φ = 0 and φ' = 1, J_T = −T in the first run, and z²_t = 0 for t > 0.

    The proof multiplies J of both runs; M_m2 at z²_t alone would give P_T = 1.
    """
    task = QuadraticTask(torch.eye(1).double(), torch.zeros(1).double())
    gains = [{"gain": torch.tensor(phi, dtype=torch.float64)} for phi in phis]
    instance = Instance(
        LinearGain(), gains[0], task, task, torch.ones(1).double(), other_params=gains[1]
    )
    comparison = Comparison(instance, Between.PARAMETERS, 4)
    known = tube_constants(comparison)
    M_m2, Q = ([float(c[s].upper.value) for c in known.steps] for s in ("M_m2", "Q_P"))
    P = 0.0
    for t in range(4):
        P = Q[t] * P + M_m2[t]
        for run in comparison.runs:
            assert abs(float(run.J[t + 1][0, 0])) <= P * (1 + 1e-12)
    checks = check_comparison(Lemma07(), comparison, known, [1, 2, 3, 4], Level.TRAJECTORY)
    assert {check.verdict for check in checks} == {CheckVerdict.HOLDS}


@pytest.mark.parametrize("make_task", [smoothed_lasso, rosenbrock])
@pytest.mark.parametrize("rule", RULES, ids=["gain", "mlp"])
def test_it_holds_at_every_level_on_certified_instances(
    make_task: Callable[[], Task], rule: MemorylessRule
) -> None:
    draw = torch.Generator().manual_seed(7)
    params, others = rule.init_params(draw), rule.init_params(draw)
    others = {name: params[name] + 0.1 * (others[name] - params[name]) for name in params}
    x0 = torch.randn(2, generator=draw, dtype=torch.float64)
    task = make_task()
    instance = Instance(rule, params, task, task, x0, other_params=others)
    for check in check_instance(Lemma07(), instance, [3]):
        assert check.verdict in {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}, check.reason
