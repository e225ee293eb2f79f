"""A3: closed forms attained, sequences that exceed any constant, kinks outside of the region."""

from __future__ import annotations

import math

import pytest
import torch
from flint import arb
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.optimizers.sgd import SGD
from ml2o_core.results import AssumptionVerdict, EndMethod
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.assumptions import rnnprop
from ml2o_theory.assumptions.a3_lipschitz import A3a, A3b, A3c, A3d, A3e, A3f
from ml2o_theory.assumptions.base import AssumptionCheck, Setting
from ml2o_theory.assumptions.instances import quadratic_pair, setting_of, tensor
from ml2o_theory.assumptions.task_constants import gradient_box
from ml2o_theory.models import flat_params
from ml2o_theory.regions import Ball, Box, ParameterInterval

HOLDS, REFUTED, OPEN = AssumptionVerdict.HOLDS, AssumptionVerdict.REFUTED, AssumptionVerdict.OPEN
UNIT = Box((-1.0, -1.0), (1.0, 1.0))
AWAY = Box((0.5, -3.0), (2.0, -0.25))
"""A box without a kink: no coordinate is 0 in it."""


def lasso(weight: float = 0.5) -> LassoTask:
    return LassoTask(torch.eye(2, dtype=torch.float64), tensor([1.0, 2.0]), tensor(weight))


def smoothed() -> SmoothedLassoTask:
    fit = quadratic_pair().first
    return SmoothedLassoTask(fit.A, fit.b, tensor(0.25), tensor(0.125))


def on(task: Task, x: Box | Ball | None, rule: UpdateRule | None = None) -> Setting:
    return setting_of(task, rule or LinearGain(), tensor([0.25, -0.5]), x)


def constant(check: AssumptionCheck, symbol: str) -> tuple[float, float]:
    (found,) = (part.value for part in check.evidence if part.symbol == symbol)
    return float(found.lower.value), float(found.upper.value)


def test_lassos_kink_recomputed_by_hand() -> None:
    """H = I, λ = ½: ∇l(t, 1) − ∇l(−t, 1) = (2t + 1, 0), so the ratio is 1 + 1/(2t)."""
    check = A3b().check(on(lasso(), None))
    assert check.verdict is REFUTED
    assert check.refutation is not None
    for exhibit, n in zip(check.refutation.exhibits, (0, 10, 20, 40), strict=True):
        t = 2.0**-n
        assert exhibit.points == {"x": (t, 1.0), "y": (-t, 1.0)}
        x, y = (tensor(point) for point in exhibit.points.values())
        gradients = [lasso().gradient(point) for point in (x, y)]
        assert gradients[0].tolist() == [t - 1 + 0.5, -1 + 0.5]
        shown = [[float(v.mid()) for v in m.entries()] for m in exhibit.computed.values()]
        assert shown == [g.tolist() for g in gradients]
        assert float(exhibit.value.mid()) == pytest.approx(1 + 1 / (2 * t), rel=1e-14)
        assert exhibit.value >= 0.5 / t


