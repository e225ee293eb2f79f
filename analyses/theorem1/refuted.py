"""Which of Theorem 1's assumptions fail in the paper's own experiment, and the witness of each.

Everything is held against the trained rule: Φ is a box around the parameters that M-L2O ends
meta-training with, X a ball that holds its runs. The checks are those of `ml2o_theory.assumptions`;
only the statements about a population of Gaussian tasks, and the exchange of two hidden units of a
trained network, are put together here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from flint import arb
from torch import Tensor

from ml2o_core.optimizers.base import Params
from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import Row
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.distributions import Mixture, Uniform
from ml2o_core.tasks.least_squares import LeastSquaresFamily
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.assumptions import gaussian_support
from ml2o_theory.assumptions import rnnprop as features
from ml2o_theory.assumptions.a1_strong_convexity import A1, region_of
from ml2o_theory.assumptions.a3_lipschitz import A3a, A3b, A3c, A3d, A3e, A3f
from ml2o_theory.assumptions.a4_task_difference import A4
from ml2o_theory.assumptions.base import Assumption, AssumptionCheck, Refutation, Setting
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence
from ml2o_theory.assumptions.findings import reported
from ml2o_theory.assumptions.risk import Risk
from ml2o_theory.assumptions.symmetry import exchanged
from ml2o_theory.models import flat_params
from ml2o_theory.regions import Ball, Box

DELTA = 0.01
"""What holds for the drawn batch holds with probability 1 − DELTA for a batch that is to come."""

REACH = 0.5
"""Φ is the box of this half side about the trained parameters."""

COUNT = 11
"""How many checks there are."""

_SHOWN = (0, 2, 4)


@dataclass(frozen=True)
class Experiment:
    """What the assumptions are held against: one task of each kind, the trained φ, the runs' size.

    `radius` bounds every iterate of the sampled runs; `horizon` is T, and `curvature_horizon` the T
    of the risk whose curvature is searched.
    """

    rule: RNNprop
    params: Params
    training: Task
    adaptation: Task
    test: Task
    x0: Tensor
    test_family: LeastSquaresFamily
    training_family: LeastSquaresFamily
    radius: float
    horizon: int
    curvature_horizon: int
    batch: int
    seed: int

    def setting(self, *tasks: Task, about: str, steps: int | None = None) -> Setting:
        """A3 and A4 ask for X, Z and Φ, A1 for Φ and T."""
        phi = flat_params(self.params)
        return Setting(
            tasks=tasks,
            x0=self.x0,
            rule=self.rule,
            x=Ball((0.0,) * self.x0.numel(), exact(self.radius)),
            z=None,
            phi=Box(tuple((phi - REACH).tolist()), tuple((phi + REACH).tolist())),
            steps=steps or self.horizon,
            about=about,
            seed=self.seed,
        )


def jobs(experiment: Experiment) -> list[tuple[tuple[str, ...], Callable[[], AssumptionCheck]]]:
    """The parts of each row's id, and the check that gives the row."""
    e = experiment
    lasso, sampled = "one LASSO test task", "a LASSO training and an adaptation task, drawn"
    risk = e.setting(e.test, about=lasso, steps=e.curvature_horizon)
    task, pair = e.setting(e.test, about=lasso), e.setting(e.training, e.adaptation, about=sampled)
    return [
        (("A1", "curvature"), lambda: _without_gradients(A1().check(risk))),
        (("A1", "symmetry"), lambda: exchange(e, risk)),
        *((("A3", found.name), _checking(found, task)) for found in (A3a(), A3b(), A3c())),
        (("A3", "A3d"), lambda: with_slopes(e, A3d().check(task))),
        *((("A3", found.name), _checking(found, task)) for found in (A3e(), A3f())),
        (("A4", "drawn"), _checking(A4(), pair)),
        (("A3", "population"), lambda: population_constant(e)),
        (("A4", "population"), lambda: population_difference(e)),
    ]


def rows(artefact: str, part: str, experiment: Experiment) -> Iterator[list[Row]]:
    """The rows of one check after the other."""
    for parts, job in jobs(experiment):
        check = job()
        yield [
            check.row(artefact, part, *parts),
            *check.constant_rows(artefact, part, *parts),
        ]


def _checking(assumption: Assumption, setting: Setting) -> Callable[[], AssumptionCheck]:
    return lambda: assumption.check(setting)


def _without_gradients(check: AssumptionCheck) -> AssumptionCheck:
    """The witness without the two gradients, which are as long as φ, and follow from it."""
    if check.refutation is None:
        return check
    exhibits = tuple(replace(exhibit, computed={}) for exhibit in check.refutation.exhibits)
    return replace(check, refutation=replace(check.refutation, exhibits=exhibits))


