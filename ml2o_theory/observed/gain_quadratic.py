"""The gap of Proposition 1 for the scalar gain rule on two quadratic tasks, enclosed rigorously.

With g(x) = Hx − c, Eq. 1 and Eq. 2 read

    x_{t+1} = x_t − φ g(x_t),    J_{t+1} = (I − φH) J_t − g(x_t),    J_0 = 0,

and ∇g_T(φ) = g(x_T)ᵀ J_T. Run in ball arithmetic from the exact float data, this is an enclosure of
the exact value; the precision is raised until the enclosure is narrow.
"""

from __future__ import annotations

from collections.abc import Iterator

from flint import arb, arb_mat

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import BITS, exact, precision, vector
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic, QuadraticPair
from ml2o_theory.regions import Region

RELATIVE_WIDTH = 1e-25
"""An enclosure narrower than this, relative to its midpoint, is narrow enough."""

_MOST_BITS = 2**15


def gradient_gaps(pair: QuadraticPair, region: Region, phi: float, steps: int) -> list[Enclosure]:
    """‖∇g_T¹(φ) − ∇g_T²(φ)‖ for T = 1 … `steps`.

    `InvalidArgument` unless the region is one of this pair, contains φ and reaches `steps`: its
    constants speak of no other instance.
    """
    if pair.sample != region.sample:
        raise InvalidArgument("region", region.sample, f"a region of this pair, {pair.sample}")
    if phi not in region.phi:
        raise InvalidArgument("φ", phi, f"a parameter in Φ = {region.phi}")
    if not 1 <= steps <= region.steps:
        raise InvalidArgument("steps", steps, f"1 to {region.steps}")
    bits, gaps = BITS, _gaps(pair, phi, steps, BITS)
    while bits < _MOST_BITS and not all(map(_is_narrow, gaps)):
        bits *= 2
        gaps = _gaps(pair, phi, steps, bits)
    with precision():
        return [
            Enclosure.certified(
                gap.abs_lower(),
                gap.abs_upper(),
                EndMethod.INTERVAL_ARITHMETIC,
                norm=Norm.EUCLIDEAN,
                region=region.id,
            )
            for gap in gaps
        ]


def _is_narrow(gap: arb) -> bool:
    return bool(gap.rad() <= RELATIVE_WIDTH * abs(gap.mid()))


def _gaps(pair: QuadraticPair, phi: float, steps: int, bits: int) -> list[arb]:
    """∇g_T¹(φ) − ∇g_T²(φ) for T = 1 … `steps`."""
    with precision(bits):
        x0, gain = vector(pair.x0), exact(phi)
        first, second = (list(_risk_gradients(q, x0, gain, steps)) for q in pair.gradients)
        return [a - b for a, b in zip(first, second, strict=True)]


def _risk_gradients(q: ExactQuadratic, x: arb_mat, phi: arb, steps: int) -> Iterator[arb]:
    """∇g_T(φ) for T = 1 … `steps`, at the current precision."""
    J = arb_mat(x.nrows(), 1)
    z = q.gradient(x)
    for _ in range(steps):
        x, J = x - phi * z, J - phi * (q.H * J) - z
        z = q.gradient(x)
        yield (z.transpose() * J)[0, 0]
