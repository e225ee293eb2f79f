r"""A4: two tasks' gradients and Hessians are no farther apart than Δ and Δ̃ on X.

For two least-squares tasks ∇l¹ − ∇l² = (H_1 − H_2)x − (c_1 − c_2): on a ball Δ is a trust-region
problem; on R^d it is finite exactly where H_1 = H_2, and otherwise it grows along the direction in
which the Hessians differ. LASSO's ℓ1 terms cancel where the weights are equal, and differ by at
most |λ_1 − λ_2|√d where they are not; their Hessians are compared where they exist, at x_k ≠ 0.
Two valleys of Rosenbrock differ without bound unless they are the same.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from flint import arb, arb_mat

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.lasso import LassoTask
from ml2o_core.tasks.least_squares import LeastSquaresTask
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_theory.arithmetic import exact, norm, precision
from ml2o_theory.assumptions.base import (
    Assumption,
    AssumptionCheck,
    Evidence,
    Refutation,
    Setting,
)
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence, norm_at_point
from ml2o_theory.assumptions.on_boxes import euclidean, spectral
from ml2o_theory.assumptions.task_constants import as_box, sample_points, supremum
from ml2o_theory.assumptions.whole_space import SHOWN
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.constants.trust_region import affine_norm_on_ball
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.models import task_model
from ml2o_theory.regions import Ball, Box


class A4(Assumption):
    """The gradients and the Hessians of two tasks are close."""

    name: ClassVar[str] = "A4"
    title: ClassVar[str] = "Task difference"
    latex: ClassVar[str] = (
        r"\| \nabla l^i(x) - \nabla l^j(x) \| \le \Delta_{ij}, \quad "
        r"\| \nabla^2 l^i(x) - \nabla^2 l^j(x) \| \le \tilde{\Delta}_{ij}"
    )
    words: ClassVar[str] = (
        "On X the gradients of two tasks are at most Δ apart, their Hessians at most Δ̃; the losses "
        "in which the result is scored included."
    )
    hypotheses: ClassVar[tuple[str, ...]] = ("x ∈ X, for the pair of tasks that is compared",)
    constants: ClassVar[tuple[str, ...]] = ("Delta", "Delta_tilde")

    def check(self, setting: Setting) -> AssumptionCheck:
        """For the first and the last task of the setting."""
        region = f"X: {setting.x or 'R^d'}"
        first, second = setting.tasks[0], setting.tasks[-1]
        found = difference(first, second, setting.x, region, setting.seed)
        evidence: tuple[Evidence, ...] = ()
        refutation, because = None, ""
        match found:
            case Refutation():
                refutation = found
            case str():
                because = found
            case _:
                evidence = tuple(Evidence(symbol, value) for symbol, value in found.items())
                because = "; ".join(map(str, evidence))
        return AssumptionCheck(
            self.name, setting.subject, region, because, evidence, refutation, gap=not evidence
        )


def difference(
    first: Task, second: Task, where: Ball | Box | None, region: str, seed: int
) -> dict[str, Enclosure] | Refutation | str:
    """Δ and Δ̃ of two tasks on X = `where` (None: R^d), why there is no Δ, or why it is open."""
    if type(first) is not type(second):
        return "no method for two tasks of different families"
    if isinstance(first, LeastSquaresTask) and isinstance(second, LeastSquaresTask):
        penalties = _penalties_apart(first, second)
        if penalties is not None and penalties == 0 and isinstance(where, Box):
            fits = [QuadraticTask(task.A, task.b) for task in (first, second)]
            return _on_boxes(fits[0], fits[1], where, region, seed)
        if penalties is not None:
            return _least_squares(first, second, penalties, where, region)
    if isinstance(first, RosenbrockTask) and isinstance(second, RosenbrockTask) and where is None:
        return _valleys(first, second, region)
    if where is None:
        return f"no closed form on R^d for {type(first).__name__}"
    return _on_boxes(first, second, where, region, seed)


def _penalties_apart(first: LeastSquaresTask, second: LeastSquaresTask) -> arb | None:
    """A bound of the difference of the penalties' slopes; None where Hessians differ with x too."""
    if isinstance(first, LassoTask) and isinstance(second, LassoTask):
        weights = exact(first.weight.item()) - exact(second.weight.item())
        return abs(weights) * arb(first.dim).sqrt()
    data = {"A", "b"}
    same = all(
        bool((value == second.tensors()[name]).all())
        for name, value in first.tensors().items()
        if name not in data
    )
    return arb(0) if same else None


