"""A sum of risks of one entry each: the diagonal gain's run, and constants tight at both ends."""

from __future__ import annotations

import pytest
import torch
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.unroll import trajectory
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.generalization.trial import as_vector
from ml2o_theory.meta_risk import RiskConstants
from ml2o_theory.regions import Box
from ml2o_theory.risks.scalar import BITS
from ml2o_theory.risks.separable import SeparableRisk, length, subtract

from ..trials import box_trial, on_a_line, plans

START = torch.tensor([0.5, -1.0], dtype=torch.float64)


def diagonal_tasks(n: int, seed: int) -> list[QuadraticTask]:
    stream = torch.Generator().manual_seed(seed)
    entries = 1 + 0.4 * torch.rand(n, 2, generator=stream, dtype=torch.float64)
    targets = torch.randn(n, 2, generator=stream, dtype=torch.float64)
    return [QuadraticTask(torch.diag(a), b) for a, b in zip(entries, targets, strict=True)]


def by_running(tasks: list[QuadraticTask], steps: int, phi: Tensor) -> Tensor:
    rule = LinearGain(shape="diagonal", dim=2)
    runs = [trajectory(rule, {"gain": phi}, task, START, steps).losses[-1] for task in tasks]
    return torch.stack(runs).mean()


@settings(max_examples=40)
@given(st.integers(0, 99), st.integers(1, 4), st.tuples(st.integers(-4, 8), st.integers(-4, 8)))
def test_it_is_the_diagonal_gains_run(seed: int, steps: int, at: tuple[int, int]) -> None:
    tasks, point = diagonal_tasks(2, seed), tuple(k / 4 for k in at)
    risk = SeparableRisk.of(tasks, START, steps, "diagonal")
    phi = torch.tensor(point, dtype=torch.float64, requires_grad=True)
    value = by_running(tasks, steps, phi)
    assert float(risk.value(as_vector(point))) == pytest.approx(value.item(), rel=1e-9)
    (slopes,) = torch.autograd.grad(value, phi, create_graph=True)
    found = [float(entry) for entry in risk.gradient(as_vector(point))]
    assert found == pytest.approx(slopes.tolist(), rel=1e-9, abs=1e-9)
    bends = torch.stack([torch.autograd.grad(slope, phi, retain_graph=True)[0] for slope in slopes])
    diagonal = [float(g.curvature(exact(p))) for g, p in zip(risk.coordinates, point, strict=True)]
    assert torch.allclose(bends, torch.diag(torch.tensor(diagonal, dtype=torch.float64)), rtol=1e-9)


def test_a_diagonal_task_with_one_gain_for_all_is_the_scalar_risk() -> None:
    tasks = diagonal_tasks(3, 1)
    scalar, diagonal = (SeparableRisk.of(tasks, START, 3, s) for s in ("scalar", "diagonal"))
    for phi in (0.25, 0.75):
        assert scalar.value(as_vector((phi,))).overlaps(diagonal.value(as_vector((phi, phi))))


def sampled(risk: SeparableRisk, box: Box) -> dict[str, list[float]]:
    """M_g's, L_g's, μ's and ρ_g's candidates on a grid of the box."""
    found: dict[str, list[float]] = {"M_g": [], "L_g": [], "mu": [], "rho_g": []}
    sides = list(zip(box.lower, box.upper, strict=True))
    grids = [[exact(low + (high - low) * k / 8) for k in range(9)] for low, high in sides]
    for points in zip(*[[*grid, *grid[::-1]] for grid in grids], strict=True):
        found["M_g"].append(float(length(risk.gradient(points))))
    for g, grid in zip(risk.coordinates, grids, strict=True):
        found["L_g"] += [float(g.curvature(point)) for point in grid]
        found["rho_g"] += [abs(float(g.third(point))) for point in grid]
    found["mu"] = found["L_g"]
    return found


@settings(max_examples=60)
@given(plans())
def test_no_sampled_constant_is_outside(plan: dict) -> None:
    trial = box_trial(**{name: value for name, value in plan.items() if name != "ends"})
    risk, box = trial.population[0], trial.phi
    known = risk.on(box, "Φ")
    with precision(BITS):
        found = sampled(risk, box)
    for name in ("M_g", "L_g", "rho_g"):
        top = float(getattr(known, name).upper.value)
        assert max(found[name]) <= top * (1 + 1e-12)
        assert float(getattr(known, name).lower.value) == pytest.approx(top, rel=1e-12)
    assert min(found["mu"]) >= float(known.mu.lower.value) * (1 - 1e-12) - 1e-100
    assert 0 <= known.mu.lower.value <= known.mu.upper.value


