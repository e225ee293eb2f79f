"""Checks without a model: what is refuted, what is sampled, and what a model's certificates say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from flint import arb
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.results import CheckVerdict, Level
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_core.unroll import GraphMode
from ml2o_theory import sampled_checks
from ml2o_theory.checks import check_instance
from ml2o_theory.constants.ascent import Search
from ml2o_theory.constants.rounding import rounded_down
from ml2o_theory.instances import Instance, draw_instance
from ml2o_theory.levels import ONE_VALUE_EACH
from ml2o_theory.observed.float64 import Float64Runs, by_rows, size
from ml2o_theory.observed.quantities import Quantity
from ml2o_theory.registry import ladder_statement as statement
from ml2o_theory.sampled_checks import check_sampled, has_models

SMALL = Search(samples=12, starts=2, rounds=1)
NAMES = [f"lemma{number:02}" for number in (*range(2, 12), 13)] + ["proposition1"]


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def lasso(b: float, weight: float = 0.5) -> LassoTask:
    """½(x − b)² + λ|x|."""
    return LassoTask(torch.eye(1, dtype=torch.float64), numbers(b), numbers(weight)[0])


def across_the_kink(b: float = -1.0, other_b: float = -1.25) -> Instance:
    """x_0 = ½; with φ = ½ and b = −1 the first step is to ½ − ½(½ + 1 + ½) = −½."""
    return Instance(
        LinearGain(),
        {"gain": numbers(0.5)[0]},
        lasso(b),
        lasso(other_b),
        numbers(0.5),
        numbers(0.5),
        {"gain": numbers(0.625)[0]},
    )


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        *((name, LinearGain()) for name in NAMES),
        *((name, MLPRule(hidden=2, depth=1)) for name in ("lemma02", "lemma10", "proposition1")),
    ],
)
def test_it_agrees_with_the_certificates_where_there_is_a_model(
    name: str, rule: MemorylessRule
) -> None:
    """The observed intervals meet, and the sampled bound is below the certified one."""
    instance = draw_instance(SmoothedLasso(rows=2, cols=2, smoothing=0.5), rule, 0)
    T, levels = 2, [k for k in statement(name).levels if k in ONE_VALUE_EACH]
    found = check_sampled(statement(name), instance, T, seed=0, search=SMALL)
    known = check_instance(statement(name), instance, [T], levels)
    assert [check.level for check in found] == levels
    for sampled, certified in zip(found, known, strict=True):
        assert sampled.observed is not None
        assert sampled.bound is not None
        assert certified.observed is not None
        assert certified.bound is not None
        assert sampled.observed.lower.value <= certified.observed.upper.value
        assert certified.observed.lower.value <= sampled.observed.upper.value
        assert 0 < sampled.bound.lower.value <= certified.bound.upper.value
        assert not sampled.bound.is_bounded
        assert sampled.verdict in {CheckVerdict.HOLDS, CheckVerdict.INCONCLUSIVE}


def test_lasso_across_its_kink_is_not_applicable_and_says_why() -> None:
    for check in check_sampled(statement("lemma08"), across_the_kink(), 1, search=SMALL):
        assert check.verdict is CheckVerdict.NOT_APPLICABLE
        for part in ("A3b is refuted on X", "jumps by 2λ", "x = [", "∇l(x)", "all the same"):
            assert part in check.reason
        # x_1 = ½ − φ(½ − b + ½), so the two are φ · ¼ apart.
        assert check.observed is not None
        assert float(check.observed.lower.value) == pytest.approx(0.125, rel=1e-12)
        assert check.observed.contains(arb(0.125))


def test_lasso_away_from_its_kink_is_a_quadratic() -> None:
    """b = 2 and 3: the runs stay above ½. The uniform bound is M_m1 Δ = ½ · 1, attained."""
    found = check_sampled(
        statement("lemma08"),
        across_the_kink(2.0, 3.0),
        1,
        [Level.UNIFORM],
        search=SMALL,
    )
    (check,) = found
    assert check.verdict is not CheckVerdict.NOT_APPLICABLE
    assert check.observed is not None
    assert check.bound is not None
    assert check.observed.contains(arb(0.5))
    assert float(check.bound.lower.value) == pytest.approx(0.5, rel=1e-9)


@dataclass(frozen=True)
class Bump(Task):
    """A user's own task: l(x) = Σ exp(−c x_k²), not convex, without a model."""

    c: Tensor

    @property
    def dim(self) -> int:
        return self.c.shape[0]

    def loss(self, x: Tensor) -> Tensor:
        return torch.exp(-self.c * x**2).sum()


