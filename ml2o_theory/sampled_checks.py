"""A statement held against tasks or a rule without a model: refuted assumptions, sampled constants.

Without a model nothing bounds a constant from above. What can be said all the same:

    refuted    A3's constants of the tasks on X, where a witness shows that there is none (LASSO,
               whose gradient jumps inside X): NOT_APPLICABLE, with the witness
    observed   the float64 run, with a proved allowance for its rounding (`constants.rounding`)
    bound      from lower ends of the constants, sampled on X × Φ × Z with the runs' own points and
               the middles of their segments among the starts: a lower end of the bound

The bound increases in each constant, so observed ≤ the bound's lower end ≤ the bound is HOLDS; what
is above that lower end is INCONCLUSIVE, as the bound has no upper end, and never VIOLATED. X is the
smallest box that holds the iterates, Φ that of the parameters, Z that of the gradients at the
iterates; a region that the statement asks for is larger, and so are its constants.

Of a matrix the observed norm is at least ‖Kv‖, v its leading right singular vector in float64, and
at most the Frobenius norm. Comparisons take the branch that float64 takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from flint import arb
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import CheckKind, EndMethod, Level
from ml2o_core.tasks.base import Task
from ml2o_core.unroll import GraphMode, trajectory
from ml2o_theory.arithmetic import norm, precision, vector
from ml2o_theory.assumptions.base import Refutation
from ml2o_theory.assumptions.task_constants import ORDER, of_tasks
from ml2o_theory.constants.ascent import Search
from ml2o_theory.constants.base import Constants
from ml2o_theory.constants.definitions import Parameters
from ml2o_theory.constants.derivative_norm import length
from ml2o_theory.constants.rounding import rounded_down
from ml2o_theory.constants.sampled import sampled
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.instances import Instance
from ml2o_theory.levels import GRAPH, ONE_VALUE_EACH
from ml2o_theory.models import flat_params, rule_model, task_model
from ml2o_theory.observed.float64 import Float64Runs, by_rows
from ml2o_theory.observed.quantities import Between, Observed
from ml2o_theory.regions import Box, Region
from ml2o_theory.statements.ladder import LadderStatement
from ml2o_theory.verdict import StatementCheck

SEARCH = Search(samples=48, starts=4, rounds=4)

ASSUMPTION = {"M": "A3a", "L": "A3b", "rho": "A3c", "tau": "A3f"}
"""Which assumption claims a constant of the tasks."""


def has_models(instance: Instance) -> bool:
    """Whether both tasks and the rule have a model, so that constants can be certified."""
    try:
        rule_model(instance.rule)
        for task in (instance.first, instance.second):
            task_model(task)
    except InvalidArgument:
        return False
    return True


def check_sampled(
    statement: LadderStatement,
    instance: Instance,
    T: int,
    levels: Sequence[Level] | None = None,
    *,
    seed: int = 0,
    tasks: str = "two tasks",
    search: Search = SEARCH,
) -> list[StatementCheck]:
    """One instance check for each level with one value for each constant; any tasks, any rule.

    `InvalidArgument` where the statement observes nothing, the rule has no parameters, or an
    operation of the tasks or the rule is one whose rounding is not known.
    """
    if statement.observes is None:
        raise InvalidArgument("statement", statement.name, "one that says what is observed for it")
    runs = _Runs(instance, statement.observes, T)
    chosen = [
        level
        for level in (statement.levels if levels is None else levels)
        if level in ONE_VALUE_EACH
    ]
    needed = {*statement.constants, "Q_bar"} - {"delta_x0", "delta_phi"}
    found = sampled(
        runs.tasks,
        instance.rule,
        runs.region,
        sorted(needed),
        seed=seed,
        search=search,
        including=runs.points,
    )
    constants = Constants(runs.region, {**found, **runs.distances})
    refuted = runs.refuted(statement, seed)
    return [
        StatementCheck(
            statement=statement.number,
            kind=CheckKind.INSTANCE,
            tasks=tasks,
            rule=runs.rule_in_words,
            region=runs.region,
            T=T,
            graph=GRAPH.get(level, GraphMode.FULL),
            level=level,
            constants=statement.constants,
            observed=runs.observed_norm(GRAPH.get(level, GraphMode.FULL)),
            bound=statement.bound(constants, T, level),
            refuted=refuted,
        )
        for level in chosen
    ]


@dataclass(frozen=True, eq=False)
class _Runs:
    """The two runs that a statement compares, the same one twice for one run alone."""

    instance: Instance
    observed: Observed
    T: int

    def __post_init__(self) -> None:
        if self.T < 1:
            raise InvalidArgument("T", self.T, "an integer ≥ 1")
        if Parameters.of(self.instance.rule).size == 0:
            raise InvalidArgument("rule", self.instance.rule.name, "one with parameters φ")

    @cached_property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks of the runs, each once."""
        both = self.instance.first, self.instance.second
        return both if self.observed.between is Between.TASKS else both[:1]

    @cached_property
    def starts(self) -> tuple[Tensor, Tensor]:
        """x_0 of both runs, (d,)."""
        first, other = self.instance.x0, self.instance.other_x0
        compares_starts = self.observed.between is Between.STARTS_AND_PARAMETERS
        return first, other if compares_starts and other is not None else first

    @cached_property
    def phis(self) -> tuple[Tensor, Tensor]:
        """φ of both runs, (p,)."""
        first, other = self.instance.params, self.instance.other_params
        one_phi = self.observed.between in {Between.ONE_RUN, Between.TASKS}
        at = first if one_phi or other is None else other
        return flat_params(first), flat_params(at)

    @cached_property
    def points(self) -> dict[str, Tensor]:
        """x and z (n, d) and phi (n, p): of both runs, and of the middles between them."""
        unflatten = Parameters.of(self.instance.rule).unflatten
        x: list[Tensor] = []
        z: list[Tensor] = []
        for task, x0, phi in zip((self.tasks * 2)[:2], self.starts, self.phis, strict=True):
            path = trajectory(self.instance.rule, unflatten(phi), task, x0, self.T).iterates
            gradients = torch.stack([task.gradient(at) for at in path])
            if not bool((path.isfinite() & gradients.isfinite()).all()):
                raise InvalidArgument("T", self.T, "one for which the runs stay in float64")
            x.append(path)
            z.append(gradients)
        phis = [phi.expand(self.T + 1, -1) for phi in self.phis]
        return {
            name: torch.cat([first, other, (first + other) / 2])
            for name, (first, other) in {"x": x, "z": z, "phi": phis}.items()
        }

    @cached_property
    def region(self) -> Region:
        """The smallest boxes that hold the points."""
        x, z, phi = (
            Box(tuple(points.amin(0).tolist()), tuple(points.amax(0).tolist()))
            for points in (self.points[name] for name in ("x", "z", "phi"))
        )
        return Region(x, phi, z, self.instance.sample, self.T)

    @property
    def rule_in_words(self) -> str:
        """The rule and its parameters, as far as a line can hold them."""
        first = self.phis[0]
        shown = ", ".join(f"{value:.6g}" for value in first[:3].tolist())
        more = ", …" if first.numel() > 3 else ""
        return f"{self.instance.rule.name}, φ = {shown}{more}"

    @cached_property
    def distances(self) -> dict[str, Enclosure]:
        """‖x_0 − x_0'‖ and ‖φ − φ'‖, as constants of the region."""
        found = {}
        with precision():
            for symbol, (a, b) in {"delta_x0": self.starts, "delta_phi": self.phis}.items():
                apart = norm(vector(a) - vector(b))
                found[symbol] = self._enclosed(apart, apart, Norm.EUCLIDEAN)
        return found

    def refuted(self, statement: LadderStatement, seed: int) -> str | None:
        """The first of A3's constants that the tasks do not have on X, and its witness."""
        x = self.region.x
        assert isinstance(x, Box)
        for symbol in ORDER:
            if symbol not in statement.constants:
                continue
            found = of_tasks(self.tasks, symbol, x, self.region.id, seed)
            if isinstance(found, Refutation):
                witness = found.exhibits[-1]
                return f"{ASSUMPTION[symbol]} is refuted on X: {found.argument}; {witness}"
        return None

    def observed_norm(self, graph: GraphMode) -> Enclosure:
        """The norm that the statement bounds, both ends."""
        runs = replace(Float64Runs.of(self.instance.rule, self.T, graph), jacobian=by_rows)

        def quantity(k: int) -> Tensor:
            task = (self.tasks * 2)[k]
            return runs.quantity(self.observed.quantity, task, self.starts[k], self.phis[k])

        def values() -> Tensor:
            alone = self.observed.between is Between.ONE_RUN
            return quantity(0) if alone else quantity(0) - quantity(1)

        K = values()
        is_vector = K.ndim == 1
        v = K.new_ones(1) if is_vector else torch.linalg.svd(K)[2][0]

        def along() -> Tensor:
            found = values()
            return length(found) if is_vector else length(found @ v) / length(v)

        def frobenius() -> Tensor:
            return length(values().reshape(-1))

        return self._enclosed(
            rounded_down(along).max(arb(0)),
            -rounded_down(_negative(frobenius)),
            Norm.EUCLIDEAN if is_vector else Norm.SPECTRAL,
        )

    def _enclosed(self, lower: arb, upper: arb, norm: Norm) -> Enclosure:
        return Enclosure.certified(
            lower, upper, EndMethod.INTERVAL_ARITHMETIC, norm=norm, region=self.region.id
        )


def _negative(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
    return lambda: -function()
