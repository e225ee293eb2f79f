"""Enclosed risks: against autodiff, against the runs' own derivatives, and against polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from flint import arb
from torch import Tensor
from torch.func import grad, jacrev

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import trajectory
from ml2o_theory.arithmetic import exact, precision, vector
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.models import rule_model, task_model
from ml2o_theory.observed.runs import run
from ml2o_theory.regions import Box
from ml2o_theory.risks import jets_of_runs
from ml2o_theory.risks.enclosed import EnclosedRisk
from ml2o_theory.risks.separable import SeparableRisk

STEPS = 2

ROUNDING = 1e-9
"""Of float64 autodiff through two steps, relative to the norms here."""

GAIN, DIAGONAL = LinearGain(), LinearGain(shape="diagonal", dim=2)
NETWORK = MLPRule(hidden=1, depth=1, output_scale=1.0)
VECTOR = MLPRule(scope="vector", dim=2, hidden=1, depth=1, output_scale=1.0)

CENTERS = {
    GAIN: (0.4,),
    DIAGONAL: (0.4, 0.5),
    NETWORK: (0.2, -0.3, -1.0, 1.1),
    VECTOR: (0.2, -0.3, 0.1, -1.0, 0.4, 1.1, 0.3),
}
"""A φ of every rule."""


def tasks(kind: str, count: int = 2, d: int = 2, seed: int = 0) -> list[Task]:
    stream = generator(seed, purpose="enclosed tasks")
    found: list[Task] = []
    for _ in range(count):
        A = torch.eye(d, dtype=torch.float64)
        A = A + 0.3 * torch.randn(d, d, generator=stream, dtype=torch.float64)
        b = torch.randn(d, generator=stream, dtype=torch.float64)
        if kind == "quadratic":
            found.append(QuadraticTask(A, b))
        else:
            found.append(SmoothedLassoTask(A, b, A.new_tensor(0.1), A.new_tensor(0.5)))
    return found


X0 = torch.tensor([0.7, -1.2], dtype=torch.float64)


def in_float64(
    rule: MemorylessRule, each: list[Task], weights: tuple[int, ...]
) -> Callable[[Tensor], Tensor]:
    """The risk through the engine."""
    params = Parameters.of(rule)

    def g(phi: Tensor) -> Tensor:
        losses = [trajectory(rule, params.unflatten(phi), t, X0, STEPS).losses[-1] for t in each]
        return (torch.stack(losses) * torch.tensor(weights, dtype=torch.float64)).sum() / sum(
            weights
        )

    return g


def hessian(g: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """In reverse mode: torch's forward mode warns at first use."""
    return jacrev(grad(g))


def around(center: tuple[float, ...], radius: float) -> Box:
    return Box(tuple(p - radius for p in center), tuple(p + radius for p in center))


def middles(values: Any) -> Tensor:
    return torch.tensor([float(v.mid()) for v in values], dtype=torch.float64)


@pytest.mark.parametrize("kind", ["quadratic", "lasso"])
@pytest.mark.parametrize("rule", CENTERS, ids=["scalar", "diagonal", "network", "vector"])
def test_derivatives_at_a_point_are_those_of_autodiff(rule: MemorylessRule, kind: str) -> None:
    each, weights = tasks(kind), (2, 1)
    risk = EnclosedRisk.of(each, rule, X0, STEPS).weighted(weights)
    g, phi = in_float64(rule, each, weights), torch.tensor(CENTERS[rule], dtype=torch.float64)
    with precision():
        jet = risk.jet(tuple(map(exact, phi.tolist())), 3)
    p = phi.numel()
    assert abs(float(jet.value.mid()) - g(phi).item()) < ROUNDING
    assert torch.allclose(middles(jet.gradient()), grad(g)(phi), atol=ROUNDING)
    assert torch.allclose(
        middles(jet.hessian().entries()).reshape(p, p), hessian(g)(phi), atol=1e-8
    )
    third = jacrev(hessian(g))(phi).reshape(p, p * p)
    assert torch.allclose(middles(jet.third().entries()).reshape(p, p * p), third, atol=1e-7)


@pytest.mark.parametrize("kind", ["quadratic", "lasso"])
def test_the_models_derive_the_same_hessian(kind: str) -> None:
    """Eq. 2 differentiated once more, from models that share nothing with the jets: balls meet."""
    each, phi = tasks(kind), torch.tensor(CENTERS[NETWORK], dtype=torch.float64)
    with precision():
        mine = EnclosedRisk.of(each, NETWORK, X0, STEPS).hessian(tuple(map(exact, phi.tolist())))
        runs = [run(task_model(t), rule_model(NETWORK), X0, vector(phi), STEPS) for t in each]
        other = (runs[0].risk_hessians()[-1] + runs[1].risk_hessians()[-1]) / arb(2)
    assert all(a.overlaps(b) for a, b in zip(mine.entries(), other.entries(), strict=True))
    assert all(float(a.rad()) < 1e-25 for a in mine.entries())


