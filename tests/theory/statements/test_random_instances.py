"""Every statement at every level on random instances of every kind that has a model.

200 examples for each statement by default, 5,000 in the `thorough` profile. A failure prints the
call that reproduces it.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import event, given, note, settings
from hypothesis import strategies as st

from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import CheckVerdict
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.checks import LevelConstants, check_comparison
from ml2o_theory.comparisons import Comparison
from ml2o_theory.instances import Instance
from ml2o_theory.observed.quantities import Between
from ml2o_theory.registry import ladder_statements
from ml2o_theory.verdict import StatementCheck

EXAMPLES = max(200, settings.default.max_examples if settings.default else 0)
EXPECTED = {CheckVerdict.HOLDS, CheckVerdict.ATTAINED}
RULES = {
    "gain": lambda d: LinearGain(),
    "diagonal gain": lambda d: LinearGain(shape="diagonal", dim=d),
    "MLP": lambda d: MLPRule(hidden=2, depth=1, output_scale=0.25),
}
ENTRIES = st.one_of(st.sampled_from([0.0, 1.0, -1.0]), st.floats(-2, 2, width=16))


KINDS = [
    (family, rule)
    for family in ("quadratic", "smoothed LASSO")
    # A network costs several times as much: one in eight.
    for rule in ["gain"] * 4 + ["diagonal gain"] * 3 + ["MLP"]
]
"""Family and rule in one draw: in two, Hypothesis drew no network on a quadratic in 200."""


def make(
    kind: tuple[str, str], d: int, entries: list[float], relation: str, scale: float
) -> Instance:
    """The instance of a draw: all numbers come from `entries`, over and over."""
    family, rule = kind
    stream = torch.tensor(entries, dtype=torch.float64).repeat(200)
    used = 0

    def take(*shape: int) -> torch.Tensor:
        nonlocal used
        n = torch.Size(shape).numel()
        used += n
        return stream[used - n : used].reshape(shape)

    def task(A: torch.Tensor, b: torch.Tensor) -> Task:
        if family == "quadratic":
            return QuadraticTask(A, b)
        return SmoothedLassoTask(A, b, A.new_tensor(0.5), A.new_tensor(0.5))

    A, b = scale * take(d, d), take(d)
    first = task(A, b)
    second = first
    if relation == "close":
        second = task(A + take(d, d) / 64, b)
    elif relation == "unrelated":
        second = task(scale * take(d, d), take(d))
    L = 1.0 + scale**2 * 4 * d * d
    update = RULES[rule](d)
    shapes = update.init_params(torch.Generator().manual_seed(0))
    params = {name: take(*value.shape) / L for name, value in sorted(shapes.items())}
    if rule == "MLP":
        params = {name: value * L for name, value in params.items()}
    other = {name: value + take(*value.shape) / (64 * L) for name, value in params.items()}
    x0 = take(d)
    return Instance(update, params, first, second, x0, x0 + take(d) / 16, other)


INSTANCES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "d": st.integers(1, 3),
        "entries": st.lists(ENTRIES, min_size=7, max_size=23),
        "relation": st.sampled_from(["unrelated", "close", "same"]),
        "scale": st.sampled_from([1.0, 1.0, 0.0, 1e3]),
    }
)


def checks(instance: Instance, between: Between, T: int) -> list[StatementCheck]:
    comparison = Comparison(instance, between, T)
    known = LevelConstants(comparison)
    return [
        check
        for statement in ladder_statements().values()
        if statement.observes is not None and statement.observes.between is between
        for level in statement.levels
        for check in check_comparison(statement, comparison, known[level], [T], level)
    ]


@pytest.mark.parametrize("between", list(Between), ids=lambda between: between.name.lower())
@settings(max_examples=EXAMPLES)
@given(draw=INSTANCES, T=st.integers(1, 4))
def test_no_statement_is_violated(between: Between, draw: dict[str, Any], T: int) -> None:
    note(f"checks(make(**{draw!r}), {between}, {T})")
    for check in checks(make(**draw), between, T):
        event(f"{check.statement}, {check.level.value}: {check.verdict.value}")
        assert check.verdict not in {CheckVerdict.VIOLATED, CheckVerdict.SOLVER_FAILED}, (
            f"{check.statement}, {check.level}: {check.reason}"
        )
        assert check.bound is not None
        assert check.observed is not None
        assert check.observed.lower.value <= check.bound.upper.value


def decidable(check: StatementCheck) -> bool:
    """Not 0 against 0: what is 0 but for underflow, against a bound whose lower end is 0.

    A norm is the root of a square, and what underflows in the square is 2⁻⁵¹¹ = 1.5e-154 in it.
    """
    assert check.bound is not None
    assert check.observed is not None
    return bool(check.bound.lower.value > 1e-30 or check.observed.upper.value > 1e-153)


def test_nearly_all_hold_and_every_corner_is_reached() -> None:
    counts: Counter[CheckVerdict] = Counter()
    corners = Counter[str]()

    @settings(max_examples=40, derandomize=True, database=None)
    @given(draw=INSTANCES, T=st.integers(1, 4))
    def collect(draw: dict[str, Any], T: int) -> None:
        corners.update([draw["relation"], *draw["kind"], f"d = {draw['d']}"])
        corners.update([f"T = {T}", f"scale {draw['scale']:g}"])
        found = checks(make(**draw), Between.TASKS, T)
        counts.update(check.verdict for check in found if decidable(check))

    collect()
    sound = sum(counts[verdict] for verdict in EXPECTED)
    assert sound >= 0.97 * counts.total(), counts
    reached = {"unrelated", "close", "same", *RULES, "d = 1", "T = 1", "scale 1000", "scale 0"}
    assert reached <= set(corners)
