r"""A3a–c, f on all of R^d, by type of task: a closed form, or a sequence that no constant survives.

½‖Ax − b‖²       M: ‖Hx − c‖ grows along v with Hv ≠ 0     L = ‖H‖,  ρ = τ = 0
smoothed LASSO   M: as above; ‖c‖ + λ√d where H = 0        L = ‖H‖ + λ/ε, attained at x = 0;
                                                           ρ = 48/(25√5) λ/ε²,  τ = 3λ/ε³
LASSO            M: as above                               L, ρ, τ: the kink at x_k = 0
Rosenbrock       M, L, ρ grow along e_1 as 4cs³, 28cs², 36cs           τ = 24 max c
"""

from __future__ import annotations

from functools import singledispatch
from typing import TypeAlias

import torch
from flint import arb

from ml2o_core.results import EndMethod
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import exact, norm, precision
from ml2o_theory.assumptions.base import Proof, Refutation
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence, norm_at_point, ratio_of_pair
from ml2o_theory.assumptions.kink import kink
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.models import task_model
from ml2o_theory.models.quadratic import smooth_part

Finding: TypeAlias = Enclosure | Proof | Refutation | str
"""A constant, a proof that there is one, why there is none, or why it is not known."""

SHOWN = (0, 10, 20)
"""Which members of a sequence are shown."""


@singledispatch
def on_whole_space(task: Task, symbol: str, region: str) -> Finding:
    """M, L, rho or tau of `task` on R^d."""
    return f"no closed form on R^d for {type(task).__name__}"


@on_whole_space.register
def _(task: QuadraticTask, symbol: str, region: str) -> Finding:
    if symbol == "M":
        return _gradient_grows(task, task, arb(0), region)
    return _hessian_norm(task, arb(0), region) if symbol == "L" else _exactly(arb(0), region)


@on_whole_space.register
def _(task: LassoTask, symbol: str, region: str) -> Finding:
    fit = smooth_part(task)
    if symbol == "M":
        return _gradient_grows(fit, fit, exact(task.weight.item()), region)
    if not task.weight > 0:
        return on_whole_space(fit, symbol, region)
    return kink(task, torch.ones(task.dim, dtype=torch.float64), 0)


@on_whole_space.register
def _(task: SmoothedLassoTask, symbol: str, region: str) -> Finding:
    fit, weight = QuadraticTask(task.A, task.b), exact(task.weight.item())
    with precision():
        epsilon = exact(task.smoothing.item())
        match symbol:
            case "M":
                return _gradient_grows(task, fit, weight, region)
            case "L":
                return _hessian_norm(fit, weight / epsilon, region)
            case "rho":
                steepest = arb(48) / (25 * arb(5).sqrt())
                return _exactly(steepest * weight / (epsilon * epsilon), region)
            case _:
                return _exactly(3 * weight / (epsilon * epsilon * epsilon), region)


@on_whole_space.register
def _(task: RosenbrockTask, symbol: str, region: str) -> Finding:
    model, d = task_model(task), task.dim
    if symbol == "tau":
        with precision():
            return _exactly(24 * exact(task.steepness.max().item()), region)
    e = (1.0, *[0.0] * (d - 1))

    def at(k: int) -> Exhibit:
        s = 2.0**k
        x, y = (tuple(f * s * v for v in e) for f in (1.0, 2.0))
        if symbol == "M":
            return norm_at_point("∇l", model.gradient, {"x": x})
        derivative = ("∇l", model.gradient) if symbol == "L" else ("∇²l", model.hessian)
        return ratio_of_pair(*derivative, {"x": x, "y": y})

    order = {"M": "4cs³ + 2s − 2", "L": "28cs² + 2", "rho": "36cs"}[symbol]
    where = "x = s e_1" if symbol == "M" else "x = s e_1 and y = 2s e_1"
    because = f"at {where} it is at least {order}, c the first steepness, for every s ≥ 1"
    argument = f"the derivatives of a quartic grow without bound: no {symbol} serves all of R^d"
    return Refutation.along(argument, Sequence(at, because), SHOWN)


def _gradient_grows(task: Task, fit: QuadraticTask, weight: arb, region: str) -> Finding:
    """M of the fit plus λ times terms with slopes within ±1; they are zero for a plain fit."""
    quadratic = ExactQuadratic.of(fit)
    if not norm(quadratic.H) > 0:
        with precision():
            upper = norm(quadratic.c) + weight * arb(fit.dim).sqrt()
        return Enclosure.certified(
            arb(0), upper, EndMethod.CLOSED_FORM, norm=Norm.EUCLIDEAN, region=region
        )
    with precision():
        v = spectral_norm(quadratic.H)[2]
    gradient, name = quadratic.gradient, "∇½‖Ax − b‖²"
    if isinstance(task, SmoothedLassoTask):
        gradient, name = task_model(task).gradient, "∇l"
    elif weight == 0:
        name = "∇l"

    def at(k: int) -> Exhibit:
        return norm_at_point(name, gradient, {"x": tuple((2.0**k * v).tolist())})

    because = "‖∇l(sv)‖ ≥ s‖AᵀAv‖ − ‖Aᵀb‖ − λ√d for every s, and AᵀAv ≠ 0 (λ = 0 without a penalty)"
    argument = "the gradient of a quadratic grows linearly: no M serves all of R^d"
    return Refutation.along(argument, Sequence(at, because), SHOWN)


def _hessian_norm(fit: QuadraticTask, shift: arb, region: str) -> Enclosure:
    """‖H‖ + shift, attained: H + shift·I is the Hessian at x = 0."""
    with precision():
        lower, upper, v = spectral_norm(ExactQuadratic.of(fit).H)
        return Enclosure.supremum(
            lower + shift,
            upper + shift,
            EndMethod.DUAL_CERTIFICATE,
            witness={"x": (0.0,) * fit.dim, "v": tuple(v.tolist())},
            norm=Norm.SPECTRAL,
            region=region,
        )


def _exactly(value: arb, region: str) -> Enclosure:
    return Enclosure.certified(
        value, value, EndMethod.CLOSED_FORM, norm=Norm.SPECTRAL, region=region
    )
