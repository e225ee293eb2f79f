r"""The loss l(x_T(φ)) after T steps as a jet in φ: the unroll in Taylor arithmetic, over boxes.

Eq. 1, x_{t+1} = x_t + m(∇l(x_t), φ), is repeated on jets from the constant x_0, for φ in a box. The
tasks are those with a loss ½‖Ax − b‖² + λ Σ_k ψ(x_k), ψ(u) = √(u² + ε²), of which the quadratic has
λ = 0; the rules are the scalar and the diagonal gain and the tanh network. The functions of one
variable get ranges over balls from the ends, as far as they are monotone:

    tanh:  t = tanh u rises;  s = 1 − t² falls in |u|;  t'' = −2ts,  t''' = s(6t² − 2)
    ψ:     with c = ε/ψ, which falls in |u|:  ψ' = u/ψ rises,  ψ'' = c²/ψ,  ψ''' = −3ψ'c²/ψ²,
           ψ⁗ = 3c²(4 − 5c²)/ψ³

Nothing is shared with `ml2o_theory.models` or `ml2o_theory.observed`, against which tests hold it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flint import arb, arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_theory.arithmetic import exact, precision
from ml2o_theory.exact_quadratic import ExactQuadratic
from ml2o_theory.intervals.tensor import IntervalTensor
from ml2o_theory.models.conversion import enclose
from ml2o_theory.models.mlp_layout import Layout
from ml2o_theory.regions import Box
from ml2o_theory.risks.jets import Jet, JetSpace

Vector = tuple[arb, ...]


@dataclass(frozen=True, eq=False)
class RunJets:
    """l(x_T(φ)) of one task; `steps` is T. `InvalidArgument` for a task or rule not written out."""

    task: Task
    rule: MemorylessRule
    x0: Float[Tensor, " d"]
    steps: int

    def __post_init__(self) -> None:
        if not isinstance(self.task, QuadraticTask | SmoothedLassoTask):
            allowed = "QuadraticTask or SmoothedLassoTask"
            raise InvalidArgument("task", type(self.task).__name__, allowed)
        if self.steps < 1:
            raise InvalidArgument("steps", self.steps, "an integer ≥ 1")
        parameters(self.rule)

    def loss(self, phi: Vector, order: int) -> Jet:
        """The jet at φ, or over the box of the balls φ, at the current precision."""
        return self._loss(self.iterates(phi, order)[-1])

    def iterates(self, phi: Vector, order: int) -> list[list[Jet]]:
        """The jets of x_0 … x_T, each a list of d."""
        space = JetSpace.of(len(phi), order)
        variables, x = space.variables(phi), [space.constant(v) for v in self._start]
        found, step = [x], _RULES[type(self.rule)]
        for _ in range(self.steps):
            moved = step(self.rule, self._gradient(x), variables)
            x = [u + v for u, v in zip(x, moved, strict=True)]
            found.append(x)
        return found

    def over(self, box: Box, order: int) -> Jet:
        """The loss's jet over a box, or at a point, at the usual precision; computed once."""
        key = box, order
        if key not in self._known:
            with precision():
                self._known[key] = self.loss(everywhere(box), order)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[Box, int], Jet]:
        return {}

    def tube(self, box: Box) -> IntervalTensor:
        """Boxes (T + 1, d) that hold x_t(φ) for all φ of the box: x_t(c) + J_t(box)(φ − c)."""
        middle = box.interval.midpoint
        with precision():
            balls, center = everywhere(box), tuple(map(exact, middle.tolist()))
            away = [p - c for p, c in zip(balls, center, strict=True)]
            rows = []
            for over, at in zip(self.iterates(balls, 1), self.iterates(center, 0), strict=True):
                moved = [
                    u.value + sum((s * h for s, h in zip(v.gradient(), away, strict=True)), arb(0))
                    for u, v in zip(at, over, strict=True)
                ]
                rows.append(moved)
            return enclose(arb_mat(rows))

    @cached_property
    def _start(self) -> Vector:
        return tuple(map(exact, self.x0.tolist()))

    @cached_property
    def _data(self) -> tuple[list[list[arb]], list[arb]]:
        """A by rows, and b."""
        A, b = self.task.A.tolist(), self.task.b.tolist()  # type: ignore[attr-defined]
        return [[exact(v) for v in row] for row in A], [exact(v) for v in b]

    @cached_property
    def _fit(self) -> tuple[list[list[arb]], list[arb]]:
        """H by rows, and c."""
        fit = ExactQuadratic.of(QuadraticTask(self.task.A, self.task.b))  # type: ignore[attr-defined]
        return fit.H.tolist(), fit.c.entries()

    @cached_property
    def _corner(self) -> tuple[arb, arb] | None:
        """λ and ε, where there are any."""
        if not isinstance(self.task, SmoothedLassoTask):
            return None
        return exact(self.task.weight.item()), exact(self.task.smoothing.item())

    def _residual(self, x: list[Jet]) -> list[Jet]:
        """Ax − b."""
        A, b = self._data
        return [_combine(row, x).plus(-v) for row, v in zip(A, b, strict=True)]

    def _gradient(self, x: list[Jet]) -> list[Jet]:
        """Hx − c + λψ'(x), with H = AᵀA and c = Aᵀb."""
        H, c = self._fit
        fit = [_combine(row, x).plus(-v) for row, v in zip(H, c, strict=True)]
        if self._corner is None:
            return fit
        weight, eps = self._corner
        bends = [u.through(pseudo_huber(u.value, eps)[1]).times(weight) for u in x]
        return [u + v for u, v in zip(fit, bends, strict=True)]

    def _loss(self, x: list[Jet]) -> Jet:
        squares = [r.square() for r in self._residual(x)]
        total = _combine([arb(1) / 2] * len(squares), squares)
        if self._corner is None:
            return total
        weight, eps = self._corner
        sizes = [u.through(pseudo_huber(u.value, eps)[0]) for u in x]
        return total + _combine([weight] * len(sizes), sizes)


