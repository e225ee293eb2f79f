"""A set of constants that hold on one region, by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import ConstantRow, row_id
from ml2o_theory.enclosure import Enclosure, RegionMismatch, Witness
from ml2o_theory.regions import Region

MEANING: dict[str, str] = {
    "M": "sup ‖∇l‖ on X (A3a)",
    "L": "sup ‖∇²l‖ on X (A3b)",
    "rho": "Lipschitz constant of ∇²l on X (A3c)",
    "M_m1": "sup ‖∇₁m‖ on Z × Φ (A3d)",
    "M_m2": "sup ‖∇₂m‖ on Z × Φ (A3d)",
    "L_m": "Lipschitz constant of ∇₁m and ∇₂m on Z × Φ (A3e)",
    "Delta": "sup ‖∇l¹ − ∇l²‖ on X (A4)",
    "Delta_tilde": "sup ‖∇²l¹ − ∇²l²‖ on X (A4)",
    "delta_x0": "‖x_0 − x_0'‖ of the two runs that are compared",
    "delta_phi": "‖φ − φ'‖ of the two runs that are compared",
}
"""The symbols, in ASCII, and what they bound. All are ≥ 0."""


class Constants(Mapping[str, Enclosure]):
    """Enclosures of constants, all on `region`; `RegionMismatch` if one of them is not."""

    def __init__(self, region: Region, values: Mapping[str, Enclosure]) -> None:
        for symbol, value in values.items():
            if symbol not in MEANING:
                raise InvalidArgument("constant", symbol, ", ".join(MEANING))
            if value.region != region.id:
                raise RegionMismatch(region.id, value.region)
        self.region = region
        self._values = dict(values)

    def __getitem__(self, symbol: str) -> Enclosure:
        return self._values[symbol]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def rows(self, artefact: str, subject: str) -> list[ConstantRow]:
        """The rows of the table `constants`; `subject` names the tasks and the rule in words."""
        return [
            ConstantRow(
                id=row_id(artefact, self.region.id, symbol),
                artefact=artefact,
                symbol=symbol,
                subject=subject,
                value=value.interval,
                lower_method=value.lower.method,
                upper_method=value.upper.method,
                norm=value.upper.norm.value,
                region=str(self.region),
                seed=value.lower.seed,
                witness=_shown(value.lower.witness),
            )
            for symbol, value in self.items()
        ]


def _shown(witness: Witness | None) -> str | None:
    """With every digit, so that a reader can recompute the value."""
    if witness is None:
        return None
    return "; ".join(f"{name} = {list(point)}" for name, point in witness.items())