def exchange(experiment: Experiment, setting: Setting) -> AssumptionCheck:
    """A1 for the trained rule: g_T does not change when two hidden units are exchanged.

    A μ-strongly convex g_T with g(φ) = g(Pφ) is below both in between. Hence it falls from φ
    towards Pφ, for every pair of units; one pair from which it rises refutes A1.
    """
    e, risk = experiment, Risk.of(setting)
    phi = flat_params(e.params)
    gradient = risk.gradient(phi)

    def twin(j: int, k: int) -> Tensor:
        return flat_params(exchanged(e.rule, e.params, j, k))

    pairs = [(j, k) for j in range(e.rule.hidden) for k in range(j)]
    slopes = {pair: float(gradient @ (twin(*pair) - phi)) for pair in pairs}
    steepest = max(slopes, key=lambda pair: slopes[pair])
    rising = sum(slope >= 0 for slope in slopes.values())
    found = risk.monotonicity(phi, twin(*steepest))
    exhibit = Exhibit(
        {"exchanged units": tuple(map(float, steepest)), "φ": tuple(phi.tolist())},
        {},
        "⟨∇g(φ) − ∇g(Pφ), φ − Pφ⟩ / ‖φ − Pφ‖², with P the exchange",
        found.value,
    )
    argument = (
        f"exchanging two hidden units leaves g_T as it is, and from the trained φ it rises towards "
        f"{rising} of the {len(pairs)} exchanged twins; strongly convex, it would fall towards all"
    )
    refutes = bool(found.value <= 0)
    return AssumptionCheck(
        "A1",
        setting.subject,
        region_of(setting),
        argument,
        refutation=Refutation(argument, (exhibit,)) if refutes else None,
        gap=not refutes,
    )


def with_slopes(experiment: Experiment, check: AssumptionCheck) -> AssumptionCheck:
    """A3d with what is behind its constant: the feature's slope at g = 0, by history.

    The exhibits show what ε = 0 would do: without a history the feature is sign(g).
    """
    rule = experiment.rule
    with precision():
        epsilon, last = exact(rule.epsilon), experiment.horizon
        slopes = {
            "slope of f_1 at g = 0, no history": (arb(0), 1),
            f"slope of f_1 at g = 0, {last - 1} gradients of size 1": (arb(1), last),
        }
        found = tuple(
            reported(name, features.slope(arb(0), v, t, rule.beta2, epsilon), check.region)
            for name, (v, t) in slopes.items()
        )
    because = (
        f"formal: the constant is of order 1/ε, ε = {rule.epsilon:g}, since with no history the "
        "feature's slope at g = 0 is 1/ε; for ε = 0 it is sign(g), and A3d fails"
    )
    return replace(
        check,
        because=because,
        evidence=check.evidence + found,
        exhibits=features.sign_feature().exhibits,
    )


def population_constant(experiment: Experiment) -> AssumptionCheck:
    """A3b for the population of Gaussian tasks: no L, but one for a batch with a probability."""
    family = experiment.test_family
    refutation = Refutation.along(
        "A has unbounded support: whatever L is claimed, ‖∇²l‖ is above it with positive "
        "probability; with the probability beside it, a batch stays below the L in the evidence",
        gaussian_support.exceeded(family),
        _SHOWN,
    )
    bound = gaussian_support.bound_with_probability(family, experiment.batch, DELTA)
    evidence = reported(
        f"L of {experiment.batch} test tasks, with probability {1 - DELTA:g}",
        bound,
        "the population of test tasks",
    )
    return AssumptionCheck(
        "A3b",
        f"the population of LASSO test tasks, {_sd(family)}",
        "X: any; over the population",
        refutation.argument,
        (evidence,),
        refutation,
    )


def population_difference(experiment: Experiment) -> AssumptionCheck:
    """A4 for two populations, one of them Gaussian.

    ‖∇²l¹ − ∇²l²‖ ≥ ‖∇²l²‖ − ‖∇²l¹‖, and ‖∇²l¹‖ ≤ ‖A‖_F² ≤ r d s² for entries of A in [0, s].
    """
    family, other = experiment.test_family, experiment.training_family
    with precision():
        largest = other.rows * other.cols * exact(largest_entry(other)) ** 2
    sd = exact(family.matrix.sd)  # type: ignore[attr-defined]

    def at(k: int) -> Exhibit:
        claimed = float((sd * sd).mid()) * 4.0**k
        total = float((exact(claimed) + largest).upper())
        value = gaussian_support.probability_above(family, total)
        return Exhibit({"Δ̃": (claimed,)}, {}, "a lower bound of P(‖∇²l¹ − ∇²l²‖ > Δ̃)", value)

    because = "erfc(√(Δ̃ + rds²)/(σ√2)) > 0 for every Δ̃"
    argument = (
        "A of the adaptation tasks has unbounded support, that of the training tasks is bounded: "
        "every Δ̃ is exceeded with positive probability, and so is every Δ on a ball about 0"
    )
    sequence = Sequence(at, because, falls=True)
    return AssumptionCheck(
        "A4",
        f"the populations of LASSO training and adaptation tasks, {_sd(family)}",
        "X: any ball about 0; over the populations",
        argument,
        (reported("r d s^2, above every training task's L", largest, "training tasks"),),
        Refutation.along(argument, sequence, _SHOWN),
    )


def largest_entry(family: LeastSquaresFamily) -> float:
    """s: every entry of A is in [−s, s]; only for uniform distributions and their mixtures."""
    parts = family.matrix.components if isinstance(family.matrix, Mixture) else (family.matrix,)
    ends = [max(abs(p.low), abs(p.high)) for p in parts if isinstance(p, Uniform)]
    return max(ends) if len(ends) == len(parts) else torch.inf


def _sd(family: LeastSquaresFamily) -> str:
    return f"A ~ N(0, {family.matrix.sd:g}²)"  # type: ignore[attr-defined]
