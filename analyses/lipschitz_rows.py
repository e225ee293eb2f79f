"""More rows of `analyses.lipschitz`: task populations, LASSO's jump, RNNprop's features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch

from ml2o_core.optimizers.rnnprop import RNNprop
from ml2o_core.results import ConstantRow, CurveRow, EndMethod, Interval, Scale, row_id
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import TaskFamily
from ml2o_core.tasks.lasso import Lasso
from ml2o_core.tasks.least_squares import LeastSquaresFamily, LeastSquaresTask
from ml2o_core.tasks.quadratic import Quadratic, QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLasso
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.constants.kinks import lipschitz_ratio_search
from ml2o_theory.constants.points import point_set
from ml2o_theory.constants.quadratic import gradient_norm_on_ball
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.population import PopulationDifference
from ml2o_theory.regions import Ball

POPULATION = {"Delta": "population Delta", "Delta_tilde": "population Delta_tilde"}
DRAWN = {"Delta": "largest Delta of the pairs", "Delta_tilde": "largest Delta_tilde of the pairs"}
"""The symbols under which the two kinds of task difference are stored."""

STEEPNESS = "log10 of the steepest ratio"
SLOPE = "slope of the feature at g = 0"
FORMULA = "slope by the formula"

SCALES = (0.0, 1e-3, 1.0, 1e3)
"""The size of all earlier gradients, of RNNprop's history."""

EARLIER = 10
"""How many earlier gradients there are."""

_EVERY = 4
"""Halvings between two points of a curve."""

EXPONENTS = (2, 4, 6, 8)
"""ε = 10^−k for these k."""


def task_pairs(sigmas: Sequence[float]) -> dict[str, tuple[LeastSquaresFamily, LeastSquaresFamily]]:
    """The paper's training family and its test families, by label."""
    return {
        f"{family.name}, training mixture and σ = {sigma:g}": (
            family.uniform_mixture(),
            family.normal(sigma),
        )
        for family in (Lasso, Quadratic)
        for sigma in sigmas
    }


def population_rows(
    artefact: str, seed: int, sigmas: Sequence[float], radius: float, draws: int
) -> Iterator[ConstantRow]:
    """Δ and Δ̃ of two populations, and the largest of `draws` drawn pairs, on one ball about 0."""
    for label, (training, test) in task_pairs(sigmas).items():
        ball = Ball((0.0,) * training.cols, exact(radius))
        population = PopulationDifference.of(training, test)
        drawn = _largest_of_pairs(training, test, ball, seed, label, draws)
        for symbol, mean in (
            ("Delta", population.gradient(ball)),
            ("Delta_tilde", population.hessian(ball)),
        ):
            yield _population_row(artefact, POPULATION[symbol], label, mean, str(ball))
            region = f"{ball}, {draws} pairs"
            yield _population_row(artefact, DRAWN[symbol], label, drawn[symbol], region)


def _largest_of_pairs(
    training: LeastSquaresFamily,
    test: LeastSquaresFamily,
    ball: Ball,
    seed: int,
    label: str,
    draws: int,
) -> dict[str, Enclosure]:
    """The largest Δ and Δ̃ of pairs of one training and one test task."""
    here, there = (
        generator(seed, purpose="lipschitz population", family=label, part=part)
        for part in ("training", "test")
    )
    pairs = [_exact(training.sample(here)) - _exact(test.sample(there)) for _ in range(draws)]
    with precision():
        ends = {
            "Delta": [(b.lower, b.upper) for b in (gradient_norm_on_ball(p, ball) for p in pairs)],
            "Delta_tilde": [spectral_norm(pair.H)[:2] for pair in pairs],
        }
    return {
        symbol: Enclosure.certified(
            max(lower for lower, _ in found),
            max(upper for _, upper in found),
            EndMethod.DUAL_CERTIFICATE,
            norm=Norm.EUCLIDEAN if symbol == "Delta" else Norm.SPECTRAL,
            region=f"{ball}, {draws} pairs",
        )
        for symbol, found in ends.items()
    }