@settings(max_examples=settings.default.max_examples // 10)
@given(constant=st.floats(1, 1e30))
def test_the_kinks_sequence_exceeds_any_constant(constant: float) -> None:
    refutation = A3c().check(on(lasso(1e-3), None)).refutation
    assert refutation is not None
    assert refutation.sequence is not None
    assert refutation.sequence.beyond(constant).value > constant


@pytest.mark.parametrize("where", [UNIT, Ball((0.0, 0.0), arb(1)), None])
def test_a_kink_inside_the_region_refutes(where: Box | Ball | None) -> None:
    check = A3b().check(on(lasso(), where))
    assert check.verdict is REFUTED
    assert check.refutation is not None
    for exhibit in check.refutation.exhibits:
        for point in exhibit.points.values():
            assert where is None or tensor(point).norm() <= math.sqrt(2)
            assert not isinstance(where, Ball) or tensor(point).norm() <= 1


def test_without_a_kink_lasso_is_as_smooth_as_its_fit() -> None:
    """The negative control: away from the axes, or without weight, A3b holds with L = ‖H‖ = 1."""
    for task, where in ((lasso(), AWAY), (lasso(0.0), UNIT), (lasso(0.0), None)):
        check = A3b().check(on(task, where))
        assert check.verdict is HOLDS
        assert constant(check, "L") == pytest.approx((1.0, 1.0), abs=1e-12)
    touching = A3b().check(on(lasso(), Box((0.0, 1.0), (1.0, 2.0))))
    assert touching.verdict is HOLDS


def test_lassos_gradient_is_bounded_on_a_box() -> None:
    """H = I: the largest of |x − b ± λ| on the box is at x = (−1, −1): (−2.5, −3.5)."""
    check = A3a().check(on(lasso(), UNIT))
    assert check.verdict is HOLDS
    lower, upper = constant(check, "M")
    assert lower <= math.hypot(2.5, 3.5) <= upper <= math.hypot(2.5, 3.5) * (1 + 1e-12)


def test_quadratics_on_all_of_space() -> None:
    task = quadratic_pair().first
    refuted = A3a().check(on(task, None))
    assert refuted.verdict is REFUTED
    assert refuted.refutation is not None
    assert refuted.refutation.sequence is not None
    exhibit = refuted.refutation.sequence.beyond(1e12)
    (x,) = exhibit.points.values()
    assert task.gradient(tensor(x)).norm().item() == pytest.approx(float(exhibit.value.mid()))
    assert A3b().check(on(task, None)).verdict is HOLDS
    low, high = constant(A3b().check(on(task, None)), "L")
    assert low == pytest.approx(task.gram_norm().item(), rel=1e-12)
    assert high == pytest.approx(low, rel=1e-12)
    assert constant(A3c().check(on(task, None)), "rho") == (0.0, 0.0)


def test_a_constant_gradient_needs_no_bounded_region() -> None:
    """A = 0: ∇l = 0 everywhere, and A3a holds on R^d (the tight case of its refutation)."""
    flat = QuadraticTask(torch.zeros(2, 2, dtype=torch.float64), tensor([1.0, 1.0]))
    check = A3a().check(on(flat, None))
    assert check.verdict is HOLDS
    assert constant(check, "M") == (0.0, 0.0)


def test_smoothed_lasso_attains_its_closed_forms_on_all_of_space() -> None:
    task, x = smoothed(), None
    assert A3a().check(on(task, x)).verdict is REFUTED
    for assumption, symbol, claimed, at in (
        (A3b(), "L", task.smooth_lipschitz(), 0.0),
        (A3c(), "rho", task.hessian_lipschitz(), 0.0625),
        (A3f(), "tau", task.third_derivative_lipschitz(), 0.0),
    ):
        check = assumption.check(on(task, x))
        assert check.verdict is HOLDS
        low, high = constant(check, symbol)
        assert low == pytest.approx(claimed.item(), rel=1e-12)
        assert high >= low
        # The supremum is attained on X too: a box around the point does not lower it by much.
        box = Box((at - 1e-3,) * 2, (at + 1e-3,) * 2)
        near = constant(assumption.check(on(task, box)), symbol)
        assert near[1] <= high * (1 + 1e-9)
        assert near[1] >= 0.99 * high
    assert A3a().check(on(task, UNIT)).verdict is HOLDS


@pytest.mark.parametrize(
    ("assumption", "growth"), [(A3a(), 8.0), (A3b(), 4.0), (A3c(), 2.0)], ids=["M", "L", "rho"]
)
def test_rosenbrock_grows_as_its_degree_says(assumption: A3a, growth: float) -> None:
    """∇l as s³, the ratio of gradients as s², of Hessians as s."""
    task = RosenbrockTask(tensor([100.0]))
    check = assumption.check(on(task, None))
    assert check.verdict is REFUTED
    assert check.refutation is not None
    assert check.refutation.sequence is not None
    values = [float(check.refutation.sequence.at(k).value.mid()) for k in (20, 21)]
    assert values[1] / values[0] == pytest.approx(growth, rel=1e-4)
    assert assumption.check(on(task, UNIT)).verdict is HOLDS


def test_rosenbrocks_ratio_by_hand() -> None:
    """x = (1, 0), y = (2, 0), c = 100: ∇l = (400, −200) and (3202, −800)."""
    check = A3b().check(on(RosenbrockTask(tensor([100.0])), None))
    assert check.refutation is not None
    first = check.refutation.exhibits[0]
    assert first.points == {"x": (1.0, 0.0), "y": (2.0, 0.0)}
    shown = [[float(v.mid()) for v in m.entries()] for m in first.computed.values()]
    assert shown == [[400.0, -200.0], [3202.0, -800.0]]
    assert float(first.value.mid()) == pytest.approx(math.hypot(2802, 600), rel=1e-14)


class Sine(Task):
    """Σ sin x_k: no model, no closed form; L = 1."""

    @property
    def dim(self) -> int:
        return 2

    def loss(self, x: Tensor) -> Tensor:
        return x.sin().sum()


def test_a_task_without_a_model_is_open_with_a_sampled_lower_end() -> None:
    task = Sine()
    check = A3b().check(on(task, UNIT))
    assert check.verdict is OPEN
    (part,) = check.evidence
    assert part.value.lower.method is EndMethod.SEARCHED
    assert 0.7 < float(part.value.lower.value) <= 1.0
    assert A3b().check(on(task, None)).verdict is OPEN


@settings(max_examples=settings.default.max_examples // 10)
@given(data=st.data())
def test_no_point_exceeds_a_certified_constant(data: st.DataObject) -> None:
    """Soundness: ratios of pairs in X stay below the upper ends of L and ρ, gradients below M."""
    number = st.floats(-2, 2, width=32)
    A = tensor(
        data.draw(st.lists(st.lists(number, min_size=2, max_size=2), min_size=2, max_size=2))
    )
    b = tensor(data.draw(st.lists(number, min_size=2, max_size=2)))
    kind = data.draw(st.sampled_from(["quadratic", "smoothed", "rosenbrock"]))
    event(kind)
    task: Task = {
        "quadratic": QuadraticTask(A, b),
        "smoothed": SmoothedLassoTask(A, b, tensor(0.5), tensor(0.25)),
        "rosenbrock": RosenbrockTask(tensor([1 + b[0].abs().item()])),
    }[kind]
    coordinate = st.floats(-1, 1)
    x, y = (tensor(data.draw(st.tuples(coordinate, coordinate))) for _ in range(2))
    M, L, rho = (
        constant(assumption.check(on(task, UNIT)), symbol)[1]
        for assumption, symbol in ((A3a(), "M"), (A3b(), "L"), (A3c(), "rho"))
    )
    apart = (x - y).norm()
    slack = 1e-9 * (1 + M + L + rho)
    assert task.gradient(x).norm() <= M + slack
    assert (task.gradient(x) - task.gradient(y)).norm() <= L * apart + slack
    change = torch.linalg.matrix_norm(task.hessian(x) - task.hessian(y), 2)
    assert change <= rho * apart + slack


def test_the_gain_rule_by_hand() -> None:
    """Z = [−1, 1]², Φ = [0, 1/8]: M_m1 = 1/8, M_m2 = √2, L_m = 1, ρ_m = 0."""
    setting = on(quadratic_pair().first, UNIT)
    rule = A3d().check(setting)
    assert rule.verdict is HOLDS
    assert constant(rule, "M_m1")[1] == pytest.approx(0.125, rel=1e-12)
    assert constant(rule, "M_m2")[1] == pytest.approx(math.sqrt(2), rel=1e-12)
    assert constant(A3e().check(setting), "L_m") == (1.0, 1.0)
    assert constant(A3f().check(setting), "rho_m") == (0.0, 0.0)


def test_the_gain_rule_needs_bounded_gradients() -> None:
    pair = quadratic_pair()
    interval = ParameterInterval(0.0, 0.125)
    setting = Setting((pair.first,), pair.x0, LinearGain(), None, None, interval, 2, "quadratic")
    check = A3d().check(setting)
    assert check.verdict is REFUTED
    assert check.refutation is not None
    assert check.refutation.sequence is not None
    assert check.refutation.sequence.beyond(1e40).value > 1e40
    assert A3e().check(setting).verdict is HOLDS


def test_a_network_on_a_compact_set() -> None:
    rule, task = MLPRule(hidden=2, depth=1), quadratic_pair().first
    phi = flat_params(rule.init_params(torch.Generator().manual_seed(0)))
    around = Box(tuple((phi - 0.1).tolist()), tuple((phi + 0.1).tolist()))
    setting = setting_of(task, rule, tensor([0.25, -0.5]), UNIT, around)
    for assumption in (A3d(), A3e(), A3f()):
        check = assumption.check(setting)
        assert check.verdict is HOLDS
        assert all(
            low <= high < math.inf
            for low, high in (constant(check, part.symbol) for part in check.evidence)
        )


def test_rules_without_a_method_are_open() -> None:
    setting = on(quadratic_pair().first, UNIT, SGD())
    assert A3d().check(setting).verdict is OPEN
    deep = RNNprop(hidden=2, layers=2)
    check = A3d().check(on(quadratic_pair().first, UNIT, deep))
    assert check.verdict is OPEN
    assert "one LSTM layer" in check.reason


@given(
    g=st.floats(-10, 10).filter(lambda g: abs(g) > 1e-6),
    v=st.floats(0, 10),
    t=st.integers(1, 30),
    epsilon=st.sampled_from([1e-8, 1e-3, 0.5]),
)
def test_the_features_slope_against_autodiff(g: float, v: float, t: int, epsilon: float) -> None:
    """The closed form of ∂f₁/∂g is the derivative of the rule's own features, and below 1/ε."""
    rule = RNNprop(hidden=2, epsilon=epsilon)
    before = v if t > 1 else 0.0
    state = {"m": tensor([0.0]), "v": tensor([before]), "t": tensor(float(t - 1))}

    def first(z: Tensor) -> Tensor:
        return rule.features(z, state)[0][0, 0]

    slope = torch.func.grad(first)(tensor([g])).item()
    exact = rnnprop.slope(arb(g), arb(before), t, rule.beta2, arb(epsilon))
    assert float(exact.mid()) == pytest.approx(slope, rel=1e-6, abs=1e-9)
    assert exact <= 1 / arb(epsilon) * (1 + arb(1e-12))


def test_no_gradient_moves_rnnprop_faster_than_its_bound() -> None:
    """M_m1 and M_m2 against Jacobians of the rule after histories that gradients produce."""
    rule = RNNprop(hidden=3, epsilon=0.01)
    task, x0, generator = quadratic_pair().first, tensor([0.25, -0.5]), torch.Generator()
    params = rule.init_params(generator.manual_seed(1))
    w = flat_params(params).abs().max().item()
    size = flat_params(params).numel()
    setting = setting_of(task, rule, x0, UNIT, Box((-w,) * size, (w,) * size))
    check = A3d().check(setting)
    assert check.verdict is HOLDS
    M_m1, M_m2 = constant(check, "M_m1")[1], constant(check, "M_m2")[1]
    for scale in (1e-4, 0.01, 1.0, 100.0):
        state = rule.init_state(task, x0)
        for _ in range(setting.steps):
            z = scale * torch.randn(2, generator=generator, dtype=torch.float64)

            def step(
                z: Tensor, params: dict[str, Tensor], state: dict[str, Tensor] = state
            ) -> Tensor:
                return rule.update({"gradient": z}, state, params)[0]

            in_z, in_params = torch.func.jacrev(step, argnums=(0, 1))(z, params)
            in_phi = torch.cat([in_params[name].reshape(2, -1) for name in sorted(params)], dim=1)
            assert torch.linalg.matrix_norm(in_z, 2) <= M_m1
            assert torch.linalg.matrix_norm(in_phi, 2) <= M_m2
            state = rule.update({"gradient": z}, state, params)[1]


def test_rnnprops_second_derivative_jumps() -> None:
    """g = ±t, ε = 1e-8: the ratio is 2ε/(t(t + ε)³), by hand at t = ε: 1/(4ε³)."""
    refutation = rnnprop.kink_of_second_derivative(1e-8)
    assert float(refutation.exhibits[0].value.mid()) == pytest.approx(2.5e23, rel=1e-12)
    check = A3f().check(on(quadratic_pair().first, UNIT, RNNprop(hidden=2)))
    assert check.verdict is REFUTED
    assert refutation.sequence is not None
    assert refutation.sequence.beyond(1e60).value > arb(10) ** 60


def test_gradients_of_every_task_are_in_their_box() -> None:
    tasks = (quadratic_pair().first, lasso(), smoothed())
    box = gradient_box(tasks, UNIT)
    for task in tasks:
        for x in torch.rand(20, 2, dtype=torch.float64, generator=torch.Generator()) * 2 - 1:
            assert task.gradient(x) in box


def test_the_rows_carry_the_witness_and_the_evidence() -> None:
    refuted = A3b().check(on(lasso(), UNIT))
    row = refuted.row("assumptions", "A3b", "lasso")
    assert row.witness is not None
    assert "∇l(x) ≈" in row.witness
    holds = A3b().check(on(smoothed(), UNIT))
    row = holds.row("assumptions", "A3b", "smoothed")
    (constant_row,) = holds.constant_rows("assumptions", "A3b", "smoothed")
    assert row.evidence == (constant_row.id,)
    assert row.witness is None
