"""Sampled lower ends: never above a certified upper end, and close to it where a search can be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from flint import arb
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import EndMethod
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.arithmetic import exact, identity, norm, precision, vector
from ml2o_theory.constants import definitions, derivative_norm
from ml2o_theory.constants.ascent import Search, largest
from ml2o_theory.constants.base import MEANING, STEPWISE
from ml2o_theory.constants.definitions import Parameters, coordinates, suprema
from ml2o_theory.constants.derivative_norm import DerivativeNorm, normalised
from ml2o_theory.constants.gain_quadratic import pair_constants, pair_region
from ml2o_theory.constants.points import BoxPoints, point_set
from ml2o_theory.constants.sampled import sampled, sampled_constants, sampled_supremum
from ml2o_theory.exact_quadratic import QuadraticPair
from ml2o_theory.regions import Ball, Box, ParameterInterval, Region

PAIRS = st.from_type(QuadraticPair)
SMALL = Search(samples=18, starts=3, rounds=6)
GAIN = LinearGain()
SYMBOLS = ("M", "L", "Delta", "Delta_tilde", "M_m1", "M_m2", "L_m", "Q_bar")
FEWER = settings.default.max_examples // 4
"""Where an example is several searches."""

FOUND = 0.9
"""Of the closed form, on balls: these suprema may have other local maxima beside them."""

ROUNDED = 1e-9
"""Relative size of the allowance for rounding, at most, for a few hundred operations."""


def gain_region(pair: QuadraticPair, low: float, high: float, steps: int = 2) -> Region:
    unit = 1 / max(pair.first.gram_norm().item(), pair.second.gram_norm().item(), 1.0)
    return pair_region(pair, ParameterInterval(low * unit, high * unit), steps)


@given(PAIRS, st.sampled_from(SYMBOLS), st.integers(0, 2**30), st.booleans())
@settings(max_examples=2 * FEWER)
def test_never_above_the_certified_end_and_close_below_it(
    pair: QuadraticPair, symbol: str, seed: int, expansive: bool
) -> None:
    region = gain_region(pair, -1.0 if expansive else 0.1, 1.9)
    certified = pair_constants(pair, region)[symbol]
    tasks = [pair.first, pair.second]
    found = sampled(tasks, GAIN, region, [symbol], seed=seed, search=SMALL)[symbol]
    assert found.lower.value <= certified.upper.value
    event(f"{symbol}, {'zero' if certified.upper.value == 0 else 'positive'}")
    # Float64 cannot resolve what cancels: ∇l¹ − ∇l² of two tasks that are large and close.
    scale = exact(sum(task.gram_norm().item() for task in tasks) * 1e-12)
    assert found.lower.value >= FOUND * certified.lower.value - scale


def test_every_constant_by_hand() -> None:
    """l¹ = ½(2x − 1)², l² = ½x² on X = [0.5, 1.5], Φ = [0, ¼], Z = [−4, 4]."""
    data = [torch.tensor(v, dtype=torch.float64) for v in ([[2.0]], [1.0], [[1.0]], [0.0], [1.0])]
    pair = QuadraticPair(QuadraticTask(*data[:2]), QuadraticTask(*data[2:4]), data[4])
    region = pair_region(pair, ParameterInterval(0.0, 0.25), 1)
    found = sampled_constants([pair.first, pair.second], GAIN, region, seed=0, search=SMALL)
    expected = {"M": 4, "L": 4, "rho": 0, "tau": 0, "M_m1": 0.25, "M_m2": 4, "L_m": 1}
    expected |= {"rho_m": 0, "Q_bar": 1, "Delta": 2.5, "Delta_tilde": 3}
    assert set(found) == set(expected) == set(MEANING) - {"delta_x0", "delta_phi"}
    for symbol, value in expected.items():
        lower = found[symbol].lower
        assert float(lower.value) == pytest.approx(value, rel=ROUNDED), symbol
        assert lower.value <= value
        assert not found[symbol].upper.value.is_finite()
        assert (lower.method, lower.seed) == (EndMethod.SEARCHED, 0)


def value_at(pair: QuadraticPair, symbol: str, witness: dict[str, tuple[float, ...]]) -> arb:
    """A constant's value at its witness, recomputed in arb from the tasks' exact data."""
    entries = {key.split(" (")[0]: value for key, value in witness.items()}
    parts = {key.split(" (")[1].rstrip(")") for key in witness}
    (part,) = parts
    first, second = pair.gradients
    q = {"task 1": first, "task 2": second, "l¹ − l²": first - second}.get(part)
    with precision(300):
        at = {key: vector(torch.tensor(v, dtype=torch.float64)) for key, v in entries.items()}
        u = at.get("δx_1")
        if q is not None and u is None:
            return norm(q.gradient(at["x"]))
        if q is not None and u is not None:
            H = q.H
            if symbol == "Q_bar":
                H = identity(H.nrows()) - at["φ"][0, 0] * H
            return norm(H * u) / norm(u)
        return abs(at["φ"][0, 0]) if symbol == "M_m1" else norm(at["z"])


@given(PAIRS, st.sampled_from([s for s in SYMBOLS if s != "L_m"]))
@settings(max_examples=FEWER)
def test_the_witness_is_in_the_region_and_gives_the_value(pair: QuadraticPair, symbol: str) -> None:
    """A reader who takes the witness and the tasks' data gets at least the lower end, exactly."""
    region = gain_region(pair, 0.1, 1.9)
    tasks = [pair.first, pair.second]
    end = sampled(tasks, GAIN, region, [symbol], seed=1, search=SMALL)[symbol].lower
    assert end.witness is not None
    true = value_at(pair, symbol, end.witness)
    assert end.value <= true
    with precision(300):
        for key, point in end.witness.items():
            ball = {"x": region.x, "z": region.z}.get(key.split(" (")[0])
            if isinstance(ball, Ball):
                x, center = (torch.tensor(v, dtype=torch.float64) for v in (point, ball.center))
                assert norm(vector(x) - vector(center)) <= ball.radius


