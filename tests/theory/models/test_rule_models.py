"""Every rule's model: arb against autodiff, boxes against arb, norms against points and pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest
import torch
from flint import arb, arb_mat
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import normalize

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.seeding import generator
from ml2o_theory.arithmetic import norm, precision, to_tensor, vector
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import RuleModel, flat_params, rule_model
from ml2o_theory.models.mlp import MLPModel

FLOAT = 1e-11
"""Autodiff in float64 and the order of sums, relative to the size of the terms."""

fewer = settings(max_examples=settings.default.max_examples // 8)
"""For tests that evaluate every box many times; the profile still decides."""


@dataclass
class Case:
    """A rule, a box of inputs z (d,) and a box of parameters φ (p,): normal numbers ± a radius."""

    rule: MemorylessRule
    d: int
    seed: int
    inputs: float = 1.0
    reach: float = 1.0
    weights: float = 1.0
    spread: float = 0.1

    @cached_property
    def z(self) -> IntervalTensor:
        return IntervalTensor.about(self.inputs * numbers(self.d, self.seed), self.reach)

    @cached_property
    def phi(self) -> IntervalTensor:
        p = Parameters.of(self.rule).size
        return IntervalTensor.about(self.weights * numbers(p, self.seed + 1), self.spread)

    @cached_property
    def model(self) -> RuleModel:
        """As `rule_model` gives it, but that boxes are cut into fewer parts."""
        model = rule_model(self.rule)
        return MLPModel(self.rule, effort=300) if isinstance(model, MLPModel) else model

    def points(self, seed: int, count: int) -> list[tuple[Tensor, Tensor]]:
        """The two far corners, then random points of the box."""
        draws = torch.rand(
            count, len(self.z.lower) + len(self.phi.lower), generator=generator(seed)
        )
        shares = torch.cat([torch.zeros(1, draws.shape[1]), torch.ones(1, draws.shape[1]), draws])
        parts = shares.double().split([len(self.z.lower), len(self.phi.lower)], -1)
        return [
            tuple(
                (box.lower + share * (box.upper - box.lower)).clamp(box.lower, box.upper)
                for box, share in zip((self.z, self.phi), pair, strict=True)
            )
            for pair in zip(*parts, strict=True)
        ]


def numbers(count: int, seed: int) -> Tensor:
    return torch.randn(count, generator=generator(seed), dtype=torch.float64)


@st.composite
def rules(draw: st.DrawFn, d: int) -> MemorylessRule:
    kind = draw(st.sampled_from(["gain", "coordinatewise", "coordinatewise", "vector"]))
    event(f"{kind}, d = {d}")
    if kind == "gain":
        shape = draw(st.sampled_from(["scalar", "diagonal", "full"]))
        return LinearGain(shape=shape, dim=None if shape == "scalar" else d)
    dim = {"scope": "vector", "dim": d} if kind == "vector" else {}
    hidden, depth = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    return MLPRule(hidden=hidden, depth=depth, output_scale=0.3, **dim)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Zero weights, saturated tanh, z of size 1e6, points, boxes of φ, d = 1 and hidden = 1."""
    d, seed = draw(st.integers(1, 2)), draw(st.integers(0, 2**32))
    rule = draw(rules(d))
    weights = draw(st.sampled_from([0.0, 0.5, 1.0, 1.0, 30.0]))
    inputs = draw(st.sampled_from([0.0, 1.0, 1.0, 4.0, 1e6]))
    reach = draw(st.sampled_from([0.0, 1e-6, 0.2, 3.0]))
    spread = draw(st.sampled_from([0.0, 0.0, 1e-3, 0.3]))
    event(f"weights × {weights:g}")
    event(f"z × {inputs:g} ± {reach:g}, φ ± {spread:g}")
    return Case(rule, d, seed, inputs, reach, weights, spread)


def contains(interval: IntervalTensor, exact: arb_mat) -> bool:
    """Whether every ball meets its interval: its midpoint's error is 2⁻¹²⁸, the interval's more."""
    lower, upper = interval.lower.flatten().tolist(), interval.upper.flatten().tolist()
    return all(
        bool(arb(a) <= v.upper()) and bool(v.lower() <= arb(b))
        for a, v, b in zip(lower, exact.entries(), upper, strict=True)
    )


