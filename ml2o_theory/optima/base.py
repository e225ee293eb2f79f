"""What is known about the minimal value f* of a task: an interval, and where it comes from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ml2o_core.errors import InvalidArgument


class SolverStatus(StrEnum):
    """What the solver said of its point. The bounds are proved whatever it said."""

    CLOSED_FORM = "closed form"
    OPTIMAL = "optimal"
    INACCURATE = "inaccurate"
    FAILED = "failed"


@dataclass(frozen=True)
class CertifiedOptimum:
    """dual ≤ f* ≤ primal, both proved with outward rounding.

    `primal` bounds f at `point`, an x of shape (d,); `value` is the best estimate of f*. `reported`
    is the solver's own value, and `message` its complaint. A solver that fails gives no point, an
    infinite `primal`, and the `dual` bound 0 that holds for every loss here.
    """

    point: tuple[float, ...] | None
    primal: float
    dual: float
    solver: str
    status: SolverStatus
    reported: float | None = None
    message: str = ""

    def __post_init__(self) -> None:
        if not self.dual <= self.primal:
            raise InvalidArgument("dual", self.dual, f"at most the primal bound {self.primal}")
        if (self.status is SolverStatus.FAILED) != (self.point is None):
            raise InvalidArgument("point", self.point, "none exactly when the solver failed")

    @classmethod
    def failed(cls, solver: str, message: str) -> CertifiedOptimum:
        """No point: all that is known is 0 ≤ f*."""
        return cls(None, math.inf, 0.0, solver, SolverStatus.FAILED, message=message)

    @property
    def value(self) -> float:
        """f at the point (rounded up); inf when the solver failed."""
        return self.primal

    @property
    def gap(self) -> float:
        """primal − dual ≥ f(point) − f*."""
        return self.primal - self.dual