def test_without_the_allowance_a_sampled_value_does_exceed_the_certified_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: Δ = ‖Aᵀ(b² − b¹)‖ = 1e-4 is the same at every x, and the search picks an x
    where the difference of two gradients of size 1e8 comes out too large."""
    A, x0 = torch.tensor([[1e4]], dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    pair = QuadraticPair(QuadraticTask(A, 0 * x0), QuadraticTask(A, 1e-8 * x0), x0)
    region = gain_region(pair, 0.1, 1.9)
    tasks, certified = [pair.first, pair.second], pair_constants(pair, region)["Delta"].upper.value

    def found() -> arb:
        return sampled(tasks, GAIN, region, ["Delta"], seed=0, search=SMALL)["Delta"].lower.value

    assert 0.5 * float(certified) <= float(found()) <= float(certified)
    monkeypatch.setattr("ml2o_theory.constants.rounding._allowance", lambda tape, value: 0.0)
    assert found() > certified


@pytest.mark.parametrize("radius", [0.01, 1.0, 100.0])
def test_smoothed_lasso_reaches_its_closed_forms(radius: float) -> None:
    """L = ‖A‖² + λ/ε at 0, ρ = 48/(25√5) λ/ε² at ε/2 and τ = 3λ/ε³ at 0, in any ball."""
    task = SmoothedLasso().sample(generator(3))
    sets = {"x": point_set(Ball((0.0,) * 10, exact(radius)))}
    known = suprema([task], GAIN)
    for symbol, true in (
        ("L", task.smooth_lipschitz()),
        ("rho", task.hessian_lipschitz()),
        ("tau", task.third_derivative_lipschitz()),
    ):
        end = sampled_supremum(known[symbol], sets, region="r", seed=0).lower.value
        assert 0.99 * true.item() <= float(end) <= true.item() * (1 + 1e-15), symbol


def test_rosenbrock_on_a_box_by_its_corner() -> None:
    """On [−1, 1]², ∇²l = [[2 + 400(3x₁² − x₂), −400x₁], [−400x₁, 200]]: the norm is largest at
    x = (±1, −1). ∇³l has the entries 2400x₁ and −400: largest at x₁ = ±1."""
    task = Rosenbrock().sample(generator(0))
    sets = {"x": point_set(Box((-1.0, -1.0), (1.0, 1.0)))}
    known = suprema([task], GAIN)
    corner = torch.tensor([1.0, -1.0], dtype=torch.float64)
    L = torch.linalg.matrix_norm(task.hessian(corner), 2).item()
    angles = torch.linspace(0, torch.pi, 20001, dtype=torch.float64)
    c, s = angles.cos(), angles.sin()
    entries = torch.stack([2400 * c - 400 * s, -400 * c, -400 * c, torch.zeros_like(c)], dim=-1)
    rho = torch.linalg.matrix_norm(entries.reshape(-1, 2, 2), 2).max().item()
    for symbol, true in (("L", L), ("rho", rho), ("tau", 2400.0)):
        end = sampled_supremum(known[symbol], sets, region="r", seed=0).lower.value
        assert float(end) == pytest.approx(true, rel=1e-6), symbol


def mlp_sets(rule: MLPRule, d: int, seed: int) -> dict[str, Any]:
    params = rule.init_params(generator(seed))
    phi = torch.cat([params[name].reshape(-1) for name in sorted(params)])
    ball = Ball((0.0,) * d, exact(1.0))
    return {
        "x": point_set(ball),
        "z": point_set(ball),
        "phi": BoxPoints((phi - 0.1)[None], (phi + 0.1)[None]),
    }


def differences(
    rule: MLPRule, sets: dict[str, Any], symbol: str, generator: torch.Generator
) -> float:
    """The steepest difference quotient of m, ∇₁m or ∇₂m over random pairs of points."""
    params = Parameters.of(rule)

    def m(z: Tensor, phi: Tensor) -> Tensor:
        return rule.m(z, params.unflatten(phi))

    z, phi = (sets[name].sample(60, generator) for name in ("z", "phi"))
    change: Callable[[Tensor, Tensor], Tensor]
    argument, wrt = {"M_m1": ("z", None), "M_m2": ("phi", None), "L_zz": ("z", 0)}.get(
        symbol, ("phi", 0 if symbol == "L_zphi" else 1)
    )
    change = m if wrt is None else torch.func.jacrev(m, argnums=wrt)
    best = 0.0
    for i in range(0, 60, 2):
        there = (z[i + 1], phi[i]) if argument == "z" else (z[i], phi[i + 1])
        moved = change(z[i], phi[i]) - change(*there)
        size = moved.norm() if wrt is None else torch.linalg.matrix_norm(moved, 2)
        best = max(best, (size / ((z[i] - there[0]).norm() + (phi[i] - there[1]).norm())).item())
    return best


@pytest.mark.parametrize("symbol", ["M_m1", "M_m2", "L_zz", "L_zphi", "L_phiphi"])
def test_the_search_finds_more_than_random_pairs_do(symbol: str) -> None:
    """Each constant of an MLP rule is a Lipschitz constant: no sampled difference quotient that is
    computed without its definition here, from finite differences, may beat the search."""
    rule = MLPRule(hidden=4, depth=1)
    sets = mlp_sets(rule, d=3, seed=0)
    needed = {name: sets[name] for name in coordinates(symbol)}
    parts = suprema([SmoothedLasso().sample(generator(0))], rule)[symbol]
    end = sampled_supremum(parts, needed, region="r", seed=0, search=Search(128, 8, 24))
    quotient = differences(rule, sets, symbol, generator(5))
    assert 0 < quotient <= float(end.lower.value)


def test_l_m_and_rho_m_are_the_largest_of_their_blocks() -> None:
    rule = MLPRule(hidden=3, depth=1)
    sets = mlp_sets(rule, d=2, seed=1)
    del sets["x"]
    known = suprema([Rosenbrock().sample(generator(0))], rule)
    ends = {
        symbol: sampled_supremum(known[symbol], sets, region="r", seed=0, search=SMALL).lower
        for symbol in ("L_zz", "L_zphi", "L_phiphi", "L_m")
    }
    blocks = [end.value for symbol, end in ends.items() if symbol != "L_m"]
    assert ends["L_m"].value == max(blocks) > 0
    assert [norm.wrt for norm in known["rho_m"].values()] == [
        ("z", "z", "z"),
        ("z", "z", "phi"),
        ("z", "phi", "phi"),
        ("phi", "phi", "phi"),
    ]


@dataclass(frozen=True)
class Bump(Task):
    """A user's own task: l(x) = Σ exp(−c x_k²), not convex, without a model."""

    c: Tensor

    @property
    def dim(self) -> int:
        return self.c.shape[0]

    def loss(self, x: Tensor) -> Tensor:
        return torch.exp(-self.c * x**2).sum()


