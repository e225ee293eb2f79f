"""Two runs that a statement compares, enclosed; the region that holds them, and the tube.

The region has X the smallest box that holds both runs, Φ the box of the two parameters and a box
Z ⊇ ∇lⁱ(X). The tube has at each step the segment between the two iterates, covered by boxes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from flint import arb, arb_mat, ctx
from torch import Tensor

from ml2o_core.errors import InvalidArgument
from ml2o_core.results import EndMethod
from ml2o_core.unroll import GraphMode
from ml2o_theory.arithmetic import norm, precision, vector
from ml2o_theory.constants.on_boxes import segments
from ml2o_theory.constants.spectral import spectral_norm
from ml2o_theory.enclosure import Enclosure, Norm
from ml2o_theory.instances import Instance
from ml2o_theory.intervals.tensor import IntervalTensor, stack
from ml2o_theory.models import RuleModel, TaskModel
from ml2o_theory.models.conversion import enclose
from ml2o_theory.observed.narrowing import narrowed
from ml2o_theory.observed.quantities import Between, Quantity
from ml2o_theory.observed.runs import Run, run
from ml2o_theory.regions import Box, Region, Tube

MOST_BITS = 4096
"""Precision at which the search for a narrow enclosure ends; runs of rational maps are exact."""

MOST_PARAMETERS = 40
"""∇²g_T is enclosed entry by entry: the time grows with the square of the number of parameters."""

PIECES = 8
"""Boxes that cover a segment; the constants' upper ends tighten with their number."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The runs of `instance` that are compared as `between` says, `steps` steps long."""

    instance: Instance
    between: Between
    steps: int
    _at: dict[tuple[int, GraphMode], tuple[Run, Run]] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidArgument("steps", self.steps, "an integer ≥ 1")

    @property
    def runs(self) -> tuple[Run, Run]:
        """Both runs at the usual precision, the same one twice for one run alone."""
        with precision():
            return self._runs(GraphMode.FULL)

    def _runs(self, graph: GraphMode) -> tuple[Run, Run]:
        """Both runs at the current precision, each computed once."""
        key = (ctx.prec, graph)
        if key not in self._at:
            first, *others = dict.fromkeys(self.instance.runs(self.between))
            found = [
                run(part.task, self.rule, part.x0, part.phi, self.steps, graph)
                for part in (first, *others)
            ]
            self._at[key] = found[0], found[-1]
        return self._at[key]

    def observed(
        self, quantity: Quantity, region: Region, graph: GraphMode = GraphMode.FULL
    ) -> list[Enclosure]:
        """The norm of the quantity, or of its difference between the runs, for T = 1 … `steps`.

        The precision is raised until it is enclosed narrowly. `region` is the one whose constants
        it will be held against. `InvalidArgument` where φ has too many entries for ∇²g_T.
        """
        p = self.phi.shape[0]
        if quantity is Quantity.RISK_HESSIAN and p > MOST_PARAMETERS:
            raise InvalidArgument("φ", f"{p} entries", f"at most {MOST_PARAMETERS} for ∇²g_T")
        if self.between is Between.ONE_RUN:
            found, bits = narrowed(lambda: self._quantity(quantity, graph)[0], MOST_BITS)
        else:
            found, bits = narrowed(lambda: _subtract(*self._quantity(quantity, graph)), MOST_BITS)
        matrices = {Quantity.STEP_JACOBIAN_X, Quantity.JACOBIAN, Quantity.RISK_HESSIAN}
        with precision(bits):
            ends = [_norm_ends(difference) for difference in found]
        return [
            Enclosure.certified(
                lower,
                upper,
                EndMethod.INTERVAL_ARITHMETIC,
                norm=Norm.SPECTRAL if quantity in matrices else Norm.EUCLIDEAN,
                region=region.id,
            )
            for lower, upper in ends
        ]

    def _quantity(self, quantity: Quantity, graph: GraphMode) -> tuple[list[arb_mat], ...]:
        first, other = self._runs(graph)
        found = first.quantity(quantity)
        return found, found if other is first else other.quantity(quantity)

    def check_within(self, region: Region) -> None:
        """`InvalidArgument` unless the region is one of this data and holds the runs' parameters.

        Its constants speak of no other runs.
        """
        if self.instance.sample != region.sample:
            raise InvalidArgument(
                "region", region.sample, f"one of this data, {self.instance.sample}"
            )
        for part in self.instance.runs(self.between):
            if part.phi not in region.phi:
                raise InvalidArgument("φ", part.phi.tolist(), f"a parameter in Φ = {region.phi}")
        if not 1 <= self.steps <= region.steps:
            raise InvalidArgument("steps", self.steps, f"1 to {region.steps}")

    @property
    def rule_in_words(self) -> str:
        """The rule and its parameters, as far as a line can hold them."""
        shown = [_in_words(part.phi) for part in self.instance.runs(self.between)]
        return f"{self.instance.rule.name}, φ = {' and '.join(dict.fromkeys(shown))}"

    @property
    def rule(self) -> RuleModel:
        """The rule's model."""
        return self.instance.rule_model

    @cached_property
    def tasks(self) -> tuple[TaskModel, TaskModel]:
        """The tasks of the two runs."""
        first, other = self.instance.runs(self.between)
        return first.task, other.task

    @cached_property
    def phi(self) -> IntervalTensor:
        """The smallest box that holds the parameters of both runs, of shape (p,)."""
        return IntervalTensor.hull_of(*(part.phi for part in self.instance.runs(self.between)))

    @cached_property
    def iterates(self) -> tuple[IntervalTensor, IntervalTensor]:
        """x_0 … x_T of both runs, each of shape (T + 1, d)."""
        first, other = (columns(part.x) for part in self.runs)
        return first, other

    @property
    def first_phi(self) -> IntervalTensor:
        """φ of the first run, of shape (p,)."""
        return IntervalTensor.exactly(self.instance.runs(self.between)[0].phi)

    @cached_property
    def gradients(self) -> tuple[IntervalTensor, IntervalTensor, IntervalTensor]:
        """∇l¹(x¹_t), ∇l¹(x²_t) and ∇l²(x²_t), t = 0 … T, each of shape (T + 1, d)."""
        first, other = self.runs
        with precision():
            crossed = [self.tasks[0].gradient(x) for x in other.x]
        return columns(first.z), columns(crossed), columns(other.z)

    @cached_property
    def apart_at_other(self) -> tuple[IntervalTensor, IntervalTensor]:
        """∇l¹ − ∇l² (T + 1, d) and ∇²l¹ − ∇²l² (T + 1, d, d) at x²_t, t = 0 … T."""
        first, task, other = self.tasks[0], self.tasks[1], self.runs[1]
        if first is task:
            nothing = IntervalTensor.exactly(torch.zeros_like(self.iterates[0].lower))
            return nothing, nothing.diag_embed()
        with precision():
            gradients = [first.gradient(x) - z for x, z in zip(other.x, other.z, strict=True)]
            hessians = [first.hessian(x) - H for x, H in zip(other.x, other.H, strict=True)]
        return columns(gradients), stack([enclose(H) for H in hessians], 0)

    @cached_property
    def region(self) -> Region:
        """X: the smallest box that holds both runs; Z: a box that holds ∇l(X) for both tasks."""
        both = IntervalTensor.hull_of(*self.iterates)
        x = IntervalTensor(both.lower.amin(0), both.upper.amax(0))
        z = IntervalTensor.hull_of(*(task.gradient_on(x) for task in self.tasks))
        return Region(Box.of(x), Box.of(self.phi), Box.of(z), self.instance.sample, self.steps)

    @cached_property
    def tube(self) -> Region:
        """X: for each step the segment between the two iterates; Z: between the two gradients."""
        first, other = self.iterates
        x = Tube(segments(first, other, PIECES), "segments between the two iterates")
        z = Tube(
            segments(self.gradients[0], self.gradients[2], PIECES),
            "segments between the two gradients",
        )
        return Region(x, Box.of(self.phi), z, self.instance.sample, self.steps)

    def distances(self, region: Region) -> dict[str, Enclosure]:
        """‖x_0 − x_0'‖ and ‖φ − φ'‖, as constants of `region`."""
        first, other = self.instance.runs(self.between)
        with precision():
            apart = {
                "delta_x0": norm(vector(first.x0) - vector(other.x0)),
                "delta_phi": norm(vector(first.phi) - vector(other.phi)),
            }
            return {
                symbol: Enclosure.certified(
                    value,
                    value,
                    EndMethod.INTERVAL_ARITHMETIC,
                    norm=Norm.EUCLIDEAN,
                    region=region.id,
                )
                for symbol, value in apart.items()
            }


def columns(vectors: list[arb_mat]) -> IntervalTensor:
    """Enclosures of n vectors of shape (d, 1), as (n, d)."""
    return stack([enclose(v).squeeze(1) for v in vectors], 0)


def _subtract(first: list[arb_mat], other: list[arb_mat]) -> list[arb_mat]:
    if first is other:
        return [arb_mat(a.nrows(), a.ncols()) for a in first]
    return [a - b for a, b in zip(first, other, strict=True)]


def _norm_ends(values: arb_mat) -> tuple[arb, arb]:
    """Both ends of the spectral norm, which is the Euclidean norm of a row or a column."""
    if 1 in (values.nrows(), values.ncols()):
        size = norm(values)
        return size.abs_lower(), size.abs_upper()
    return spectral_norm(values)[:2]


def _in_words(phi: Tensor) -> str:
    shown = [f"{value:.6g}" for value in phi[:3].tolist()]
    return shown[0] if phi.numel() == 1 else f"({', '.join(shown)}{', …' * (phi.numel() > 3)})"