# --- points ---------------------------------------------------------------------------------------


def close(exact: arb_mat, expected: Tensor, size: float) -> bool:
    error = (to_tensor(exact).flatten() - expected.flatten()).abs().max().item()
    return error <= FLOAT * (1 + size)


@given(cases(), st.integers(0, 2**32))
def test_at_a_point_it_is_what_autodiff_gives(case: Case, seed: int) -> None:
    rule, model, params = case.rule, case.model, Parameters.of(case.rule)
    z, phi = case.z.midpoint, case.phi.midpoint
    (dz, ez), (dphi, ephi) = (
        numbers(2 * len(z), seed).chunk(2),
        numbers(2 * len(phi), seed).chunk(2),
    )

    def m(z: Tensor, phi: Tensor) -> Tensor:
        return rule.m(z, params.unflatten(phi))

    def along(z: Tensor, phi: Tensor) -> Tensor:
        in_z, in_phi = torch.func.jacrev(m, (0, 1))(z, phi)
        return in_z @ dz + in_phi @ dphi

    in_z, in_phi = torch.func.jacrev(m, (0, 1))(z, phi)
    along_in_z, along_in_phi = torch.func.jacrev(along, (0, 1))(z, phi)
    second = along_in_z @ ez + along_in_phi @ ephi
    with precision():
        step = model.at(vector(z), vector(phi))
        directions = (vector(dz), vector(dphi)), (vector(ez), vector(ephi))
        bend = model.second(vector(z), vector(phi), *directions)
    assert (step.value.nrows(), step.value.ncols()) == (len(z), 1)
    assert (step.in_z.nrows(), step.in_z.ncols()) == (len(z), len(z))
    assert (step.in_phi.nrows(), step.in_phi.ncols()) == (len(z), len(phi))
    # A rounding of the sums u is magnified by what tanh multiplies.
    size = (1 + z.abs().max().item()) ** 2 * (1 + phi.abs().max().item()) ** 5
    found = (step.value, step.in_z, step.in_phi, bend)
    for exact, expected in zip(found, (m(z, phi), in_z, in_phi, second), strict=True):
        assert close(exact, expected, size)


def test_a_wrong_sign_of_the_curvature_is_caught(
    mutated: Callable[..., Callable[..., Any]],
) -> None:
    case = Case(MLPRule(hidden=2), 2, seed=0)
    point = tuple(map(vector, case.points(0, 0)[1]))
    wrong = mutated(MLPModel.second, "-2 * t * w", "2 * t * w")
    with precision():
        right, planted = (f(case.model, *point, point, point) for f in (MLPModel.second, wrong))
    assert norm(right - planted) > 1e-4


@fewer
@given(cases(), st.integers(0, 2**32))
def test_balls_go_in_and_balls_come_out(case: Case, seed: int) -> None:
    with precision():
        z, phi = (
            arb_mat([[m + arb(0, r)] for m, r in zip(*both, strict=True)])
            for both in (
                (vector(box.midpoint).entries(), vector(box.radius).entries())
                for box in (case.z, case.phi)
            )
        )
        whole = case.model.at(z, phi)
        bend = case.model.second(z, phi, (z, phi), (z, phi))
        assert all(v.is_finite() for v in [*whole.in_z.entries(), *whole.in_phi.entries()])
        for z_at, phi_at in case.points(seed, 2):
            point = vector(z_at), vector(phi_at)
            at = case.model.at(*point)
            assert whole.value.overlaps(at.value)
            assert whole.in_z.overlaps(at.in_z)
            assert whole.in_phi.overlaps(at.in_phi)
            assert bend.overlaps(case.model.second(*point, point, point))


# --- boxes ----------------------------------------------------------------------------------------


@given(cases(), st.integers(0, 2**32))
def test_jacobians_over_a_box_contain_those_at_its_points(case: Case, seed: int) -> None:
    in_z, in_phi = case.model.jacobians_on(case.z, case.phi)
    with precision():
        for z, phi in case.points(seed, 3):
            step = case.model.at(vector(z), vector(phi))
            assert contains(in_z, step.in_z)
            assert contains(in_phi, step.in_phi)