class Tanh(MemorylessRule):
    """A user's own rule: m(z, φ) = −φ tanh(z)."""

    def init_params(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"step": torch.rand((), generator=generator, dtype=torch.float64)}

    def m(self, z: Tensor, params: dict[str, Tensor]) -> Tensor:
        return -params["step"] * torch.tanh(z)


def test_any_task_and_any_rule() -> None:
    """exp(−x²): |l'| ≤ √(2/e) at 1/√2, |l''| ≤ 2 at 0; tanh: M_m1 = φ, M_m2 = ‖tanh z‖,
    sup |tanh''| = 4/(3√3); Q̄ = 1 − φ l'' sech²(l') is 1.5 at x = 0, where l'' = −2."""
    task = Bump(torch.ones(1, dtype=torch.float64))
    region = Region(
        Ball((0.3,), exact(2.0)), ParameterInterval(0.0, 0.25), Ball((0.0,), exact(1.0)), "s", 1
    )
    found = sampled_constants([task], Tanh(), region, seed=0, search=Search(64, 4, 12))
    e = torch.tensor(1.0, dtype=torch.float64).exp().item()
    expected = {"M": (2 / e) ** 0.5, "L": 2.0, "M_m1": 0.25, "Q_bar": 1.5}
    expected |= {"M_m2": torch.tanh(torch.ones(())).item(), "L_m": 1.0}
    for symbol, value in expected.items():
        assert float(found[symbol].lower.value) == pytest.approx(value, rel=1e-6), symbol
    assert "Delta" not in found
    (curved,) = sampled([task], Tanh(), region, ["L_zz"], seed=0).values()
    assert float(curved.lower.value) == pytest.approx(0.25 * 4 / (3 * 3**0.5), rel=1e-6)


