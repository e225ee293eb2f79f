"""Quadratic tasks without rounding: l(x) = ½‖Ax − b‖² with ∇l(x) = Hx − c, H = AᵀA, c = Aᵀb.

A and b are float64 data, hence exact rationals; H and c are computed from them exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from flint import arb_mat
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.tasks.quadratic import QuadraticTask
from ml2o_theory.arithmetic import matrix, precision, vector
from ml2o_theory.regions import sample_id

_EXACT_BITS = 7000
"""Enough for sums of products of three float64 numbers: exponents −3222 to 3072, and guard."""


@dataclass(frozen=True)
class ExactQuadratic:
    """x ↦ Hx − c with H symmetric of shape (d, d) and c of shape (d, 1), both exact.

    The gradient of a quadratic task, or the difference of two such gradients.
    """

    H: arb_mat
    c: arb_mat

    @classmethod
    def of(cls, task: QuadraticTask) -> Self:
        """From the task's own data."""
        A, b = matrix(task.A), vector(task.b)
        with precision(_EXACT_BITS):
            return cls(A.transpose() * A, A.transpose() * b)

    def gradient(self, x: arb_mat) -> arb_mat:
        """Hx − c for x of shape (d, 1), at the current precision."""
        return self.H * x - self.c

    def gradient_at(self, x: Float[Tensor, " d"]) -> arb_mat:
        """Hx − c for a float x, exact: nothing is lost where Hx and c cancel."""
        with precision(_EXACT_BITS):
            return self.gradient(vector(x))

    def __sub__(self, other: ExactQuadratic) -> ExactQuadratic:
        with precision(_EXACT_BITS):
            return ExactQuadratic(self.H - other.H, self.c - other.c)


@dataclass(frozen=True)
class QuadraticPair:
    """Tasks 1 and 2 with their common start x_0, all of one dimension d.

    `other_x0` is a second start x_0', for statements that compare two.
    """

    first: QuadraticTask
    second: QuadraticTask
    x0: Float[Tensor, " d"]
    other_x0: Float[Tensor, " d"] | None = None

    def __post_init__(self) -> None:
        other = self.x0 if self.other_x0 is None else self.other_x0
        dims = {self.first.dim, self.second.dim, *self.x0.shape, *other.shape}
        if len(dims) != 1:
            raise InvalidArgument("pair", sorted(dims), "two tasks and an x_0 of one dimension")

    @property
    def starts(self) -> tuple[Float[Tensor, " d"], ...]:
        """x_0, and x_0' where there is one."""
        return (self.x0,) if self.other_x0 is None else (self.x0, self.other_x0)

    @cached_property
    def gradients(self) -> tuple[ExactQuadratic, ExactQuadratic]:
        """∇l¹ and ∇l², exact."""
        return ExactQuadratic.of(self.first), ExactQuadratic.of(self.second)

    @cached_property
    def sample(self) -> str:
        """The id of this data: both tasks' and the starts."""
        return sample_id([self.first.A, self.first.b, self.second.A, self.second.b, *self.starts])
