"""What a statement speaks of: a quantity of a run, alone or between two runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Quantity(StrEnum):
    """A quantity of one run of T steps; a statement bounds its norm or that of a difference."""

    ITERATE = "x_T"
    STEP_JACOBIAN_X = "A_{T−1}"
    STEP_JACOBIAN_PHI = "B_{T−1}"
    JACOBIAN = "J_T"
    RISK_GRADIENT = "∇g_T"
    RISK_HESSIAN = "∇²g_T"


class Between(StrEnum):
    """Which two runs are compared; everything that is not named is the same for both."""

    ONE_RUN = "one run alone"
    TASKS = "two tasks"
    PARAMETERS = "φ and φ'"
    STARTS_AND_PARAMETERS = "x_0 and x_0', φ and φ'"


@dataclass(frozen=True)
class Observed:
    """The norm of `quantity`, or of its difference `between` two runs."""

    quantity: Quantity
    between: Between
