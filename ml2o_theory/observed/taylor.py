"""∂x_t/∂φ by Taylor arithmetic: the unroll on power series, without the Jacobian of anything.

For each entry of φ the run is repeated on series x_t(φ + s e_k) = x_t + s ∂x_t/∂φ_k + O(s²), whose
coefficients are balls. The tasks' gradients and the rules' steps are written out here once more, so
that nothing is shared with `ml2o_theory.models`: what the two have in common is Eq. 1 alone.

Arrays hold one series an entry. In graph mode `detached` the gradient is cut to its constant term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np
from flint import arb_mat, arb_series, ctx
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.optimizers.gain import LinearGain
from ml2o_core.optimizers.mlp_rule import MLPRule
from ml2o_core.tasks.base import Task
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_core.tasks.rosenbrock import RosenbrockTask
from ml2o_core.tasks.smoothed_lasso import SmoothedLassoTask
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import exact

Series: TypeAlias = NDArray[Any]
"""An array of `arb_series`."""


def jacobians(
    rule: MemorylessRule,
    params: Params,
    task: Task,
    x0: Float[Tensor, " d"],
    steps: int,
    graph: GraphMode = GraphMode.FULL,
) -> list[arb_mat]:
    """∂x_t/∂φ of shape (d, p) for t = 1 … `steps`, as autodiff computes it in graph mode `graph`.

    At the current precision; φ flattened in name order. `InvalidArgument` where the task or the
    rule is not among those written out here, and for graph mode `none`.
    """
    if graph is GraphMode.NONE:
        raise InvalidArgument("graph", graph.value, "full or detached")
    gradient, m = _known("task", GRADIENTS, task), _known("rule", STEPS, rule)
    with _first_order():
        runs = []
        for moved in _directions(params):
            x, derivatives = _constant(x0), []
            for _ in range(steps):
                z = gradient(task, x)
                if graph is GraphMode.DETACHED:
                    z = _entrywise(lambda series: arb_series([series[0]]), z)
                x = x + m(rule, z, moved)
                derivatives.append([series[1] for series in x])
            runs.append(derivatives)
    return [arb_mat([run[t] for run in runs]).transpose() for t in range(steps)]


def _quadratic(task: Any, x: Series) -> Series:
    A, b = _constant(task.A), _constant(task.b)
    return A.T @ (A @ x - b)


def _smoothed_lasso(task: Any, x: Series) -> Series:
    """Aᵀ(Ax − b) + λ x/√(x² + ε²)."""
    weight, squared = exact(task.weight.item()), exact(task.smoothing.item()) ** 2
    return _quadratic(task, x) + weight * x * _entrywise(lambda v: (v * v + squared).rsqrt(), x)


def _rosenbrock(task: Any, x: Series) -> Series:
    """Of (1 − u)² + c (v − u²)² for each link (u, v) = (x_k, x_{k+1})."""
    u, v, c = x[:-1], x[1:], _constant(task.steepness)
    bend = v - u * u
    gradient = _constant(task.steepness.new_zeros(task.dim))
    gradient[:-1] += 2 * (u - 1) - 4 * c * u * bend
    gradient[1:] += 2 * c * bend
    return gradient


def _gain(rule: Any, z: Series, params: dict[str, Series]) -> Series:
    gain = params["gain"]
    return -(gain @ z) if rule.shape == "full" else -(gain * z)


def _mlp(rule: Any, z: Series, params: dict[str, Series]) -> Series:
    a = z if rule.scope == "vector" else z.reshape(-1, 1)
    for j in range(rule.depth):
        a = _entrywise(_tanh, a @ params[f"weight_{j}"] + params[f"bias_{j}"])
    out = a @ params[f"weight_{rule.depth}"] + params[f"bias_{rule.depth}"]
    return exact(rule.output_scale) * out.reshape(-1)


GRADIENTS: dict[type, Callable[[Any, Series], Series]] = {
    QuadraticTask: _quadratic,
    SmoothedLassoTask: _smoothed_lasso,
    RosenbrockTask: _rosenbrock,
}
"""∇l on series, by type of task."""

STEPS: dict[type, Callable[[Any, Series, dict[str, Series]], Series]] = {
    LinearGain: _gain,
    MLPRule: _mlp,
}
"""m(z, φ) on series, by type of rule; φ by name."""


def _known(argument: str, table: dict[type, Any], member: object) -> Any:
    if type(member) not in table:
        allowed = f"one of {', '.join(kind.__name__ for kind in table)}"
        raise InvalidArgument(argument, type(member).__name__, allowed)
    return table[type(member)]


def _directions(params: Params) -> Iterator[dict[str, Series]]:
    """φ + s e_k for each k, by name, k in name order."""
    fixed = {name: _constant(params[name]) for name in sorted(params)}
    for name, values in fixed.items():
        for k in np.ndindex(values.shape):
            moved = values.copy()
            moved[k] = moved[k] + arb_series([0, 1])
            yield fixed | {name: moved}


def _constant(values: Tensor) -> Series:
    """Series without a linear term; an empty array first, lest numpy unpack the series."""
    found = np.empty(tuple(values.shape), dtype=object)
    for k in np.ndindex(found.shape):
        found[k] = arb_series([exact(values[k].item())])
    return found


def _entrywise(function: Callable[[Any], arb_series], values: Series) -> Series:
    found = np.empty_like(values)
    for k in np.ndindex(values.shape):
        found[k] = function(values[k])
    return found


def _tanh(v: arb_series) -> arb_series:
    grown = (2 * v).exp()
    return (grown - 1) / (grown + 1)


@contextmanager
def _first_order() -> Iterator[None]:
    """Series are cut after their linear term, and the cut is set back."""
    before, ctx.cap = ctx.cap, 2
    try:
        yield
    finally:
        ctx.cap = before
