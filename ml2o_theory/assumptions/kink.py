"""LASSO's kink: pairs x ± t e_k across x_k = 0, whose gradients stay 2λ apart.

    ∇l(x + t e_k) − ∇l(x − t e_k) = 2t H e_k + 2λ e_k,    H = AᵀA,

whose k-th entry is 2t H_kk + 2λ: the ratio is at least λ/t + H_kk for every t > 0. Neither A3b nor
A3c (nor A3f) can hold on a set that has x_k = 0 inside.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.tasks.lasso import LassoTask
from ml2o_theory.arithmetic import exact
from ml2o_theory.assumptions.base import Refutation
from ml2o_theory.assumptions.exhibits import Exhibit, Sequence, ratio_of_pair
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.models.quadratic import smooth_part
from ml2o_theory.regions import Ball, Box

SHOWN = (0, 10, 20, 40)
"""Pairs at the first distance, and 2⁻¹⁰, 2⁻²⁰ and 2⁻⁴⁰ of it."""


def gradient_of(task: LassoTask) -> Callable[[arb_mat], arb_mat]:
    """x ↦ Aᵀ(Ax − b) + λ sign(x) for an exact x (d, 1), in ball arithmetic."""
    fit, weight = ExactQuadratic.of(smooth_part(task)), exact(task.weight.item())

    def gradient(x: arb_mat) -> arb_mat:
        signs = [(v > 0) - (v < 0) for v in x.entries()]
        return fit.gradient(x) + weight * arb_mat(len(signs), 1, signs)

    return gradient


def kink(task: LassoTask, x: Float[Tensor, " d"], k: int, reach: float = 1.0) -> Refutation:
    """The pairs x ± t e_k, t = `reach`·2⁻ⁿ, where x's k-th entry is 0 (and no other one is)."""

    gradient = gradient_of(task)

    def at(n: int) -> Exhibit:
        above, below = x.clone(), x.clone()
        above[k], below[k] = reach * 2.0**-n, -reach * 2.0**-n
        points = {"x": tuple(above.tolist()), "y": tuple(below.tolist())}
        return ratio_of_pair("∇l", gradient, points)

    because = f"at x_{k + 1} = ±t the ratio is at least λ/t, for every t > 0"
    argument = (
        f"∇l jumps by 2λ where x_{k + 1} = 0: it has no Lipschitz constant, and no derivative"
    )
    return Refutation.along(argument, Sequence(at, because), SHOWN)


def kink_inside(task: LassoTask, where: Ball | Box) -> tuple[Tensor, int, float] | None:
    """(x, k, reach): pairs x ± t e_k lie in the set for t ≤ reach; None if there is no kink inside.

    For a ball, kinks are looked for at its center's coordinates, one at a time.
    """
    if not task.weight > 0:
        return None
    if isinstance(where, Box):
        middle = (where.interval.lower + where.interval.upper) / 2
        # Any other entry that is 0 would be a kink of its own.
        x = torch.where(middle == 0, where.interval.upper / 2, middle)
        reach = torch.minimum(where.interval.upper, -where.interval.lower)
        k = int(reach.argmax())
        return (x, k, reach[k].item()) if reach[k] > 0 and _others_nonzero(x, k) else None
    center = torch.tensor(where.center, dtype=torch.float64)
    radius = float(where.radius.mid())
    k = int(center.abs().argmin())
    x = torch.where(center == 0, radius / (4 * len(center)), center)
    moved = (x - center).norm().item()
    reach_k = radius / 2 - center[k].abs().item() - moved
    return (x, k, reach_k) if reach_k > 0 and _others_nonzero(x, k) else None


def _others_nonzero(x: Tensor, k: int) -> bool:
    return bool((x != 0).sum() - int(x[k] != 0) == len(x) - 1)


def without_kink(where: Ball | Box) -> bool:
    """Whether no x_k = 0 lies in the interior of the set, for certain."""
    if isinstance(where, Box):
        interval = where.interval
        return bool(((interval.lower >= 0) | (interval.upper <= 0)).all())
    return all(abs(exact(c)) >= where.radius for c in where.center)
