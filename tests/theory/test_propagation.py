"""Certified tubes hold every run; sampled ones lie inside; a planted defect lets runs escape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from flint import arb_mat
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory import propagation
from ml2o_theory.arithmetic import precision
from ml2o_theory.checks import check_with
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.of_region import region_constants
from ml2o_theory.instances import Instance
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models import rule_model, task_model
from ml2o_theory.observed.runs import run
from ml2o_theory.propagation import (
    SampledTube,
    box_region,
    certified_tube,
    hull,
    sampled_tube,
    tube_region,
)
from ml2o_theory.regions import Box, ParameterInterval, Tube
from ml2o_theory.registry import ladder_statement

ROUNDING = 1e-12
"""By how much float64 runs may leave the tube of the exact ones, relative to its largest number."""

ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-2, 2, width=32))
SHARES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))


def tensors(*shape: int, entries: st.SearchStrategy[float] = ENTRIES) -> st.SearchStrategy[Tensor]:
    size = torch.Size(shape).numel()
    values = st.lists(entries, min_size=size, max_size=size)
    return values.map(lambda v: torch.tensor(v, dtype=torch.float64).reshape(shape))


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def diagonal(*curvatures: float) -> QuadraticTask:
    """½ Σ h_k x_k², the minimum at 0."""
    return QuadraticTask(numbers(*curvatures).sqrt().diag(), torch.zeros(len(curvatures)).double())


@st.composite
def tasks(draw: st.DrawFn, d: int) -> tuple[Task, Tensor]:
    """A task and the middle of its starts; Rosenbrock near its minimum."""
    kind = draw(st.sampled_from(["quadratic", "smoothed LASSO", *["Rosenbrock"] * (d > 1)]))
    event(kind)
    if kind == "Rosenbrock":
        near = 1 + 0.05 * draw(tensors(d))
        return RosenbrockTask(draw(tensors(d - 1, entries=st.sampled_from([1.0, 100.0])))), near
    A, b, x0 = draw(tensors(3, d)), draw(tensors(3)), draw(tensors(d))
    if kind == "quadratic":
        return QuadraticTask(A, b), x0
    eps = draw(st.sampled_from([0.05, 1.0]))
    return SmoothedLassoTask(A, b, numbers(0.3)[0], numbers(eps)[0]), x0


def rules(d: int) -> st.SearchStrategy[MemorylessRule]:
    return st.sampled_from(
        [
            LinearGain(),
            LinearGain(shape="diagonal", dim=d),
            MLPRule(hidden=2, depth=1, output_scale=0.5),
            MLPRule(scope="vector", dim=d, hidden=2, depth=1, output_scale=0.1),
        ]
    )


def around(center: Tensor, radius: float) -> Box:
    return Box(tuple((center - radius).tolist()), tuple((center + radius).tolist()))


def inside(box: Box, shares: Tensor) -> Tensor:
    """The point of the box at the given shares of its sides, as many as needed, in turn."""
    ends = box.interval
    share = shares[torch.arange(len(box.lower)) % len(shares)]
    return (ends.lower + share * (ends.upper - ends.lower)).clamp(ends.lower, ends.upper)


def holds(tube: Tube, iterates: list[arb_mat]) -> bool:
    """Whether every iterate, an arb ball as a whole, lies in one of the boxes of its step."""

    def within(t: int, x: arb_mat) -> bool:
        ends = zip(tube.cover.lower[t].tolist(), tube.cover.upper[t].tolist(), strict=True)
        return any(
            all(
                bool(low <= v.lower()) and bool(v.upper() <= high)
                for low, v, high in zip(lower, x.entries(), upper, strict=True)
            )
            for lower, upper in ends
        )

    assert tube.cover.shape[0] == len(iterates)
    return all(within(t, x) for t, x in enumerate(iterates))


def exact_run(task: Task, rule: MemorylessRule, x0: Tensor, phi: Tensor, T: int) -> list[arb_mat]:
    with precision(512):
        return run(task_model(task), rule_model(rule), x0, phi, T).x


@settings(max_examples=settings.default.max_examples // 2)
@given(st.data())
def test_no_run_leaves_the_tube(data: st.DataObject) -> None:
    d = data.draw(st.integers(1, 3))
    task, x0 = data.draw(tasks(d))
    rule = data.draw(rules(d))
    event(rule.name)
    p = Parameters.of(rule).size
    scale = 1e-3 if isinstance(task, RosenbrockTask) else 0.3
    phi = around(
        scale * data.draw(tensors(p)), data.draw(st.sampled_from([0.0, 1e-9, 0.1 * scale, scale]))
    )
    starts = around(x0, data.draw(st.sampled_from([0.0, 1e-3])))
    T, parts = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 4]))
    tube = certified_tube(task_model(task), rule_model(rule), starts, phi, T, parts=parts)
    for _ in range(2):
        at = inside(phi, data.draw(tensors(3, entries=SHARES)))
        start = inside(starts, data.draw(tensors(2, entries=SHARES)))
        assert holds(tube, exact_run(task, rule, start, at, T))


def test_one_step_of_a_gain_is_its_exact_hull() -> None:
    x0, phi = numbers(1.0, -2.0), ParameterInterval(0.25, 0.75)
    tube = certified_tube(task_model(diagonal(1.0, 2.0)), rule_model(LinearGain()), x0, phi, 1)
    found = hull([tube]).cover[1, 0]
    # x_1 = (1 − φ, −2 + 4φ)
    torch.testing.assert_close(found.lower, numbers(0.25, -1.0), rtol=ROUNDING, atol=0)
    torch.testing.assert_close(found.upper, numbers(0.75, 1.0), rtol=ROUNDING, atol=0)


@pytest.mark.parametrize("shape", ["scalar", "diagonal"])
def test_a_contracting_rule_keeps_the_tube_bounded(shape: Any) -> None:
    T, x0 = 50, numbers(1.0, -2.0)
    rule = LinearGain(shape=shape, dim=2 if shape == "diagonal" else None)
    # ‖I − φH‖ ≤ 0.6 and ‖φ − φ̂‖ ≤ 0.05: the width obeys r ← 0.6 r + 0.05 ‖ẑ_t‖.
    phi = around(numbers(*[0.45] * Parameters.of(rule).size), 0.05)
    task = task_model(diagonal(1.0, 2.0))
    cover = certified_tube(task, rule_model(rule), x0, phi, T, parts=1).cover[:, 0]
    radius = (cover.upper - cover.lower).norm(dim=1) / 2
    assert bool((radius < 2 * 0.05 * 4.2 / (1 - 0.6)).all())
    assert radius[T] < 1e-9 * radius.max()


def test_parts_of_the_parameters_narrow_the_tube_down_to_the_sampled_one() -> None:
    A = numbers(3.0, 1.0, 1.0, 2.0).reshape(2, 2)
    task, rule, T = QuadraticTask(A, numbers(1.0, 0.0)), LinearGain(), 12
    x0, phi = numbers(1.0, 1.0), ParameterInterval(0.02, 0.1)
    sampled = sampled_tube(task, rule, x0, phi, T, runs=200, seed=0)
    inner = (sampled.hull.upper - sampled.hull.lower)[-1].max()
    excess = []
    for parts in (1, 8, 64):
        tube = certified_tube(task_model(task), rule_model(rule), x0, phi, T, parts=parts)
        outer = hull([tube]).cover[:, 0]
        slack = ROUNDING * outer.magnitude().max()
        assert bool((outer.lower <= sampled.hull.lower + slack).all())
        assert bool((sampled.hull.upper <= outer.upper + slack).all())
        excess.append(((outer.upper - outer.lower)[-1].max() / inner).item())
    assert excess[0] > 10 > excess[1] > excess[2]
    assert excess[2] < 1.2


def test_a_sampled_tube_is_reproducible_and_says_what_it_is() -> None:
    def drawn(seed: int) -> SampledTube:
        phi = ParameterInterval(0.0, 1.0)
        start = Box((0.0, -1.0), (1.0, 1.0))
        return sampled_tube(diagonal(1.0, 2.0), LinearGain(), start, phi, 3, runs=10, seed=seed)

    assert torch.equal(drawn(1).hull.upper, drawn(1).hull.upper)
    assert not torch.equal(drawn(1).hull.upper, drawn(2).hull.upper)
    assert "no certificate" in str(drawn(1))
    assert not isinstance(drawn(1), Tube)


def test_constants_on_the_region_of_the_tubes_bound_the_runs_inside() -> None:
    first, second = diagonal(1.0, 2.0), QuadraticTask(torch.eye(2).double(), numbers(0.3, 0.1))
    rule, T, phi = LinearGain(), 5, ParameterInterval(0.3, 0.6)
    params, other = ({"gain": numbers(v)[0]} for v in (0.35, 0.55))
    instance = Instance(rule, params, first, second, numbers(1.0, -1.0), other_params=other)
    tubes = [certified_tube(m, instance.rule_model, instance.x0, phi, T) for m in instance.models]
    for make in (box_region, tube_region):
        region = make(instance.models, tubes, phi, instance.sample)
        assert region.steps == T
        points = tubes[0].cover[:, 0]
        at = IntervalTensor.exactly(instance.parameters[0])
        known = region_constants(instance.models, instance.rule_model, region, points, at)
        for name in ("proposition1", "lemma05", "lemma08"):
            for check in check_with(ladder_statement(name), instance, known, [1, T]):
                # At its lower end, which speaks of one φ, a bound may be too small.
                assert check.observed is not None
                assert check.bound is not None
                assert check.observed.upper.value <= check.bound.upper.value


def test_the_box_holds_the_tubes_and_the_hull_their_segments() -> None:
    tasks = [task_model(diagonal(1.0, 2.0)), task_model(diagonal(2.0, 0.5))]
    phi = ParameterInterval(0.3, 0.6)
    tubes = [certified_tube(t, rule_model(LinearGain()), numbers(1.0, -1.0), phi, 3) for t in tasks]
    both = hull(tubes).cover
    box = box_region(tasks, tubes, phi, "sample").x
    assert isinstance(box, Box)
    for tube in tubes:
        assert bool((both.lower <= tube.cover.lower).all() & (tube.cover.upper <= both.upper).all())
    assert bool((box.interval.lower <= both.lower).all() & (both.upper <= box.interval.upper).all())
    assert torch.equal(box.interval.upper, both.upper.amax((0, 1)))


def test_a_tube_that_leaves_float64_is_refused() -> None:
    phi, task = ParameterInterval(-1e200, -1e199), task_model(diagonal(1.0, 2.0))
    with pytest.raises(InvalidArgument, match="leaves float64 within 2 steps"):
        certified_tube(task, rule_model(LinearGain()), numbers(1.0, 1.0), phi, 2)


def scenes() -> Iterator[tuple[Task, Box, ParameterInterval, list[tuple[float, float]]]]:
    """Expansive runs that fill the tube; and one run alone, of which floats miss the digits."""
    corners = [(x, phi) for x in (1.0, 2.0) for phi in (-1.0, -0.5)]
    yield diagonal(1.0), Box((1.0,), (2.0,)), ParameterInterval(-1.0, -0.5), corners
    yield diagonal(1.0), Box((0.1,), (0.1,)), ParameterInterval(0.3, 0.3), [(0.1, 0.3)]


def escapes() -> bool:
    """Whether some exact run leaves its tube, in any of the scenes."""
    for task, starts, phi, points in scenes():
        tube = certified_tube(task_model(task), rule_model(LinearGain()), starts, phi, 3, parts=1)
        for x0, at in points:
            if not holds(tube, exact_run(task, LinearGain(), numbers(x0), numbers(at), 3)):
                return True
    return False


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("multiply_up(spectral_above(A), now.r)", "0.8 * spectral_above(A) * now.r"),
        ("_apply(A, now.D) + push", "_apply(A, now.D)"),
        ("euclidean_above(push)", "euclidean_above(e)"),
        ("_apply(B, phi - phi.midpoint) + e", "_apply(B, phi - phi.midpoint)"),
        ("hessian_on(now.box), phi)", "hessian_on(now.box), IntervalTensor.exactly(phi.midpoint))"),
    ],
)
def test_a_planted_defect_lets_a_run_escape(
    old: str, new: str, mutated: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not escapes()
    monkeypatch.setattr(propagation, "_step", mutated(propagation._step, old, new))
    assert escapes()
