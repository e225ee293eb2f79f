"""Lower ends of the constants of A3 and A4, for any task and any memoryless rule.

A search finds a point of the region (`ascent`), and the value there is rounded down by a proved
allowance (`rounding`): it is a true lower end. It says nothing about the other points, so the upper
end is infinite. The witness has every digit of the point and of the directions u_1, …, u_k of
`definitions`, as δx_1, δz_1, δφ_2, … by coordinate, and names the part that they belong to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from flint import arb
from torch import Tensor
from torch.func import grad

from ml2o_core.errors import InvalidArgument
from ml2o_core.optimizers.base import MemorylessRule
from ml2o_core.results import EndMethod
from ml2o_core.seeding import generator
from ml2o_core.tasks.base import Task
from ml2o_theory.constants.ascent import Found, Search, largest
from ml2o_theory.constants.base import MEANING, Constants
from ml2o_theory.constants.definitions import Parts, coordinates, suprema
from ml2o_theory.constants.derivative_norm import DerivativeNorm, length
from ml2o_theory.constants.lanczos import leading_right_vector
from ml2o_theory.constants.points import PointSet, point_set
from ml2o_theory.constants.rounding import rounded_down
from ml2o_theory.enclosure import Enclosure, Norm, Witness
from ml2o_theory.regions import Region

_NAMES = {"phi": "φ"}


def sampled_constants(
    tasks: Sequence[Task],
    rule: MemorylessRule,
    region: Region,
    *,
    seed: int,
    search: Search | None = None,
) -> Constants:
    """Every constant of A3 and A4 on `region`; Δ and Δ̃ if there are two tasks."""
    symbols = [symbol for symbol in suprema(tasks, rule) if symbol in MEANING]
    return Constants(region, sampled(tasks, rule, region, symbols, seed=seed, search=search))


def sampled(
    tasks: Sequence[Task],
    rule: MemorylessRule,
    region: Region,
    symbols: Iterable[str],
    *,
    seed: int,
    search: Search | None = None,
    including: Mapping[str, Tensor] | None = None,
) -> dict[str, Enclosure]:
    """The constants named by `symbols` (`definitions.suprema` has them all), from below.

    `including` holds points of the region that the search starts from besides its own, such as
    those of a trajectory: x (n, d), z (n, d), phi (n, p). A constant over X × Φ or Z × Φ uses them
    if both coordinates are given.
    """
    known = suprema(tasks, rule)
    sets = {"x": point_set(region.x), "phi": point_set(region.phi), "z": point_set(region.z)}
    found = {}
    for symbol in symbols:
        if symbol not in known:
            raise InvalidArgument("constant", symbol, ", ".join(known))
        needed = {name: sets[name] for name in coordinates(symbol)}
        given = {name: points for name, points in (including or {}).items() if name in needed}
        found[symbol] = sampled_supremum(
            known[symbol],
            needed,
            region=region.id,
            seed=seed,
            search=search,
            including=given if len(given) == len(needed) else None,
        )
    return found


def sampled_supremum(
    parts: Parts,
    sets: Mapping[str, PointSet],
    *,
    region: str,
    seed: int,
    search: Search | None = None,
    including: Mapping[str, Tensor] | None = None,
) -> Enclosure:
    """The supremum over `sets` of the largest of `parts`, from below.

    The random stream of a part depends on its name and its order alone: L_m is the largest of the
    numbers that L_zz, L_zphi and L_phiphi come out as.
    """
    search = search or Search()
    found = {}
    for part, norm in parts.items():
        stream = generator(seed, purpose="sampled constants", part=part, order=len(norm.wrt))
        found[part] = _aligned(norm, largest(norm, sets, search, stream, including))
    best = max(found, key=lambda part: found[part].value)
    value, witness = _confirmed(best, parts[best], sets, found[best])
    derivative = any(norm.wrt for norm in parts.values())
    return Enclosure.sampled_supremum(
        value,
        seed=seed,
        witness=witness,
        norm=Norm.SPECTRAL if derivative else Norm.EUCLIDEAN,
        region=region,
        method=EndMethod.SEARCHED if search.rounds else EndMethod.SAMPLED,
    )


def _aligned(norm: DerivativeNorm, found: Found) -> Found:
    """For a Jacobian: with the direction that is best at this point, by SVD or Lanczos."""
    if len(norm.wrt) != 1:
        return found

    def product(u: Tensor) -> Tensor:
        return norm.derivative(found.point, (u,))

    def half_square(u: Tensor) -> Tensor:
        v = product(u)
        return (v * v).sum() / 2

    u = leading_right_vector(product, grad(half_square), found.directions[0])
    value = length(product(u)).item()
    return Found(value, found.point, (u,)) if value > found.value else found


def _confirmed(
    part: str, norm: DerivativeNorm, sets: Mapping[str, PointSet], found: Found
) -> tuple[arb, Witness]:
    """A number that is certainly not above the supremum, and the point that shows it."""
    point = {name: sets[name].inside(x) for name, x in found.point.items()}
    # A norm is ≥ 0, also where the allowance for rounding is larger than the value.
    value = rounded_down(norm.ratio, point, found.directions).lower().max(arb(0))
    entries = {_NAMES.get(name, name): x for name, x in point.items()}
    for i, (name, u) in enumerate(zip(norm.wrt, found.directions, strict=True), 1):
        entries[f"δ{_NAMES.get(name, name)}_{i}"] = u
    return value, {f"{name} ({part})": tuple(v.tolist()) for name, v in entries.items()}