def _least_squares(
    first: LeastSquaresTask,
    second: LeastSquaresTask,
    penalties: arb,
    where: Ball | Box | None,
    region: str,
) -> dict[str, Enclosure] | Refutation:
    """(H_1 − H_2)x − (c_1 − c_2), and penalties at most `penalties` apart."""
    fits = [ExactQuadratic.of(QuadraticTask(task.A, task.b)) for task in (first, second)]
    apart = fits[0] - fits[1]
    with precision():
        lower, upper, v = spectral_norm(apart.H)
    hessian = Enclosure.supremum(
        lower,
        upper,
        EndMethod.DUAL_CERTIFICATE,
        witness={"v": tuple(v.tolist())},
        norm=Norm.SPECTRAL,
        region=region,
    )
    if where is None and norm(apart.H) > 0:
        return _grows(apart, v)
    ball = _ball_around(where) if where is not None else Ball((0.0,) * first.dim, arb(0))
    center = torch.tensor(ball.center, dtype=torch.float64)
    with precision():
        found = affine_norm_on_ball(apart.H, apart.gradient_at(center), ball.radius)
        # Inside a box only the center is certain to be a point of X.
        inside = found.lower if isinstance(where, Ball) else norm(apart.gradient_at(center))
        attained = (inside - penalties).max(arb(0))
        direction = found.direction.tolist() if isinstance(where, Ball) else [0.0] * first.dim
    gradient = Enclosure.supremum(
        attained,
        found.upper + penalties,
        found.upper_by,
        witness={"center": ball.center, "(x − center) / radius": tuple(direction)},
        norm=Norm.EUCLIDEAN,
        region=region,
    )
    return {"Delta": gradient, "Delta_tilde": hessian}


def _grows(apart: ExactQuadratic, v: torch.Tensor) -> Refutation:
    def at(k: int) -> Exhibit:
        return norm_at_point("∇(l¹ − l²)", apart.gradient, {"x": tuple((2.0**k * v).tolist())})

    because = "‖(H_1 − H_2)sv − (c_1 − c_2)‖ ≥ s‖(H_1 − H_2)v‖ − ‖c_1 − c_2‖, and (H_1 − H_2)v ≠ 0"
    argument = "the Hessians differ, so the gradients drift apart linearly: no Δ serves all of R^d"
    return Refutation.along(argument, Sequence(at, because), SHOWN)


def _valleys(
    first: RosenbrockTask, second: RosenbrockTask, region: str
) -> dict[str, Enclosure] | Refutation:
    models = task_model(first), task_model(second)
    apart = (first.steepness != second.steepness).nonzero().flatten()
    if apart.numel() == 0:
        zero = Enclosure.exactly(0.0, EndMethod.CLOSED_FORM, norm=Norm.SPECTRAL, region=region)
        return {"Delta": zero, "Delta_tilde": zero}
    link = int(apart[0])

    def gradient(x: arb_mat) -> arb_mat:
        return models[0].gradient(x) - models[1].gradient(x)

    def at(k: int) -> Exhibit:
        x = [0.0] * first.dim
        x[link] = 2.0**k
        return norm_at_point("∇(l¹ − l²)", gradient, {"x": tuple(x)})

    because = f"at x = s e_{link + 1} its entry {link + 1} is 4(c_1 − c_2)s³, for every s"
    return Refutation.along(
        "two valleys of different steepness drift apart as the cube: no Δ serves all of R^d",
        Sequence(at, because),
        SHOWN,
    )


def _on_boxes(
    first: Task, second: Task, where: Ball | Box, region: str, seed: int
) -> dict[str, Enclosure] | str:
    try:
        models = task_model(first), task_model(second)
    except InvalidArgument:
        return f"no model of {type(first).__name__}: the difference can only be sampled"
    points = sample_points(where, seed)
    cover = models[0].difference_on(models[1], as_box(where))
    attained = models[0].difference_on(models[1], points)
    return {
        symbol: supremum(measure(over), measure(at), {"x": points}, symbol, region)
        for symbol, measure, over, at in (
            ("Delta", euclidean, cover[0], attained[0]),
            ("Delta_tilde", spectral, cover[1], attained[1]),
        )
    }


def _ball_around(where: Ball | Box) -> Ball:
    """The ball itself, or the one about a box's center through its corners."""
    if isinstance(where, Ball):
        return where
    center = (where.interval.lower + where.interval.upper) / 2
    with precision():
        far = [
            abs(exact(c) - exact(end))
            for ends in (where.lower, where.upper)
            for c, end in zip(center.tolist(), ends, strict=True)
        ]
        half = [a.max(b) for a, b in zip(far[: len(center)], far[len(center) :], strict=True)]
        radius = norm(arb_mat(len(half), 1, half))
    return Ball(tuple(center.tolist()), radius.upper())