class Still(MemorylessRule):
    """m(z, φ) = 0, without a φ."""

    def init_params(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {}

    def m(self, z: Tensor, params: dict[str, Tensor]) -> Tensor:
        return 0 * z


class Tanh(MemorylessRule):
    """A user's own rule: m(z, φ) = −φ tanh(z)."""

    def init_params(self, generator: torch.Generator) -> dict[str, Tensor]:
        return {"step": torch.rand((), generator=generator, dtype=torch.float64)}

    def m(self, z: Tensor, params: dict[str, Tensor]) -> Tensor:
        return -params["step"] * torch.tanh(z)


def own(rule: MemorylessRule, params: dict[str, Tensor]) -> Instance:
    return Instance(
        rule, params, Bump(numbers(1.0, 2.0)), Bump(numbers(1.1, 1.5)), numbers(0.4, -0.7)
    )


def test_a_users_own_task_and_rule_are_checked() -> None:
    instance = own(Tanh(), {"step": numbers(0.1)[0]})
    assert not has_models(instance)
    for name in ("proposition1", "lemma11"):
        for check in check_sampled(statement(name), instance, 3, search=SMALL):
            assert check.verdict is CheckVerdict.HOLDS
            assert check.observed is not None
            assert check.observed.lower.value > 0


def test_above_a_bound_that_is_only_sampled_is_never_a_violation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kind: Any = type(statement("lemma08"))
    planted = kind.formula
    monkeypatch.setattr(kind, "formula", lambda *a: planted(*a) / 1000)
    instance = own(Tanh(), {"step": numbers(0.1)[0]})
    for check in check_sampled(statement("lemma08"), instance, 3, search=SMALL):
        assert check.verdict is CheckVerdict.INCONCLUSIVE
        assert "no certified upper end" in check.reason


def test_without_the_runs_own_points_the_search_may_miss_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control: a single point, all the search there is, has less of M than the run has."""
    instance = own(Tanh(), {"step": numbers(0.1)[0]})
    poor = Search(samples=1, starts=1, rounds=0)

    def bound() -> arb:
        (check,) = check_sampled(
            statement("lemma13"),
            instance,
            3,
            [Level.UNIFORM],
            search=poor,
        )
        assert check.bound is not None
        return check.bound.lower.value

    with_them = bound()
    sampled = sampled_checks.sampled
    monkeypatch.setattr(
        sampled_checks, "sampled", lambda *a, **k: sampled(*a, **k | {"including": None})
    )
    assert bound() < with_them


@pytest.mark.parametrize("quantity", list(Quantity))
def test_rows_one_by_one_are_the_jacobian(quantity: Quantity) -> None:
    rule, phi = MLPRule(hidden=2, depth=1), numbers(*(0.1 * k for k in range(7)))
    task, x0 = Bump(numbers(1.0, 2.0)), numbers(0.4, -0.7)
    mapped = Float64Runs.of(rule, 3, GraphMode.FULL)
    taped = Float64Runs(rule, mapped.params, 3, GraphMode.FULL, by_rows)
    values = mapped.quantity(quantity, task, x0, phi)
    torch.testing.assert_close(taped.quantity(quantity, task, x0, phi), values)
    # What is observed has to be taped for its rounding.
    below = rounded_down(lambda: size(taped.quantity(quantity, task, x0, phi).reshape(-1)))
    assert 0 < below <= values.norm().item() * (1 + 1e-14)


def test_refusals() -> None:
    instance = own(Tanh(), {"step": numbers(0.1)[0]})
    with pytest.raises(InvalidArgument, match="T: got 0"):
        check_sampled(statement("lemma08"), instance, 0)
    with pytest.raises(InvalidArgument, match="observed"):
        check_sampled(statement("lemma01"), instance, 1)
    with pytest.raises(InvalidArgument, match="parameters φ"):
        check_sampled(statement("lemma08"), own(Still(), {}), 1)
    huge = Instance(LinearGain(), {"gain": numbers(1e200)[0]}, lasso(2.0), lasso(3.0), numbers(1))
    with pytest.raises(InvalidArgument, match="stay in float64"):
        check_sampled(statement("lemma08"), huge, 9)
