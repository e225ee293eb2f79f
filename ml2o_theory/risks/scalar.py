r"""The optimizer risk of the scalar gain on quadratic tasks, as the polynomial in φ that it is.

With u_s = (I − φH)^s z and z = ∇l(x_0), a task's gradient after T steps is u_T, and J_T = −T
u_{T−1}. So g_T' = −T u_Tᵀ u_{T−1} = −T zᵀ(I − φH)^{2T−1} z, which the binomial theorem turns into a
polynomial whose coefficients are the moments m_j = zᵀH^j z of the task:

    g_T'   = −T Σ_j C(2T−1, j) (−φ)^j m_j
    g_T''  = T(2T−1) zᵀH(I − φH)^{2T−2} z                  = T(2T−1) Σ_k h_k³ c_k² (1 − φh_k)^{2T−2}
    g_T''' = −T(2T−1)(2T−2) zᵀH²(I − φH)^{2T−3} z

in the eigenbasis of H, where z = −(h_k c_k)_k. The risk of several tasks is a mean, and so are its
moments: however many tasks there are, a value costs one polynomial of degree 2T.

Each term of g_T'' and of g_T'''' is an even power. So g_T'' ≥ 0 is convex: on an interval g_T',
g_T''' increase, g_T'' is largest at an end, and its minimum is enclosed by a bisection on the sign
of g_T'''.

g_T'' vanishes at φ if and only if every task has Hz = hz with h = 1/φ (T ≥ 2), or z = 0: so g_T is
strongly convex on all of R for T = 1 iff some Hz ≠ 0, and for T ≥ 2 iff two distinct h_k > 0 have
c_k ≠ 0.

Everything is evaluated at points in ball arithmetic, from the exact data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb
from typing import NamedTuple, Self

from flint import arb, arb_mat, arb_poly
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import matrix, norm, precision, squared_norm, vector
from ml2o_theory.exact_quadratic import ExactQuadratic

BITS = 512
"""Working precision: near a double root of g_T'' most digits cancel."""

_EXACT_BITS = 2**15
"""Enough for products of five float64 numbers to come out without rounding."""

NARROW = 1e-12
"""A minimum is known well enough at this relative width."""


class Extremes(NamedTuple):
    """lower ≤ inf g_T'' ≤ upper, the latter at `point`; the supremum, attained at `end`."""

    lower: arb
    upper: arb
    point: arb
    supremum: arb
    end: arb


@dataclass(frozen=True)
class TaskMoments:
    """One task: H, z = ∇l(x_0), l(x_0), and zᵀH^j z for j = 0 … 2T − 1."""

    H: arb_mat
    z: arb_mat
    loss: arb
    moments: tuple[arb, ...]

    @classmethod
    def of(cls, task: QuadraticTask, x0: Float[Tensor, " d"], steps: int) -> Self:
        """From the task's own data; the moments are balls of about 2^−512."""
        quadratic = ExactQuadratic.of(task)
        z = quadratic.gradient_at(x0)
        with precision(_bits(steps)):
            loss = squared_norm(matrix(task.A) * vector(x0) - vector(task.b)) / 2
            power, moments = z, []
            for _ in range(2 * steps):
                moments.append(_dot(z, power))
                power = quadratic.H * power
        return cls(quadratic.H, z, loss, tuple(moments))


