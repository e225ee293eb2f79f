"""Δ and Δ̃ (A4): how far apart the gradients and the Hessians of two tasks are on a region.

The difference of two quadratic gradients is (H_1 − H_2)x − (c_1 − c_2): Δ is a trust-region problem
on the ball X, and Δ̃ = ‖H_1 − H_2‖ does not depend on X.
"""

from __future__ import annotations

from ml2o_theory.constants.quadratic import gradient_supremum, hessian_norm
from ml2o_theory.enclosure import Enclosure
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.regions import Region


def gradient_difference(first: ExactQuadratic, second: ExactQuadratic, region: Region) -> Enclosure:
    """Δ = sup ‖∇l¹(x) − ∇l²(x)‖ over x ∈ X."""
    return gradient_supremum(first - second, region)


def hessian_difference(first: ExactQuadratic, second: ExactQuadratic, region: Region) -> Enclosure:
    """Δ̃ = ‖∇²l¹ − ∇²l²‖."""
    return hessian_norm(first - second, region)