def _exact(task: object) -> ExactQuadratic:
    """The gradient of the fit; the penalties of two tasks with one λ cancel."""
    assert isinstance(task, LeastSquaresTask)
    return ExactQuadratic.of(QuadraticTask(task.A, task.b))


def _population_row(
    artefact: str, symbol: str, label: str, value: Enclosure, region: str
) -> ConstantRow:
    return ConstantRow(
        id=row_id(artefact, label, symbol),
        artefact=artefact,
        symbol=symbol,
        subject=label,
        value=value.interval,
        lower_method=value.lower.method,
        upper_method=value.upper.method,
        norm=value.upper.norm.value,
        region=region,
    )


def kink_rows(artefact: str, seed: int, halvings: int) -> Iterator[CurveRow | ConstantRow]:
    """The steepest pairs of bisection, for LASSO and for two smooth tasks on one ball."""
    families: Mapping[str, TaskFamily] = {
        "LASSO": Lasso(),
        "smoothed LASSO": SmoothedLasso(),
        "quadratic": Quadratic(),
    }
    for label, family in families.items():
        task = family.sample(generator(seed, purpose="lipschitz kink"))
        ball = Ball((0.0,) * task.dim, exact(1.0))
        found = lipschitz_ratio_search(task.gradient, point_set(ball), seed=seed, halvings=halvings)
        shown = {i: found[i] for i in range(0, len(found), _EVERY)}
        ratios = [float(pair.ratio) for pair in shown.values()]
        yield CurveRow(
            id=row_id(artefact, "steepest", label),
            artefact=artefact,
            panel="steepest pair of gradients",
            method=label,
            quantity=STEEPNESS,
            scale=Scale.LOG10,
            step=tuple(shown),
            estimate=tuple(torch.tensor(ratios, dtype=torch.float64).log10().tolist()),
        )
        steepest = max(shown.values(), key=lambda pair: float(pair.ratio))
        yield ConstantRow(
            id=row_id(artefact, "steepest", label, "L"),
            artefact=artefact,
            symbol="L",
            subject=f"{label}, with its penalty" if label == "LASSO" else label,
            value=Interval.at_least(float(steepest.ratio)),
            lower_method=EndMethod.SEARCHED,
            upper_method=EndMethod.TRIVIAL,
            norm="euclidean",
            region=str(ball),
            seed=seed,
            witness=f"x = {steepest.x.tolist()}; y = {steepest.y.tolist()}",
        )


def slope_rows(artefact: str) -> Iterator[CurveRow]:
    """∂/∂g of g/(√v̂ + ε) at g = 0 by automatic differentiation, and by the formula.

    The history is `EARLIER` gradients of one size, or none for the size 0: then t = 1.
    """
    for scale in SCALES:
        measured, formula = [], []
        for exponent in EXPONENTS:
            rule = RNNprop(epsilon=10.0**-exponent)
            slope, by_formula = feature_slope(rule, scale)
            measured.append(slope)
            formula.append(by_formula)
        for quantity, values in ((SLOPE, measured), (FORMULA, formula)):
            yield CurveRow(
                id=row_id(artefact, "rnnprop", quantity, f"{scale:g}"),
                artefact=artefact,
                panel="RNNprop",
                method=f"{EARLIER} gradients of size {scale:g}" if scale else "no history",
                quantity=quantity,
                step=EXPONENTS,
                estimate=tuple(values),
            )


def feature_slope(rule: RNNprop, scale: float) -> tuple[float, float]:
    """The slope of the first feature at g = 0, measured and 1/(√(β₂v/(1 − β₂^t)) + ε)."""
    zero = torch.zeros(1, dtype=torch.float64)
    state = {"m": zero, "v": zero, "t": zero.new_zeros(())}
    for _ in range(EARLIER if scale else 0):
        _, state = rule.features(zero + scale, state)

    def feature(g: torch.Tensor) -> torch.Tensor:
        return rule.features(g, state)[0][0, 0]

    slope = torch.func.grad(feature)(zero).item()
    t = state["t"].item() + 1
    v_hat = rule.beta2 * state["v"].item() / (1 - rule.beta2**t)
    return slope, 1 / (v_hat**0.5 + rule.epsilon)