@dataclass(frozen=True)
class ScalarRisk:
    """g_T of `tasks`, weighted by `weights` (integers, not all 0), all from x_0; `steps` is T."""

    tasks: tuple[TaskMoments, ...]
    weights: tuple[int, ...]
    steps: int

    @classmethod
    def of(cls, tasks: Sequence[QuadraticTask], x0: Float[Tensor, " d"], steps: int) -> Self:
        """The population risk of the tasks, uniformly weighted, from their own data."""
        if not tasks or steps < 1:
            raise InvalidArgument("tasks, steps", (len(tasks), steps), "at least one of each")
        found = tuple(TaskMoments.of(task, x0, steps) for task in tasks)
        return cls(found, (1,) * len(found), steps)

    def weighted(self, weights: Sequence[int]) -> ScalarRisk:
        """The empirical risk of a sample in which task n was drawn `weights[n]` times."""
        if len(weights) != len(self.tasks) or min(weights) < 0 or not any(weights):
            raise InvalidArgument("weights", tuple(weights), "one number ≥ 0 a task, not all 0")
        return replace(self, weights=tuple(weights))

    def subset(self, indices: Sequence[int]) -> ScalarRisk:
        """The empirical risk of some of the tasks."""
        return self.weighted([indices.count(k) for k in range(len(self.tasks))])

    @property
    def samples(self) -> tuple[ScalarRisk, ...]:
        """The risk of each task that has a weight."""
        drawn = [k for k, weight in enumerate(self.weights) if weight]
        return tuple(self.subset([k]) for k in drawn)

    def value(self, phi: arb) -> arb:
        """g_T(φ)."""
        return self._risk(phi)

    def derivative(self, phi: arb) -> arb:
        """g_T'(φ)."""
        return self._derivatives[0](phi)

    def curvature(self, phi: arb) -> arb:
        """g_T''(φ)."""
        return self._derivatives[1](phi)

    def third(self, phi: arb) -> arb:
        """g_T'''(φ)."""
        return self._derivatives[2](phi)

    @cached_property
    def _derivatives(self) -> tuple[arb_poly, arb_poly, arb_poly]:
        """g_T', g_T'' and g_T'''."""
        T = self.steps
        with precision(_bits(T)):
            moments = [self._mean([task.moments[j] for task in self.tasks]) for j in range(2 * T)]
            slope = arb_poly(
                [-T * comb(2 * T - 1, j) * (-1) ** j * m for j, m in enumerate(moments)]
            )
            return slope, slope.derivative(), slope.derivative().derivative()

    @cached_property
    def _risk(self) -> arb_poly:
        with precision(_bits(self.steps)):
            start = self._mean([task.loss for task in self.tasks])
            return self._derivatives[0].integral() + start

    def _mean(self, values: Sequence[arb]) -> arb:
        total = sum((w * v for w, v in zip(self.weights, values, strict=True) if w), arb(0))
        return total / sum(self.weights)

    @cached_property
    def vanishing_curvature(self) -> arb | str | None:
        """Where g_T'' = 0: a φ enclosed, "everywhere", or None where it is positive on all of R.

        Decided exactly, by Hz ‖ z with one factor for all tasks.
        """
        moving = [
            (task.H, task.z)
            for task, weight in zip(self.tasks, self.weights, strict=True)
            if weight and norm(task.z) > 0
        ]
        if not moving:
            return "everywhere"
        if self.steps == 1:
            return None
        H, u = moving[0]
        with precision(_EXACT_BITS):
            square, rayleigh = _dot(u, u), _dot(u, H * u)
            for other_H, other in moving:
                residual = square * (other_H * other) - rayleigh * other
                if any(entry != 0 for entry in residual.entries()):
                    return None
        with precision(BITS):
            return square / rayleigh

    def extremes(self, lower: arb, upper: arb) -> Extremes:
        """Of g_T'' on [lower, upper]."""
        with precision(_bits(self.steps)):
            ends = [(self.curvature(phi), phi) for phi in (lower, upper)]
            _, end = max(ends, key=lambda pair: pair[0].mid())
            # Of two balls that overlap either may hold the larger number.
            supremum = ends[0][0].max(ends[1][0])
            a, b = lower, upper
            if self.third(a) < 0 and self.third(b) > 0:
                a, b = _narrowed(self.third, a, b, BITS // 2, self._is_known_well)
            below = self._below(a, b)
            point, value = min(
                ((phi, self.curvature(phi)) for phi in (a, b)), key=lambda pair: pair[1].mid()
            )
            return Extremes(below.lower().max(arb(0)), value.upper(), point, supremum, end)

    def _below(self, a: arb, b: arb) -> arb:
        """A lower bound of g_T'' on [a, b]: a convex function lies above its tangents."""
        width = b - a
        from_a = self.curvature(a) + (self.third(a) * width).min(arb(0))
        from_b = self.curvature(b) - (self.third(b) * width).max(arb(0))
        return from_a.max(from_b)

    def _is_known_well(self, a: arb, b: arb) -> bool:
        value = self.curvature(a)
        return bool(value - self._below(a, b) <= NARROW * value)


def increasing_root(f: Callable[[arb], arb], lower: arb, upper: arb) -> arb | None:
    """A ball around the root of an increasing f on [lower, upper]; None without a sign change.

    Each sign is proved. The ball is as narrow as the signs of f can be told, at most 2⁻²⁰⁰ of the
    interval.
    """
    with precision(BITS):
        if f(lower) == 0:
            return lower
        if f(upper) == 0:
            return upper
        if not (f(lower) < 0 and f(upper) > 0):
            return None
        a, b = _narrowed(f, lower, upper, 200)
        return a.union(b)


def _narrowed(
    f: Callable[[arb], arb],
    a: arb,
    b: arb,
    halvings: int,
    enough: Callable[[arb, arb], bool] | None = None,
) -> tuple[arb, arb]:
    """Points of [a, b] with a root of f between them, where f(a) < 0 < f(b) for certain.

    Where the sign at a middle cannot be told (the root itself, often) it is approached from both
    sides.
    """
    for _ in range(halvings):
        if enough is not None and enough(a, b):
            break
        middle = ((a + b) / 2).mid()
        value = f(middle)
        if value == 0:
            return middle, middle
        if value < 0:
            a = middle
        elif value > 0:
            b = middle
        else:
            left, right = middle, middle
            for _ in range(halvings):
                toward_a, toward_b = ((a + left) / 2).mid(), ((b + right) / 2).mid()
                a, left = (toward_a, left) if f(toward_a) < 0 else (a, toward_a)
                b, right = (toward_b, right) if f(toward_b) > 0 else (b, toward_b)
            break
    return a, b


def _bits(steps: int) -> int:
    """The binomial coefficients of T steps are as large as 2^{2T}."""
    return BITS + 4 * steps


def _dot(u: arb_mat, v: arb_mat) -> arb:
    return (u.transpose() * v)[0, 0]
