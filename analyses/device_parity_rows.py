"""The rows of the comparison: each computation in both precisions, on both devices, and twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import torch

from analyses.device_parity_compare import (
    Computation,
    Place,
    Values,
    allowance,
    difference,
    judge,
    same_bytes,
)
from ml2o_core.results import ParityRow, ParityVerdict, row_id


class PartOf(StrEnum):
    """What is compared; the parts of the page."""

    UNROLL = "unroll"
    WINDOW = "window"
    TRAINING = "training"
    REPRODUCIBILITY = "reproducibility"


@dataclass(frozen=True)
class _Run:
    """What was computed at a place; `name` tells two runs at the same place apart."""

    place: Place
    name: str
    values: Values


@dataclass(frozen=True)
class Comparison:
    """How two devices are compared: `other` against `reference`.

    `roundings` and `draws` are the allowance's. Both may be the same device.
    """

    artefact: str
    reference: torch.device
    other: torch.device
    roundings: int
    draws: int

    def rows(
        self, part: PartOf, setting: str, computation: Computation, *, judged: bool = True
    ) -> list[ParityRow]:
        """float64 on `other` against float64 on `reference`; float32 on each against its float64.

        Where float32 is not `judged`, the differences are printed, the one between the devices too.
        """
        again = " again" if self.other == self.reference else ""
        exact, ours, rough, rough_ours = (
            _Run(place, f"{place}{suffix}", computation(place))
            for precision in (torch.float64, torch.float32)
            for place, suffix in (
                (Place(self.reference, precision), ""),
                (Place(self.other, precision), again),
            )
        )

        def allowed(precision: torch.dtype) -> dict[str, torch.Tensor]:
            return allowance(
                computation,
                exact.values,
                exact.place,
                roundings=self.roundings,
                precision=precision,
                draws=self.draws,
            )

        fine = allowed(torch.float64)
        coarse = allowed(torch.float32) if judged else None
        pairs = [(ours, exact, fine), (rough, exact, coarse), (rough_ours, ours, coarse)]
        pairs += [] if judged else [(rough_ours, rough, None)]
        return [
            self._row(part, setting, quantity, one, other, tolerance)
            for quantity in exact.values
            for one, other, tolerance in pairs
        ]

    def _row(
        self,
        part: PartOf,
        setting: str,
        quantity: str,
        one: _Run,
        other: _Run,
        tolerance: dict[str, torch.Tensor] | None,
    ) -> ParityRow:
        differences = difference(one.values[quantity], other.values[quantity])
        compared = f"{one.name} against {other.name}"

        def row(verdict: ParityVerdict, reason: str = "", **numbers: float | int) -> ParityRow:
            return ParityRow(
                id=row_id(self.artefact, part, setting, quantity, compared),
                artefact=self.artefact,
                part=part.value,
                setting=setting,
                quantity=quantity,
                compared=compared,
                verdict=verdict,
                reason=reason,
                **numbers,
            )

        if tolerance is None:
            return row(
                ParityVerdict.REPORTED,
                "float32 over many windows: the drift itself is of interest",
                cases=len(differences),
                difference=float(differences.max()),
            )
        found = judge(differences, tolerance[quantity])
        numbers = {
            "cases": found.cases,
            "difference": found.difference,
            "tolerance": found.tolerance,
        }
        left_out = f"{found.unjudged} cases diverge and are left out" if found.unjudged else ""
        if found.unjudged == found.cases:
            return row(ParityVerdict.REPORTED, left_out, cases=found.cases)
        if found.beyond:
            reason = f"{found.beyond} of {found.cases} cases are beyond their tolerance"
            return row(ParityVerdict.DIFFERS, reason, **numbers)
        return row(ParityVerdict.AGREES, left_out, **numbers)

    def missing(self, setting: str, quantity: str, why: str) -> ParityRow:
        """An unroll that does not exist."""
        return ParityRow(
            id=row_id(self.artefact, PartOf.UNROLL, setting),
            artefact=self.artefact,
            part=PartOf.UNROLL.value,
            setting=setting,
            quantity=quantity,
            compared="none",
            verdict=ParityVerdict.NOT_APPLICABLE,
            reason=why,
        )

    def reproducibility(
        self, setting: str, computations: Sequence[Computation], precision: torch.dtype
    ) -> list[ParityRow]:
        """Two runs of every computation on `other`, in one row: are the bytes the same?"""
        place = Place(self.other, precision)
        largest, cases, apart = 0.0, 0, []
        quantities: Sequence[str] = ()
        for computation in computations:
            first, second = computation(place), computation(place)
            quantities = tuple(first)
            gaps = [difference(second[quantity], first[quantity]) for quantity in first]
            largest = max(largest, *(float(gap.max()) for gap in gaps))
            cases += sum(map(len, gaps))
            if not same_bytes(first, second):
                apart.append(computation.setting)
        compared = f"{place}, two runs"
        return [
            ParityRow(
                id=row_id(self.artefact, PartOf.REPRODUCIBILITY, setting, compared),
                artefact=self.artefact,
                part=PartOf.REPRODUCIBILITY.value,
                setting=setting,
                quantity=" and ".join(quantities),
                compared=compared,
                cases=cases,
                difference=largest,
                tolerance=0.0,
                verdict=ParityVerdict.DIFFERS if apart else ParityVerdict.IDENTICAL,
                reason=f"not the same bytes: {', '.join(apart)}" if apart else "",
            )
        ]