def everywhere(box: Box) -> Vector:
    """Balls that hold every point of a box; a point stays one."""
    ends = [tuple(map(exact, side)) for side in zip(box.lower, box.upper, strict=True)]
    return tuple(low if low == high else low.union(high) for low, high in ends)


def parameters(rule: MemorylessRule) -> int:
    """p, for the rules that are written out here; `InvalidArgument` for others."""
    if isinstance(rule, MLPRule):
        return Layout.of(rule).size
    if isinstance(rule, LinearGain) and rule.shape != "full":
        return rule.dim or 1
    raise InvalidArgument("rule", rule.name, "a scalar or diagonal gain, or the tanh network")


def pseudo_huber(u: arb, eps: arb) -> tuple[list[arb], list[arb]]:
    """Taylor coefficients of ψ and of ψ' up to order 3, over the ball u."""
    low, high = u.abs_lower(), u.abs_upper()
    near, far = ((w * w + eps * eps).sqrt() for w in (low, high))
    size, shrink = near.union(far), (eps / near).union(eps / far)
    ends = (u.lower(), u.upper())
    first, last = (w / (w * w + eps * eps).sqrt() for w in ends)
    slope, flat = first.union(last), shrink * shrink
    second = flat / size
    third = -3 * slope * flat / (size * size)
    fourth = 3 * flat * (4 - 5 * flat) / (size * size * size)
    return [size, slope, second / 2, third / 6], [slope, second, third / 2, fourth / 6]


def tanh_series(u: arb) -> list[arb]:
    """Taylor coefficients of tanh up to order 3, over the ball u."""
    t = u.lower().tanh().union(u.upper().tanh())
    steep, gentle = u.abs_lower().sech(), u.abs_upper().sech()
    s = (steep * steep).union(gentle * gentle)
    # 6t² − 2 = 4 − 6s.
    return [t, s, -t * s, s * (2 - 3 * s) / 3]


def _gain(rule: Any, z: list[Jet], phi: list[Jet]) -> list[Jet]:
    gains = phi * len(z) if rule.shape == "scalar" else phi
    return [(gain * v).times(arb(-1)) for gain, v in zip(gains, z, strict=True)]


def _mlp(rule: Any, z: list[Jet], phi: list[Jet]) -> list[Jet]:
    if rule.scope == "coordinatewise":
        return [_network(rule, [v], phi)[0] for v in z]
    return _network(rule, z, phi)


def _network(rule: Any, a: list[Jet], phi: list[Jet]) -> list[Jet]:
    layers = Layout.of(rule).layers
    for j, place in enumerate(layers):
        weights, biases = phi[place.weight], phi[place.bias]
        found = []
        for k, bias in enumerate(biases):
            total = bias
            for i, entry in enumerate(a):
                total = total + entry * weights[i * place.outputs + k]
            found.append(total)
        a = found if j == len(layers) - 1 else [u.through(tanh_series(u.value)) for u in found]
    return [u.times(exact(rule.output_scale)) for u in a]


_RULES: dict[type, Callable[[Any, list[Jet], list[Jet]], list[Jet]]] = {
    LinearGain: _gain,
    MLPRule: _mlp,
}


def _combine(factors: Sequence[arb], jets: Sequence[Jet]) -> Jet:
    """Σ_k factor_k jet_k."""
    found: dict[int, arb] = {}
    for factor, jet in zip(factors, jets, strict=True):
        for k, value in jet.c.items():
            term = factor * value
            found[k] = found[k] + term if k in found else term
    return Jet(jets[0].space, found)