def norms(g: Callable[[Tensor], Tensor], phi: Tensor) -> tuple[float, float, float, float]:
    """‖∇g‖, ‖∇²g‖, the norm of ∇³g as a matrix, which the certificate bounds, and λ_min."""
    H, third = hessian(g)(phi), jacrev(hessian(g))(phi)
    return (
        grad(g)(phi).norm().item(),
        torch.linalg.matrix_norm(H, 2).item(),
        torch.linalg.matrix_norm(third.reshape(len(phi), -1), 2).item(),
        torch.linalg.eigvalsh(H)[0].item(),
    )


@pytest.mark.parametrize("kind", ["quadratic", "lasso"])
@pytest.mark.parametrize(("rule", "radius"), [(GAIN, 0.2), (DIAGONAL, 0.05), (NETWORK, 0.02)])
def test_no_sample_is_outside_of_the_ends(rule: MemorylessRule, radius: float, kind: str) -> None:
    each = tasks(kind)
    box = around(CENTERS[rule], radius)
    risk = EnclosedRisk.of(each, rule, X0, STEPS)
    found, g = risk.on(box, "Φ"), in_float64(rule, each, (1, 1))
    stream = generator(1, purpose="samples")
    lower, upper = (torch.tensor(end, dtype=torch.float64) for end in (box.lower, box.upper))
    low, high = risk.cover(box).value
    for _ in range(20):
        share = torch.rand(len(lower), generator=stream, dtype=torch.float64).round(decimals=1)
        phi = lower + share * (upper - lower)
        slope, curvature, bend, least = norms(g, phi)
        assert slope <= float(found.M_g.upper.value) + ROUNDING
        assert curvature <= float(found.L_g.upper.value) + ROUNDING
        assert bend <= float(found.rho_g.upper.value) + ROUNDING
        assert least >= float(found.mu.lower.value) - ROUNDING
        assert low - ROUNDING <= g(phi).item() <= high + ROUNDING


@pytest.mark.parametrize("kind", ["quadratic", "lasso"])
def test_attained_ends_are_attained_where_they_say(kind: str) -> None:
    each = tasks(kind)
    found = EnclosedRisk.of(each, NETWORK, X0, STEPS).on(around(CENTERS[NETWORK], 0.02), "Φ")
    g = in_float64(NETWORK, each, (1, 1))
    for place, value in enumerate((found.M_g, found.L_g)):
        assert value.lower.witness is not None
        at = torch.tensor(value.lower.witness["φ"], dtype=torch.float64)
        assert norms(g, at)[place] == pytest.approx(float(value.lower.value), rel=1e-8)
    assert found.mu.upper.witness is not None
    at = torch.tensor(found.mu.upper.witness["φ"], dtype=torch.float64)
    assert norms(g, at)[3] == pytest.approx(float(found.mu.upper.value), abs=1e-8)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_on_quadratics_the_ends_close_in_on_the_polynomial(steps: int) -> None:
    """The scalar gain: both enclose the same numbers, and more parts bring mine near."""
    each = [t for t in tasks("quadratic", 3) if isinstance(t, QuadraticTask)]
    box = Box((0.5,), (0.7,))
    known = SeparableRisk.of(each, X0, steps, "scalar").on(box, "Φ")
    widths = []
    for parts in (4, 64):
        mine = EnclosedRisk.of(each, GAIN, X0, steps, parts).on(box, "Φ")
        for name in ("M_g", "L_g", "rho_g", "mu"):
            a, b = getattr(mine, name), getattr(known, name)
            assert a.lower.value <= b.upper.value, name
            assert b.lower.value <= a.upper.value, name
        widths.append(float(mine.L_g.upper.value) / float(known.L_g.upper.value) - 1)
    assert widths[1] <= max(widths[0] / 4, 1e-12)
    assert widths[1] < 0.02


def test_the_minimiser_of_a_parabola_is_found_to_every_digit() -> None:
    """T = 1 on ½x² from 1: g = ½(1 − φ)²."""
    one = torch.ones(1, dtype=torch.float64)
    risk = EnclosedRisk.of([QuadraticTask(one.reshape(1, 1), 0 * one)], GAIN, one, 1)
    box = Box((0.25,), (1.5,))
    found = risk.on(box, "Φ")
    assert found.mu.lower.value <= 1 <= found.mu.upper.value
    (phi,) = risk.minimiser(box, found.mu)
    assert phi.contains(1)
    assert float(phi.rad()) < 1e-60


