"""The comparison of devices: CPU against CPU with planted differences, and a real GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from analyses.device_parity_compare import (
    Nudge,
    Place,
    Values,
    allowance,
    difference,
    judge,
    same_bytes,
)
from analyses.device_parity_computations import (
    MetaWindow,
    Training,
    Unrolls,
    methods,
    refusal,
    unrolls,
)
from analyses.device_parity_rows import Comparison, PartOf
from analyses.device_parity_speed import Timing, speed_rows, time_windows
from ml2o_core.devices import deterministic
from ml2o_core.meta.base import MetaGradient
from ml2o_core.meta.config import TrainConfig
from ml2o_core.optimizers.base import UpdateRule
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import ParityRow, SpeedRow
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.rosenbrock import Rosenbrock
from ml2o_core.unroll import GraphMode

CPU = torch.device("cpu")
EXACT = Place(CPU, torch.float64)
SMALL = TrainConfig(
    family=Lasso(rows=4, cols=3),
    rule=RNNprop(hidden=3),
    unroll_steps=4,
    batch_size=3,
    repeats=2,
    windows=2,
)
COMPARE = Comparison("device-parity", CPU, CPU, roundings=64, draws=2)
REQUIRES_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

Plant = Callable[[Tensor], Tensor]


@dataclass
class OnTwoDevices:
    """A computation on two devices, which are the same CPU: the order of calls tells them apart.

    `Comparison.rows` computes float64 on the reference and on the other device, float32 on the
    reference and on the other, and then the nudged references. `plant` changes the results of the
    other device; `enter` hears before every call whether it is there.
    """

    inner: Unrolls | MetaWindow | Training
    plant: Plant = lambda value: value
    enter: Callable[[bool], None] = lambda there: None
    calls: int = 0

    @property
    def setting(self) -> str:
        return self.inner.setting

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values:
        self.calls += 1
        there = nudge is None and self.calls in (2, 4)
        self.enter(there)
        found = self.inner(place, nudge)
        if there:
            return {name: [self.plant(v) for v in values] for name, values in found.items()}
        return found


def rows_of(monkeypatch: pytest.MonkeyPatch, plant: Plant) -> dict[str, ParityRow]:
    """Unrolls of RNNprop, whose every step on the other device is `plant` of the true one."""
    true_update = RNNprop.update
    there = [False]

    def update(self: RNNprop, z: Any, state: Any, params: Any) -> tuple[Tensor, Any]:
        step, state = true_update(self, z, state, params)
        return (plant(step) if there[0] else step), state

    monkeypatch.setattr(RNNprop, "update", update)
    run = OnTwoDevices(Unrolls(SMALL), enter=lambda now: there.__setitem__(0, now))
    return {row.compared: row for row in COMPARE.rows(PartOf.UNROLL, run.setting, run)}


FINE = "cpu float64 again against cpu float64"
ROUGH = "cpu float32 against cpu float64"
ROUGH_AGAIN = "cpu float32 again against cpu float64 again"


class TestTheDifference:
    def test_is_relative_to_the_largest_entry_of_the_case(self) -> None:
        reference = [torch.tensor([[4.0, -8.0], [1.0, 1.0]], dtype=torch.float64)]
        value = [torch.tensor([[4.0, -7.0], [1.0, 1.5]], dtype=torch.float64)]
        assert difference(value, reference).tolist() == [0.125, 0.5]

    def test_of_equal_zeros_is_zero_and_from_zero_infinite(self) -> None:
        zero, one = torch.zeros(1, 2, dtype=torch.float64), torch.ones(1, 2, dtype=torch.float64)
        assert difference([zero], [zero]).tolist() == [0.0]
        assert difference([one], [zero]).tolist() == [torch.inf]

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf])
    def test_of_what_is_not_finite_is_infinite(self, bad: float) -> None:
        one = torch.ones(1, 2, dtype=torch.float64)
        other = torch.tensor([[1.0, bad]], dtype=torch.float64)
        for pair in ((one, other), (other, one), (other, other)):
            assert difference([pair[0]], [pair[1]]).tolist() == [torch.inf]

    def test_of_bytes_sees_the_sign_of_zero_and_takes_nan_for_itself(self) -> None:
        plus, minus = torch.tensor([[0.0]]).double(), torch.tensor([[-0.0]]).double()
        nan = torch.tensor([[torch.nan]]).double()
        assert same_bytes({"x": [plus]}, {"x": [plus.clone()]})
        assert not same_bytes({"x": [plus]}, {"x": [minus]})
        assert same_bytes({"x": [nan]}, {"x": [nan.clone()]})


@dataclass(frozen=True)
class Power:
    """x ↦ x^k: every relative change of x comes out k times as large."""

    k: int
    setting: str = "power"

    def __call__(self, place: Place, nudge: Nudge | None = None, /) -> Values:
        x = {"x": torch.full((3, 1), 2.0, dtype=torch.float64)}
        x = x if nudge is None else nudge(x, "x")
        return {"y": [place.bring_back(x["x"].to(place.dtype) ** self.k)]}


class TestTheAllowance:
    @pytest.mark.parametrize("precision", [torch.float32, torch.float64])
    @pytest.mark.parametrize("k", [0, 1, 5])
    def test_is_tight(self, k: int, precision: torch.dtype) -> None:
        """(1 + k) · 64 units of rounding for x^k: its own, and k for each of the input's."""
        power, unit = Power(k), torch.finfo(precision).eps / 2
        allowed = allowance(power, power(EXACT), EXACT, roundings=64, precision=precision, draws=2)[
            "y"
        ]
        # x^k is rounded in float64 itself: a few units of 2^-53 beside 64.
        torch.testing.assert_close(
            allowed, torch.full_like(allowed, (1 + k) * 64 * unit), rtol=0.1, atol=0
        )

    def test_is_the_case_s_own(self) -> None:
        found = judge(torch.tensor([1e-9, 3e-9]), torch.tensor([1e-8, 2e-9]))
        assert (found.cases, found.beyond, found.unjudged) == (2, 1, 0)
        assert (found.difference, found.tolerance) == pytest.approx((3e-9, 2e-9))

    def test_judges_no_case_that_diverges(self) -> None:
        found = judge(torch.tensor([torch.inf, 1e-9]), torch.tensor([torch.inf, 1e-8]))
        assert (found.beyond, found.unjudged) == (0, 1)
        assert found.tolerance == pytest.approx(1e-8)
        nothing = judge(torch.tensor([0.0]), torch.tensor([torch.inf]))
        assert (nothing.cases, nothing.beyond, nothing.unjudged) == (1, 0, 1)

    def test_a_result_that_is_not_finite_where_the_reference_is_lies_beyond(self) -> None:
        found = judge(torch.tensor([torch.inf]), torch.tensor([1e-8]))
        assert found.beyond == 1

    def test_nudges_change_every_input_by_their_size_and_differ_between_draws(self) -> None:
        x = {"x": torch.linspace(1, 2, 50, dtype=torch.float64)}
        one, same, other = (Nudge(1e-3, draw)(x, "tasks")["x"] for draw in (0, 0, 1))
        assert torch.equal(one, same)
        assert not torch.equal(one, other)
        assert (one / x["x"] - 1).abs().sub(1e-3).abs().max() < 1e-15


