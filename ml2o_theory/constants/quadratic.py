"""sup ‖∇l‖ on a ball and ‖∇²l‖ for a quadratic, or for the difference of two."""

from __future__ import annotations

import torch

from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import precision
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.constants.trust_region import BallSupremum, affine_norm_on_ball
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.regions import Ball, Region, as_ball


def gradient_norm_on_ball(quadratic: ExactQuadratic, ball: Ball) -> BallSupremum:
    """Both ends of sup ‖Hx − c‖ over `ball`."""
    at_center = quadratic.gradient_at(torch.tensor(ball.center, dtype=torch.float64))
    with precision():
        return affine_norm_on_ball(quadratic.H, at_center, ball.radius)


def gradient_supremum(quadratic: ExactQuadratic, region: Region) -> Enclosure:
    """sup ‖Hx − c‖ over the region's X; the witness is (x − center) / radius."""
    return enclosed(gradient_norm_on_ball(quadratic, as_ball(region.x)), region)


def enclosed(found: BallSupremum, region: Region) -> Enclosure:
    """A supremum over the region's X, as a constant of the region."""
    return Enclosure.supremum(
        found.lower,
        found.upper,
        found.upper_by,
        witness={"direction": tuple(found.direction.tolist())},
        norm=Norm.EUCLIDEAN,
        region=region.id,
    )


def hessian_norm(quadratic: ExactQuadratic, region: Region) -> Enclosure:
    """‖H‖; the witness is the vector v of ‖Hv‖ / ‖v‖, the certificate an s with s²I − H² ≻ 0."""
    with precision():
        lower, upper, v = spectral_norm(quadratic.H)
    return Enclosure.supremum(
        lower,
        upper,
        EndMethod.DUAL_CERTIFICATE,
        witness={"v": tuple(v.tolist())},
        norm=Norm.SPECTRAL,
        region=region.id,
    )
