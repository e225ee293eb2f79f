"""What each constant of A3 and A4 is a supremum of, for any task and any memoryless rule.

Every one is a supremum of ‖DᵏF‖ (`derivative_norm`), or the largest of a few:

    M, L, ρ, τ          F = ∇lⁱ, k = 0 … 3, the larger over the tasks             on X
    Δ, Δ̃                F = ∇l¹ − ∇l², k = 0, 1                                    on X
    M_m1, M_m2          F = m, once in z, once in φ                               on Z × Φ
    L_zz, L_zφ, L_φφ    F = m, twice; L_m is the largest                          on Z × Φ
    ρ_m                 F = m, three times, the largest of four blocks            on Z × Φ
    Q̄                   F = x + m(∇lⁱ(x), φ), once in x                           on X × Φ

L_m and ρ_m are Lipschitz constants in the sum norm ‖δz‖ + ‖δφ‖. A multilinear form on its unit ball
is largest at directions that are purely δz or purely δφ: so the largest block is the constant.

Parameters φ are one vector: the rule's tensors flattened, in the order of their names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule, Params
from ml2o_core.tasks.base import Task
from ml2o_theory.constants.derivative_norm import DerivativeNorm, Point

Parts: TypeAlias = dict[str, DerivativeNorm]
"""Norms by name, of which a constant is the largest supremum."""

_SECOND = (("z", "z"), ("z", "phi"), ("phi", "phi"))
_RULE: dict[str, tuple[tuple[str, ...], ...]] = {
    "M_m1": (("z",),),
    "M_m2": (("phi",),),
    "L_zz": _SECOND[:1],
    "L_zphi": _SECOND[1:2],
    "L_phiphi": _SECOND[2:],
    "L_m": _SECOND,
    "rho_m": tuple(("z",) * (3 - j) + ("phi",) * j for j in range(4)),
}


def coordinates(symbol: str) -> tuple[str, ...]:
    """The coordinates of the points that a constant is a supremum over."""
    if symbol in _RULE:
        return ("z", "phi")
    return ("x", "phi") if symbol == "Q_bar" else ("x",)


def suprema(tasks: Sequence[Task], rule: MemorylessRule) -> dict[str, Parts]:
    """The norms of every constant, by symbol; with one task there are no Δ and Δ̃."""
    if len(tasks) not in (1, 2):
        raise InvalidArgument("tasks", len(tasks), "one task or two")
    named = {f"task {i}": task for i, task in enumerate(tasks, 1)}
    gradients = {name: _at_x(task.gradient) for name, task in named.items()}
    found: dict[str, Parts] = {
        symbol: {name: DerivativeNorm(F, ("x",) * k) for name, F in gradients.items()}
        for k, symbol in enumerate(("M", "L", "rho", "tau"))
    }
    if len(tasks) == 2:
        first, second = tasks
        apart = _at_x(lambda x: first.gradient(x) - second.gradient(x))
        found["Delta"] = {"l¹ − l²": DerivativeNorm(apart)}
        found["Delta_tilde"] = {"l¹ − l²": DerivativeNorm(apart, ("x",))}
    params = Parameters.of(rule)

    def step(point: Point) -> Tensor:
        return rule.m(point["z"], params.unflatten(point["phi"]))

    for symbol, blocks in _RULE.items():
        found[symbol] = {_written(wrt): DerivativeNorm(step, wrt) for wrt in blocks}
    found["Q_bar"] = {
        name: DerivativeNorm(_closed_loop(F, step), ("x",)) for name, F in gradients.items()
    }
    return found


@dataclass(frozen=True)
class Parameters:
    """How a rule's parameters φ, by name, are one vector of length p."""

    shapes: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, rule: MemorylessRule) -> Parameters:
        """From an example: the shapes do not depend on what is drawn."""
        example = rule.init_params(torch.Generator().manual_seed(0))
        return cls({name: tuple(example[name].shape) for name in sorted(example)})

    @property
    def size(self) -> int:
        """p."""
        return sum(prod(shape) for shape in self.shapes.values())

    def unflatten(self, phi: Float[Tensor, " p"]) -> Params:
        """φ by name."""
        if phi.numel() != self.size:
            raise InvalidArgument("φ", tuple(phi.shape), f"shape ({self.size},), as of the rule")
        parts = phi.split([prod(shape) for shape in self.shapes.values()])
        return {
            name: part.reshape(shape)
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }


def _written(wrt: tuple[str, ...]) -> str:
    """∂z∂φ for ("z", "phi")."""
    return "".join(f"∂{name}" for name in wrt).replace("phi", "φ")


def _at_x(gradient: Callable[[Tensor], Tensor]) -> Callable[[Point], Tensor]:
    return lambda point: gradient(point["x"])


def _closed_loop(
    gradient: Callable[[Point], Tensor], step: Callable[[Point], Tensor]
) -> Callable[[Point], Tensor]:
    """x + m(∇l(x), φ): its Jacobian in x is A = I + ∇₁m ∇²l."""
    return lambda point: point["x"] + step({"z": gradient(point), "phi": point["phi"]})