@given(PAIRS, st.integers(0, 2**20))
@settings(max_examples=FEWER)
def test_the_ascent_never_descends(pair: QuadraticPair, seed: int) -> None:
    """Longer searches from the same random points, and searches that include a point."""
    norm_of_gradient = suprema([pair.first], GAIN)["M"]["task 1"]
    sets = {"x": point_set(Ball((0.0,) * pair.first.dim, exact(1.0)))}
    values = [
        largest(norm_of_gradient, sets, Search(9, 3, rounds), generator(seed)).value
        for rounds in (0, 1, 2, 5)
    ]
    assert values == sorted(values)
    point = sets["x"].project(10 * pair.first.A[:1] + 1)
    known = norm_of_gradient.at({"x": point[0]}, ()).item()
    with_it = largest(norm_of_gradient, sets, Search(9, 3, 0), generator(seed), {"x": point})
    # The same norm in a batch of another size may round to the neighbouring float.
    assert with_it.value >= known * (1 - 1e-14)


def test_a_search_without_ascent_is_called_sampled() -> None:
    task = Rosenbrock().sample(generator(0))
    sets = {"x": point_set(Ball((0.0, 0.0), exact(1.0)))}
    parts = suprema([task], GAIN)["M"]
    drawn = sampled_supremum(parts, sets, region="r", seed=4, search=Search(100, 4, 0))
    climbed = sampled_supremum(parts, sets, region="r", seed=4, search=Search(100, 4, 20))
    assert drawn.lower.method is EndMethod.SAMPLED
    assert climbed.lower.value > drawn.lower.value


