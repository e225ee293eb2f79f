"""Runs of the scalar gain rule on quadratic tasks, enclosed rigorously.

With g(x) = Hx − c, Eq. 1 and Eq. 2 read

    x_{t+1} = x_t − φ g(x_t),    J_{t+1} = A_t J_t + B_t,    A_t = I − φH,    B_t = −g(x_t),

J_0 = 0, and ∇g_T(φ) = g(x_T)ᵀ J_T. With K_t = J_t', hence K_{t+1} = A_t K_t − 2HJ_t and K_0 = 0,
∇²g_T(φ) = J_TᵀHJ_T + g(x_T)ᵀK_T. Run in ball arithmetic from the exact float data, this is an
enclosure of the exact value; the precision is raised until the enclosure is narrow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_theory.arithmetic import BITS, exact, identity, norm, precision, vector
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.exact_quadratic import ExactQuadratic, QuadraticPair
from ml2o_theory.observed.quantities import Between, Observed, Quantity
from ml2o_theory.regions import Region

RELATIVE_WIDTH = 1e-25
"""An enclosure narrower than this, relative to its midpoint, is narrow enough."""

_MOST_BITS = 2**15


@dataclass(frozen=True)
class Run:
    """One task with ∇l = `gradient`, one start x_0 of shape (d,), and one φ."""

    gradient: ExactQuadratic
    x0: Float[Tensor, " d"]
    phi: float


@dataclass(frozen=True)
class Instance:
    """Two tasks, φ, and where a statement compares two parameters the other one, φ'.

    A statement about one task speaks of the pair's first.
    """

    pair: QuadraticPair
    phi: float
    other_phi: float | None = None

    def runs(self, between: Between) -> tuple[Run, ...]:
        """The run, or the two runs that are compared; without a second x_0 or φ', the first."""
        (first, second), x0 = self.pair.gradients, self.pair.x0
        run = Run(first, x0, self.phi)
        match between:
            case Between.ONE_RUN:
                return (run,)
            case Between.TASKS:
                return run, Run(second, x0, self.phi)
            case Between.PARAMETERS:
                return run, Run(first, x0, self._other_phi)
            case Between.STARTS_AND_PARAMETERS:
                return run, Run(first, self.pair.starts[-1], self._other_phi)

    @property
    def _other_phi(self) -> float:
        return self.phi if self.other_phi is None else self.other_phi

    def check_within(self, region: Region, steps: int) -> None:
        """`InvalidArgument` unless the region is one of this pair, contains φ and reaches `steps`.

        Its constants speak of no other instance.
        """
        if self.pair.sample != region.sample:
            raise InvalidArgument("region", region.sample, f"one of this pair, {self.pair.sample}")
        for phi in (self.phi, self._other_phi):
            if phi not in region.interval:
                raise InvalidArgument("φ", phi, f"a parameter in Φ = {region.phi}")
        if not 1 <= steps <= region.steps:
            raise InvalidArgument("steps", steps, f"1 to {region.steps}")


def observe(observed: Observed, instance: Instance, region: Region, steps: int) -> list[Enclosure]:
    """The norm that a statement speaks of, for T = 1 … `steps`."""
    instance.check_within(region, steps)
    runs = instance.runs(observed.between)
    bits, found = BITS, _differences(runs, observed.quantity, steps, BITS)
    while bits < _MOST_BITS and not all(map(_is_narrow, found)):
        bits *= 2
        found = _differences(runs, observed.quantity, steps, bits)
    with precision(bits):
        ends = [_norm_of(difference) for difference in found]
    matrices = {Quantity.STEP_JACOBIAN_X, Quantity.RISK_HESSIAN}
    kind = Norm.SPECTRAL if observed.quantity in matrices else Norm.EUCLIDEAN
    return [
        Enclosure.certified(
            lower, upper, EndMethod.INTERVAL_ARITHMETIC, norm=kind, region=region.id
        )
        for lower, upper in ends
    ]


def distances(observed: Observed, instance: Instance, region: Region) -> dict[str, Enclosure]:
    """‖x_0 − x_0'‖ and ‖φ − φ'‖ of the runs that are compared, as constants of the region."""
    runs = instance.runs(observed.between)
    with precision():
        x0, phi = vector(runs[0].x0) - vector(runs[-1].x0), exact(runs[0].phi) - exact(runs[-1].phi)
        values = {"delta_x0": norm(x0), "delta_phi": abs(phi)}
        return {
            symbol: Enclosure.certified(
                value,
                value,
                EndMethod.INTERVAL_ARITHMETIC,
                norm=Norm.EUCLIDEAN,
                region=region.id,
            )
            for symbol, value in values.items()
        }


def _norm_of(difference: arb_mat) -> tuple[arb, arb]:
    """Both ends of the spectral norm, which is the Euclidean norm of a column."""
    if difference.ncols() == 1:
        size = norm(difference)
        return size.abs_lower(), size.abs_upper()
    return spectral_norm(difference)[:2]


def _is_narrow(difference: arb_mat) -> bool:
    size = norm(difference)
    return bool(size.rad() <= RELATIVE_WIDTH * abs(size.mid()))


def _differences(runs: tuple[Run, ...], quantity: Quantity, steps: int, bits: int) -> list[arb_mat]:
    """The quantity of a run, or its difference between two runs, for T = 1 … `steps`."""
    with precision(bits):
        first, *others = ([q[quantity] for q in _quantities(run, steps)] for run in runs)
        for other in others:
            first = [a - b for a, b in zip(first, other, strict=True)]
        return first


def _quantities(run: Run, steps: int) -> Iterator[dict[Quantity, arb_mat]]:
    """Every quantity of the run for T = 1 … `steps`, at the current precision."""
    x, phi, H = vector(run.x0), exact(run.phi), run.gradient.H
    A, J, K = identity(x.nrows()) - phi * H, arb_mat(x.nrows(), 1), arb_mat(x.nrows(), 1)
    z = run.gradient.gradient(x)
    for _ in range(steps):
        B = -z
        x, J, K = x - phi * z, A * J + B, A * K - 2 * (H * J)
        z = run.gradient.gradient(x)
        yield {
            Quantity.ITERATE: x,
            Quantity.STEP_JACOBIAN_X: A,
            Quantity.STEP_JACOBIAN_PHI: B,
            Quantity.JACOBIAN: J,
            Quantity.RISK_GRADIENT: z.transpose() * J,
            Quantity.RISK_HESSIAN: J.transpose() * (H * J) + z.transpose() * K,
        }
