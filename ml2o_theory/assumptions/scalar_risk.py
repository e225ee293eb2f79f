r"""The optimizer risk of the scalar gain on quadratic tasks, as the polynomial in φ that it is.

With u_s = (I − φH)^s ∇l(x_0), a task's gradient after T steps is u_T, and J_T = −T u_{T−1}. So

    g_T'   = −T u_Tᵀ u_{T−1}
    g_T''  = T(2T−1) u_{T−1}ᵀ H u_{T−1}                   = T(2T−1) Σ_k h_k³ c_k² (1 − φh_k)^{2T−2}
    g_T''' = −T(2T−1)(2T−2) u_{T−1}ᵀ H² u_{T−2}

in the eigenbasis of H, where ∇l(x_0) = −(h_k c_k)_k. The risk of several tasks is the mean. Each
term of g_T'' is an even power: g_T'' ≥ 0 is a convex polynomial, so that on an interval its maximum
is at an end, and its minimum is enclosed by a bisection on the sign of g_T'''.

g_T'' vanishes at φ if and only if every task has H∇l(x_0) = h∇l(x_0) with h = 1/φ (T ≥ 2), or
∇l(x_0) = 0: so g_T is strongly convex on all of R for T = 1 iff some ∇l(x_0) ≠ 0, and for T ≥ 2
iff two distinct h_k > 0 have c_k ≠ 0.

Everything is evaluated at points in ball arithmetic, from the exact data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import norm, precision
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
class ScalarRisk:
    """g_T of `tasks`, uniformly weighted, all from x_0; `steps` is T."""

    quadratics: tuple[ExactQuadratic, ...]
    starts: tuple[arb_mat, ...]
    steps: int

    @classmethod
    def of(cls, tasks: Sequence[QuadraticTask], x0: Float[Tensor, " d"], steps: int) -> Self:
        """From the tasks' own data."""
        if not tasks or steps < 1:
            raise InvalidArgument("tasks, steps", (len(tasks), steps), "at least one of each")
        quadratics = tuple(ExactQuadratic.of(task) for task in tasks)
        return cls(quadratics, tuple(q.gradient_at(x0) for q in quadratics), steps)

    def subset(self, indices: Sequence[int]) -> ScalarRisk:
        """The empirical risk of some of the tasks."""
        return ScalarRisk(
            tuple(self.quadratics[k] for k in indices),
            tuple(self.starts[k] for k in indices),
            self.steps,
        )

    def derivative(self, phi: arb) -> arb:
        """g_T'(φ)."""
        T = self.steps
        return self._mean(lambda u, H: -T * _dot(u[T], u[T - 1]), phi)

    def curvature(self, phi: arb) -> arb:
        """g_T''(φ)."""
        T = self.steps
        factor = T * (2 * T - 1)
        return self._mean(lambda u, H: factor * _dot(u[T - 1], H * u[T - 1]), phi)

    def third(self, phi: arb) -> arb:
        """g_T'''(φ)."""
        T = self.steps
        if T == 1:
            return arb(0)
        factor = -T * (2 * T - 1) * (2 * T - 2)
        return self._mean(lambda u, H: factor * _dot(H * u[T - 1], H * u[T - 2]), phi)

    def _mean(self, term: Callable[[list[arb_mat], arb_mat], arb], phi: arb) -> arb:
        total = arb(0)
        for quadratic, start in zip(self.quadratics, self.starts, strict=True):
            u = [start]
            for _ in range(self.steps):
                u.append(u[-1] - phi * (quadratic.H * u[-1]))
            total += term(u, quadratic.H)
        return total / len(self.starts)

    @cached_property
    def vanishing_curvature(self) -> arb | str | None:
        """Where g_T'' = 0: a φ enclosed, "everywhere", or None where it is positive on all of R.

        Decided exactly, by H∇l(x_0) ‖ ∇l(x_0) with one factor for all tasks.
        """
        moving = [
            (q.H, u) for q, u in zip(self.quadratics, self.starts, strict=True) if norm(u) > 0
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
        with precision(BITS):
            ends = [(self.curvature(phi), phi) for phi in (lower, upper)]
            supremum, end = max(ends, key=lambda pair: pair[0].mid())
            a, b = lower, upper
            bisections = BITS // 2 if self.third(a) < 0 and self.third(b) > 0 else 0
            for _ in range(bisections):
                if self._gap(a, b) <= NARROW * self.curvature(a):
                    break
                middle = ((a + b) / 2).mid()
                slope = self.third(middle)
                if slope == 0:
                    a = b = middle
                if not (slope < 0 or slope > 0):
                    break
                a, b = (middle, b) if slope < 0 else (a, middle)
            below = self._below(a, b)
            point, value = min(
                ((phi, self.curvature(phi)) for phi in (a, b)), key=lambda pair: pair[1].mid()
            )
            return Extremes(below.max(arb(0)).lower(), value.upper(), point, supremum, end)

    def _below(self, a: arb, b: arb) -> arb:
        """A lower bound of g_T'' on [a, b]: a convex function lies above its tangents."""
        width = b - a
        from_a = self.curvature(a) + (self.third(a) * width).min(arb(0))
        from_b = self.curvature(b) - (self.third(b) * width).max(arb(0))
        return from_a.max(from_b)

    def _gap(self, a: arb, b: arb) -> arb:
        return self.curvature(a) - self._below(a, b)


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
        a, b = lower, upper
        for _ in range(200):
            middle = ((a + b) / 2).mid()
            value = f(middle)
            if value < 0:
                a = middle
            elif value > 0:
                b = middle
            else:
                break
        return a.union(b)


def _dot(u: arb_mat, v: arb_mat) -> arb:
    return (u.transpose() * v)[0, 0]