def test_jacobians_at_a_point_are_tight() -> None:
    for rule in (LinearGain(), MLPRule(hidden=4, depth=3), MLPRule(scope="vector", dim=3)):
        p = Parameters.of(rule).size
        point = IntervalTensor.exactly(numbers(3, 0)), IntervalTensor.exactly(numbers(p, 1))
        for jacobian in rule_model(rule).jacobians_on(*point):
            assert (jacobian.upper - jacobian.lower).max() <= 1e-11 * (1 + jacobian.upper.max())


BLOCKS = {"L_zz": (0, 0), "L_zphi": (0, 1), "L_phiphi": (1, 1)}


def second_derivatives(case: Case, z: Tensor, phi: Tensor) -> dict[str, Tensor]:
    """The blocks of ∇²m, (d, ·, ·), in float64; reverse mode twice, as forward mode warns."""
    params = Parameters.of(case.rule)
    jacobians = torch.func.jacrev(lambda z, v: case.rule.m(z, params.unflatten(v)), (0, 1))
    hessian = torch.func.jacrev(jacobians, (0, 1))(z, phi)
    return {block: hessian[i][j] for block, (i, j) in BLOCKS.items()}


def steepest(T: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """Unit directions x, y with ‖T[x, y]‖ as large as an ascent makes it."""
    x = normalize(torch.ones(T.shape[1], dtype=torch.float64), dim=0)
    y = normalize(numbers(T.shape[2], seed), dim=0)
    for _ in range(10):
        u = torch.einsum("ijk,j,k->i", T, x, y)
        x = normalize(torch.einsum("ijk,i,k->j", T, u, y), dim=0, eps=1e-300)
        y = normalize(torch.einsum("ijk,i,j->k", T, u, x), dim=0, eps=1e-300)
    return x, y


def bend(case: Case, point: tuple[Tensor, Tensor], block: str, x: Tensor, y: Tensor) -> arb_mat:
    """∇²m[x, y] with x and y in z or in φ."""
    none = [arb_mat(len(part), 1) for part in point]
    pairs = []
    for place, direction in zip(BLOCKS[block], (x, y), strict=True):
        pair = list(none)
        pair[place] = vector(direction)
        pairs.append(tuple(pair))
    return case.model.second(*map(vector, point), *pairs)


@fewer
@given(cases(), st.integers(0, 2**32))
def test_no_second_derivative_in_the_box_is_above_the_upper_end(case: Case, seed: int) -> None:
    norms = case.model.second_norms_on(case.z, case.phi)
    assert norms.keys() == BLOCKS.keys()
    for point in case.points(seed, 1):
        blocks = second_derivatives(case, *point)
        for block, (lower, upper) in norms.items():
            assert 0 <= lower <= upper
            x, y = steepest(blocks[block], seed)
            with precision():
                found = norm(bend(case, point, block, x, y))
                allowed = arb(upper.item()) * norm(vector(x)) * norm(vector(y))
            assert found.lower() <= allowed.upper()


@fewer
@given(cases(), st.integers(0, 2**32))
def test_no_quotient_of_second_derivatives_is_above_rho(case: Case, seed: int) -> None:
    """‖∇²m(p)[x, y] − ∇²m(p')[x, y]‖ ≤ ρ_m ‖p − p'‖ ‖x‖ ‖y‖, sum norms, for p, p' in the box."""
    lower, upper = case.model.third_norm_on(case.z, case.phi)
    assert 0 <= lower <= upper
    points = case.points(seed, 3)
    sides = (
        numbers(2 * len(case.z.lower), seed).chunk(2),
        numbers(2 * len(case.phi.lower), 1).chunk(2),
    )
    with precision():
        x, y = ((vector(a), vector(b)) for a, b in zip(*sides, strict=True))
        length = (norm(x[0]) + norm(x[1])) * (norm(y[0]) + norm(y[1]))
        for first, other in pairwise(points):
            here, there = ([vector(part) for part in point] for point in (first, other))
            change = case.model.second(*here, x, y) - case.model.second(*there, x, y)
            apart = norm(here[0] - there[0]) + norm(here[1] - there[1])
            assert norm(change).lower() <= (arb(upper.item()) * length * apart).upper()


FIXED = [
    LinearGain(shape="full", dim=2),
    MLPRule(hidden=2, depth=1, output_scale=0.3),
    MLPRule(hidden=2, depth=2, output_scale=0.3, scope="vector", dim=2),
]


@pytest.mark.parametrize("rule", FIXED)
def test_lower_ends_are_below_the_upper_ends_of_every_box_around(rule: MemorylessRule) -> None:
    """What is attained at a point is below the certificate of each box that contains it."""
    case = Case(rule, 2, seed=4)
    point = IntervalTensor.exactly(case.z.midpoint), IntervalTensor.exactly(case.phi.midpoint)
    here, around = case.model.second_norms_on(*point), case.model.second_norms_on(case.z, case.phi)
    for block in BLOCKS:
        assert here[block][0] <= around[block][1]
    assert case.model.third_norm_on(*point)[0] <= case.model.third_norm_on(case.z, case.phi)[1]


@pytest.mark.parametrize("rule", FIXED)
def test_a_batch_of_points_is_a_loop_over_points(rule: MemorylessRule) -> None:
    case = Case(rule, 2, seed=3)
    z, phi = (torch.stack(parts) for parts in zip(*case.points(0, 0), strict=True))
    for batch in (phi, phi[0]):
        together = evaluate(
            case.model, z.unsqueeze(1), batch.unsqueeze(1) if batch.ndim > 1 else batch
        )
        loop = [evaluate(case.model, z[i], batch[i] if batch.ndim > 1 else batch) for i in range(2)]
        for name, found in together.items():
            alone = torch.stack([single[name] for single in loop]).unsqueeze(1)
            assert found.shape == alone.shape
            scale = 1 + alone.abs().amax()
            assert (found - alone).abs().max() <= 1e-9 * scale, name


def evaluate(model: RuleModel, z: Tensor, phi: Tensor) -> dict[str, Tensor]:
    boxes = IntervalTensor.exactly(z), IntervalTensor.exactly(phi)
    in_z, in_phi = model.jacobians_on(*boxes)
    found = {"in_z": in_z.lower, "in_phi": in_phi.upper}
    found["rho_m"] = model.third_norm_on(*boxes)[1]
    for name, (_, upper) in model.second_norms_on(*boxes).items():
        found[name] = upper
    return found


@pytest.mark.parametrize("shape", ["scalar", "diagonal", "full"])
def test_the_constants_of_a_gain_are_closed_forms(shape: str) -> None:
    """0, 1, 0 and 0 on any box; ‖∇²m[δz, δφ]‖ = 1 is attained on the first axes."""
    rule = LinearGain(shape=shape, dim=None if shape == "scalar" else 3)
    case = Case(rule, 3, seed=0)
    norms = case.model.second_norms_on(case.z, case.phi)
    assert {name: tuple(map(float, ends)) for name, ends in norms.items()} == {
        "L_zz": (0, 0),
        "L_zphi": (1, 1),
        "L_phiphi": (0, 0),
    }
    assert tuple(map(float, case.model.third_norm_on(case.z, case.phi))) == (0, 0)
    axes = (torch.eye(n, dtype=torch.float64)[0] for n in (3, Parameters.of(rule).size))
    with precision():
        assert norm(bend(case, case.points(0, 0)[0], "L_zphi", *axes)) == 1


def test_flat_params_is_the_order_of_the_model() -> None:
    """With ten hidden layers `weight_10` comes before `weight_2`."""
    rule = MLPRule(hidden=2, depth=10, output_scale=1.0)
    params = rule.init_params(generator(0))
    z = numbers(3, 1)
    with precision():
        value = rule_model(rule).at(vector(z), vector(flat_params(params))).value
    assert close(value, rule.m(z, params), 1.0)


def test_what_has_no_model_and_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="LinearGain, MLPRule"):
        rule_model(SGD())
    model = rule_model(MLPRule(hidden=2, scope="vector", dim=2))
    phi = numbers(Parameters.of(model.rule).size, 0)
    with pytest.raises(InvalidArgument, match="z: got 3"):
        model.at(vector(numbers(3, 0)), vector(phi))
    with pytest.raises(InvalidArgument, match="φ: got"):
        model.at(vector(numbers(2, 0)), vector(phi[1:]))
