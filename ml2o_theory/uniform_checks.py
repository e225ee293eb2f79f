"""A statement held against the worst run that a search finds over a region: a uniform check.

The statement speaks of all φ (and φ') in Φ, and of all x_0 where a box of starts is given. The
region X × Φ × Z is certified to contain every such run (`propagation`), and the constants hold on
all of it. The search looks for the largest observed/bound in float64: random points, pairs at
several distances, then projected gradient ascent from the best. What it finds is observed once
more in ball arithmetic, and is a lower end of the supremum, with its witness; the upper end is
infinite, so the outcome is NO_VIOLATION_FOUND, VIOLATED or INCONCLUSIVE, and never HOLDS.

A statement that compares two starts or parameters bounds a difference by a multiple of their
distance. It is checked per unit of ‖x_0 − x_0'‖ + ‖φ − φ'‖: what is observed is then the Lipschitz
constant that the pair shows, and the bound the one that the statement gives. The trivial bound,
which knows no distance, is divided by that of the pair found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, EndMethod, Level
from ml2o_core.seeding import generator
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import precision
from ml2o_theory.comparisons import Comparison
from ml2o_theory.constants.ascent import Search, largest
from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.derivative_norm import DerivativeNorm, Point, length
from ml2o_theory.constants.of_region import region_constants
from ml2o_theory.constants.points import PointSet, point_set
from ml2o_theory.enclosure import Enclosure, Norm, evaluate_increasing
from ml2o_theory.instances import Instance
from ml2o_theory.intervals.tensor import IntervalTensor, concatenate
from ml2o_theory.levels import GRAPH, ONE_VALUE_EACH
from ml2o_theory.models import TaskModel
from ml2o_theory.observed.float64 import Float64Runs, size
from ml2o_theory.observed.quantities import Between, Observed
from ml2o_theory.propagation import ParameterSet, box_region, certified_tube
from ml2o_theory.regions import Box, Region, sample_id
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.verdict import RegionSearch, StatementCheck

POINTS = 32
"""Points of the region, besides the witness, at which the lower ends of the constants are taken."""

ASCENTS, ROUNDS = 4, 8
"""Best random points from which the search ascends, and for how many rounds at most."""

DECADES = 4
"""Pairs are drawn at distances down to 10^−4 of those of random points."""

CLOSEST = 1e-6
"""Pairs closer than this, relative to the set, are left out: float64 has too few digits of them."""

_NAMES = {"x0": "x_0", "phi": "φ", "other_x0": "x_0'", "other_phi": "φ'"}

PAIRS = frozenset({Between.PARAMETERS, Between.STARTS_AND_PARAMETERS})


def check_uniform(
    statement: LadderStatement,
    instance: Instance,
    phi: ParameterSet,
    T: int,
    level: Level = Level.UNIFORM,
    *,
    trials: int = 256,
    seed: int = 0,
    tasks: str = "two tasks",
    starts: Box | None = None,
) -> StatementCheck:
    """The worst that `trials` random points and an ascent find over φ, φ' ∈ Φ, after T steps.

    Of `instance` the tasks, the rule and x_0 count; its parameters do not. With `starts`, x_0 (and
    x_0', where two starts are compared) range over that box. `level` is one with one value for each
    constant. `InvalidArgument` for other levels, a Φ that has no pairs where the statement compares
    two parameters, and where the runs leave float64.
    """
    if statement.observes is None:
        raise InvalidArgument("statement", statement.name, "one that says what is observed for it")
    allowed = [name for name in statement.levels if name in ONE_VALUE_EACH]
    if level not in allowed:
        raise InvalidArgument("level", level.value, ", ".join(allowed))
    graph = GRAPH.get(level, GraphMode.FULL)
    over = _Runs(statement.observes, instance, phi, starts, T, graph, seed)
    if over.compares_pairs and over.diameter == 0:
        raise InvalidArgument("Φ", str(phi), "more than one parameter, for a pair of them")
    per_start, per_phi = _per_unit(statement, over, level)
    worst = over.worst(per_start, per_phi, trials)
    pair = Comparison(over.instance_at(worst), statement.observes.between, T)
    observed = pair.observed(statement.observes.quantity, over.region, over.graph)[T - 1]
    apart = pair.distances(over.region)
    total = evaluate_increasing(lambda d: d["delta_x0"] + d["delta_phi"], apart)
    if over.compares_pairs:
        observed = _per(observed, total)
        apart = {symbol: _per(distance, total) for symbol, distance in apart.items()}
    constants = Constants(over.region, {**over.constants(pair), **apart})
    trivial = statement.trivial_bound(constants, T, level)
    if trivial is not None and over.compares_pairs:
        trivial = _per(trivial, total)
    return StatementCheck(
        statement=statement.number,
        kind=CheckKind.UNIFORM,
        tasks=tasks,
        rule=f"{instance.rule.name}, φ in {phi}",
        region=over.region,
        T=T,
        graph=over.graph,
        level=level,
        constants=statement.constants,
        observed=Enclosure.sampled_supremum(
            observed.lower.value,
            seed=seed,
            witness={_NAMES[name]: tuple(value.tolist()) for name, value in worst.items()},
            norm=observed.lower.norm,
            region=over.region.id,
            method=EndMethod.SEARCHED,
        ),
        bound=statement.bound(constants, T, level),
        trivial=trivial,
        search=RegionSearch(trials, over.method),
    )


@dataclass(frozen=True, eq=False)
class _Runs:
    """All the runs that a statement speaks of: φ (and φ') in Φ, x_0 (and x_0') in `starts`."""

    observed: Observed
    instance: Instance
    phi: ParameterSet
    starts: Box | None
    T: int
    graph: GraphMode
    seed: int

    @property
    def compares_pairs(self) -> bool:
        """Whether the statement compares two parameters, or two starts."""
        return self.observed.between in PAIRS

    @property
    def method(self) -> str:
        """The search, in words."""
        drawn = "pairs at several distances" if self.compares_pairs else "random points"
        return f"{drawn}, then projected gradient ascent from the best {ASCENTS}"

    @cached_property
    def models(self) -> tuple[TaskModel, ...]:
        """The tasks of the runs, each once."""
        both = self.instance.models
        return tuple(dict.fromkeys(both if self.observed.between is Between.TASKS else both[:1]))

    @cached_property
    def region(self) -> Region:
        """The smallest box that holds a certified tube of each task."""
        start = self.instance.x0 if self.starts is None else self.starts
        rule = self.instance.rule_model
        tubes = [certified_tube(task, rule, start, self.phi, self.T) for task in self.models]
        data = [value for task in self.models for value in task.task.tensors().values()]
        ends = (
            [start] if isinstance(start, Tensor) else [start.interval.lower, start.interval.upper]
        )
        return box_region(self.models, tubes, self.phi, sample_id([*data, *ends]))

    def constants(self, pair: Comparison | None = None) -> Constants:
        """On the region; lower ends at random points of it, and at those of the pair's runs."""
        stream = generator(self.seed, purpose="lower ends of constants")
        x = [IntervalTensor.exactly(point_set(self.region.x).sample(POINTS, stream))]
        phi = [point_set(self.phi).sample(POINTS, stream)]
        if pair is not None:
            x += pair.iterates
            runs = pair.instance.runs(pair.between)
            phi += [part.phi.expand(self.T + 1, -1) for part in runs]
        at = IntervalTensor.exactly(torch.cat(phi))
        return region_constants(
            self.models, self.instance.rule_model, self.region, concatenate(x), at
        )

    @cached_property
    def sets(self) -> dict[str, PointSet]:
        """What a point of the search is made of, by name, and where each part ranges."""
        found = {"phi": point_set(self.phi)}
        if self.starts is not None:
            found["x0"] = point_set(self.starts)
        if self.compares_pairs:
            found["other_phi"] = found["phi"]
        if self.starts is not None and self.observed.between is Between.STARTS_AND_PARAMETERS:
            found["other_x0"] = found["x0"]
        return found

    @cached_property
    def _float64(self) -> Float64Runs:
        return Float64Runs.of(self.instance.rule, self.T, self.graph)

    @cached_property
    def diameter(self) -> float:
        """Of the sets that the compared parameters and starts range in, roughly; their sum."""
        return 2 * sum(
            self.sets[name].size for name in ("other_phi", "other_x0") if name in self.sets
        )

    def worst(self, per_start: float, per_phi: float, trials: int) -> Point:
        """The point with the largest observed/(per_start ‖x_0 − x_0'‖ + per_phi ‖φ − φ'‖) found."""
        stream = generator(self.seed, purpose="uniform check")
        near = self._near_pairs(trials // 2, stream) if self.compares_pairs else None
        _ = self._float64

        def ratio(point: Point) -> Tensor:
            return self._ratio(point, per_start, per_phi).reshape(1)

        found = largest(
            DerivativeNorm(ratio),
            self.sets,
            Search(trials - (trials // 2 if near else 0), ASCENTS, ROUNDS),
            stream,
            near,
        )
        return {name: self.sets[name].inside(value) for name, value in found.point.items()}

    def _near_pairs(self, n: int, stream: torch.Generator) -> Point:
        """n points whose pairs are as far apart as a share, 10^−4 to 1, of two drawn points."""
        point = {name: values.sample(n, stream) for name, values in self.sets.items()}
        share = 10 ** (-DECADES * torch.rand(n, 1, generator=stream, dtype=torch.float64))
        for name in ("phi", "x0"):
            if (other := f"other_{name}") in point:
                point[other] = point[name] + share * (point[other] - point[name])
        return point

    def _ratio(self, point: Point, per_start: float, per_phi: float) -> Float[Tensor, ""]:
        runs = self._float64
        phi, x0 = point["phi"], point.get("x0", self.instance.x0)
        other_phi, other_x0 = point.get("other_phi", phi), point.get("other_x0", x0)
        first, second = self.instance.first, self.instance.second
        found = runs.quantity(self.observed.quantity, first, x0, phi)
        if self.observed.between is Between.ONE_RUN:
            return size(found)
        other = second if self.observed.between is Between.TASKS else first
        apart = size(found - runs.quantity(self.observed.quantity, other, other_x0, other_phi))
        if not self.compares_pairs:
            return apart
        starts_apart, phis_apart = length(x0 - other_x0), length(phi - other_phi)
        allowed = per_start * starts_apart + per_phi * phis_apart
        # What is not finite is left out by the search.
        far_enough = starts_apart + phis_apart > CLOSEST * self.diameter
        return torch.where(far_enough, apart / torch.where(far_enough, allowed, 1.0), torch.inf)

    def instance_at(self, point: Point) -> Instance:
        """The instance whose comparison is the one of this point."""
        params = Parameters.of(self.instance.rule)
        return Instance(
            self.instance.rule,
            params.unflatten(point["phi"]),
            self.instance.first,
            self.instance.second,
            point.get("x0", self.instance.x0),
            point.get("other_x0"),
            params.unflatten(point["other_phi"]) if "other_phi" in point else None,
        )


def _per_unit(statement: LadderStatement, over: _Runs, level: Level) -> tuple[float, float]:
    """The bound per unit of ‖x_0 − x_0'‖ and per unit of ‖φ − φ'‖, as shares of their sum.

    A statement about pairs bounds a difference by a linear function of the two.
    """
    if "other_x0" not in over.sets:
        return 0.0, 1.0
    known, region = over.constants(), over.region
    of = [
        statement.bound(
            Constants(region, {**known, **_distances(region, *units)}), over.T, level
        ).upper.value
        for units in ((1.0, 0.0), (0.0, 1.0))
    ]
    return float(of[0] / (of[0] + of[1])), float(of[1] / (of[0] + of[1]))


def _distances(region: Region, start: float, phi: float) -> dict[str, Enclosure]:
    return {
        symbol: Enclosure.exactly(
            value, EndMethod.CLOSED_FORM, norm=Norm.EUCLIDEAN, region=region.id
        )
        for symbol, value in (("delta_x0", start), ("delta_phi", phi))
    }


def _per(number: Enclosure, distance: Enclosure) -> Enclosure:
    """number / distance, in the number's own norm; the distance is > 0."""
    with precision():
        return Enclosure.certified(
            number.lower.value / distance.upper.value,
            number.upper.value / distance.lower.value,
            EndMethod.CLOSED_FORM,
            norm=number.lower.norm,
            region=number.region,
        )
