"""Regional trials: A1 certified, refuted, open; the polynomial trial's numbers; dropped terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.func import grad

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.results import AssumptionVerdict, CheckVerdict, Level
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import trajectory
from ml2o_theory.arithmetic import exact
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.generalization.observed import Observed
from ml2o_theory.generalization.regional import RegionalPopulations, RegionalTrial
from ml2o_theory.generalization.regional_checks import RegionalBounds
from ml2o_theory.generalization.regional_draws import RegionalCase, draw_regional
from ml2o_theory.generalization.regional_observed import RegionalObserved
from ml2o_theory.generalization.trial import Populations, Trial, middles
from ml2o_theory.regions import Box
from ml2o_theory.risks.enclosed import EnclosedRisk
from ml2o_theory.statements.equation8 import Equation8
from ml2o_theory.statements.remark2 import Remark2
from ml2o_theory.statements.theorem1 import Theorem1
from ml2o_theory.verdict import StatementCheck

EPOCHS = 5

NETWORK = RegionalCase(
    name="network",
    family="quadratic",
    rule="mlp",
    start=(0.3, -0.5, 1.4),
    horizon=2,
    near=(-0.576, 0.085, -1.085, 1.213),
    radius=0.003,
    apart=1e-4,
    jitter=1e-4,
    parts=2,
)
GAIN = RegionalCase(
    name="gain",
    family="smoothed LASSO",
    rule="gain",
    start=(0.3, -0.5, 1.4),
    horizon=2,
    near=(0.4,),
    window=0.35,
    radius=0.03,
    apart=0.01,
    jitter=0.01,
    kinds=1,
    parts=8,
)
WIDER = NETWORK.model_copy(update={"radius": 0.05, "parts": 1})
LOOSE = NETWORK.model_copy(update={"radius": 0.008, "parts": 1})


@cache
def checked(case: RegionalCase) -> tuple[RegionalBounds, RegionalObserved, list[StatementCheck]]:
    trial, start = draw_regional(case, 0, 0)
    bounds = RegionalBounds.of(trial)
    seen = bounds.trained(start, EPOCHS)
    return bounds, seen, list(bounds.checks(seen, EPOCHS))


@pytest.mark.parametrize("case", [GAIN, NETWORK], ids=["gain", "network"])
def test_where_convexity_is_certified_every_check_holds(case: RegionalCase) -> None:
    bounds, _, checks = checked(case)
    assert bounds.trial.convexity.verdict is AssumptionVerdict.HOLDS
    assert {check.verdict for check in checks} == {CheckVerdict.HOLDS}
    assert {check.region.id for check in checks} == {bounds.region}
    names = {check.statement for check in checks}
    assert {"Theorem 1", "Eq. 8", "Remark 2", "Lemma 14 (full batch)", "Proposition 1"} <= names
    levels = {check.level for check in checks if check.statement == "Theorem 1"}
    assert levels == {Level.RISK, Level.CLOSED_LOOP, Level.UNIFORM}


def test_a_refuted_convexity_makes_the_statements_inapplicable_with_the_witness() -> None:
    bounds, _, checks = checked(WIDER)
    convexity = bounds.trial.convexity
    assert convexity.verdict is AssumptionVerdict.REFUTED
    assert convexity.witness is not None
    assert "vᵀ∇²g(φ)v" in convexity.witness
    for check in checks:
        if check.statement == "Proposition 1":
            assert check.verdict is CheckVerdict.HOLDS
        else:
            assert check.verdict is CheckVerdict.NOT_APPLICABLE
            assert "held all the same" in check.reason
            assert "A1 is refuted" in check.reason
    assert "Lemma 14 (full batch)" not in {check.statement for check in checks}


def test_an_open_convexity_leaves_what_depends_on_optima_undecided() -> None:
    """The optima may be anywhere in Φ, and no check passes for their sake."""
    bounds, seen, checks = checked(LOOSE)
    assert bounds.trial.convexity.verdict is AssumptionVerdict.OPEN
    assert bounds.trial.uncertified is not None
    undecided = {c.verdict for c in checks if c.statement in ("Theorem 1", "Eq. 8", "Remark 2")}
    assert undecided == {CheckVerdict.INCONCLUSIVE}
    ends = zip(seen.optimum[0], bounds.trial.phi.lower, bounds.trial.phi.upper, strict=True)
    assert all(p.contains(exact(low)) and p.contains(exact(high)) for p, low, high in ends)


def in_float64(
    trial: RegionalTrial, i: int, weights: tuple[int, ...]
) -> Callable[[Tensor], Tensor]:
    p = trial.populations
    parameters = Parameters.of(p.rule)

    def g(phi: Tensor) -> Tensor:
        params = parameters.unflatten(phi)
        losses = [trajectory(p.rule, params, t, p.x0, p.steps).losses[-1] for t in p.tasks[i]]
        return (torch.stack(losses) * torch.tensor(weights)).sum() / sum(weights)

    return g


@pytest.mark.parametrize("case", [GAIN, NETWORK], ids=["gain", "network"])
def test_the_pipeline_is_the_engines(case: RegionalCase) -> None:
    """Training and adaptation once more in float64, by autodiff through the engine."""
    bounds, seen, _ = checked(case)
    trial = bounds.trial
    inner, tested = in_float64(trial, 0, trial.draws), in_float64(trial, 2, (1,) * len(trial.draws))
    adapting = in_float64(trial, 1, trial.draws)
    step = 1 / float(bounds.meta_smoothness(Level.RISK).upper.value)
    lower, upper = (
        torch.tensor(e, dtype=torch.float64) for e in (trial.phi.lower, trial.phi.upper)
    )

    def meta(phi: Tensor) -> Tensor:
        return inner(phi - trial.alpha * grad(inner)(phi))

    phi = torch.tensor([float(p.mid()) for p in seen.start], dtype=torch.float64)
    for _ in range(EPOCHS):
        phi = (phi - step * grad(meta)(phi)).clamp(lower, upper)
    assert phi.tolist() == pytest.approx([float(p.mid()) for p in seen.meta], abs=1e-10)
    adapted = phi - trial.alpha * grad(adapting)(phi)
    best = torch.tensor([float(p.mid()) for p in seen.optimum[2]], dtype=torch.float64)
    error = (tested(adapted) - tested(best)).item()
    # g³ itself is of order 1, so that 1e-13 is its rounding error.
    assert error == pytest.approx(float(seen.error(seen.meta).mid()), abs=1e-13, rel=1e-6)


def line(a: float, b: float) -> QuadraticTask:
    """½(ax − b)²."""
    numbers = (torch.tensor([v], dtype=torch.float64) for v in (a, b))
    A, target = numbers
    return QuadraticTask(A.reshape(1, 1), target)


def test_on_quadratics_it_is_the_polynomial_trial() -> None:
    """The scalar gain: every distance and error overlaps with that of `Observed`."""
    tasks = tuple(
        tuple(line(1 + spread + moved, 0.1 * k) for k, spread in enumerate((0.0, 0.1, 0.2)))
        for moved in (0.0, 0.02, 0.05)
    )
    x0, draws = torch.tensor([1.5], dtype=torch.float64), (1, 2, 1)
    mine = RegionalTrial(
        RegionalPopulations(LinearGain(), tasks, x0, 1, "tasks"), draws, Box((0.6,), (1.1,)), 0.01
    )
    other = Trial(Populations("scalar", tasks, x0, 1), draws, mine.phi, 0.01)
    run = ((exact(0.7),), (exact(0.8),), (exact(0.85),))
    seen, known = RegionalObserved(mine, *run), Observed(other, *run)
    for symbol, value in known.distances.items():
        assert seen.distances[symbol].overlaps(value), symbol
    for phi in run:
        assert seen.error(phi).overlaps(known.error(phi))
        (a,), (b,) = mine.meta_gradient(phi), other.meta_gradient(phi)
        assert a.overlaps(b)
    low, high = other.reach.lower[0], other.reach.upper[0]
    assert mine.reach.lower[0] <= low
    assert high <= mine.reach.upper[0]


def corner(b: float, a: float = 1.0) -> SmoothedLassoTask:
    """½(ax − b)² + 0.1 √(x² + ¼), d = 1."""
    task = line(a, b)
    return SmoothedLassoTask(task.A, task.b, task.A.new_tensor(0.1), task.A.new_tensor(0.5))


ONE, OTHER = (corner(0.2), corner(0.6)), (corner(0.25), corner(0.65))

ONE_TERM: dict[str, tuple[tuple[tuple[Task, ...], ...], tuple[int, int], bool]] = {
    "optimization": ((ONE, ONE, ONE), (1, 1), False),
    "task difference": ((ONE, OTHER, ONE), (1, 1), True),
    "sampling": ((ONE, ONE, ONE), (3, 1), True),
    "δ_13": ((ONE, ONE, OTHER), (1, 1), True),
}
"""Populations, sample, and whether meta-training has converged: one term alone is not 0."""


def only(term: str) -> tuple[RegionalBounds, RegionalObserved]:
    tasks, draws, converged = ONE_TERM[term]
    x0 = torch.tensor([2.0], dtype=torch.float64)
    populations = RegionalPopulations(LinearGain(), tasks, x0, 1, "tasks", parts=4)
    trial = RegionalTrial(populations, draws, Box((0.6,), (1.2,)), 0.02)
    start = (exact(0.75),)
    best = middles(trial.empirical[0].minimiser(trial.phi, trial.mu))
    end = best if converged else start
    return RegionalBounds.of(trial), RegionalObserved(trial, start, end, end)


@pytest.mark.parametrize("term", ONE_TERM)
def test_each_term_of_theorem_1_is_needed(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds, seen = only(term)

    def verdicts() -> set[CheckVerdict]:
        found = bounds.checks(seen, EPOCHS)
        return {check.verdict for check in found if check.statement == "Theorem 1"}

    assert verdicts() == {CheckVerdict.HOLDS}
    whole = Theorem1.terms

    def without(self: Theorem1, c: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in whole(self, c).items() if name != term}

    monkeypatch.setattr(Theorem1, "terms", without)
    assert verdicts() == {CheckVerdict.VIOLATED}


DROPPED = [
    (Equation8(), 'c["d_K"] + ', "optimization"),
    (Equation8(), ' + c["delta_meta"]', "δ_13"),
    (Remark2(), 'c["d_TL"] + ', "optimization"),
    (Remark2(), ' + c["delta_13"]', "δ_13"),
    (Remark2(), ' + c["d_N"]', "sampling"),
]


@pytest.mark.parametrize(("statement", "dropped", "term"), DROPPED)
def test_a_dropped_distance_is_caught(
    mutated: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    statement: Any,
    dropped: str,
    term: str,
) -> None:
    bounds, seen = only(term)
    kind = type(statement)
    monkeypatch.setattr(kind, "formula", mutated(kind.formula, dropped, ""))
    found = {c.verdict for c in bounds.checks(seen, EPOCHS) if c.statement == statement.number}
    assert found == {CheckVerdict.VIOLATED}


def test_phi_leaves_room_for_the_inner_step() -> None:
    trial = checked(NETWORK)[0].trial
    stream = torch.Generator().manual_seed(0)
    lower, upper = (
        torch.tensor(e, dtype=torch.float64) for e in (trial.phi.lower, trial.phi.upper)
    )
    for _ in range(5):
        share = torch.rand(lower.shape, generator=stream, dtype=torch.float64).round()
        phi = tuple(map(exact, (lower + share * (upper - lower)).tolist()))
        for i in range(3):
            ends = zip(trial.step(i, phi), trial.reach.lower, trial.reach.upper, strict=True)
            assert all(exact(low) <= p <= exact(high) for p, low, high in ends)


def test_bad_trials_are_refused() -> None:
    x0 = torch.tensor([2.0], dtype=torch.float64)
    populations = RegionalPopulations(LinearGain(), (ONE, ONE, OTHER), x0, 1, "tasks")
    reach = Box((0.6,), (1.2,))
    with pytest.raises(InvalidArgument, match="draws"):
        RegionalTrial(populations, (1,), reach, 0.1)
    with pytest.raises(InvalidArgument, match="alpha"):
        RegionalTrial(populations, (1, 1), reach, -0.1)
    with pytest.raises(InvalidArgument, match="room"):
        _ = RegionalTrial(populations, (1, 1), reach, 10.0).phi
    with pytest.raises(InvalidArgument, match="tasks"):
        RegionalPopulations(LinearGain(), (ONE, ONE), x0, 1, "tasks")
    with pytest.raises(InvalidArgument, match="tasks"):
        EnclosedRisk.of([], LinearGain(), x0, 1)


def test_constants_are_attained_where_they_say() -> None:
    """Lower ends by the engine's own float64 derivatives at the witnesses."""
    bounds, _, _ = checked(GAIN)
    known = bounds.constants.population(2)
    models = bounds.constants.models[2]
    x = torch.tensor(known["M"].lower.witness["x"], dtype=torch.float64)  # type: ignore[index]
    largest = max(model.task.gradient(x).norm().item() for model in models)
    assert largest == pytest.approx(float(known["M"].lower.value), rel=1e-10)
    assert known["M"].lower.value <= known["M"].upper.value
    z = torch.tensor(known["M_m2"].lower.witness["z"], dtype=torch.float64)  # type: ignore[index]
    # The scalar gain has ∇₂m = −z.
    assert z.norm().item() == pytest.approx(float(known["M_m2"].lower.value), rel=1e-10)