class TestCPUAgainstCPU:
    def test_float64_is_equal_and_float32_within_its_rounding(self) -> None:
        """Tight: the same device twice differs by nothing. Slack: float32 does differ."""
        run = Unrolls(SMALL)
        same, rough, _ = COMPARE.rows(PartOf.UNROLL, run.setting, run)
        assert (same.difference, same.verdict) == (0.0, "agrees")
        assert same.cases == 2 * SMALL.repeats * SMALL.batch_size  # iterates, and losses
        assert same.tolerance is not None
        assert 64 * 2**-53 < same.tolerance < 1e-11
        assert rough.difference is not None
        assert rough.tolerance is not None
        assert 0 < rough.difference < rough.tolerance < 1e-3
        assert rough.verdict == "agrees"

    @pytest.mark.parametrize("size", [1e-10, 1e-4])
    def test_a_planted_difference_in_one_rule_s_step_is_reported(
        self, monkeypatch: pytest.MonkeyPatch, size: float
    ) -> None:
        """The negative control: in float64 at once, in float32 beyond its rounding alone."""
        found = rows_of(monkeypatch, lambda step: step * (1 + size))
        assert found[FINE].verdict == "differs"
        assert found[FINE].difference is not None
        assert size / 10 < found[FINE].difference < 10 * size
        assert "beyond" in found[FINE].reason
        assert found[ROUGH].verdict == "agrees"

    def test_nothing_planted_is_nothing_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        found = rows_of(monkeypatch, lambda step: step)
        assert {name: str(row.verdict) for name, row in found.items()} == dict.fromkeys(
            (FINE, ROUGH, ROUGH_AGAIN), "agrees"
        )

    def test_a_float32_step_in_a_float64_run_is_reported(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As a tensor that was made in the default precision would be."""
        found = rows_of(monkeypatch, lambda step: step.float().to(step.dtype))
        assert found[FINE].verdict == "differs"
        assert found[ROUGH_AGAIN].verdict == "agrees"

    def test_products_in_tf32_are_reported(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ten bits of a float32 result are what TF32 keeps; float64 would not show it."""

        def tf32(step: Tensor) -> Tensor:
            if step.dtype is torch.float64:
                return step
            return step + step.abs() * 2.0**-11

        found = rows_of(monkeypatch, tf32)
        assert found[FINE].verdict == "agrees"
        assert found[ROUGH_AGAIN].verdict == "differs"

    def test_two_runs_that_differ_in_the_last_bit_are_reported(self) -> None:
        (same,) = COMPARE.reproducibility("unrolls", [Unrolls(SMALL)], torch.float32)
        assert (same.verdict, same.difference, same.tolerance) == ("identical", 0.0, 0.0)
        shaky = OnTwoDevices(Unrolls(SMALL), lambda v: torch.nextafter(v, v + 1))
        (row,) = COMPARE.reproducibility("unrolls", [shaky], torch.float64)
        assert row.verdict == "differs"
        assert "rnnprop on lasso" in row.reason

    def test_the_drift_of_a_training_is_printed_and_its_float64_judged(self) -> None:
        run = Training(SMALL)
        found = COMPARE.rows(PartOf.TRAINING, run.setting, run, judged=False)
        assert [row.verdict for row in found] == ["agrees", "reported", "reported", "reported"]
        assert found[0].difference == 0.0
        assert found[1].difference is not None
        assert 0 < found[1].difference < 1e-4
        shifted = OnTwoDevices(Training(SMALL), plant=lambda v: v * (1 + 1e-9))
        assert COMPARE.rows(PartOf.TRAINING, "x", shifted, judged=False)[0].verdict == "differs"

    def test_a_meta_gradient_of_the_wrong_sign_is_reported(self) -> None:
        found = COMPARE.rows(PartOf.WINDOW, "x", OnTwoDevices(MetaWindow(SMALL), lambda v: -v))
        assert found[0].verdict == "differs"
        assert found[0].difference == pytest.approx(2)


class TestWhatIsCompared:
    def test_is_every_rule_on_every_family_where_it_exists(self) -> None:
        runs = unrolls(SMALL)
        pairs = {(run.config.rule.name, run.config.family.name) for run in runs}
        assert pairs == {(r, f) for r in UpdateRule.registry() for f in TaskFamily.registry()}
        missing = {run.setting for run in runs if refusal(run.config)}
        assert missing == {"ista on rosenbrock", "fista on rosenbrock"}

    def test_is_every_method_in_every_graph_mode_that_is_differentiated(self) -> None:
        found = methods(SMALL, (GraphMode.DETACHED, GraphMode.FULL))
        assert {(c.meta_gradient.name, c.graph) for c in found} == {
            (m, g) for m in MetaGradient.registry() for g in GraphMode if g is not GraphMode.NONE
        }

    def test_nothing_diverges(self) -> None:
        """Divergence leaves nothing to compare: the milder settings see to it."""
        for run in unrolls(SMALL.with_changes(unroll_steps=20)):
            if run.config.family.name == Rosenbrock.name and not refusal(run.config):
                (iterates, losses) = run(EXACT)["iterates and losses"]
                assert iterates.isfinite().all()
                assert losses.isfinite().all()


def test_a_window_is_timed_and_the_ratio_is_that_of_the_medians() -> None:
    timing = Timing(replicates=(2,), least=3, most=4, seconds=1e-9)
    timed = time_windows(SMALL, CPU, timing)
    assert (len(timed.seconds), timed.memory) == (3, None)
    first, second = speed_rows("device-parity", SMALL, (CPU, CPU), timing)
    assert first.ratio is None
    assert first.lower <= first.seconds <= first.upper
    assert second.ratio == pytest.approx(first.seconds / second.seconds)
    assert (second.replicates, second.problems, second.windows) == (2, 3, 3)


def test_a_device_without_the_memory_has_no_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr("analyses.device_parity_speed.time_windows", full)
    (row,) = speed_rows("device-parity", SMALL, (CPU,), Timing())
    assert (row.seconds, row.windows, row.reason) == (None, 0, "out of memory")


@REQUIRES_GPU
def test_a_gpu_computes_what_the_cpu_does() -> None:
    gpu = Comparison("device-parity", CPU, torch.device("cuda"), roundings=64, draws=2)
    with deterministic():
        for run in (Unrolls(SMALL), *map(MetaWindow, methods(SMALL, (GraphMode.FULL,)))):
            found = gpu.rows(PartOf.WINDOW, run.setting, run)
            found += gpu.reproducibility(run.setting, [run], torch.float32)
            assert {row.verdict for row in found} <= {"agrees", "identical"}


@REQUIRES_GPU
def test_the_seconds_on_a_gpu_come_with_its_memory() -> None:
    row: SpeedRow
    _, row = speed_rows(
        "device-parity", SMALL, (CPU, torch.device("cuda")), Timing(least=2, most=2)
    )
    assert row.memory
    assert row.device == "cuda"