@pytest.mark.parametrize("kind", ["quadratic", "lasso"])
def test_the_certified_minimiser_is_the_polynomials_and_the_searched_one(kind: str) -> None:
    each, box = tasks(kind, 3), Box((0.3,), (0.9,))
    risk = EnclosedRisk.of(each, GAIN, X0, STEPS)
    (phi,) = risk.minimiser(box, risk.on(box, "Φ").mu)
    (near,) = risk.searched(box)
    assert abs(float((phi - near).mid())) < 1e-8
    with precision(256):
        low, high = risk.gradient((phi.lower() - 1e-40,)), risk.gradient((phi.upper() + 1e-40,))
    assert low[0] < 0 < high[0]
    if kind == "quadratic":
        quadratics = [t for t in each if isinstance(t, QuadraticTask)]
        (known,) = SeparableRisk.of(quadratics, X0, STEPS, "scalar").minimiser(box)
        assert phi.overlaps(known)


def test_no_minimiser_is_claimed_outside_or_without_convexity() -> None:
    risk = EnclosedRisk.of(tasks("lasso"), GAIN, X0, STEPS)
    below = Box((0.1,), (0.2,))
    with pytest.raises(InvalidArgument, match="minimiser inside"):
        risk.minimiser(below, risk.on(below, "Φ").mu)
    wide = around(CENTERS[NETWORK], 0.5)
    network = EnclosedRisk.of(tasks("quadratic"), NETWORK, X0, STEPS, parts=1)
    with pytest.raises(InvalidArgument, match="A1"):
        network.minimiser(wide, network.on(wide, "Φ").mu)


def test_negative_curvature_is_shown_by_a_point_and_a_direction() -> None:
    each, box = tasks("quadratic"), around(CENTERS[NETWORK], 0.5)
    at = EnclosedRisk.of(each, NETWORK, X0, STEPS, parts=1).cover(box).least
    g = in_float64(NETWORK, each, (1, 1))
    v = torch.tensor(at.direction, dtype=torch.float64)
    H = hessian(g)(torch.tensor(at.point, dtype=torch.float64))
    assert at.least < 0
    assert (v @ H @ v / (v @ v)).item() == pytest.approx(float(at.least.mid()), rel=1e-6)


@pytest.mark.parametrize("kind", ["quadratic", "lasso"])
def test_tubes_hold_the_iterates(kind: str) -> None:
    each, box = tasks(kind), around(CENTERS[NETWORK], 0.05)
    cover = EnclosedRisk.of(each, NETWORK, X0, STEPS).runs[0].tube(box)
    for end in (box.lower, box.upper, CENTERS[NETWORK]):
        params = Parameters.of(NETWORK).unflatten(torch.tensor(end, dtype=torch.float64))
        x = trajectory(NETWORK, params, each[0], X0, STEPS).iterates
        assert bool((cover.lower <= x + ROUNDING).all() and (x - ROUNDING <= cover.upper).all())


DEFECTS = [
    ("pseudo_huber", "third = -3 *", "third = 3 *"),
    ("pseudo_huber", "4 - 5 * flat", "4 - 3 * flat"),
    ("tanh_series", "-t * s", "t * s"),
    ("tanh_series", "s * (2 - 3 * s) / 3", "s * (2 - 3 * s)"),
]


@pytest.mark.parametrize(("name", "old", "new"), DEFECTS)
def test_a_planted_defect_is_seen_by_autodiff(
    mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str, old: str, new: str
) -> None:
    monkeypatch.setattr(jets_of_runs, name, mutated(getattr(jets_of_runs, name), old, new))
    with pytest.raises(AssertionError):
        test_derivatives_at_a_point_are_those_of_autodiff(NETWORK, "lasso")


def test_what_is_not_written_out_is_refused() -> None:
    one = torch.ones(1, dtype=torch.float64)
    with pytest.raises(InvalidArgument, match="task"):
        EnclosedRisk.of([RosenbrockTask(one)], GAIN, X0, STEPS)
    with pytest.raises(InvalidArgument, match="rule"):
        EnclosedRisk.of(tasks("lasso"), LinearGain(shape="full", dim=2), X0, STEPS)
    with pytest.raises(InvalidArgument, match="weights"):
        EnclosedRisk.of(tasks("lasso"), GAIN, X0, STEPS).weighted((0, 0))