def test_the_same_seed_finds_the_same() -> None:
    task = SmoothedLasso().sample(generator(0))
    sets = {"x": point_set(Ball((0.0,) * 10, exact(1.0)))}
    parts = suprema([task], GAIN)["rho"]
    ends = [
        sampled_supremum(parts, sets, region="r", seed=s, search=Search(12, 2, 0)).lower
        for s in (7, 7, 8)
    ]
    assert ends[0] == ends[1]
    assert ends[0].witness != ends[2].witness


def test_high_dimension_without_matrices() -> None:
    """d = 3,000 with a Hessian that could not be formed: 72 MB and a cubic decomposition."""
    scales = torch.linspace(0, 1, 3000, dtype=torch.float64)
    scales[-1] = 3.0
    quadratic = DerivativeNorm(lambda point: scales * point["x"], ("x",))
    sets = {"x": point_set(Ball((0.0,) * 3000, exact(1.0)))}
    found = sampled_supremum(
        {"task 1": quadratic}, sets, region="r", seed=0, search=Search(4, 2, 2)
    )
    assert float(found.lower.value) == pytest.approx(3.0, rel=1e-9)
    assert found.lower.value <= 3


def test_refusals() -> None:
    task = Rosenbrock().sample(generator(0))
    region = Region(
        Ball((0.0, 0.0), exact(1.0)),
        ParameterInterval(0.0, 1.0),
        Ball((0.0, 0.0), exact(1.0)),
        "s",
        1,
    )
    with pytest.raises(InvalidArgument, match="one task or two"):
        suprema([], GAIN)
    with pytest.raises(InvalidArgument, match="constant: got 'Delta'"):
        sampled([task], GAIN, region, ["Delta"], seed=0)
    with pytest.raises(InvalidArgument, match="φ"):
        sampled([task], LinearGain(shape="diagonal", dim=2), region, ["M_m1"], seed=0)
    with pytest.raises(InvalidArgument, match="samples"):
        Search(samples=0)
    huge = {"x": point_set(Ball((1e300, 1e300), exact(1.0)))}
    with pytest.raises(InvalidArgument, match="finite"):
        sampled_supremum(suprema([task], GAIN)["M"], huge, region="r", seed=0, search=SMALL)


def test_every_symbol_of_the_recursion_has_a_definition() -> None:
    known = set(suprema([Rosenbrock().sample(generator(0))] * 2, GAIN))
    assert set(MEANING) - {"delta_x0", "delta_phi"} <= known
    # Q, Q_P and L_P are Q̄ and L of one of two runs.
    assert set(STEPWISE) - {"Q", "Q_P", "L_P"} <= known


def test_directions_survive_every_magnitude() -> None:
    for scale in (1e-300, 1.0, 1e300):
        v = scale * torch.tensor([[3.0, 4.0]], dtype=torch.float64)
        assert torch.allclose(normalised(v), torch.tensor([[0.6, 0.8]], dtype=torch.float64))
    zero = torch.zeros(1, 2, dtype=torch.float64)
    old = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert torch.equal(normalised(zero, old), old)


@pytest.mark.parametrize(
    ("module", "name", "old", "new"),
    [
        (definitions, "_closed_loop", 'point["x"] +', 'point["x"] -'),
        (derivative_norm, "_inner", "w * F(point)", "w * F(point) * 2"),
    ],
)
def test_a_planted_defect_shows(
    module: Any,
    name: str,
    old: str,
    new: str,
    mutated: Callable[..., Callable[..., Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A wrong sign in Q̄ and a doubled derivative exceed the certified ends."""
    data = [torch.tensor(v, dtype=torch.float64) for v in ([[2.0]], [1.0], [[1.0]], [0.0], [1.0])]
    pair = QuadraticPair(QuadraticTask(*data[:2]), QuadraticTask(*data[2:4]), data[4])
    region = pair_region(pair, ParameterInterval(0.0, 0.25), 1)
    monkeypatch.setattr(module, name, mutated(getattr(module, name), old, new))
    certified = pair_constants(pair, region)["Q_bar"].upper.value
    found = sampled([pair.first], GAIN, region, ["Q_bar"], seed=0, search=SMALL)["Q_bar"]
    assert found.lower.value > certified
