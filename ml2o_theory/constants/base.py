"""A set of constants that hold on one region, by symbol: one value each, or one for each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import ConstantRow, row_id
from ml2o_theory.enclosure import Enclosure, RegionMismatch, Witness
from ml2o_theory.regions import Region

MEANING: dict[str, str] = {
    "M": "sup ‖∇l‖ on X (A3a)",
    "L": "sup ‖∇²l‖ on X (A3b)",
    "rho": "Lipschitz constant of ∇²l on X (A3c)",
    "tau": "Lipschitz constant of ∇³l on X (A3f)",
    "M_m1": "sup ‖∇₁m‖ on Z × Φ (A3d)",
    "M_m2": "sup ‖∇₂m‖ on Z × Φ (A3d)",
    "L_m": "Lipschitz constant of ∇₁m and ∇₂m on Z × Φ (A3e)",
    "rho_m": "Lipschitz constant of ∇²m on Z × Φ (A3f)",
    "Q_bar": "sup ‖I + ∇₁m ∇²l‖ on X × Φ, the closed-loop factor",
    "Delta": "sup ‖∇l¹ − ∇l²‖ on X (A4)",
    "Delta_tilde": "sup ‖∇²l¹ − ∇²l²‖ on X (A4)",
    "delta_x0": "‖x_0 − x_0'‖ of the two runs that are compared",
    "delta_phi": "‖φ − φ'‖ of the two runs that are compared",
}
"""The symbols, in ASCII, and what they bound. All are ≥ 0."""

STEPWISE = (
    "Q",
    "Q_P",
    "M",
    "L",
    "L_P",
    "rho",
    "tau",
    "M_m1",
    "M_m2",
    "L_zz",
    "L_zphi",
    "L_phiphi",
    "rho_m",
    "Delta",
    "Delta_tilde",
)
"""The symbols with a value of their own at each step; `ml2o_theory.recursion` explains them."""


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


class TubeConstants:
    """Constants for each step t = 0 … `len(steps) − 1`, all on `region`, whose X is a tube.

    Each step has every symbol of `STEPWISE`. To bound what happens after T steps, steps 0 … T − 1
    enter as such and step T as that of the score. `apart` holds delta_x0 and delta_phi.
    """

    def __init__(
        self,
        region: Region,
        steps: Sequence[Mapping[str, Enclosure]],
        apart: Mapping[str, Enclosure],
    ) -> None:
        for values in (*steps, apart):
            for value in values.values():
                if value.region != region.id:
                    raise RegionMismatch(region.id, value.region)
        self.region, self.steps, self.apart = region, tuple(steps), dict(apart)


def _shown(witness: Witness | None) -> str | None:
    """With every digit, so that a reader can recompute the value."""
    if witness is None:
        return None
    return "; ".join(f"{name} = {list(point)}" for name, point in witness.items())