def constants(*tasks: QuadraticTask, box: Box, steps: int = 1) -> RiskConstants:
    x0 = torch.zeros(tasks[0].dim, dtype=torch.float64)
    return SeparableRisk.of(tasks, x0, steps, "diagonal").on(box, "Φ")


def test_the_constants_of_a_paraboloid_are_exact_at_both_ends() -> None:
    """½(φ_1 − 1)² + 2(φ_2 − 1)² on [½, 2]²: M_g² = 1 + 4², L_g = 4, μ = 1, ρ_g = 0."""
    parts = [on_a_line(1.0, 1.0), on_a_line(1.0, 4.0)]
    A, b = torch.diag(torch.cat([p.A[0] for p in parts])), torch.cat([p.b for p in parts])
    known = constants(QuadraticTask(A, b), box=Box((0.5, 0.5), (2.0, 2.0)))
    for value, expected in [(known.M_g, 17**0.5), (known.L_g, 4), (known.mu, 1), (known.rho_g, 0)]:
        assert float(value.lower.value) == pytest.approx(expected, rel=1e-15)
        assert float(value.upper.value) == pytest.approx(expected, rel=1e-15)


def test_two_equal_curvatures_at_both_ends_are_one_supremum() -> None:
    """(φ − 1)⁴/4 of two steps on [½, 3/2]: g'' = 3 (φ − 1)² and g''' = 6 (φ − 1) at the ends."""
    known = constants(on_a_line(1.0, 1.0), box=Box((0.5,), (1.5,)), steps=2)
    # g = ½ b² (1 − φ)⁴ with b = 1: g'' = 6 (1 − φ)².
    assert known.L_g.contains(arb(1.5)) or known.L_g.upper.value == arb(1.5)
    assert float(known.rho_g.upper.value) == pytest.approx(6)
    assert known.mu.lower.value == 0


def test_samples_are_single_tasks_in_their_order() -> None:
    tasks = [on_a_line(1.0, c) for c in (1.0, 2.0, 3.0)]
    whole = SeparableRisk.of(tasks, torch.zeros(1).double(), 1, "scalar")
    assert [g.weights for g in whole.samples] == [(1, 0, 0), (0, 1, 0), (0, 0, 1)]
    found = [float(g.coordinates[0].curvature(exact(1.0))) for g in whole.samples]
    assert found == pytest.approx([1, 2, 3])
    assert [g.weights for g in whole.weighted((0, 5, 2)).samples] == [(0, 1, 0), (0, 0, 1)]


def test_a_length_that_may_be_0_is_a_ball_from_0() -> None:
    """But for the rounding of its radius, to 30 bits."""
    wide = arb(0, 1e-3)
    assert length((wide, wide)).contains(arb(0))
    assert length((wide, wide)).lower() >= -1e-8 * length((wide, wide)).upper()
    assert length(subtract(as_vector((3.0, 1.0)), as_vector((0.0, 5.0)))) == 5


def test_bad_input_is_refused() -> None:
    full = QuadraticTask(torch.ones(2, 2).double(), torch.ones(2).double())
    tall = QuadraticTask(torch.ones(3, 1).double(), torch.ones(3).double())
    for task in (full, tall):
        with pytest.raises(InvalidArgument, match=r"^A: .*diagonal"):
            SeparableRisk.of([task], torch.zeros(task.dim).double(), 1, "diagonal")
    risk = SeparableRisk.of([on_a_line(1.0, 1.0)], torch.zeros(1).double(), 1, "scalar")
    for outside in (Box((1.25,), (2.0,)), Box((0.0,), (0.5,))):
        with pytest.raises(InvalidArgument, match="minimiser inside"):
            risk.minimiser(outside)
    for method in (risk.minimiser, lambda box: risk.on(box, "Φ")):
        with pytest.raises(InvalidArgument, match="a box of 1 sides"):
            method(Box((0.0, 0.0), (2.0, 2.0)))
    with pytest.raises(InvalidArgument, match=r"^weights"):
        risk.weighted((-1,))
