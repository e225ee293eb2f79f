"""The rows on devices: whether two of them compute the same, and how fast each is."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import model_validator

from ml2o_core.errors import InvalidArgument
from ml2o_core.results.row import End, Row, column
from ml2o_core.results.vocabulary import ParityVerdict


class ParityRow(Row):
    """One quantity computed twice, from the same seeds and data: on two devices, in two precisions
    or in two runs.

    A row is about several *cases* (problems, replicates, parameters), each with a difference and a
    tolerance of its own; the row holds those of the case that is furthest towards its tolerance, or
    beyond it.
    """

    table: ClassVar[str] = "parity"

    part: str = column("the part of the program that computes it")
    setting: str = column("the rule and the tasks, or the method and what is differentiated")
    quantity: str = column("what is computed")
    compared: str = column("the two computations: this one against that one")
    cases: int = column("cases that were compared", default=0, ge=0)
    difference: End = column(
        "largest entry of the difference over the largest entry of the reference; none without one",
        unit="relative",
        default=None,
    )
    tolerance: End = column(
        "what rounding may explain; none where nothing is judged, or where it may explain anything",
        unit="relative",
        default=None,
    )
    verdict: ParityVerdict = column("the outcome")
    reason: str = column("why; needed unless the two agree", default="")

    @model_validator(mode="after")
    def _verdict_follows_from_the_numbers(self) -> Self:
        verdict = self.verdict
        judged = verdict in (ParityVerdict.AGREES, ParityVerdict.IDENTICAL)
        if judged and (
            self.difference is None or self.tolerance is None or self.difference > self.tolerance
        ):
            raise InvalidArgument(
                "verdict", str(verdict), "this only for a difference within its tolerance"
            )
        if verdict is ParityVerdict.IDENTICAL and self.tolerance:
            raise InvalidArgument("tolerance", self.tolerance, "0, because the bytes are compared")
        if not judged and not self.reason:
            raise InvalidArgument("reason", self.reason, f"a reason for {verdict}")
        return self


class SpeedRow(Row):
    """Seconds for one window of meta-training, the meta-gradient included."""

    table: ClassVar[str] = "speed"

    method: str = column("the meta-gradient")
    device: str = column("the device, and how much of it")
    precision: str = column("float32 or float64")
    replicates: int = column("R, replicates in one window", ge=1)
    problems: int = column("N, problems of each replicate", ge=1)
    steps: int = column("T, optimizee iterations of a window", ge=1)
    windows: int = column("windows that were timed, after a warm-up", ge=0)
    seconds: float | None = column(
        "median over the windows; none if the device cannot hold one", unit="s", default=None, ge=0
    )
    lower: float | None = column("lower quartile", unit="s", default=None, ge=0)
    upper: float | None = column("upper quartile", unit="s", default=None, ge=0)
    ratio: float | None = column(
        "median on the reference device over this one; none on the reference", default=None, ge=0
    )
    memory: float | None = column(
        "largest memory that tensors took; none where it is not measured",
        unit="MiB",
        default=None,
        ge=0,
    )
    reason: str = column("why there are no seconds", default="")

    @model_validator(mode="after")
    def _missing_for_a_reason(self) -> Self:
        if self.seconds is None and not self.reason:
            raise InvalidArgument("reason", self.reason, "a reason, because there are no seconds")
        return self


class CostRow(Row):
    """What one window of meta-training spends on one kind of operation."""

    table: ClassVar[str] = "costs"

    method: str = column("the meta-gradient")
    replicates: int = column("R, replicates in one window", ge=1)
    kind_of_operation: str = column("the kind of operation, or what is around them")
    seconds: float = column("spent on it in one window", unit="s", ge=0)
    share: float = column("of the window's time", ge=0, le=1)
    calls: int | None = column("operations of this kind in one window", default=None, ge=0)
